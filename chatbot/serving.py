"""What this process answers with: the engine, and one bundle per locale profile, kept up to date.

A refresher thread listens for announcements on Postgres and polls the profiles' revisions; it builds a new bundle
beside the old one and swaps it in with one assignment, so a running answer never sees it happen.
"""

import datetime as dt
import logging
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import psycopg
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection

from chatbot import faq_texts, pauses, tasks, vector_work, vectors
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import make_index
from chatbot.engine import weights
from chatbot.engine.arrays import Vectors
from chatbot.engine.errors import EngineStopped
from chatbot.engine.runtime import Engine
from chatbot.faq_texts import FaqTexts
from chatbot.services import NODE_LOCK
from chatbot.vectors import StoredVector
from customers.culture import Manners
from customers.models import LocaleProfile
from customers.services import FAQ_CHANNEL

logger = logging.getLogger(__name__)

BULK_TEXTS = 512
# What an edit brings is embedded here, within a second; more is the worker's. A node that starts does more itself, so
# that a new installation answers at once.
EDIT_TEXTS = 64
START_TEXTS = 2_000
ASK_AGAIN_SECONDS = 60.0
NO_REVISION = -1
RECONNECT_SECONDS = 1.0


class NotServed(Exception):
    """The profile is unknown, inactive, or not loaded yet."""


class Serving:
    """The engine and the bundles of one process."""

    def __init__(self) -> None:
        self.node = secrets.randbelow(2**31 - 1) + 1
        self.engine: Engine | None = None
        self.detector: Detector | None = None
        self._bundles: dict[int, Bundle] = {}
        self._tenants: dict[int, int] = {}
        self._days: dict[int, dt.date] = {}
        self._waiting: dict[int, _Waiting] = {}
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
        self.detector = Detector()
        logger.info(
            "Encoder %s on %s, %s, %d threads",
            self.engine.version,
            self.engine.encoder.device,
            self.engine.encoder.precision,
            self.engine.encoder.threads,
        )
        if listen:
            pauses.take_short_turns()
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

    def others(self, profile_id: int) -> tuple[Bundle, ...]:
        """Lease the bundles of the other locales of a profile's tenant."""
        tenant = self._tenants.get(profile_id)
        return tuple(
            bundle
            for other, bundle in self._bundles.copy().items()
            if other != profile_id and self._tenants.get(other) == tenant
        )

    def running_detector(self) -> Detector:
        """Return what tells languages apart. Raises EngineStopped before `start`."""
        if self.detector is None:
            raise EngineStopped("The engine has not started.")
        return self.detector

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

        With `only`, nothing but that profile's tenant is served: what a command for one locale needs.
        """
        with self._refreshing:
            active = LocaleProfile.objects.filter(is_active=True, tenant__is_active=True)
            active = active if only is None else active.filter(tenant__profiles=only)
            profiles = {profile.pk: profile for profile in active.select_related("tenant")}
            self._tenants = {profile.pk: profile.tenant_id for profile in profiles.values()}
            for gone in self._bundles.keys() - profiles.keys():
                del self._bundles[gone]
                self._waiting.pop(gone, None)
            for profile in profiles.values():
                today = faq_texts.today_of(profile)
                built = self._bundles.get(profile.pk)
                if built is None or built.revision != profile.faq_revision or self._days[profile.pk] != today:
                    self._refresh(profile, today)

    def _refresh(self, profile: LocaleProfile, today: dt.date) -> None:
        """Bring one profile up to date, or leave its vectors to the worker and serve what there was until then."""
        if self._is_waiting(profile, today):
            return
        with pauses.held_off():
            bundle = self._build(profile, today)
        if bundle is not None:
            self._waiting.pop(profile.pk, None)
            self._bundles[profile.pk] = bundle
            self._days[profile.pk] = today
            if self._refresher.is_alive():
                vector_work.tell_live(profile_id=profile.pk, revision=bundle.revision)
            return
        self._ask_worker(profile, today)
        before = self._bundles.get(profile.pk)
        self._days.setdefault(profile.pk, today)
        self._bundles[profile.pk] = (
            self._partial(profile, today) if before is None else replace(before, manners=manners_of(profile))
        )

    def _is_waiting(self, profile: LocaleProfile, today: dt.date) -> bool:
        """Say whether the worker still has this revision's vectors to make; ask it again after a while."""
        assert self.engine is not None
        waiting = self._waiting.get(profile.pk)
        if waiting is None or waiting.of != (profile.faq_revision, today):
            return False
        if vector_work.is_finished(
            profile_id=profile.pk, revision=profile.faq_revision, version=self.engine.version
        ):
            return False
        if time.monotonic() - waiting.asked_at > ASK_AGAIN_SECONDS:
            self._ask_worker(profile, today)
        return True

    def _ask_worker(self, profile: LocaleProfile, today: dt.date) -> None:
        tasks.defer_vectors(profile.pk)
        self._waiting[profile.pk] = _Waiting(of=(profile.faq_revision, today), asked_at=time.monotonic())

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
        # The site's own parameters, so that options such as sslmode hold here too.
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listener:
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

    def _build(self, profile: LocaleProfile, today: dt.date) -> Bundle | None:
        """Read a profile's FAQ, embed what has no vector yet, and index it; None where that is too much to wait for."""
        assert self.engine is not None
        faq = faq_texts.read(profile_id=profile.pk, today=today)
        known = vectors.stored_keys(profile_id=profile.pk, version=self.engine.version)
        wanted = faq.wanted()
        if len(wanted - known) > self._patience():
            return None
        self._embed(profile, faq, wanted - known)
        stored, stale = vectors.load(profile_id=profile.pk, version=self.engine.version, known=wanted)
        if stale:
            vectors.prune(ids=stale)
        found = {(row.entry_id, row.digest): row.vector for row in stored}
        if not wanted <= found.keys():
            return None  # an entry went while it was read; its announcement is on the way
        return self._bundle(profile, faq, found)

    def _partial(self, profile: LocaleProfile, today: dt.date) -> Bundle:
        """Return what a node serves that has just started, until the worker is done: the entries that have vectors."""
        assert self.engine is not None
        faq = faq_texts.read(profile_id=profile.pk, today=today)
        ready = faq.having(vectors.stored_keys(profile_id=profile.pk, version=self.engine.version))
        stored, _ = vectors.load(profile_id=profile.pk, version=self.engine.version, known=ready.wanted())
        found = {(row.entry_id, row.digest): row.vector for row in stored}
        return replace(self._bundle(profile, ready.having(set(found)), found), revision=NO_REVISION)

    def _bundle(
        self, profile: LocaleProfile, faq: FaqTexts, found: Mapping[tuple[int, bytes], Vectors]
    ) -> Bundle:
        """Index an FAQ whose vectors are all among the `found`."""
        assert self.engine is not None
        dim = self.engine.encoder.dim
        index = make_index(
            [it.entry for it in faq.entries],
            questions=_stack(
                [found[it.entry_id, digest] for it in faq.entries for digest in it.questions], dim
            ),
            passages=_stack([found[it.entry_id, it.passage] for it in faq.entries], dim),
            tokenize=self.engine.tokens,
            synonyms=profile.synonyms,
        )
        return Bundle(
            profile_id=profile.pk,
            revision=profile.faq_revision,
            version=self.engine.version,
            index=index,
            ranker=Ranker.allowing(profile.max_wrong_percent),
            manners=manners_of(profile),
        )

    def _patience(self) -> float:
        """Return how many texts of a profile this process embeds itself: a command all of them, a node few."""
        if not self._refresher.is_alive():
            return float("inf")
        return EDIT_TEXTS if self._listening.is_set() else START_TEXTS

    def _embed(self, profile: LocaleProfile, faq: FaqTexts, missing: set[tuple[int, bytes]]) -> None:
        """Embed and store the texts that have no vector yet."""
        assert self.engine is not None
        for kind in ("query", "passage"):
            keys = [key for key in sorted(missing) if faq.texts[key[1]][0] == kind]
            for start in range(0, len(keys), BULK_TEXTS):
                piece = keys[start : start + BULK_TEXTS]
                made = self.engine.embed_bulk([faq.texts[digest][1] for _, digest in piece], kind).result()
                new = [
                    StoredVector(entry_id=key[0], digest=key[1], vector=vector)
                    for key, vector in zip(piece, made, strict=True)
                ]
                vectors.save(version=self.engine.version, vectors=new)
        if missing:
            logger.info("%s: %d texts embedded", profile, len(missing))


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """What the worker was asked for, and when (`time.monotonic`)."""

    of: tuple[int, dt.date]
    asked_at: float


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
        foreign_answers=profile.foreign_answers,
        max_wrong_percent=profile.max_wrong_percent,
    )


def _stack(rows: Iterable[Vectors], dim: int) -> Vectors:
    """Stack vectors into [rows, dim], also when there are none."""
    found = list(rows)
    return np.stack(found) if found else np.zeros((0, dim), np.float32)


serving = Serving()
