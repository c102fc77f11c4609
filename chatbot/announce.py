"""Waking the sockets of a conversation, on every node, from whichever thread a transaction commits on."""

import asyncio
import logging
import uuid
from concurrent.futures import Future

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)


class Announcer:
    """Sends wake-ups through the channel layer; in a server, without waiting for them to be sent."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def use(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Send from this running loop from now on (None: there is no server in this process)."""
        self._loop = loop

    def wake(self, conversation_id: uuid.UUID, seq: int) -> None:
        """Tell the conversation's sockets that its events go up to `seq` now."""
        layer = get_channel_layer()
        if layer is None:
            return
        group, message = group_of(conversation_id), {"type": "conversation.changed", "seq": seq}
        if self._loop is not None:
            # A database thread that waited for the event loop would be missing from the next question.
            asyncio.run_coroutine_threadsafe(layer.group_send(group, message), self._loop).add_done_callback(
                _log_failure
            )
        else:
            async_to_sync(layer.group_send)(group, message)


def group_of(conversation_id: uuid.UUID) -> str:
    """Return the channel-layer group that a conversation's sockets join."""
    return f"conversation.{conversation_id.hex}"


def _log_failure(sent: "Future[None]") -> None:
    # The record is in the table: a lost wake-up delays an event until the socket's next look.
    if not sent.cancelled() and (error := sent.exception()):
        logger.warning("A wake-up could not be sent: %r", error)


announcer = Announcer()
