"""The running answers of this process: one cancellable task per question, whoever is connected.

A message that may be only the beginning of a question is held for a moment; what comes meanwhile is read together with
it, and one answer stands for all of it.

An answer belongs to its conversation, not to the socket that asked: a lost connection changes nothing, and the stored
message is replayed on reconnect. Sockets on this process also hear the text while it is being written.
"""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError

from chatbot import services
from chatbot.answerer import Answerer
from chatbot.answering import events
from chatbot.answering.events import Answer, Delta, Turn
from chatbot.answering.utterance import ends_as_question
from chatbot.database import in_database
from chatbot.engine.errors import EngineError
from chatbot.models import Event
from chatbot.running_turn import RunningTurn
from chatbot.serving import NotServed, Serving, serving

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
RETRY_SECONDS = 0.2
DRAIN_SECONDS = 3.0
# However long the visitor types, a message is held for no more than so many times BURST_HOLD_MS.
LONGEST_HOLD = 6
LONGEST_BURST = 8


class Listener(Protocol):
    """A socket of this process that follows a conversation."""

    def delta(self, reply_to: int, delta: Delta) -> None:
        """Hear more text of the answer to event `reply_to`."""

    def event(self, event: Event) -> None:
        """Hear of a stored answer before the wake-up that every node gets."""


class Desk:
    """Starts, streams, stops and stores answers."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._answerer = Answerer(serving)
        self._turns: dict[uuid.UUID, list[RunningTurn]] = defaultdict(list)
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
        turn = RunningTurn(
            conversation_id=event.conversation_id,
            profile_id=profile_id,
            locale=event.lang,
            seqs=[event.seq],
            texts=[event.text],
            chosen_key=event.chosen_key,
        )
        queue = self._turns[turn.conversation_id]
        if any(turn.seq in other.seqs for other in queue):
            return
        before = queue[-1].task if queue else None
        queue.append(turn)
        self.stir(turn.conversation_id)
        turn.task = asyncio.create_task(
            self._run(turn, before), name=f"answer {turn.conversation_id} {turn.seq}"
        )

    def stir(self, conversation_id: uuid.UUID) -> None:
        """Hear that the visitor is at it: what is held for more is held a little longer."""
        for turn in self._turns.get(conversation_id, ()):
            turn.stirred.set()

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

    async def _run(self, turn: RunningTurn, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            if not turn.is_joined:
                await self._store(turn, await self._answer_or_stop(turn))
        finally:
            self._forget(turn)

    async def _answer_or_stop(self, turn: RunningTurn) -> Answer:
        """Return the answer, or what was shown of it when the visitor stopped it."""
        if not turn.stopped:
            turn.composing = asyncio.create_task(self._compose(turn))
            try:
                return await turn.composing
            except asyncio.CancelledError:
                if not turn.stopped:
                    raise
        return self._answerer.ending(turn, events.STOPPED, turn.shown)

    async def _compose(self, turn: RunningTurn) -> Answer:
        """Return the answer, or the persona's apology where it failed: every waiter gets a message."""
        try:
            turn.history = await self._history(turn)
            while True:
                is_complete = self._answerer.is_complete(turn)
                async with asyncio.timeout(settings.ANSWER_DEADLINE_SECONDS):
                    lease, decided = await self._answerer.decide(turn)
                # More from the visitor would hardly change this, so nobody has to wait for it.
                is_settled = decided.outcome == events.ANSWERED and is_complete
                if is_settled or not await self._has_more(turn):
                    break
            answer = await self._answerer.speak(turn, lease, decided, self._show)
        except (TimeoutError, EngineError, NotServed) as error:
            logger.warning("No answer for %s %d: %r", turn.conversation_id, turn.seq, error)
        except Exception:
            logger.exception("Answering %s %d failed", turn.conversation_id, turn.seq)
        else:
            return answer
        return self._answerer.ending(turn, events.FAILED)

    async def _history(self, turn: RunningTurn) -> tuple[Turn, ...]:
        """Return the exchanges before a turn; none where they cannot be read, for most questions need none."""
        if turn.seqs[0] == 1:
            return ()
        try:
            return await in_database(
                services.conversation_history, conversation_id=turn.conversation_id, before=turn.seqs[0]
            )
        except DatabaseError as error:
            logger.warning("The history of %s could not be read: %s", turn.conversation_id, error)
            return ()

    async def _has_more(self, turn: RunningTurn) -> bool:
        """Hold a turn for a moment, longer while the visitor types, and join the message that comes, if one does."""
        hold = settings.BURST_HOLD_MS / 1000
        if not hold:
            return False
        loop = asyncio.get_running_loop()
        now = loop.time()
        until, latest = now + hold, now + hold * LONGEST_HOLD
        while True:
            queue = self._turns[turn.conversation_id]
            following = next((other for other in queue if other.seqs[0] > turn.seq), None)
            if following is not None:
                return self._join(turn, following)
            turn.stirred.clear()
            try:
                async with asyncio.timeout_at(until):
                    await turn.stirred.wait()
            except TimeoutError:
                return False
            until = min(loop.time() + hold, latest)

    def _join(self, turn: RunningTurn, following: RunningTurn) -> bool:
        """Read a later message together with a turn, unless both are questions or the burst is long already."""
        if following.chosen_key or following.profile_id != turn.profile_id or len(turn.seqs) >= LONGEST_BURST:
            return False
        if ends_as_question(turn.texts[-1]) and ends_as_question(following.texts[0]):
            return False
        turn.seqs += following.seqs
        turn.texts += following.texts
        following.is_joined = True
        return True

    def _show(self, turn: RunningTurn, delta: Delta) -> None:
        """Let the sockets have more of an answer's text."""
        turn.shown += delta.text
        for listener in self._heard_by(turn):
            listener.delta(turn.seq, delta)

    async def _store(self, turn: RunningTurn, answer: Answer) -> None:
        """Store the answer, trying again while the database is away; a dying process leaves it to the sweep."""
        for attempt in range(1, 9):
            try:
                event = await in_database(
                    services.answer_post,
                    conversation_id=turn.conversation_id,
                    reply_to=turn.seq,
                    answer=answer,
                    joined=turn.seqs[:-1],
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
        await in_database(services.turns_release, conversation_id=turn.conversation_id, seqs=turn.seqs)

    def _heard_by(self, turn: RunningTurn) -> tuple[Listener, ...]:
        return tuple(self._listeners.get(turn.conversation_id, ()))

    def _forget(self, turn: RunningTurn) -> None:
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
