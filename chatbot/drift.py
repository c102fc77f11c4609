"""How far a locale's FAQ has moved on since the version that answers was trained on it."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils import timezone

from chatbot import faq_texts, versions
from chatbot.answering import events
from chatbot.engine.index import Entry
from chatbot.models import Event, LiveVersion, ModelVersion, VersionSnapshot
from customers.models import LocaleProfile

# Of sha256, of an entry's key and of its content: one in 10^10 that any two of 100,000 keys are taken for one another.
HASH_BYTES = 8
# With so many of the entries changed, training again is advised.
SHARE_ADVISED = 0.1
# How far back conversations are compared.
DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Share:
    """Of so many questions, how many were declined."""

    of: int
    declined: int

    @property
    def value(self) -> float:
        return self.declined / self.of


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The FAQ's entries that answer today against those that a version learned; None is the model that Kefu ships.

    `declined_*`: of the questions in the days before and after it went live, None where there were none.
    """

    version: ModelVersion | None
    entries: int
    added: int
    changed: int
    removed: int
    enough: int = 0
    declined_before: Share | None = None
    declined_since: Share | None = None

    @property
    def changes(self) -> int:
        return self.added + self.changed + self.removed

    @property
    def share(self) -> float:
        """Return the changes as a share of the entries that were learned, at most 1."""
        learned = self.entries - self.added + self.removed
        return min(1.0, self.changes / max(learned, 1))

    @property
    def advises(self) -> bool:
        """Say whether there is enough new to train again."""
        return self.changes > 0 and (self.share >= SHARE_ADVISED or 0 < self.enough <= self.changes)


def drift_of(*, profile: LocaleProfile) -> Drift:
    """Compare a profile's FAQ with what its live version learned, and its questions before and since."""
    row = LiveVersion.objects.select_related("version").filter(profile=profile).first()
    version = row.version if row else None
    before, since = _declined(profile, row.changed_at) if row and version else (None, None)
    return _compare(profile, version, before=before, since=since)


def is_due(*, profile: LocaleProfile) -> bool:
    """Say whether enough has changed for the nightly training: since the live version, and since the newest one.

    The newest one too, as a version that the gate has refused would else be trained again every night.
    """
    if not profile.retrain_after:
        return False
    newest = ModelVersion.objects.filter(profile=profile, origin="").first()
    learned = {version.pk: version for version in (versions.live(profile_id=profile.pk), newest) if version}
    found = [_compare(profile, version) for version in learned.values() or [None]]
    return min(drift.changes for drift in found) >= profile.retrain_after


def snapshot_of(entries: Iterable[Entry]) -> bytes:
    """Return 16 bytes per entry: of which FAQ it is, and what it says."""
    return b"".join(
        _hash(entry.key) + _hash(json.dumps([entry.questions, entry.answer])) for entry in entries
    )


def _compare(
    profile: LocaleProfile,
    version: ModelVersion | None,
    *,
    before: Share | None = None,
    since: Share | None = None,
) -> Drift:
    row = VersionSnapshot.objects.filter(version=version).first() if version else None
    faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
    then = _by_key(bytes(row.entries) if row else b"")
    now = _by_key(snapshot_of(it.entry for it in faq.entries))
    return Drift(
        version=version,
        entries=len(now),
        added=len(now.keys() - then.keys()),
        changed=sum(then[key] != content for key, content in now.items() if key in then),
        removed=len(then.keys() - now.keys()),
        enough=profile.retrain_after,
        declined_before=before,
        declined_since=since,
    )


def _declined(profile: LocaleProfile, at: dt.datetime) -> tuple[Share | None, Share | None]:
    """Return how many questions were declined in as much time before a moment as after it, DAYS at most."""
    span = min(timezone.now() - at, dt.timedelta(days=DAYS))
    return _share(profile, at - span, at), _share(profile, at, at + span)


def _share(profile: LocaleProfile, begin: dt.datetime, end: dt.datetime) -> Share | None:
    told = (events.ANSWERED, events.CLARIFY, events.DECLINED)
    counts = Event.objects.filter(
        conversation__profile=profile, role=Event.Role.BOT, outcome__in=told, at__gte=begin, at__lt=end
    ).aggregate(of=Count("pk"), declined=Count("pk", filter=Q(outcome=events.DECLINED)))
    return Share(**counts) if counts["of"] else None


def _by_key(snapshot: bytes) -> dict[bytes, bytes]:
    size = 2 * HASH_BYTES
    pieces = (snapshot[start : start + size] for start in range(0, len(snapshot), size))
    return {piece[:HASH_BYTES]: piece[HASH_BYTES:] for piece in pieces}


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:HASH_BYTES]
