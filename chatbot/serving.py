"""What this process answers with: the engine, and one bundle per locale profile, kept up to date.

A new bundle is built beside the old one and swapped in with one assignment, so a running answer never sees it happen;
`refresher` says when to look.
"""

import datetime as dt
import logging
import secrets
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from chatbot import exams, faq_texts, index_builder, pauses, tasks, vector_work
from chatbot.answering.composition.writer import Writer
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.encoding import start_engine
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.errors import EngineFailed, EngineStopped
from chatbot.engine.index import Index
from chatbot.engine.runtime import Engine
from chatbot.generation import generation
from chatbot.index_apart import IndexApart
from chatbot.index_builder import Built, Order
from chatbot.live_models import LiveModels, Model
from chatbot.refresher import Refresher
from chatbot.writing import writer_with
from customers.manners import manners_of
from customers.models import LocaleProfile

logger = logging.getLogger(__name__)

# What an edit brings is embedded here, within a second; more is the worker's. A node that starts does more itself, so
# that a new installation answers at once.
EDIT_TEXTS = 64
START_TEXTS = 2_000
ASK_AGAIN_SECONDS = 60.0
NO_REVISION = -1


class NotServed(Exception):
    """The profile is unknown, inactive, or not loaded yet."""


class Serving:
    """The engine and the bundles of one process."""

    def __init__(self) -> None:
        self.node = secrets.randbelow(2**31 - 1) + 1
        self.engine: Engine | None = None
        self.detector: Detector | None = None
        self._apart: IndexApart | None = None
        self._models: LiveModels | None = None
        self._bundles: dict[int, Bundle] = {}
        self._tenants: dict[int, int] = {}
        self._days: dict[int, dt.date] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._refresher = Refresher(
            node=self.node, refresh=self.refresh_changed, is_building=self._is_building, look=self._look
        )
        # One refresh at a time: the refresher and a caller that cannot wait for it.
        self._refreshing = threading.Lock()

    def start(self, *, listen: bool = True) -> None:
        """Load the model and every active profile; then keep them fresh. Raises WeightsError."""
        self.engine, folder = start_engine()
        self.detector = Detector()
        if listen:
            pauses.take_short_turns()
            self.use_apart(folder)
            self._refresher.start()
            # The node's lock must be held before the first message is claimed in its name.
            self._refresher.has_refreshed.wait(timeout=30)
            pauses.look_past_what_stays()
            generation.start(after=self._refresher.has_refreshed)

    def load_generator(self) -> None:
        """Load the generator now where a served profile may use it: for what answers once and ends."""
        generation.start()
        generation.wait()

    def use_apart(self, folder: Path) -> None:
        """Have large indexes built in a process of their own, with the tokenizer of a model folder."""
        engine = self.running_engine()
        self._apart = IndexApart(
            tokenizer=folder / "tokenizer.json", max_tokens=engine.encoder.max_tokens, embed=self._embed
        )

    def stop(self) -> None:
        """End the refresher and the engine; what waits fails with EngineStopped."""
        self._refresher.stop()
        generation.stop()
        if self.engine is not None:
            self.engine.stop()
        self._refresher.join()
        if self._apart is not None:
            self._apart.stop()

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

    def writer_for(self, bundle: Bundle) -> Writer | None:
        """Return who writes freely for a bundle's profile; None while the generator is loaded, and without one.

        Raises GeneratorBusy where it has too much to do.
        """
        generator = generation.speaking(bundle.adapter) if bundle.may_generate else None
        if generator is None:
            return None
        generator.check_has_room()
        return writer_with(generator, detector=self.running_detector())

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

    def _running_models(self) -> LiveModels:
        if self._models is None:
            self._models = LiveModels(self.running_engine())
        return self._models

    def is_ready(self) -> bool:
        """Say whether the model is loaded and the FAQs have been read once."""
        return (
            self.engine is not None
            and self._refresher.has_refreshed.is_set()
            and not self._refresher.is_stopping
        )

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
            if self._apart is not None:
                self._apart.forget(all_but=profiles.keys())
            models = self._running_models()
            models.refresh(profiles.keys())
            for profile in profiles.values():
                today, model = faq_texts.today_of(profile), models.of(profile.pk)
                if not self._is_fresh(profile, today, model):
                    self._refresh(profile, today, model)

    def _is_fresh(self, profile: LocaleProfile, today: dt.date, model: Model) -> bool:
        """Say whether what is served is of the profile's revision, of this day and of the model that is live."""
        built = self._bundles.get(profile.pk)
        if built is None or self._days[profile.pk] != today:
            return False
        return built.revision == profile.faq_revision and built.version == model.name

    def _refresh(self, profile: LocaleProfile, today: dt.date, model: Model) -> None:
        """Bring one profile up to date, or leave its vectors to the worker and serve what there was until then."""
        if self._is_waiting(profile, today, model):
            return
        before = self._bundles.get(profile.pk)
        built = self._built(profile, today, model)
        if built is not None and built.order.version != model.upper.name:
            built = None  # another version went live while it was built; the next look orders it again
        if built is not None and built.index is not None:
            self._bundles[profile.pk] = self._bundle(
                profile, built.index, built.order.revision if built.is_whole else NO_REVISION, model
            )
        elif before is not None:
            self._bundles[profile.pk] = replace(before, manners=manners_of(profile))
        if built is None:
            return
        if built.is_whole:
            self._waiting.pop(profile.pk, None)
            self._days[profile.pk] = built.order.today
            if self._refresher.is_running:
                vector_work.tell_live(profile_id=profile.pk, revision=built.order.revision)
        else:
            self._ask_worker(profile, today, model)
            self._days.setdefault(profile.pk, today)

    def _is_waiting(self, profile: LocaleProfile, today: dt.date, model: Model) -> bool:
        """Say whether the worker still has this revision's vectors to make; ask it again after a while."""
        waiting = self._waiting.get(profile.pk)
        if waiting is None or waiting.of != (profile.faq_revision, today, model.upper.name):
            return False
        if vector_work.is_finished(
            profile_id=profile.pk, revision=profile.faq_revision, version=model.upper.name
        ):
            return False
        if time.monotonic() - waiting.asked_at > ASK_AGAIN_SECONDS:
            self._ask_worker(profile, today, model)
        return True

    def _ask_worker(self, profile: LocaleProfile, today: dt.date, model: Model) -> None:
        tasks.defer_vectors(profile.pk)
        self._waiting[profile.pk] = _Waiting(
            of=(profile.faq_revision, today, model.upper.name), asked_at=time.monotonic()
        )

    # ---------------------------------------------------------------- building one bundle

    def _built(self, profile: LocaleProfile, today: dt.date, model: Model) -> Built | None:
        """Build a profile's index, or a large one apart: then it comes with a later call, and None until then."""
        engine = self.running_engine()
        before = self._bundles.get(profile.pk)
        order = Order(
            profile_id=profile.pk,
            revision=profile.faq_revision,
            today=today,
            version=model.upper.name,
            dim=engine.encoder.dim,
            synonyms=profile.synonyms,
            patience=self._patience(),
            may_be_partial=before is None,
        )
        if self._apart is not None and index_builder.is_large(profile_id=profile.pk):
            if before is not None and index_builder.is_far_off(order):
                return Built(order=order, index=None, is_whole=False)
            return self._apart.take(order, served=NO_REVISION if before is None else before.revision)
        with pauses.held_off():
            return index_builder.build(
                order, tokenize=engine.tokens, embed=lambda texts, kind: self._embed(order, texts, kind)
            )

    def _bundle(self, profile: LocaleProfile, index: Index, revision: int, model: Model) -> Bundle:
        may_generate = exams.may_generate(profile, adapter=model.adapter)
        if may_generate:
            generation.want()
        return Bundle(
            profile_id=profile.pk,
            revision=revision,
            version=model.name,
            upper=model.upper,
            index=index,
            ranker=Ranker.allowing(profile.max_wrong_percent, weights=model.weights),
            manners=manners_of(profile),
            may_generate=may_generate,
            adapter=model.adapter,
        )

    def _embed(self, order: Order, texts: list[str], kind: Kind) -> Vectors:
        """Return the unit vectors [texts, dim] for an order, made behind the visitors' questions."""
        upper = self._running_models().of(order.profile_id).upper
        if upper.name != order.version:
            raise EngineFailed(f"{order.version} is not live any more.")
        made = self.running_engine().embed_bulk(texts, kind, upper=upper).result()
        logger.info("Profile %d: %d texts embedded", order.profile_id, len(texts))
        return made

    def _is_building(self) -> bool:
        return self._apart is not None and self._apart.is_busy()

    def _look(self) -> bool:
        """Give the process that builds an index what it asks for, and say whether it has ended."""
        return self._apart is not None and self._apart.look()

    def _patience(self) -> float:
        """Return how many texts of a profile this process embeds itself: a command all of them, a node few."""
        if not self._refresher.is_running:
            return float("inf")
        return EDIT_TEXTS if self._refresher.has_refreshed.is_set() else START_TEXTS


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """What the worker was asked for, and when (`time.monotonic`)."""

    of: tuple[int, dt.date, str]
    asked_at: float


serving = Serving()
