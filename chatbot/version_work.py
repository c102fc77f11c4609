"""Making a version live in the background: first the vectors of the whole FAQ, then the one change that counts."""

from dataclasses import dataclass

from django.db import transaction

from chatbot import bulk_encoder, faq_texts, vectors, version_adapters, versions
from chatbot.engine.errors import WeightsError
from chatbot.faq_texts import FaqTexts
from chatbot.models import ModelVersion, VersionChange
from chatbot.vectors import StoredVector
from customers.models import LocaleProfile

# So many texts are embedded while nobody can edit the FAQ, so that a busy editor cannot put a change off for ever.
LAST_TEXTS = 64


class NotWaiting(Exception):
    """The change was made or given up elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to go live: the version (None: the shipped model), and the name its vectors are stored under."""

    change_id: int
    version: ModelVersion | None
    key: str


def make_live(*, change_id: int) -> None:
    """Compute what vectors the change's version lacks, and make it live; what was made is kept if this is cut short.

    Raises WeightsError where the shared encoder cannot be loaded.
    """
    waiting = VersionChange.objects.filter(pk=change_id, state=VersionChange.State.WAITING)
    change = waiting.select_related("version").first()
    if change is None:
        return
    failure = _failure_of(change)
    if failure is not None:
        versions.change_fail(change_id=change_id, failure=failure)
        return
    key = bulk_encoder.key_of(change.version)
    target = Target(change_id=change_id, version=change.version, key=key)
    # What is off topic is made ahead, so that the nodes here need not when the version goes live.
    bulk_encoder.off_topic(change.version)
    try:
        while not _is_made(change, target):
            pass
    except NotWaiting:
        return


def _failure_of(change: VersionChange) -> versions.Failure | None:
    """Say why a change's version cannot be served, or None."""
    version = change.version
    if version is None:
        return None
    if version.profile_id != change.profile_id:
        return versions.Failure.ERROR
    if version.base != bulk_encoder.encoder().version:
        return versions.Failure.OTHER_ENCODER
    try:
        versions.load(version=version)
        version_adapters.load(version)
    except WeightsError:
        return versions.Failure.DAMAGED
    return None


def _is_made(change: VersionChange, target: Target) -> bool:
    """Compute the vectors of the FAQ as it is, and make the version live if it still is so afterwards."""
    profile = LocaleProfile.objects.get(pk=change.profile_id)
    before = _state_of(profile)
    faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
    _embed(target, profile, faq)
    with transaction.atomic():
        # Everybody who edits the FAQ needs this lock before the edit can be seen.
        profile = LocaleProfile.objects.select_for_update().get(pk=profile.pk)
        if _state_of(profile) != before:
            faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
        if len(_missing(target, profile, faq)) > LAST_TEXTS:
            return False
        _embed(target, profile, faq)
        if _missing(target, profile, faq):
            return False
        versions.change_finish(change=change)
    return True


def _state_of(profile: LocaleProfile) -> tuple[object, ...]:
    """Return what the texts of a profile's FAQ depend on."""
    return profile.faq_revision, faq_texts.today_of(profile)


def _missing(target: Target, profile: LocaleProfile, faq: FaqTexts) -> set[tuple[int, bytes]]:
    return faq.wanted() - vectors.stored_keys(profile_id=profile.pk, version=target.key)


def _embed(target: Target, profile: LocaleProfile, faq: FaqTexts) -> None:
    """Embed and store what lacks a vector, telling how far that is. Raises NotWaiting."""
    missing = _missing(target, profile, faq)
    total, left = len(faq.wanted()), len(missing)
    _tell(target, done=total - left, total=total)
    if not missing:
        return
    entries: dict[bytes, list[int]] = {}
    for entry_id, digest in sorted(missing):
        entries.setdefault(digest, []).append(entry_id)
    digests = list(entries)
    texts = [faq.texts[digest] for digest in digests]
    for places, made in bulk_encoder.embed(texts, version=target.version):
        found = [
            StoredVector(entry_id=entry_id, digest=digests[place], vector=vector)
            for place, vector in zip(places, made, strict=True)
            for entry_id in entries[digests[place]]
        ]
        vectors.save(version=target.key, vectors=found)
        left -= len(found)
        _tell(target, done=total - left, total=total)


def _tell(target: Target, *, done: int, total: int) -> None:
    if not versions.change_tell(change_id=target.change_id, done=done, total=total):
        raise NotWaiting
