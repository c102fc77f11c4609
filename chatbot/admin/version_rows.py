"""What the screens about versions read: what is live, a locale's versions, and the record of what was live when."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from chatbot import versions
from chatbot.admin import version_words
from chatbot.admin.upload_progress import is_quiet, stalled_sentence
from chatbot.admin.version_words import VerdictShown, number
from chatbot.models import LiveVersion, ModelVersion, VersionChange
from customers import access
from customers.models import LocaleProfile

MODEL = "modelversion"
HEADLINE = "hit@1"
HASH_SHOWN = 10
CHANGES_SHOWN = 50
Change = VersionChange


@dataclass(frozen=True, kw_only=True)
class Live:
    """What answers for a locale; without a version it is the model that Kefu ships. `right` is its hit@1 in words."""

    version: ModelVersion | None = None
    since: dt.datetime | None = None
    author: str = ""
    right: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One version as the list shows it; `moved` is by how many points its hit@1 differed from what was live then."""

    version: ModelVersion
    verdict: VerdictShown
    after: str
    moved: str
    fell: bool
    data_hash: str
    is_live: bool
    was_live: bool


def live_of(profiles: Sequence[LocaleProfile]) -> dict[int, Live]:
    """Return what answers for each profile, by its id; two queries."""
    done = VersionChange.objects.filter(profile__in=profiles, state=Change.State.DONE)
    last = {change.profile_id: change for change in done.order_by("profile_id", "-pk").distinct("profile_id")}
    rows = LiveVersion.objects.filter(profile__in=profiles).select_related("version")
    found = {row.profile_id: row for row in rows}
    return {profile.pk: _live(found.get(profile.pk), last.get(profile.pk)) for profile in profiles}


def _live(row: LiveVersion | None, change: VersionChange | None) -> Live:
    if row is None:
        return Live()
    return Live(
        version=row.version,
        since=row.changed_at,
        author=change.author if change else "",
        right=version_words.figure(side(row.version, HEADLINE, "after")) if row.version else "",
    )


def candidates_of(profiles: Sequence[LocaleProfile]) -> dict[int, ModelVersion]:
    """Return the newest version of each profile that passed, if it is better than what is live, by profile id."""
    passed = ModelVersion.objects.filter(profile__in=profiles, verdict__passed=True)
    newest = passed.order_by("profile_id", "-pk")
    return {
        version.profile_id: version
        for version in newest.distinct("profile_id")
        if versions.may_promote(version=version)
    }


def rows_of(profile: LocaleProfile, live: Live) -> list[Row]:
    """Return the versions of a locale, newest first; two queries."""
    was_live = _were_live(profile)
    kept = ModelVersion.objects.filter(profile=profile).select_related("parent", "run").defer("run__curve")
    return [_row(version, live, was_live) for version in kept]


def row_of(version: ModelVersion, live: Live) -> Row:
    """Return one version as the list shows it."""
    return _row(version, live, _were_live(version.profile))


def lineage_of(version: ModelVersion) -> list[ModelVersion]:
    """Return the versions that it came from, the first of them first; one query."""
    kept = ModelVersion.objects.filter(profile_id=version.profile_id).only("pk", "number", "parent_id")
    known = {other.pk: other for other in kept}
    line: list[ModelVersion] = []
    parent = known.get(version.parent_id) if version.parent_id else None
    while parent is not None and parent not in line:
        line.insert(0, parent)
        parent = known.get(parent.parent_id) if parent.parent_id else None
    return line


def _were_live(profile: LocaleProfile) -> set[int | None]:
    """Return the ids of the versions that were live at some time."""
    done = VersionChange.objects.filter(profile=profile, state=Change.State.DONE).exclude(version=None)
    return set(done.values_list("version_id", flat=True))


def _row(version: ModelVersion, live: Live, was_live: set[int | None]) -> Row:
    before, after = side(version, HEADLINE, "before"), side(version, HEADLINE, "after")
    moved = after - before if before is not None and after is not None else None
    is_live = live.version == version
    return Row(
        version=version,
        verdict=version_words.verdict_shown(version),
        after=version_words.figure(after),
        moved=version_words.points(moved) if moved is not None else "",
        fell=moved is not None and moved < 0,
        data_hash=version.data_sha256[:HASH_SHOWN],
        is_live=is_live,
        was_live=is_live or version.pk in was_live,
    )


def side(version: ModelVersion, metric: str, which: str) -> float | None:
    """Return a version's metric as its report has it: `before` is of what was live then, `after` its own."""
    value = version.report.get("metrics", {}).get(metric, {}).get(which)
    return float(value) if value is not None else None


def changes_of(profile: LocaleProfile) -> list[VersionChange]:
    """Return the record of what was live when, newest first."""
    return list(VersionChange.objects.filter(profile=profile).select_related("version")[:CHANGES_SHOWN])


def change_progress(change: VersionChange | None) -> dict[str, Any]:
    """Return how far the change is that a page waits for; `mark` differs once there is something new to show."""
    if change is None or change.state != Change.State.WAITING:
        return {"mark": "", "waits": False, "percent": None, "title": "", "sentence": "", "numbers": ""}
    sentence = _("Waiting for the background worker; the chat answers as before.")
    if is_quiet(change.progress_at):
        sentence = stalled_sentence()
    elif change.total:
        sentence = _("Computing vectors; until all are there, the chat answers as before.")
    counts = {"number": number(change.done), "all": number(change.total)}
    return {
        "mark": str(change.pk),
        "waits": True,
        "percent": min(100, 100 * change.done // change.total) if change.total else None,
        "title": _("%(name)s is about to go live.") % {"name": change.to_name or _("The shipped model")},
        "sentence": sentence,
        "numbers": _("%(number)s of %(all)s") % counts if change.total else "",
    }


def changing_of(profiles: Sequence[LocaleProfile]) -> set[int]:
    """Return the ids of the profiles of which a version is just being made live."""
    waiting = VersionChange.objects.filter(profile__in=profiles, state=Change.State.WAITING)
    return set(waiting.values_list("profile_id", flat=True))


def waiting_change(profile: LocaleProfile) -> VersionChange | None:
    """Return the change whose vectors are being made."""
    return VersionChange.objects.filter(profile=profile, state=Change.State.WAITING).first()


def version_for(request: HttpRequest, pk: int) -> ModelVersion:
    """Return a version of a tenant whose versions the user may view. Raises Http404."""
    found = ModelVersion.objects.select_related("profile__tenant", "parent", "run").filter(pk=pk).first()
    if found is None or not _allows(request, access.VIEW, found.profile.tenant_id):
        raise Http404
    return found


def profile_for(request: HttpRequest, pk: int) -> LocaleProfile:
    """Return a profile of a tenant whose versions the user may view. Raises Http404."""
    found = LocaleProfile.objects.select_related("tenant").filter(pk=pk).first()
    if found is None or not _allows(request, access.VIEW, found.tenant_id):
        raise Http404
    return found


def may(request: HttpRequest, act: str, profile: LocaleProfile) -> bool:
    """Say whether the user may act on the versions of a profile."""
    return _allows(request, act, profile.tenant_id)


def _allows(request: HttpRequest, act: str, tenant_id: int) -> bool:
    return access.access_of(request.user).allows(model=MODEL, act=act, tenant_id=tenant_id)
