"""Trainings in words: how long, how far, what was left out and why, and what to do next."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chatbot import training
from chatbot.admin.upload_progress import is_quiet, stalled_sentence
from chatbot.admin.version_words import number
from chatbot.drift import Drift
from chatbot.models import TrainingRun

State = TrainingRun.State
# What was heard less long ago than this was heard now.
NOW_SECONDS = 5

SKIPPED: Mapping[str, str | Promise] = {
    "no_alternates": gettext_lazy(
        "The model itself was not tuned, because hardly any FAQ has a second wording. Add other ways to ask, and train "
        "again."
    ),
    "nothing_held_out": gettext_lazy(
        "No wordings could be held back, because no FAQ has three of them. The comparison rests on what else there "
        "was to ask."
    ),
    "no_tests": gettext_lazy(
        "There are no saved test questions, so the versions were compared on wordings of the FAQ that were held back. "
        "Save questions of real customers as test questions for a surer comparison."
    ),
    "ranker_kept": gettext_lazy(
        "The weights of the signals stayed as they were, because there was too little to weigh them anew with."
    ),
}


@dataclass(frozen=True, kw_only=True)
class DriftShown:
    """How far things have moved on; `advises` says that training again is worth it.

    A first training is offered, not advised: nothing has moved on from it.
    """

    sentence: str
    advises: bool


def skipped_sentence(code: str) -> str:
    """Say what a training left out, and why."""
    return str(SKIPPED.get(code, code))


def duration(seconds: float) -> str:
    """Return a time in words, as precisely as anybody wants to know it."""
    whole = round(seconds)
    if whole < 60:
        return ngettext("%(count)s second", "%(count)s seconds", whole) % {"count": whole}
    minutes = round(whole / 60)
    if minutes < 60:
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


def left_sentence(seconds: float | None) -> str:
    """Say how long something will still take; nothing where nobody knows."""
    return "" if seconds is None else _("about %(time)s left") % {"time": duration(max(1.0, seconds))}


def heard_sentence(at: dt.datetime) -> str:
    """Say when a job last gave a sign of life."""
    seconds = (timezone.now() - at).total_seconds()
    if seconds < NOW_SECONDS:
        return _("Last sign of life: just now")
    return _("Last sign of life: %(time)s ago") % {"time": duration(seconds)}


def run_sentence(run: TrainingRun) -> str:
    """Say where a run stands and what to do next."""
    if run.state == State.WAITING:
        return _waiting_sentence(training.queue_place(run=run))
    if run.state == State.RUNNING:
        if is_quiet(run.progress_at):
            return stalled_sentence()
        return _("The chat answers as before meanwhile. You need not stay on this page.")
    if run.state == State.CANCELLED:
        return _("This training was cancelled. It left nothing behind, and the chat answers as before.")
    if run.state == State.FAILED:
        return _failed_sentence(run)
    return _("The training is finished, and its version is kept.")


def drift_shown(drift: Drift) -> DriftShown:
    """Say how far the FAQ and its visitors have moved on since the live version learned."""
    sentence = _moved_sentence(drift) + _declined_sentence(drift)
    return DriftShown(sentence=sentence, advises=drift.advises and drift.version is not None)


def _moved_sentence(drift: Drift) -> str:
    if drift.version is None:
        return ngettext(
            "Nothing has been learned from this locale yet; there is %(count)s FAQ to learn from.",
            "Nothing has been learned from this locale yet; there are %(count)s FAQs to learn from.",
            drift.entries,
        ) % {"count": number(drift.entries)}
    if not drift.changes:
        return _("The FAQ is as the live version learned it.")
    parts = [
        (drift.changed, _("%(count)s changed")),
        (drift.added, _("%(count)s added")),
        (drift.removed, _("%(count)s removed")),
    ]
    said = ngettext(
        "%(changes)s change to %(count)s FAQ since the live version learned: %(parts)s.",
        "%(changes)s changes to %(count)s FAQs since the live version learned: %(parts)s.",
        drift.entries,
    )
    return said % {
        "changes": number(drift.changes),
        "count": number(drift.entries),
        "parts": ", ".join(text % {"count": number(count)} for count, text in parts if count),
    }


def _declined_sentence(drift: Drift) -> str:
    """Say whether more questions go without an answer than before; nothing where it is no more."""
    since, before = drift.declined_since, drift.declined_before
    if since is None or before is None or since.value <= before.value:
        return ""
    said = _("Since it went live %(since)s%% of the questions got no answer; before, it was %(before)s%%.")
    return " " + said % {
        "since": number(100 * since.value, 1),
        "before": number(100 * before.value, 1),
    }


def _waiting_sentence(before: int) -> str:
    """Say how many trainings go before one that waits."""
    if not before:
        return _("Waiting for the background worker; it is next. You need not stay on this page.")
    return ngettext(
        "Waiting: %(count)s training goes first. You need not stay on this page.",
        "Waiting: %(count)s trainings go first. You need not stay on this page.",
        before,
    ) % {"count": number(before)}


def _failed_sentence(run: TrainingRun) -> str:
    if run.failure == TrainingRun.Failure.NOTHING_TO_LEARN:
        return _(
            "There is nothing to learn from: the locale has no active FAQ. Add or activate some, then retrain."
        )
    return _(
        "This training could not be finished. It left nothing behind, and the chat answers as before. Start it again; "
        "if it fails once more, the log of the worker says why."
    )
