"""Exams that generators sit before they may speak freely: opening them, sitting them in the worker, what they earned.

A result holds for just what it was sat with (`chatbot.exam.versions.Key`); with the adapter of a profile's version, for
that profile alone. Those of the model that Kefu comes with are shipped, so a new installation has nothing to sit.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatbot import generation, tasks
from chatbot.engine.errors import WeightsError
from chatbot.exam import results, traps, versions
from chatbot.exam.exam import Candidate, Sat, ask
from chatbot.exam.grading import Score, Why
from chatbot.exam.trap import Trap
from chatbot.exam.versions import Key
from chatbot.exam_records import fields_of, forget_old, score_of
from chatbot.models import ExamResult, ExamRun, LiveVersion, ModelVersion
from customers.models import Level, LocaleProfile
from customers.services import faq_announce

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.generator.adapters import Adapter

logger = logging.getLogger(__name__)

State = ExamRun.State
ACTIVE = (State.WAITING, State.RUNNING)
BY_ITSELF = "exam_check"
# How often a sitting exam looks whether its process is to end.
LOOK_SECONDS = 0.5
# A worker holds one generator at a time: it is a gigabyte and takes all cores.
alone = threading.Lock()


class Overtaken(Exception):
    """The exam was begun again elsewhere, or is gone; nobody waits for this one any more."""


class Stopped(Exception):
    """This process is to end; the exam goes on in another after the last trap that was replied to."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a generator stands in a locale: its score there, from `run` or else as shipped; without any, None."""

    key: Key
    score: Score | None = None
    run: ExamRun | None = None

    @property
    def is_passed(self) -> bool:
        return self.score is not None and self.score.is_passed


# ---------------------------------------------------------------- what was earned


def may_generate(profile: LocaleProfile, *, adapter: "Adapter | None" = None) -> bool:
    """Say whether answers of a profile may be written freely: it allows that, and the generator has passed there.

    `adapter` is the one that it writes with for this profile.
    """
    if profile.highest_level != Level.GENERATIVE:
        return False
    held = standing(traps.exam_of(profile.locale), adapter=adapter)
    return held is not None and held.is_passed


def standing(locale: str, *, adapter: "Adapter | None" = None) -> Standing | None:
    """Return where this installation's generator stands in an exam's locale; None where there is either not."""
    key = key_of(locale, adapter=adapter)
    return None if key is None else _standing(key)


def _standing(key: Key) -> Standing:
    run = ExamRun.objects.filter(state=State.FINISHED, **asdict(key)).first()
    if run is not None:
        return Standing(key=key, run=run, score=score_of(run))
    shipped = results.find(key)
    return Standing(key=key, score=shipped.score if shipped else None)


def key_of(locale: str, *, adapter: "Adapter | None" = None) -> Key | None:
    """Return what an exam in a locale would be sat with now; None without an exam or a generator."""
    generator = generation.version_with(adapter, locale=locale)
    return versions.key(locale, generator) if locale and generator else None


# ---------------------------------------------------------------- from an exam's beginning to its end


def run_open(*, key: Key, actor: str, version: ModelVersion | None = None) -> ExamRun:
    """Have an exam sat by the worker; one of the locale that has not ended is returned instead.

    With a `version` it is sat with the adapter of that, which has its own exams.
    """
    active = ExamRun.objects.filter(locale=key.locale, version=version, state__in=ACTIVE)
    try:
        with transaction.atomic():
            run = active.first()
            if run is None:
                run = ExamRun.objects.create(
                    **asdict(key), version=version, author=actor[:150], total=len(traps.load(key.locale))
                )
                tasks.defer_exam(run.pk)
    except IntegrityError:
        # Somebody has pressed the button at the same moment.
        return active.get()
    return run


def open_due() -> int:
    """Open exams again where what is installed is not what was examined there; returns how many.

    A locale's first exam is for people to begin: an hour of a machine is not spent on a level that nobody asked for.
    One that was tried and could not be finished is left to people, too: it would most likely fail again. An adapter
    that is live is wanted, so its first exam is opened as well.
    """
    wanted = LocaleProfile.objects.filter(
        is_active=True, tenant__is_active=True, highest_level=Level.GENERATIVE
    )
    locales = {traps.exam_of(locale) for locale in wanted.values_list("locale", flat=True).distinct()} - {""}
    examined = ExamRun.objects.filter(version=None).values_list("locale", flat=True).distinct()
    due: list[tuple[Key | None, ModelVersion | None]] = [
        (key_of(locale), None) for locale in sorted(locales & set(examined))
    ]
    due += [(version_key(version), version) for version in _adapted(wanted)]
    count = 0
    for key, version in due:
        if key is None or results.find(key) or ExamRun.objects.filter(**asdict(key)).exists():
            continue
        run_open(key=key, actor=BY_ITSELF, version=version)
        count += 1
    return count


def standing_of(version: ModelVersion) -> Standing | None:
    """Return where a version's adapter stands; None where it cannot be used here."""
    key = version_key(version)
    return None if key is None else _standing(key)


def version_key(version: ModelVersion) -> Key | None:
    """Return what an exam with a version's adapter would be sat with now; None where that cannot be used here."""
    # Importing it takes torch.
    from chatbot import version_adapters

    try:
        adapter = version_adapters.adapter_of(version)
    except WeightsError as error:
        logger.error("The adapter of %s cannot be examined: %s", version, error)  # noqa: TRY400 -- says it all
        return None
    locale = traps.exam_of(version.profile.locale)
    if adapter is None or adapter.base != generation.version_for(locale):
        return None
    return key_of(locale, adapter=adapter)


def _adapted(profiles: QuerySet[LocaleProfile]) -> list[ModelVersion]:
    """Return the versions with an adapter that are live for some profiles."""
    live = LiveVersion.objects.filter(profile__in=profiles).values("version")
    found = ModelVersion.objects.filter(pk__in=live).exclude(adapter_sha256="")
    return list(found.select_related("profile").order_by("pk"))


def sit_in_worker(*, run_id: int, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Sit an exam in a process that answers nobody, with a generator loaded for it. Raises as `sit`."""
    run = ExamRun.objects.select_related("version").filter(pk=run_id, state__in=ACTIVE).first()
    if run is None:
        return
    # Importing it takes torch.
    from chatbot import exam_candidate, version_adapters

    try:
        adapter = version_adapters.adapter_of(run.version)
        with alone, exam_candidate.loaded(run.locale, adapter=adapter) as candidate:
            key = versions.key(run.locale, candidate.version)
            sit(run=run, key=key, candidate=candidate, is_stopped=is_stopped)
    except exam_candidate.NoGenerator:
        run_fail(run_id=run_id)


def sit(
    *, run: ExamRun, key: Key, candidate: Candidate, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Put an exam's traps to a candidate and finish it; what an earlier attempt has stored is gone on from.

    An exam that was begun again elsewhere meanwhile is left there. Raises Stopped, EngineError, TrapError.
    """
    done = _begin(run, key)
    try:
        with asyncio.Runner() as runner:
            for position, trap in enumerate(traps.load(key.locale)[done:], start=done):
                _store(run, position, runner.run(ask_until(trap, candidate, is_stopped)))
        _finish(run)
    except Overtaken:
        return


def run_fail(*, run_id: int) -> None:
    """Give an exam up."""
    ExamRun.objects.filter(pk=run_id, state__in=ACTIVE).update(state=State.FAILED, finished_at=timezone.now())


@transaction.atomic
def _begin(run: ExamRun, key: Key) -> int:
    """Take an exam up with what it is sat with now; returns how many traps have been replied to with just that."""
    locked = ExamRun.objects.select_for_update().filter(pk=run.pk, state__in=ACTIVE).first()
    if locked is None:
        return 0
    if any(getattr(locked, name) != value for name, value in asdict(key).items()):
        ExamResult.objects.filter(run=locked).delete()
        locked.done = locked.right = locked.forbidden = locked.own = 0
    for name, value in asdict(key).items():
        setattr(locked, name, value)
    locked.total = len(traps.load(key.locale))
    locked.state, locked.progress_at = State.RUNNING, timezone.now()
    locked.save()
    return locked.done


async def ask_until(trap: Trap, candidate: Candidate, is_stopped: Callable[[], bool]) -> Sat:
    """Put a trap to the candidate. Raises Stopped as soon as this process is to end."""
    asking = asyncio.ensure_future(ask(trap, candidate))
    while not asking.done():
        await asyncio.wait([asking], timeout=LOOK_SECONDS)
        if is_stopped() and not asking.done():
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            raise Stopped
    return asking.result()


@transaction.atomic
def _store(run: ExamRun, position: int, sat: Sat) -> None:
    """Store a reply. Raises Overtaken."""
    going_on = ExamRun.objects.select_for_update().filter(pk=run.pk, state=State.RUNNING, done=position)
    locked = going_on.first()
    if locked is None:
        raise Overtaken
    locked.done += 1
    locked.right += sat.mark.is_right
    locked.forbidden += sat.mark.why == Why.FORBIDDEN
    locked.own += sat.is_own
    locked.progress_at = timezone.now()
    locked.save()
    ExamResult.objects.create(run=locked, position=position, **fields_of(sat))


@transaction.atomic
def _finish(run: ExamRun) -> None:
    """Close an exam, and have the profiles served by what it has earned."""
    locked = ExamRun.objects.select_for_update().filter(pk=run.pk, state=State.RUNNING).first()
    if locked is None or locked.done != locked.total:
        return
    locked.state, locked.passed = State.FINISHED, score_of(locked).is_passed
    locked.finished_at = locked.progress_at = timezone.now()
    locked.save()
    forget_old(locked)
    if locked.version is None:
        announce(locked.locale)
    else:
        faq_announce(profile_ids=[locked.version.profile_id])
    logger.info(
        "Exam %s: %d of %d right, %d forbidden", locked.locale, locked.right, locked.total, locked.forbidden
    )


def announce(locale: str) -> None:
    """Have the profiles that an exam's locale counts for served by what the generator has earned there."""
    faq_announce(profile_ids=_profiles_of(locale))


def _profiles_of(locale: str) -> Iterable[int]:
    """Return the profiles that an exam's locale counts for."""
    rows = LocaleProfile.objects.values_list("pk", "locale")
    return [pk for pk, own in rows if traps.exam_of(own) == locale]
