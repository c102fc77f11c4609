"""A chat client for tests: PROTOCOL over a real WebSocket, nothing hidden."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

FRAME_SECONDS = 60.0


class Chat:
    """One socket; `frames` keeps everything received, `conversation` is the one that was opened."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.conversation = ""

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        frame = json.loads(await asyncio.wait_for(self.socket.recv(), FRAME_SECONDS))
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the next frame of this type whose fields match."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame

    async def hello(self, *, token: str | None = None, last_seq: int = 0) -> dict[str, Any]:
        """Open or resume; returns the welcome."""
        await self.send(type="hello", version=1, token=token, last_seq=last_seq)
        welcome = await self.until("welcome")
        self.conversation = welcome["conversation"]
        return welcome

    async def say(self, text: str, *, client_id: str | None = None) -> str:
        """Send a question; returns its client id."""
        client_id = client_id or str(uuid.uuid4())
        await self.send(type="message", client_id=client_id, text=text)
        return client_id

    async def ask(self, text: str) -> dict[str, Any]:
        """Send a question; returns the stored answer."""
        client_id = await self.say(text)
        mine = await self.until("message", role="visitor", client_id=client_id)
        return await self.until("message", role="bot", reply_to=mine["seq"])

    def durable(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "seq" in frame]


@asynccontextmanager
async def chat(
    port: int, *, tenant: str = "demo", locale: str = "en-US", **headers: str
) -> AsyncIterator[Chat]:
    """Connect as a browser on the site itself would."""
    origin = headers.pop("origin", f"http://127.0.0.1:{port}")
    async with connect(
        f"ws://127.0.0.1:{port}/ws/chat/{tenant}/{locale}/",
        origin=Origin(origin) if origin else None,
        additional_headers=headers,
        max_size=2**22,
    ) as socket:
        yield Chat(socket)
