"""Computing the vectors of a whole FAQ in the background, and telling how far that is."""

from collections import defaultdict

import numpy as np
from django.db import connection
from django.utils import timezone

from chatbot import bulk_encoder, faq_texts, vectors, versions
from chatbot.models import VectorWork
from chatbot.vectors import StoredVector
from customers.models import LocaleProfile
from customers.services import FAQ_CHANNEL

ADOPT_TEXTS = 5_000


def compute(*, profile_id: int) -> None:
    """Embed every text of a profile's FAQ that has no vector yet, store them, and wake the nodes that wait for them.

    Vectors are kept as they are made, so a run that was cut short goes on where it stopped.
    """
    profile = LocaleProfile.objects.filter(pk=profile_id).first()
    if profile is None:
        return
    model = versions.live(profile_id=profile_id)
    version = bulk_encoder.key_of(model)
    faq = faq_texts.read(profile_id=profile_id, today=faq_texts.today_of(profile))
    wanted = faq.wanted()
    missing = wanted - vectors.stored_keys(profile_id=profile_id, version=version)
    entries = defaultdict[bytes, list[int]](list)
    for entry_id, digest in missing:
        entries[digest].append(entry_id)

    def tell(left: int, *, finished: bool = False) -> None:
        _tell(profile, version=version, done=len(wanted) - left, total=len(wanted), finished=finished)

    tell(len(missing))
    digests = _take_from_uploads(profile, version, entries)
    left = sum(len(entries[digest]) for digest in digests)
    tell(left)
    for places, made in bulk_encoder.embed([faq.texts[digest] for digest in digests], version=model):
        found = {digests[place]: vector for place, vector in zip(places, made, strict=True)}
        _save(version, entries, found)
        left -= sum(len(entries[digest]) for digest in found)
        tell(left)
    tell(0, finished=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [FAQ_CHANNEL, str(profile_id)])


def is_finished(*, profile_id: int, revision: int, version: str) -> bool:
    """Say whether the vectors of a revision are all there."""
    return VectorWork.objects.filter(
        profile_id=profile_id, revision__gte=revision, version=version, finished=True
    ).exists()


def tell_live(*, profile_id: int, revision: int) -> None:
    """Note that a node answers with a revision."""
    VectorWork.objects.get_or_create(profile_id=profile_id)
    VectorWork.objects.filter(profile_id=profile_id, live_revision__lt=revision).update(
        live_revision=revision
    )


def _take_from_uploads(profile: LocaleProfile, version: str, entries: dict[bytes, list[int]]) -> list[bytes]:
    """Store the vectors that were made when an upload was looked over; returns the texts that have none."""
    digests, left = list(entries), []
    for start in range(0, len(digests), ADOPT_TEXTS):
        piece = digests[start : start + ADOPT_TEXTS]
        known = vectors.load_for_uploads(tenant_id=profile.tenant_id, version=version, digests=piece)
        _save(version, entries, known)
        left += [digest for digest in piece if digest not in known]
    return left


def _save(version: str, entries: dict[bytes, list[int]], found: dict[bytes, np.ndarray]) -> None:
    vectors.save(
        version=version,
        vectors=[
            StoredVector(entry_id=entry_id, digest=digest, vector=vector)
            for digest, vector in found.items()
            for entry_id in entries[digest]
        ],
    )


def _tell(profile: LocaleProfile, *, version: str, done: int, total: int, finished: bool = False) -> None:
    VectorWork.objects.update_or_create(
        profile=profile,
        defaults={
            "revision": profile.faq_revision,
            "version": version,
            "done": done,
            "total": total,
            "finished": finished,
            "progress_at": timezone.now(),
        },
    )
