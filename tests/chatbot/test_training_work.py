"""Working on a run: progress, resumption and every way to end, with the real queue and a rehearsed training."""

import datetime as dt
import inspect
import math
import threading
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from tensorboardX.proto.event_pb2 import Event as Logged

from chatbot import bulk_encoder, drift, tasks, training, training_files, training_work, versions
from chatbot.learning import run as learning_run
from chatbot.learning.compare import Comparison
from chatbot.learning.gate import CODES, Verdict
from chatbot.models import LiveVersion, ModelVersion, TrainingRun, VersionSnapshot
from chatbot.training import Trigger
from chatbot.training_progress import CURVE_POINTS, Progress, Stopped
from customers import services
from customers.models import LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft
from tests.chatbot import trainings
from tests.chatbot.jobs import deferred, forget_jobs, run_jobs, waiting
from tests.chatbot.trainings import Rehearsal, rehearse
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

State = TrainingRun.State


@pytest.fixture(autouse=True)
def weights(model_folder: Path, settings: Any, tmp_path: Path) -> None:
    """The encoder that the jobs load, and a folder for what they keep."""
    settings.MODEL_DIR = settings.VAR_DIR / "models"
    settings.VAR_DIR = tmp_path


@pytest.fixture(autouse=True)
def no_connection_outlives_its_job(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    forget_jobs()


@pytest.fixture
def profile(transactional_db: None) -> LocaleProfile:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=trainings.FAQ, actor="test")
    return profile


def opened(profile: LocaleProfile, trigger: Trigger = Trigger.BUTTON) -> TrainingRun:
    return training.run_open(profile=profile, actor="lena", trigger=trigger, seed=7)


def train(run: TrainingRun, **how: Any) -> ModelVersion | None:
    return training_work.train(run_id=run.pk, **how)


def due_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")


def test_the_rehearsal_is_called_as_the_real_training_is() -> None:
    real = inspect.signature(learning_run.train_version)
    rehearsed = inspect.signature(Rehearsal().__call__)
    assert [(p.name, p.kind) for p in real.parameters.values()] == [
        (p.name, p.kind) for p in rehearsed.parameters.values()
    ]
    watched = {name for name in vars(learning_run.Watch) if not name.startswith("_")}
    assert watched == {"stage", "step"}
    for name in watched:
        wanted = inspect.signature(getattr(learning_run.Watch, name))
        assert list(inspect.signature(getattr(Progress, name)).parameters) == list(wanted.parameters)
    assert TrainingRun.Stage.values == [*trainings.STAGES, "generator", "exam", "saving"]


# ---------------------------------------------------------------- a run that goes well


def test_a_real_training_makes_a_version_that_answers(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=trainings.SMALL_FAQ, actor="test")
    Trial.objects.create(
        profile=profile, text="Was muss ich für den Versand zahlen?", expected_keys=["topic-0"]
    )
    stages: list[str] = []
    real = Progress.stage

    def noted(self: Progress, name: str, *, steps: int = 0) -> None:
        stages.append(name)
        real(self, name, steps=steps)

    monkeypatch.setattr(Progress, "stage", noted)
    run = opened(profile)
    run_jobs()
    run.refresh_from_db()
    version = ModelVersion.objects.get()
    assert (run.state, run.version) == (State.FINISHED, version)
    # The rehearsal passes the same stages, in the same order.
    assert stages == ["reading", *trainings.STAGES, "saving"]
    assert len(run.curve) > 1
    assert (version.data["entries"], version.data["wordings"], version.data["tests"]) == (6, 30, 1)
    assert version.seed == 7
    assert version.recipe
    file = versions.load(version=version)
    assert file is not None
    assert len(file) == version.weights_bytes
    encoder = bulk_encoder.encoder()
    own, shipped = (
        encoder.encode(["Was kostet das Konto?"], kind="query", upper=upper)
        for upper in (bulk_encoder.upper_of(version), None)
    )
    assert own.shape == shipped.shape
    assert float((own @ shipped.T)[0, 0]) < 0.9999
    assert Comparison.from_json(version.report).n > 0
    assert Verdict.from_json(version.verdict).code in CODES
    assert not training_files.checkpoints_of(run).exists()


def test_a_run_becomes_a_version(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = rehearse(monkeypatch)
    run = opened(profile)
    run_jobs()
    run.refresh_from_db()
    version = ModelVersion.objects.get()
    assert (run.state, run.version, run.stage, run.attempt) == (State.FINISHED, version, "saving", 1)
    assert [point[0] for point in run.curve] == [1, 2, 3, 4, 5]
    assert run.curve[-1] == [5, 0.2, 0.5]
    (data,) = rehearsal.seen
    assert (data.locale, rehearsal.seeds) == ("de-DE", [7])
    assert {entry.key for entry in data.entries} == {"shipping", "returns"}
    assert version.data_sha256 == data.digest()
    assert bytes(VersionSnapshot.objects.get().entries) == drift.snapshot_of(data.entries)
    assert versions.live(profile_id=profile.pk) is None
    assert not training_files.checkpoints_of(run).exists()
    assert list(training_files.board_of(run).glob("events.out.tfevents.*"))
    assert waiting() == []


def test_tensorboard_reads_the_log(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    run = opened(profile)
    train(run)
    (log,) = training_files.board_of(run).glob("events.out.tfevents.*")
    data, found = log.read_bytes(), dict[tuple[str, int], float]()
    while data:
        size = int.from_bytes(data[:8], "little")
        event = Logged.FromString(data[12 : 12 + size])
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        data = data[16 + size :]
    assert found["loss/train", 4] == 0.25
    assert found["loss/held_out", 5] == 0.5
    assert math.isclose(found["metrics/hit_at_1", 0], 50 / 60, rel_tol=1e-6)


def test_it_is_told_how_far_it_is(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.training_progress.WRITE_SECONDS", 0.02)
    seen: list[tuple[str, int, int, bool]] = []
    written = threading.Event()

    def look(stage: str, number: int) -> None:
        if stage == "tuning" and number:
            written.wait(0.2)
        run = TrainingRun.objects.get()
        seen.append((run.stage, run.step, run.steps, run.seconds_left is not None))

    rehearse(monkeypatch, Rehearsal(on_step=look))
    lines: list[str] = []
    train(opened(profile), echo=lines.append)
    assert [stage for stage, *_ in seen if stage != "tuning"] == [
        s for s in trainings.STAGES if s != "tuning"
    ]
    assert ("tuning", 4, 5, True) in seen
    assert [line for line in lines if not line.startswith(" ")] == [*trainings.STAGES, "saving"]
    assert any(line.startswith("  1/5, loss 1.0000") for line in lines)


def test_the_live_version_is_what_it_is_held_against(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = bulk_encoder.encoder()
    rehearsal = rehearse(monkeypatch)
    tuned = trainings.version_of(profile, encoder.version, weights=trainings.tuned(encoder))
    LiveVersion.objects.create(profile=profile, version=tuned)
    version = train(opened(profile))
    assert version is not None
    assert (version.parent, version.judged_against) == (tuned, tuned.name)
    elsewhere = trainings.version_of(profile, "another-encoder@1", weights=b"layers")
    LiveVersion.objects.update(version=elsewhere)
    assert train(opened(profile)) is not None
    LiveVersion.objects.update(version=None)
    assert train(opened(profile)) is not None
    first, second, third = rehearsal.lives
    assert first.upper is not None
    assert first.upper.name == tuned.vectors_key
    assert first.weights is not None
    # What cannot be served is not served: the shipped model answers in its place.
    assert (second.upper, second.weights, third.upper, third.weights) == (None, None, None, None)


# ---------------------------------------------------------------- a run that does not


def test_a_cancelled_run_ends_at_its_next_step(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.training_progress.WRITE_SECONDS", 0.01)
    run = opened(profile)
    seen: list[tuple[str, int]] = []

    def cancel(stage: str, number: int) -> None:
        seen.append((stage, number))
        if (stage, number) == ("tuning", 2):
            training.run_cancel(run_id=run.pk, actor="omar")
            threading.Event().wait(0.3)

    rehearse(monkeypatch, Rehearsal(on_step=cancel))
    run_jobs()
    run.refresh_from_db()
    assert (run.state, ModelVersion.objects.count()) == (State.CANCELLED, 0)
    assert seen[-1][0] == "tuning"
    assert seen[-1][1] <= 3
    assert not training_files.checkpoints_of(run).exists()
    assert waiting() == []


def test_a_worker_that_was_overtaken_leaves_everything_to_the_other(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(profile)

    def overtake(stage: str, number: int) -> None:
        if stage == "fitting":
            training.run_claim(run_id=run.pk)

    rehearse(monkeypatch, Rehearsal(on_step=overtake))
    assert train(run) is None
    run.refresh_from_db()
    assert (run.state, run.attempt, run.stage, ModelVersion.objects.count()) == (State.RUNNING, 2, "", 0)
    assert training_files.checkpoints_of(run).exists()


def test_a_worker_that_fails_once_overtaken_is_not_tried_again(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(profile)

    def fail(stage: str, number: int) -> None:
        training.run_claim(run_id=run.pk)
        raise OSError("the disk is gone")

    rehearse(monkeypatch, Rehearsal(on_step=fail))
    assert train(run) is None


@pytest.mark.parametrize("until", ["claimed", "finished"])
def test_two_workers_on_one_run_make_one_version(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    run = opened(profile)
    late, go_on = threading.Event(), threading.Event()
    threads = {"first": 0}

    def meet(stage: str, number: int) -> None:
        is_first = threading.get_ident() == threads["first"]
        if is_first and (stage, number) == ("evaluating", 0):
            late.set()
            assert go_on.wait(60)
        if not is_first and until == "claimed" and stage == "reading":
            go_on.set()

    def first() -> ModelVersion | None:
        threads["first"] = threading.get_ident()
        try:
            return train(run)
        finally:
            connection.close()

    rehearse(monkeypatch, Rehearsal(on_step=meet))
    with ThreadPoolExecutor(1) as other:
        begun = other.submit(first)
        assert late.wait(60)
        version = train(run)
        go_on.set()
        assert begun.result(60) is None
    run.refresh_from_db()
    assert list(ModelVersion.objects.all()) == [version]
    assert (run.state, run.attempt) == (State.FINISHED, 2)


def test_the_job_of_a_dead_worker_goes_on_from_its_checkpoint(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(profile)
    claim = training.run_claim(run_id=run.pk)
    assert claim is not None
    folder = training_files.checkpoints_of(run)
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text("3")
    found: list[str] = []
    rehearse(
        monkeypatch,
        Rehearsal(on_step=lambda stage, _: found.append((folder / "checkpoint").read_text())),
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=0)
    run_jobs()
    run_jobs()
    run.refresh_from_db()
    assert (run.state, run.attempt, ModelVersion.objects.count()) == (State.FINISHED, 2, 1)
    assert found[0] == "3"
    assert not ProcrastinateJob.objects.filter(status__in=["todo", "doing"], queue_name="training").exists()


def test_a_training_that_fails_is_tried_again_and_then_given_up(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stage: str, number: int) -> None:
        raise OSError("the disk is gone")

    rehearse(monkeypatch, Rehearsal(on_step=fail))
    run = opened(profile)
    for attempt in range(1, len(tasks.RETRY_SECONDS) + 1):
        run_jobs()
        run.refresh_from_db()
        job = deferred().get(status="todo")
        assert (run.state, run.attempt, job.args["attempt"]) == (State.RUNNING, attempt, attempt)
        assert (job.queue_name, job.priority) == ("training", tasks.TRAINING_PRIORITY)
        due_now()
    run_jobs()
    run.refresh_from_db()
    assert (run.state, run.failure, waiting()) == (State.FAILED, "error", [])


def test_without_an_active_faq_there_is_nothing_to_learn(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.faq.update(is_active=False)
    rehearse(monkeypatch)
    run = opened(profile)
    run_jobs()
    run.refresh_from_db()
    assert (run.state, run.failure, waiting()) == (State.FAILED, "nothing_to_learn", [])
    assert not training_files.checkpoints_of(run).exists()


def test_a_worker_that_is_to_end_hands_its_run_on(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    run = opened(profile)
    with pytest.raises(Stopped):
        train(run, is_stopped=lambda: True)
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert train(run) is not None


def test_a_run_goes_on_while_postgres_drops_its_connections(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, another_connection: psycopg.Connection
) -> None:
    monkeypatch.setattr("chatbot.training_progress.WRITE_SECONDS", 0.02)

    def cut(stage: str, number: int) -> None:
        if number in {0, 3} and stage in {"trunk", "tuning", "evaluating"}:
            another_connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    rehearse(monkeypatch, Rehearsal(on_step=cut))
    run = opened(profile)
    assert train(run) is not None
    run.refresh_from_db()
    assert (run.state, run.attempt, ModelVersion.objects.count()) == (State.FINISHED, 1, 1)
    assert [point[0] for point in run.curve] == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- runs that nobody is at, and nights


def test_a_run_without_a_job_is_found(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    lost = opened(profile, Trigger.COMMAND)
    training.run_claim(run_id=lost.pk)
    tasks.lost_resume(timestamp=0)
    assert waiting() == []
    long_ago = timezone.now() - dt.timedelta(seconds=tasks.LOST_SECONDS + 1)
    TrainingRun.objects.update(progress_at=long_ago)
    tasks.lost_resume(timestamp=0)
    tasks.lost_resume(timestamp=60)
    assert waiting() == ["train_profile"]
    run_jobs()
    lost.refresh_from_db()
    assert (lost.state, lost.attempt) == (State.FINISHED, 2)


@pytest.mark.parametrize(
    ("after", "hour", "trained"), [(2, 3, True), (3, 3, False), (0, 3, False), (2, 4, False)]
)
def test_a_locale_is_trained_at_night_when_enough_has_changed(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, after: int, hour: int, trained: bool
) -> None:
    LocaleProfile.objects.update(retrain_after=after, time_zone="Asia/Tokyo")
    night = dt.datetime(2026, 3, 1, hour, 23, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo"))
    monkeypatch.setattr("chatbot.tasks.timezone.now", lambda: night)
    tasks.nightly_train(timestamp=0)
    assert waiting() == (["train_profile"] if trained else [])
    assert list(TrainingRun.objects.values_list("trigger", "author")) == (
        [("schedule", "nightly")] if trained else []
    )


def test_a_refused_version_is_not_trained_again_every_night(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocaleProfile.objects.update(retrain_after=1)
    profile.refresh_from_db()
    rehearse(monkeypatch, Rehearsal(outcome=trainings.WORSE))
    assert drift.is_due(profile=profile)
    train(opened(profile))
    assert not drift.is_due(profile=profile)
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="new", questions=("Neu?",), answer="Ja."), actor="test"
    )
    assert drift.is_due(profile=profile)


def test_what_ended_runs_left_on_the_disk_is_deleted(profile: LocaleProfile, settings: Any) -> None:
    settings.VERSIONS_KEPT, settings.VERSIONS_KEPT_DAYS = 10, 90
    run, ended = opened(profile), opened(make_profile("demo", "fr-FR"))
    training.run_cancel(run_id=ended.pk, actor="lena")
    for each in (run, ended):
        training_files.checkpoints_of(each).mkdir(parents=True)
        training_files.board_of(each).mkdir(parents=True)
    gone = training_files.board_of(ended).with_name("999999")
    gone.mkdir()
    tasks.versions_retire(timestamp=0)
    assert training_files.checkpoints_of(run).exists()
    assert not training_files.checkpoints_of(ended).exists()
    assert training_files.board_of(run).exists()
    assert training_files.board_of(ended).exists()
    assert not gone.exists()


# ---------------------------------------------------------------- the curve


def curve_of(profile: LocaleProfile, curve: list[Any], tmp_path: Path) -> Progress:
    claim = training.run_claim(run_id=opened(profile).pk)
    assert claim is not None
    return Progress(claim=claim, curve=curve, board=tmp_path / "board")


def test_a_long_curve_is_thinned(profile: LocaleProfile, tmp_path: Path) -> None:
    with curve_of(profile, [], tmp_path) as progress:
        progress.stage("tuning", steps=5000)
        for number in range(1, 5001):
            progress.step(
                number,
                loss=float("nan") if number == 16 else 1.0,
                held_out_loss=0.1 if number == 777 else None,
            )
        progress.stage("fitting")
    curve = TrainingRun.objects.get().curve
    assert len(curve) <= CURVE_POINTS
    assert curve[-1][0] >= 4950
    assert [777, 1.0, 0.1] in curve
    assert all(point[1] == 1.0 for point in curve)


def test_a_curve_goes_on_from_the_checkpoint(profile: LocaleProfile, tmp_path: Path) -> None:
    earlier = [[1, 3.0, None], [2, 2.0, None], [3, 1.0, None]]
    with curve_of(profile, earlier, tmp_path) as progress:
        progress.stage("tuning", steps=4)
        progress.step(3, loss=1.5)
        progress.step(4, loss=1.25)
        progress.stage("fitting")
    assert TrainingRun.objects.get().curve == [
        [1, 3.0, None],
        [2, 2.0, None],
        [3, 1.5, None],
        [4, 1.25, None],
    ]
