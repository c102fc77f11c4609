"""What this process answers with: the engine, and one bundle per locale profile, kept up to date.

A refresher thread listens for announcements on Postgres and polls the profiles' revisions; it builds a new bundle
beside the old one and swaps it in with one assignment, so a running answer never sees it happen.
"""

import datetime as dt
import logging
import secrets
import threading
import zoneinfo
from collections.abc import Iterable

import numpy as np
import psycopg
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection
from django.db.models import Prefetch, Q
from django.utils import timezone

from chatbot import vectors
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import index_texts, make_index, text_digest
from chatbot.engine import weights
from chatbot.engine.encoder import Kind, Vectors
from chatbot.engine.errors import EngineStopped
from chatbot.engine.index import Entry
from chatbot.engine.runtime import Engine
from chatbot.services import NODE_LOCK
from chatbot.vectors import StoredVector
from customers.culture import Manners
from customers.models import FaqEntry, FaqQuestion, LocaleProfile
from customers.services import FAQ_CHANNEL

logger = logging.getLogger(__name__)

BULK_TEXTS = 512
RECONNECT_SECONDS = 1.0


class NotServed(Exception):
    """The profile is unknown, inactive, or not loaded yet."""


class Serving:
    """The engine and the bundles of one process."""

    def __init__(self) -> None:
        self.node = secrets.randbelow(2**31 - 1) + 1
        self.engine: Engine | None = None
        self._bundles: dict[int, Bundle] = {}
        self._days: dict[int, dt.date] = {}
        self._stopping = threading.Event()
        self._listening = threading.Event()
        self._refresher = threading.Thread(target=self._refresh_forever, name="refresher", daemon=True)
        # One refresh at a time: the refresher and a caller that cannot wait for it.
        self._refreshing = threading.Lock()

    def start(self, *, listen: bool = True) -> None:
        """Load the model and every active profile; then keep them fresh. Raises WeightsError."""
        folder = weights.prepare(
            settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
        )
        self.engine = Engine(
            folder,
            precision=settings.ENCODER_PRECISION,
            threads=settings.ENCODER_THREADS,
            batch_tokens=settings.ENCODER_BATCH_TOKENS,
            queue_texts=settings.ENCODER_QUEUE_TEXTS,
            cache_entries=settings.QUERY_CACHE_ENTRIES,
        )
        self.engine.start()
        logger.info(
            "Encoder %s on %s, %s, %d threads",
            self.engine.version,
            self.engine.encoder.device,
            self.engine.encoder.precision,
            self.engine.encoder.threads,
        )
        if listen:
            self._refresher.start()
            # The node's lock must be held before the first message is claimed in its name.
            self._listening.wait(timeout=30)

    def stop(self) -> None:
        """End the refresher and the engine; what waits fails with EngineStopped."""
        self._stopping.set()
        if self.engine is not None:
            self.engine.stop()
        if self._refresher.is_alive():
            self._refresher.join(timeout=10)

    def bundle(self, profile_id: int) -> Bundle:
        """Lease the profile's current bundle. Raises NotServed."""
        try:
            return self._bundles[profile_id]
        except KeyError:
            raise NotServed(f"Locale profile {profile_id} is not served.") from None

    def running_engine(self) -> Engine:
        """Return the engine. Raises EngineStopped before `start`."""
        if self.engine is None:
            raise EngineStopped("The engine has not started.")
        return self.engine

    def is_ready(self) -> bool:
        """Say whether the model is loaded and the FAQs have been read once."""
        return self.engine is not None and self._listening.is_set() and not self._stopping.is_set()

    # ---------------------------------------------------------------- keeping fresh

    def refresh_changed(self, *, only: int | None = None) -> None:
        """Rebuild the bundles of profiles that changed since they were built, and drop retired ones.

        With `only`, nothing but that profile is served: what a command for one locale needs.
        """
        with self._refreshing:
            active = LocaleProfile.objects.filter(is_active=True, tenant__is_active=True)
            active = active if only is None else active.filter(pk=only)
            profiles = {profile.pk: profile for profile in active.select_related("tenant")}
            for gone in self._bundles.keys() - profiles.keys():
                del self._bundles[gone]
            for profile in profiles.values():
                today = timezone.now().astimezone(zoneinfo.ZoneInfo(profile.time_zone)).date()
                built = self._bundles.get(profile.pk)
                if built is None or built.revision != profile.faq_revision or self._days[profile.pk] != today:
                    self._bundles[profile.pk] = self._build(profile, today)
                    self._days[profile.pk] = today

    def _refresh_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.OperationalError, OperationalError) as error:
                logger.warning("Postgres is out of reach, trying again: %s", error)
                self._stopping.wait(RECONNECT_SECONDS)
            except EngineStopped:
                return
            except Exception:
                logger.exception("Refreshing failed; the bundles of before keep answering")
                self._stopping.wait(RECONNECT_SECONDS)
            finally:
                close_old_connections()
        connection.close()

    def _listen(self) -> None:
        """Hold the node's lock and refresh on every announcement, and every few seconds without one."""
        at = connection.settings_dict
        with psycopg.connect(
            dbname=at["NAME"],
            user=at["USER"],
            password=at["PASSWORD"],
            host=at["HOST"],
            port=at["PORT"] or None,
            autocommit=True,
        ) as listener:
            listener.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK, self.node])
            listener.execute(f"LISTEN {FAQ_CHANNEL}")
            while not self._stopping.is_set():
                # Listening began before this read, so a change that it misses is announced after it.
                self.refresh_changed()
                self._listening.set()
                self._wait(listener)

    def _wait(self, listener: psycopg.Connection) -> None:
        """Return at the first announcement, when it is time to poll, or when stopping."""
        for _ in range(settings.FAQ_POLL_SECONDS * 2):
            if self._stopping.is_set() or any(True for _ in listener.notifies(timeout=0.5, stop_after=1)):
                return

    # ---------------------------------------------------------------- building one bundle

    def _build(self, profile: LocaleProfile, today: dt.date) -> Bundle:
        """Read a profile's FAQ, embed what has no vector yet, and index it."""
        assert self.engine is not None
        rows = self._entries(profile, today)
        entries = [_entry(row) for row in rows]
        texts = [(row.pk, *index_texts(entry)) for row, entry in zip(rows, entries, strict=True)]
        wanted: dict[tuple[int, bytes], tuple[Kind, str]] = {}
        for row_id, questions, passage in texts:
            wanted[row_id, text_digest("passage", passage)] = ("passage", passage)
            for question in questions:
                wanted[row_id, text_digest("query", question)] = ("query", question)
        found = self._vectors(profile, wanted)
        dim = self.engine.encoder.dim
        index = make_index(
            entries,
            questions=_stack([found[i, text_digest("query", q)] for i, qs, _ in texts for q in qs], dim),
            passages=_stack([found[i, text_digest("passage", passage)] for i, _, passage in texts], dim),
            tokenize=self.engine.tokens,
        )
        return Bundle(
            profile_id=profile.pk,
            revision=profile.faq_revision,
            version=self.engine.version,
            index=index,
            ranker=Ranker(),
            manners=manners_of(profile),
        )

    def _entries(self, profile: LocaleProfile, today: dt.date) -> list[FaqEntry]:
        """Return the entries that answer today, with their questions."""
        valid = Q(valid_from=None) | Q(valid_from__lte=today), Q(valid_until=None) | Q(valid_until__gte=today)
        questions = Prefetch("questions", FaqQuestion.objects.order_by("position"))
        rows = FaqEntry.objects.filter(*valid, profile=profile, is_active=True).prefetch_related(questions)
        return [row for row in rows.order_by("pk") if row.questions.all()]

    def _vectors(
        self, profile: LocaleProfile, wanted: dict[tuple[int, bytes], tuple[Kind, str]]
    ) -> dict[tuple[int, bytes], Vectors]:
        """Return the vectors [dim] of the wanted texts: the stored ones, and new ones, which are stored."""
        assert self.engine is not None
        stored, stale = vectors.load(profile_id=profile.pk, version=self.engine.version, known=set(wanted))
        found = {(row.entry_id, row.digest): row.vector for row in stored}
        missing = [key for key in wanted if key not in found]
        for kind in ("query", "passage"):
            keys = [key for key in missing if wanted[key][0] == kind]
            for start in range(0, len(keys), BULK_TEXTS):
                piece = keys[start : start + BULK_TEXTS]
                made = self.engine.embed_bulk([wanted[key][1] for key in piece], kind).result()
                new = [
                    StoredVector(entry_id=key[0], digest=key[1], vector=vector)
                    for key, vector in zip(piece, made, strict=True)
                ]
                vectors.save(version=self.engine.version, vectors=new)
                found |= {(row.entry_id, row.digest): row.vector for row in new}
        if stale:
            vectors.prune(ids=stale)
        if missing:
            logger.info("%s: %d texts embedded, %d stored vectors dropped", profile, len(missing), len(stale))
        return found


def manners_of(profile: LocaleProfile) -> Manners:
    """Return the snapshot of a profile that answers are composed with."""
    return Manners(
        locale=profile.locale,
        brand=profile.brand,
        persona_name=profile.persona_name,
        persona_role=profile.persona_role,
        time_zone=profile.time_zone,
        phrases=dict(profile.phrases),
        greetings=dict(profile.greetings),
        suggestions=tuple(profile.suggestions),
    )


def _entry(row: FaqEntry) -> Entry:
    return Entry(
        key=row.key,
        questions=tuple(question.text for question in row.questions.all()),
        answer=row.answer,
        category=row.category,
        follow_ups=tuple(row.follow_ups),
    )


def _stack(rows: Iterable[Vectors], dim: int) -> Vectors:
    """Stack vectors into [rows, dim], also when there are none."""
    found = list(rows)
    return np.stack(found) if found else np.zeros((0, dim), np.float32)


serving = Serving()
