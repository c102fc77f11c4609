"""The running answers of this process: one cancellable task per question, whoever is connected.

An answer belongs to its conversation, not to the socket that asked: a lost connection changes nothing, and the stored
message is replayed on reconnect. Sockets on this process also hear the text while it is being written.
"""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError
from django.utils import translation

from chatbot import services
from chatbot.answering import events, pipeline
from chatbot.answering.events import Answer, Delta, Question
from chatbot.database import in_database
from chatbot.engine.errors import EngineError, EngineOverloaded
from chatbot.models import Event
from chatbot.serving import NotServed, Serving, serving
from customers import culture
from customers.defaults import default_phrases

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
RETRY_SECONDS = 0.2
DRAIN_SECONDS = 3.0


class Listener(Protocol):
    """A socket of this process that follows a conversation."""

    def delta(self, reply_to: int, delta: Delta) -> None:
        """Hear more text of the answer to event `reply_to`."""

    def event(self, event: Event) -> None:
        """Hear of a stored answer before the wake-up that every node gets."""


@dataclass(eq=False)
class _Turn:
    """One visitor message being answered."""

    conversation_id: uuid.UUID
    seq: int
    profile_id: int
    locale: str
    question: Question
    shown: str = ""
    stopped: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    composing: asyncio.Task[Answer] | None = field(default=None, repr=False)


class Desk:
    """Starts, streams, stops and stores answers."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._turns: dict[uuid.UUID, list[_Turn]] = defaultdict(list)
        self._listeners: dict[uuid.UUID, set[Listener]] = defaultdict(set)
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin answering messages that a node left unanswered when it died."""
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="turn sweeper")

    async def stop(self) -> None:
        """Let running answers finish for a moment; what is left is answered by the next node that looks."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        tasks = [turn.task for turns in self._turns.values() for turn in turns if turn.task]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()

    def answer(self, event: Event, *, profile_id: int) -> None:
        """Start answering a stored visitor message; messages of one conversation are answered in order."""
        turn = _Turn(
            conversation_id=event.conversation_id,
            seq=event.seq,
            profile_id=profile_id,
            locale=event.lang,
            question=Question(text=event.text, chosen_key=event.chosen_key),
        )
        queue = self._turns[turn.conversation_id]
        if any(other.seq == turn.seq for other in queue):
            return
        before = queue[-1].task if queue else None
        queue.append(turn)
        turn.task = asyncio.create_task(
            self._run(turn, before), name=f"answer {turn.conversation_id} {turn.seq}"
        )

    def stop_answers(self, conversation_id: uuid.UUID) -> None:
        """Stop the conversation's running answers; what was shown is stored and marked as stopped."""
        for turn in self._turns.get(conversation_id, ()):
            turn.stopped = True
            # Only this is cancelled: an answer that is complete is stored, and a queued one keeps its place.
            if turn.composing is not None:
                turn.composing.cancel()

    def listen(self, conversation_id: uuid.UUID, listener: Listener) -> Callable[[], None]:
        """Let a socket hear the conversation's answers as they are written; returns what ends that."""
        self._listeners[conversation_id].add(listener)

        def leave() -> None:
            self._listeners[conversation_id].discard(listener)
            if not self._listeners[conversation_id]:
                del self._listeners[conversation_id]

        return leave

    # ---------------------------------------------------------------- one turn

    async def _run(self, turn: _Turn, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await self._store(turn, await self._answer_or_stop(turn))
        finally:
            self._forget(turn)

    async def _answer_or_stop(self, turn: _Turn) -> Answer:
        """Return the answer, or what was shown of it when the visitor stopped it."""
        if not turn.stopped:
            turn.composing = asyncio.create_task(self._compose(turn))
            try:
                return await turn.composing
            except asyncio.CancelledError:
                if not turn.stopped:
                    raise
        return self._ending(turn, events.STOPPED, turn.shown)

    async def _compose(self, turn: _Turn) -> Answer:
        """Return the answer, or the persona's apology where it failed: every waiter gets a message."""
        try:
            async with asyncio.timeout(settings.ANSWER_DEADLINE_SECONDS):
                return await self._generate(turn)
        except (TimeoutError, EngineError, NotServed) as error:
            logger.warning("No answer for %s %d: %r", turn.conversation_id, turn.seq, error)
        except Exception:
            logger.exception("Answering %s %d failed", turn.conversation_id, turn.seq)
        return self._ending(turn, events.FAILED)

    async def _generate(self, turn: _Turn) -> Answer:
        """Run the pipeline, passing deltas on; a full engine queue is waited for until the deadline."""
        while True:
            bundle = self._serving.bundle(turn.profile_id)
            encoder = self._serving.running_engine()
            try:
                async for item in pipeline.answer(turn.question, bundle=bundle, encoder=encoder):
                    if isinstance(item, Answer):
                        return item
                    turn.shown += item.text
                    for listener in self._heard_by(turn):
                        listener.delta(turn.seq, item)
            except EngineOverloaded:
                await asyncio.sleep(RETRY_SECONDS)

    def _ending(self, turn: _Turn, outcome: str, text: str = "") -> Answer:
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

    async def _store(self, turn: _Turn, answer: Answer) -> None:
        """Store the answer, trying again while the database is away; a dying process leaves it to the sweep."""
        for attempt in range(1, 9):
            try:
                event = await in_database(
                    services.answer_post,
                    conversation_id=turn.conversation_id,
                    reply_to=turn.seq,
                    answer=answer,
                )
            except ObjectDoesNotExist:
                logger.info("Conversation %s was deleted before its answer was stored", turn.conversation_id)
                return
            except DatabaseError:
                logger.exception("Storing the answer to %s %d failed", turn.conversation_id, turn.seq)
                await asyncio.sleep(RETRY_SECONDS * 2**attempt)
            else:
                for listener in self._heard_by(turn):
                    listener.event(event)
                return
        await in_database(services.turn_release, conversation_id=turn.conversation_id, seq=turn.seq)

    def _heard_by(self, turn: _Turn) -> tuple[Listener, ...]:
        return tuple(self._listeners.get(turn.conversation_id, ()))

    def _forget(self, turn: _Turn) -> None:
        queue = self._turns[turn.conversation_id]
        queue.remove(turn)
        if not queue:
            del self._turns[turn.conversation_id]

    async def _sweep_forever(self) -> None:
        while True:
            try:
                for event in await in_database(services.turns_claim, node=self._serving.node):
                    self.answer(event, profile_id=event.conversation.profile_id)
            except DatabaseError as error:
                logger.warning("Looking for unanswered messages failed: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)


desk = Desk(serving)
