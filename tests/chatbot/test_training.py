"""Training runs: who may work on one, what ends it, and the one version that it leaves behind."""

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot import training
from chatbot.learning.compare import Comparison
from chatbot.models import (
    LiveVersion,
    ModelVersion,
    TrainingRun,
    VersionChange,
    VersionSnapshot,
    VersionWeights,
)
from chatbot.training import Cancelled, Claim, Overtaken, Trigger
from customers.models import AuditRecord, LocaleProfile
from tests.chatbot import trainings
from tests.customers.screens import make_profile

State = TrainingRun.State
LEARNED = training.Learned(data_sha256="d" * 64, snapshot=b"s" * 16, base="base", against=None)


@pytest.fixture
def profile(db: None) -> LocaleProfile:
    return make_profile("demo")


def opened(profile: LocaleProfile, *, trigger: Trigger = Trigger.BUTTON, seed: int = 0) -> TrainingRun:
    return training.run_open(profile=profile, actor="lena", trigger=trigger, seed=seed)


def claimed(run: TrainingRun) -> Claim:
    claim = training.run_claim(run_id=run.pk)
    assert claim is not None
    return claim


def jobs() -> list[tuple[str, str, int]]:
    found = ProcrastinateJob.objects.order_by("id").values_list("task_name", "queue_name", "priority")
    return [(name.rpartition(".")[2], queue, priority) for name, queue, priority in found]


def audited(action: str) -> list[str]:
    return list(AuditRecord.objects.filter(action=action).values_list("actor", flat=True))


# ---------------------------------------------------------------- opening and cancelling


def test_a_second_press_shares_the_run(profile: LocaleProfile) -> None:
    run = opened(profile, seed=3)
    assert opened(profile, seed=4) == run
    assert opened(make_profile("demo", "fr-FR")) != run
    assert (run.state, run.seed, run.trigger, run.author) == (State.WAITING, 3, "button", "lena")
    assert audited("training_start") == ["lena", "lena"]


def test_a_run_is_enqueued_below_all_else_and_the_nightly_ones_last(profile: LocaleProfile) -> None:
    opened(profile)
    opened(make_profile("demo", "fr-FR"), trigger=Trigger.SCHEDULE)
    opened(make_profile("demo", "ko-KR"), trigger=Trigger.COMMAND)
    assert jobs() == [("train_profile", "training", -10), ("train_profile", "training", -20)]


def test_the_place_in_the_queue(profile: LocaleProfile) -> None:
    nightly = opened(make_profile("a"), trigger=Trigger.SCHEDULE)
    first, second = opened(make_profile("b")), opened(make_profile("c"))
    opened(make_profile("d"), trigger=Trigger.COMMAND)
    assert [training.queue_place(run=run) for run in (first, second, nightly)] == [0, 1, 2]
    claimed(first)
    assert training.queue_place(run=second) == 0


def test_a_waiting_run_is_cancelled_at_once(profile: LocaleProfile) -> None:
    run = opened(profile)
    assert training.run_cancel(run_id=run.pk, actor="omar")
    assert not training.run_cancel(run_id=run.pk, actor="omar")
    assert training.run_claim(run_id=run.pk) is None
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.CANCELLED, 0)
    assert run.finished_at is not None
    assert audited("training_cancel") == ["omar"]
    assert opened(profile) != run


def test_a_running_run_that_is_cancelled_writes_nothing_more(profile: LocaleProfile) -> None:
    run = opened(profile)
    claim = claimed(run)
    training.run_cancel(run_id=run.pk, actor="omar")
    with pytest.raises(Cancelled):
        training.run_tell(claim=claim, step=3)
    with pytest.raises(Cancelled):
        training.version_store(claim=claim, trained=trainings.trained(), learned=LEARNED)
    run.refresh_from_db()
    assert (run.state, run.step, ModelVersion.objects.count()) == (State.CANCELLED, 0, 0)


# ---------------------------------------------------------------- the fencing token


def test_whoever_claims_a_run_later_has_it_alone(profile: LocaleProfile) -> None:
    run = opened(profile)
    first = claimed(run)
    training.run_tell(claim=first, stage="tuning", step=2, steps=9)
    second = claimed(run)
    run.refresh_from_db()
    assert (run.stage, run.step, run.steps, run.attempt) == ("", 0, 0, 2)
    for write in late_writes(first):
        with pytest.raises(Overtaken):
            write()
    run.refresh_from_db()
    assert (run.state, run.stage, run.step, ModelVersion.objects.count()) == (State.RUNNING, "", 0, 0)
    training.run_tell(claim=second, step=1)
    training.version_store(claim=second, trained=trainings.trained(), learned=LEARNED)
    for write in (*late_writes(first), *late_writes(second)):
        with pytest.raises(Overtaken):
            write()
    run.refresh_from_db()
    assert (run.state, run.step, ModelVersion.objects.count()) == (State.FINISHED, 1, 1)


def late_writes(claim: Claim) -> tuple[Callable[[], object], ...]:
    return (
        lambda: training.run_tell(claim=claim),
        lambda: training.run_tell(claim=claim, step=7, curve=[[7, 1.0, None]]),
        lambda: training.version_store(claim=claim, trained=trainings.trained(), learned=LEARNED),
    )


@pytest.mark.django_db(transaction=True)
def test_of_many_that_finish_at_once_one_stores_its_version() -> None:
    run = opened(make_profile("demo"))
    claims = [claimed(run) for _ in range(4)]
    start = threading.Barrier(len(claims))

    def store(claim: Claim) -> str:
        start.wait(60)
        try:
            return training.version_store(claim=claim, trained=trainings.trained(), learned=LEARNED).name
        except Overtaken:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(len(claims)) as threads:
        names = list(threads.map(store, claims))
    assert [bool(name) for name in names] == [False, False, False, True]
    assert list(ModelVersion.objects.values_list("name", flat=True)) == [names[-1]]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_press_at_once_all_get_the_same_run() -> None:
    profile = make_profile("demo")

    def press(_number: int) -> int:
        try:
            return opened(profile).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(press, range(8)))) == 1


# ---------------------------------------------------------------- the version


def test_a_version_is_stored_with_all_that_is_known_of_it(profile: LocaleProfile) -> None:
    run = opened(profile, seed=5)
    made = trainings.trained(weights=b"layers")
    version = training.version_store(claim=claimed(run), trained=made, learned=LEARNED)
    version.refresh_from_db()
    assert version.name.startswith("de-DE-v1-")
    assert (version.number, version.parent, version.judged_against, version.run) == (1, None, "", run)
    assert (version.author, version.seed, version.base, version.weights_bytes) == ("lena", 5, "base", 6)
    assert version.vectors_key == f"base+{version.weights_sha256[:16]}"
    assert bytes(VersionWeights.objects.get(version=version).data) == b"layers"
    assert bytes(VersionSnapshot.objects.get(version=version).entries) == LEARNED.snapshot
    assert Comparison.from_json(version.report) == made.report
    assert version.verdict["passed"] is True
    assert (version.data_sha256, version.data, version.skipped) == (
        "d" * 64, {"entries": 2}, ["no_alternates"],
    )  # fmt: skip
    run.refresh_from_db()
    assert (run.state, run.version) == (State.FINISHED, version)
    assert audited("training_finish") == ["lena"]
    assert not VersionChange.objects.exists()
    untuned = trainings.version_of(profile, "base", against=version)
    assert (untuned.number, untuned.vectors_key, untuned.weights_sha256) == (2, "base", "")
    assert (untuned.parent, untuned.judged_against) == (version, version.name)
    assert not VersionWeights.objects.filter(version=untuned).exists()


@pytest.mark.parametrize("outcome", [trainings.BETTER, trainings.SAME, trainings.WORSE])
def test_a_better_version_is_promoted_by_rule(profile: LocaleProfile, outcome: tuple[int, int]) -> None:
    LocaleProfile.objects.update(auto_promote=True)
    version = trainings.version_of(profile, "base", outcome=outcome)
    changes = list(VersionChange.objects.values_list("version", "kind", "state", "author"))
    is_better = outcome == trainings.BETTER
    assert changes == ([(version.pk, "auto", "waiting", "lena")] if is_better else [])
    assert ("version_change", "default", 15) in jobs() if is_better else jobs() == []
    assert not LiveVersion.objects.exists()


def test_the_rule_does_not_come_before_a_persons_choice(profile: LocaleProfile) -> None:
    from chatbot import versions

    chosen = trainings.version_of(profile, "base")
    versions.change_open(profile=profile, version=chosen, kind=VersionChange.Kind.PROMOTED, actor="omar")
    LocaleProfile.objects.update(auto_promote=True)
    later = trainings.version_of(profile, "base")
    assert ModelVersion.objects.count() == 2
    assert not VersionChange.objects.filter(version=later).exists()


def test_what_was_judged_against_another_version_is_not_promoted_by_rule(profile: LocaleProfile) -> None:
    before = trainings.version_of(profile, "base")
    LocaleProfile.objects.update(auto_promote=True)
    # `before` was live when the training began, and is not any more.
    trainings.version_of(profile, "base", against=before)
    assert not VersionChange.objects.exists()


def test_versions_of_two_tenants_count_on_their_own(profile: LocaleProfile) -> None:
    mine, theirs = trainings.version_of(profile, "base"), trainings.version_of(make_profile("other"), "base")
    assert mine.number == theirs.number == 1
    assert mine.name != theirs.name


# ---------------------------------------------------------------- ends


def test_a_run_that_is_given_up(profile: LocaleProfile) -> None:
    run = opened(profile)
    claim = claimed(run)
    training.run_fail(run_id=run.pk, failure=training.Failure.NOTHING_TO_LEARN)
    run.refresh_from_db()
    assert (run.state, run.failure) == (State.FAILED, "nothing_to_learn")
    with pytest.raises(Overtaken):
        training.run_tell(claim=claim)
    training.run_fail(run_id=run.pk)
    run.refresh_from_db()
    assert run.failure == "nothing_to_learn"


def test_runs_without_a_version_are_deleted_when_they_are_old(
    profile: LocaleProfile, settings: object
) -> None:
    settings.VERSIONS_KEPT_DAYS = 30  # type: ignore[attr-defined]
    version = trainings.version_of(profile, "base")
    gone = opened(profile)
    training.run_cancel(run_id=gone.pk, actor="lena")
    TrainingRun.objects.update(finished_at=timezone.now() - dt.timedelta(days=31))
    recent = opened(profile)
    training.run_fail(run_id=recent.pk)
    waiting = opened(profile)
    assert training.runs_retire() == 1
    assert set(TrainingRun.objects.values_list("pk", flat=True)) == {version.run_id, recent.pk, waiting.pk}


def test_a_tenant_goes_with_all_its_versions(profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base", weights=b"layers")
    LiveVersion.objects.create(profile=profile, version=version)
    opened(profile)
    profile.tenant.delete()
    assert not ModelVersion.objects.exists()
    assert not TrainingRun.objects.exists()
