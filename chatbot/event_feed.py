"""What a socket hears of its conversation: every durable event once and in order, and text while it is written."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from django.db import Error as DatabaseError

from chatbot.answering.events import Delta
from chatbot.database import in_database
from chatbot.models import Event
from chatbot.selectors import EVENTS_PER_READ, events_after

logger = logging.getLogger(__name__)

Frame = dict[str, object]


class EventFeed:
    """Sends one conversation's events to one socket; `sent_seq` is the number of the last one sent."""

    def __init__(
        self,
        conversation_id: uuid.UUID,
        *,
        sent_seq: int,
        frame: Callable[[Event], Frame],
        send: Callable[[Frame], Awaitable[None]],
    ) -> None:
        """`frame` writes an event as a frame, `send` sends one."""
        self.sent_seq = sent_seq
        self._conversation_id = conversation_id
        self._frame = frame
        self._send = send
        self._pumping = asyncio.Lock()
        self._outbox: asyncio.Queue[Frame | Event] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send what the desk says."""
        self._sender = asyncio.create_task(self._send_outbox())

    def stop(self) -> None:
        """Send nothing more of it."""
        if self._sender is not None:
            self._sender.cancel()

    # ---------------------------------------------------------------- heard from the desk

    def delta(self, reply_to: int, delta: Delta) -> None:
        """Hear more text of an answer."""
        self._outbox.put_nowait({"type": "delta", "reply_to": reply_to, "text": delta.text})

    def event(self, event: Event) -> None:
        """Hear of a stored answer."""
        self._outbox.put_nowait(event)

    async def _send_outbox(self) -> None:
        """Send what the desk says, in its order."""
        while True:
            item = await self._outbox.get()
            if not isinstance(item, Event):
                await self._send(item)
                continue
            try:
                await self.send_event(item)
            except DatabaseError:
                logger.exception("An answer could not be sent; the client asks again when it reconnects")

    # ---------------------------------------------------------------- read from the record

    async def send_event(self, event: Event) -> None:
        """Send an event that is at hand if it is the next one; otherwise read whatever came before it too."""
        async with self._pumping:
            if event.seq == self.sent_seq + 1:
                self.sent_seq = event.seq
                await self._send(self._frame(event))
        if event.seq > self.sent_seq:
            await self.pump()

    async def wake(self, seq: int) -> None:
        """Read what is new up to `seq` and beyond, unless it has been sent already."""
        if seq > self.sent_seq:
            try:
                await self.pump()
            except DatabaseError:
                logger.exception("New events could not be read; the client asks again when it reconnects")

    async def pump(self) -> None:
        """Send all events after the last one sent, in order and once."""
        async with self._pumping:
            while found := await in_database(events_after, self._conversation_id, self.sent_seq):
                for event in found:
                    self.sent_seq = event.seq
                    await self._send(self._frame(event))
                if len(found) < EVENTS_PER_READ:
                    return
