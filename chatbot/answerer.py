"""What is said to a turn: found and put into words with what this process serves. Nothing here is stored or sent."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils import translation

from chatbot.answering import events, routing
from chatbot.answering.events import Answer, Composition, Delta
from chatbot.answering.pipeline import Bundle
from chatbot.answering.retrieve import prepare
from chatbot.answering.utterance import cues_for, understand
from chatbot.engine.errors import EngineOverloaded
from chatbot.running_turn import RunningTurn
from chatbot.serving import NotServed, Serving
from customers import culture
from customers.defaults import default_phrases

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The bundles that a question is answered with, kept to its end: the profile's and its tenant's others."""

    home: Bundle
    others: Sequence[Bundle]


class Answerer:
    """Answers turns with the models and the bundles of one process."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def is_complete(self, turn: RunningTurn) -> bool:
        """Say whether a turn's last message can be answered without waiting for more. Raises NotServed."""
        text = turn.texts[-1]
        known = self._serving.bundle(turn.profile_id).index.has_wording(prepare(text))
        cues = cues_for(culture.language_of(turn.locale))
        return bool(turn.chosen_key) or known or understand(text, cues).is_complete

    async def decide(self, turn: RunningTurn) -> tuple[Lease, Answer]:
        """Find what to say, and what it was found with; wait for a full engine queue until the deadline."""
        while True:
            lease = Lease(
                home=self._serving.bundle(turn.profile_id), others=self._serving.others(turn.profile_id)
            )
            try:
                decided = await routing.decide(
                    turn.question,
                    home=lease.home,
                    others=lease.others,
                    encoder=self._serving.running_engine(),
                    detector=self._serving.running_detector(),
                )
            except EngineOverloaded:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return lease, decided

    async def speak(
        self, turn: RunningTurn, lease: Lease, decided: Answer, show: Callable[[RunningTurn, Delta], None]
    ) -> Answer:
        """Put what was decided into words, showing them as they come; as approved where that fails or is late."""
        why = "deadline"
        try:
            async with (
                asyncio.timeout(settings.ANSWER_DEADLINE_SECONDS),
                aclosing(
                    routing.speak(
                        decided,
                        turn.question,
                        home=lease.home,
                        others=lease.others,
                        encoder=self._serving.running_engine(),
                        writer_for=self._serving.writer_for,
                    )
                ) as spoken,
            ):
                async for item in spoken:
                    if isinstance(item, Answer):
                        return item
                    show(turn, item)
        except TimeoutError:
            logger.warning(
                "The answer to %s %d is said as approved: too late", turn.conversation_id, turn.seq
            )
        except Exception:
            logger.exception("Wording the answer to %s %d failed", turn.conversation_id, turn.seq)
            why = "failed"
        return replace(decided, composition=Composition(level=events.VERBATIM, why=why))

    def ending(self, turn: RunningTurn, outcome: str, text: str = "") -> Answer:
        """Return the answer that stands for a stopped or failed one, in the persona's words."""
        phrase = "stopped" if outcome == events.STOPPED else "failed"
        try:
            bundle = self._serving.bundle(turn.profile_id)
        except NotServed:
            # The profile was switched off meanwhile; its visitor is told all the same, in its language.
            with translation.override(culture.django_language(turn.locale, dict(settings.LANGUAGES))):
                return Answer(
                    outcome=outcome, text=text or default_phrases()[phrase], lang=turn.locale, model=""
                )
        spoken = bundle.manners.phrase(phrase)
        return Answer(outcome=outcome, text=text or spoken, lang=bundle.manners.locale, model=bundle.version)
