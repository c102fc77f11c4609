"""A desk whose engine can be paused and can fail, for the tests that answer without a model."""

import asyncio
import functools
import uuid
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from chatbot import services
from chatbot.answering.events import Delta
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.database import in_database
from chatbot.desk import Desk
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry, Index
from chatbot.engine.upper import Upper
from chatbot.models import Conversation, Event
from chatbot.serving import NotServed, Serving
from customers.models import LocaleProfile
from tests.chatbot.answering.bundles import manners

ENTRIES = [
    Entry(key="returns", questions=("returns",), answer="Thirty days. Free of charge."),
    Entry(key="shipping", questions=("shipping",), answer="Two days."),
    Entry(key="payment", questions=("payment",), answer="By card."),
]
VECTORS = np.eye(3, dtype=np.float32)


@functools.cache
def detector() -> Detector:
    return Detector()


class PausableEngine:
    """Knows the vectors of three questions; waits while paused; fails as told."""

    base = Upper(name="fake@1", layers=())

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        self.asked.append(text)
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        return VECTORS[[entry.key for entry in ENTRIES].index(text)]

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        return np.stack([await self.embed_query(text, upper=upper) for text in texts])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [[ord(text[0])] for text in texts]


class PausableServing:
    """Serves one profile with that engine."""

    node = 77

    def __init__(self, profile: LocaleProfile) -> None:
        self.engine = PausableEngine()
        self.served = True
        index = Index(
            ENTRIES,
            questions=VECTORS,
            passages=VECTORS,
            tokens=self.engine.tokens([entry.key for entry in ENTRIES]),
        )
        self._bundle = Bundle(
            profile_id=profile.pk,
            revision=1,
            version="fake@1",
            upper=Upper(name="fake@1", layers=()),
            index=index,
            ranker=Ranker(answer_from=0.0),
            manners=manners(profile.locale),
        )

    def running_engine(self) -> PausableEngine:
        return self.engine

    def writer_for(self, bundle: Bundle) -> None:
        return None

    def others(self, profile_id: int) -> tuple[Bundle, ...]:
        return ()

    def running_detector(self) -> Detector:
        return detector()

    def bundle(self, profile_id: int) -> Bundle:
        if not self.served or profile_id != self._bundle.profile_id:
            raise NotServed(str(profile_id))
        return self._bundle


class Ear:
    """Listens as a socket does."""

    def __init__(self) -> None:
        self.deltas: dict[int, str] = {}
        self.events: list[Event] = []

    def delta(self, reply_to: int, delta: Delta) -> None:
        self.deltas[reply_to] = self.deltas.get(reply_to, "") + delta.text

    def event(self, event: Event) -> None:
        self.events.append(event)


class Chat:
    """One conversation at a desk."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.serving = PausableServing(conversation.profile)
        self.engine = self.serving.engine
        self.desk = Desk(cast(Serving, self.serving))
        self.ear = Ear()
        self.leave = self.desk.listen(conversation.pk, self.ear)

    async def post(self, text: str, *, node: int = PausableServing.node) -> Event:
        posted = await in_database(
            services.message_post,
            conversation_id=self.conversation.pk,
            client_id=uuid.uuid4(),
            text=text,
            lang="en-US",
            node=node,
        )
        return posted.event

    async def ask(self, text: str) -> Event:
        event = await self.post(text)
        self.desk.answer(event, profile_id=self.conversation.profile_id)
        return event

    def stop(self) -> None:
        self.desk.stop_answers(self.conversation.pk)

    async def answers(self, count: int) -> list[Event]:
        """Wait for the stored answers, in the order of their numbers."""
        found: list[Event] = []
        async with asyncio.timeout(60):
            while len(found) < count or self.desk._turns:
                await asyncio.sleep(0.01)
                found = await in_database(self._stored)
        assert len(found) == count
        return found

    def _stored(self) -> list[Event]:
        return list(Event.objects.filter(conversation=self.conversation, role="bot").order_by("seq"))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)
