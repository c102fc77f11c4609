"""How far the background jobs of an upload are, in words and numbers."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.models import VectorWork
from customers import upload_comparison
from customers.models import FaqUpload, LocaleProfile

# A job tells its progress several times in this time; the stalled one is started again meanwhile.
QUIET_SECONDS = 45
CLOSED = (FaqUpload.State.APPLIED, FaqUpload.State.REVERTED)


@dataclass(frozen=True, kw_only=True)
class LocaleProgress:
    """How far one locale's vectors are after an upload was applied."""

    locale: str
    done: int
    total: int
    state: str
    sentence: str


def progress(upload: FaqUpload) -> dict[str, Any]:
    """Return what the page shows while it waits.

    `stage` changes when there is something new to show; `waits` says that there will be.
    """
    locales = locale_progress(upload) if upload.state in CLOSED else []
    comparing = upload_comparison.is_comparing(upload)
    failed = upload_comparison.comparison_failed(upload)
    unfinished = any(locale.state not in ("live", "off") for locale in locales)
    return {
        "stage": f"{upload.state}:{'failed' if failed else int(upload.compared)}",
        "waits": upload.state == FaqUpload.State.CHECKING or comparing or unfinished,
        "done": upload.done,
        "total": upload.total,
        "sentence": _sentence(upload) if comparing or upload.state == FaqUpload.State.CHECKING else "",
        "locales": [asdict(locale) for locale in locales],
    }


def _sentence(upload: FaqUpload) -> str:
    if upload.state != FaqUpload.State.CHECKING and not upload.total:
        return _(
            "Similar questions will be looked for, and the test questions tried. You need not wait for it."
        )
    if not upload.total:
        return _("Waiting for the background worker.")
    if is_quiet(upload.progress_at):
        return stalled_sentence()
    if upload.state != FaqUpload.State.CHECKING:
        return _("Looking for similar questions, and trying the test questions. You need not wait for it.")
    stages = (_("Reading the file."), _("Comparing with the live FAQ."), _("Storing the preview."))
    return stages[min(upload.done, len(stages) - 1)]


def is_quiet(progress_at: dt.datetime) -> bool:
    """Say whether a job has not been heard of for too long."""
    return timezone.now() - progress_at > dt.timedelta(seconds=QUIET_SECONDS)


def locale_progress(upload: FaqUpload) -> list[LocaleProgress]:
    """Return how far each locale is that applying or reverting the upload changed."""
    revisions = {int(pk): revision for pk, revision in upload.report.get("revisions", {}).items()}
    profiles = LocaleProfile.objects.filter(pk__in=revisions).order_by("locale")
    works = VectorWork.objects.in_bulk(list(revisions))
    return [_locale_progress(profile, revisions[profile.pk], works.get(profile.pk)) for profile in profiles]


def _locale_progress(profile: LocaleProfile, revision: int, work: VectorWork | None) -> LocaleProgress:
    done, total = (work.done, work.total) if work and work.revision >= revision else (0, 0)
    if work and work.live_revision >= revision:
        state, sentence = "live", _("Live: customers get answers from it.")
    elif not profile.is_active:
        state, sentence = "off", _("This locale is switched off.")
    elif work and work.revision >= revision and work.finished:
        state, sentence = "switching", _("All vectors are there; the chat is about to take them over.")
    elif work and work.revision >= revision and is_quiet(work.progress_at):
        state, sentence = "quiet", stalled_sentence()
    elif total:
        state, sentence = "working", _("Computing vectors; until all are there, the chat answers as before.")
    else:
        state, sentence = "waiting", _("Waiting for the background worker; the chat answers as before.")
    return LocaleProgress(locale=profile.locale, done=done, total=total, state=state, sentence=sentence)


def stalled_sentence() -> str:
    """Say that a job has not been heard of, and what happens about it."""
    return _(
        "Nothing has been heard of this job for a while. It is started again by itself and goes on where it was."
    )
