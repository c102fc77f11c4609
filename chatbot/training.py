"""Every write to a training run, from the button to the version that it leaves behind.

Who works on a run holds a claim. Each claim has a higher number than the one before, and every write asks for it, so a
worker that was thought dead and comes back can write nothing more (Kleppmann, Designing Data-Intensive Applications,
2017, chapter 8, "Fencing tokens").
"""

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from chatbot import exam_records, tasks, versions
from chatbot.answering.rank import weights_to_json
from chatbot.exam.versions import Key
from chatbot.learning.rewriting.gate import Teaching
from chatbot.models import (
    ExamRun,
    ModelVersion,
    TrainingRun,
    VersionAdapter,
    VersionChange,
    VersionSnapshot,
    VersionWeights,
)
from customers.models import LocaleProfile
from customers.services import audit

if TYPE_CHECKING:
    # Importing it takes torch, which the site's own processes do without.
    from chatbot.learning.run import Trained

State = TrainingRun.State
Trigger = TrainingRun.Trigger
Failure = TrainingRun.Failure

ACTIVE = (State.WAITING, State.RUNNING)
HEARTBEAT_SECONDS = 5.0
# Who works on a run and was not heard of for so long has died.
LEASE_SECONDS = 15.0


class Cancelled(Exception):
    """Somebody has cancelled the run."""


class Overtaken(Exception):
    """The run was begun again elsewhere, or is gone; whoever meets this writes nothing more."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a run, until somebody claims it with a higher number."""

    run_id: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What a version was made from and held against: hashes of the data, the encoder, and the version live then."""

    data_sha256: str
    snapshot: bytes
    base: str
    against: ModelVersion | None


@dataclass(frozen=True, kw_only=True)
class ExamSat:
    """An exam that was sat for a training, every reply as it is stored (`exam_records.fields_of`).

    It was sat with the adapter of `version`, or with the one that the training made, or with none.
    """

    key: Key
    replies: tuple[dict[str, Any], ...]
    version: ModelVersion | None = None
    is_of_new: bool = False


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What became of the generator's adapter: `file` and `about` are of the one that the version gets, if any."""

    teaching: Teaching
    file: bytes | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    exams: tuple[ExamSat, ...] = ()


# ---------------------------------------------------------------- what people do


@transaction.atomic
def run_open(
    *, profile: LocaleProfile, actor: str, trigger: Trigger = Trigger.BUTTON, seed: int = 0
) -> TrainingRun:
    """Ask for a training; one of the profile that has not ended is returned instead.

    A worker takes it up, but for one from the command line, which the command works on itself.
    """
    locked = _lock(profile.pk)
    run = TrainingRun.objects.filter(profile=locked, state__in=ACTIVE).first()
    if run is not None:
        return run
    run = TrainingRun.objects.create(
        profile=locked,
        author=actor[:150],
        trigger=trigger,
        seed=seed,
        with_generator=locked.train_generator,
    )
    _audit(run, actor=actor, action="training_start", data={"trigger": trigger.value, "seed": seed})
    if trigger != Trigger.COMMAND:
        tasks.defer_training(run.pk, nightly=trigger == Trigger.SCHEDULE)
    return run


@transaction.atomic
def run_cancel(*, run_id: int, actor: str) -> bool:
    """End a run at once; whoever works on it finds out at the next step. Says whether it had not ended yet."""
    run = TrainingRun.objects.select_for_update().filter(pk=run_id, state__in=ACTIVE).first()
    if run is None:
        return False
    _end(run, State.CANCELLED)
    _audit(run, actor=actor, action="training_cancel")
    return True


def queue_place(*, run: TrainingRun) -> int:
    """Return how many trainings, of whatever tenant, are to begin before a waiting one."""
    nightly = Q(trigger=Trigger.SCHEDULE)
    ahead = Q(pk__lt=run.pk) & (nightly if run.trigger == Trigger.SCHEDULE else ~nightly)
    if run.trigger == Trigger.SCHEDULE:
        ahead |= ~nightly
    waiting = TrainingRun.objects.filter(state=State.WAITING).exclude(trigger=Trigger.COMMAND)
    return waiting.filter(ahead).count()


# ---------------------------------------------------------------- what the one does who works on it


@transaction.atomic
def run_claim(*, run_id: int) -> Claim | None:
    """Take a run up, from whoever had it; None where it has ended."""
    run = TrainingRun.objects.select_for_update().filter(pk=run_id, state__in=ACTIVE).first()
    if run is None:
        return None
    now = timezone.now()
    run.attempt += 1
    run.state = State.RUNNING
    run.started_at = run.started_at or now
    run.progress_at = now
    run.stage, run.step, run.steps, run.seconds_left = "", 0, 0, None
    run.save()
    return Claim(run_id=run.pk, attempt=run.attempt)


def run_tell(*, claim: Claim, **values: Any) -> None:
    """Write how far a run is, or with no values only that somebody is at it. Raises Cancelled, Overtaken."""
    mine = TrainingRun.objects.filter(pk=claim.run_id, attempt=claim.attempt, state=State.RUNNING)
    if not mine.update(progress_at=timezone.now(), **values):
        _raise_end(claim)


def is_mine(*, claim: Claim) -> bool:
    """Say whether a claim still holds."""
    return TrainingRun.objects.filter(pk=claim.run_id, attempt=claim.attempt, state=State.RUNNING).exists()


@transaction.atomic
def run_fail(*, run_id: int, failure: Failure = Failure.ERROR) -> None:
    """Give a run up that has not ended."""
    run = TrainingRun.objects.select_for_update().filter(pk=run_id, state__in=ACTIVE).first()
    if run is not None:
        run.failure = failure
        _end(run, State.FAILED)


@transaction.atomic
def version_store(
    *, claim: Claim, trained: "Trained", learned: Learned, taught: Taught | None = None
) -> ModelVersion:
    """Keep what a run has made, end the run, and where the profile wants it, have a better version made live.

    Raises Cancelled, Overtaken.
    """
    profile = _lock(LocaleProfile.objects.get(training_runs=claim.run_id).pk)
    run = TrainingRun.objects.select_for_update().get(pk=claim.run_id)
    if (run.attempt, run.state) != (claim.attempt, State.RUNNING):
        _raise_end(claim)
    sha256 = versions.sha256_of(trained.weights_file)
    adapter = taught.file if taught else None
    version = ModelVersion.objects.create(
        profile=profile,
        number=next_number(profile),
        name=new_name(profile),
        parent=learned.against,
        judged_against=learned.against.name if learned.against else "",
        run=run,
        author=run.author,
        base=learned.base,
        vectors_key=versions.vectors_key(base=learned.base, weights_sha256=sha256),
        weights_sha256=sha256,
        weights_bytes=len(trained.weights_file or b""),
        ranker=weights_to_json(trained.ranker),
        adapter=dict(taught.about) if taught else {},
        adapter_sha256=versions.sha256_of(adapter),
        adapter_bytes=len(adapter or b""),
        teaching=taught.teaching.to_json() if taught else {},
        seed=run.seed,
        recipe=dict(trained.recipe),
        data_sha256=learned.data_sha256,
        data=dict(trained.data),
        skipped=list(trained.skipped),
        seconds=trained.seconds,
        report=trained.report.to_json(),
        verdict=trained.verdict.to_json(),
    )
    if trained.weights_file is not None:
        VersionWeights.objects.create(version=version, data=trained.weights_file)
    VersionSnapshot.objects.create(version=version, entries=learned.snapshot)
    if adapter is not None:
        VersionAdapter.objects.create(version=version, data=adapter)
    if taught is not None and taught.teaching.is_live_kept:
        # What it has earned outlives the version that it came with.
        ExamRun.objects.filter(version=learned.against).update(version=version)
    for sat in taught.exams if taught else ():
        exam_records.sat_before(
            key=sat.key,
            version=version if sat.is_of_new else sat.version,
            author=run.author,
            replies=sat.replies,
        )
    _end(run, State.FINISHED)
    _audit(run, actor=run.author, action="training_finish", data={"version": version.name})
    if profile.auto_promote:
        _promote_by_rule(version)
    return version


def next_number(profile: LocaleProfile) -> int:
    """Return the number of a locked profile's next version."""
    last = ModelVersion.objects.filter(profile=profile).aggregate(last=Max("number"))["last"]
    return int(last or 0) + 1


def new_name(profile: LocaleProfile) -> str:
    """Return a name for a locked profile's next version that no tenant's has."""
    while True:
        name = f"{profile.locale}-v{next_number(profile)}-{secrets.token_hex(4)}"
        if not ModelVersion.objects.filter(name=name).exists():
            return name


def runs_retire() -> int:
    """Delete runs that ended long ago and left no version behind; returns how many."""
    long_ago = timezone.now() - dt.timedelta(days=settings.VERSIONS_KEPT_DAYS)
    ended = TrainingRun.objects.filter(finished_at__lt=long_ago, version=None).exclude(state__in=ACTIVE)
    return ended.delete()[1].get(TrainingRun._meta.label, 0)


def _promote_by_rule(version: ModelVersion) -> None:
    if not versions.may_promote(version=version):
        return
    try:
        with transaction.atomic():
            versions.change_open(
                profile=version.profile, version=version, kind=VersionChange.Kind.AUTO, actor=version.author
            )
    except versions.ChangeRefused:
        # Somebody has just had another version made live: a person's choice goes before the rule.
        return


def _lock(profile_id: int) -> LocaleProfile:
    """Lock a profile as every writer of its FAQ, its runs and its versions does."""
    return LocaleProfile.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=profile_id)


def _end(run: TrainingRun, state: State) -> None:
    run.state = state
    run.finished_at = run.progress_at = timezone.now()
    run.seconds_left = None
    run.save()


def _raise_end(claim: Claim) -> None:
    """Raise what has become of a run whose claim is void."""
    state = TrainingRun.objects.filter(pk=claim.run_id).values_list("state", flat=True).first()
    if state == State.CANCELLED:
        raise Cancelled
    raise Overtaken


def _audit(run: TrainingRun, *, actor: str, action: str, data: Mapping[str, Any] | None = None) -> None:
    profile = run.profile
    audit(
        actor=actor,
        action=action,
        target=str(profile),
        tenant=profile.tenant,
        data={"run": run.pk, **(data or {})},
    )
