"""A bounded load of chat questions against a server on this machine, in a process of its own.

Open loop: questions are sent on a fixed clock whether or not earlier ones are answered, so a slow server cannot slow
the measurement down ("coordinated omission").
"""

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from chatbot.bench.figures import percentile

ANSWER_SECONDS_MAX = 20.0
VERBATIM = "verbatim"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run found: latencies in ms from frame sent to stored answer received, those of every level apart.

    `levels` says how many there were of each; `p50_ms`, `p99_ms` and `max_ms` are of those shown as approved.
    """

    rate: float
    sent: int
    answered: int
    levels: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    p50_ms_composed: float | None
    p99_ms_composed: float | None


class Visitor:
    """One socket, and the questions it waits for.

    `latencies` are in ms, in the order of the answers; `asked_at` says when each was asked (`time.perf_counter`).
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent_at: dict[str, float] = {}
        self.client_of: dict[int, str] = {}
        self.latencies: list[float] = []
        self.asked_at: list[float] = []
        self.levels: list[str] = []
        self._done = asyncio.Condition()

    async def answered_all(self) -> None:
        """Wait until every question sent has its answer."""
        async with self._done:
            await self._done.wait_for(lambda: len(self.latencies) == len(self.sent_at))

    async def ask(self, text: str) -> None:
        """Send one question."""
        client_id = str(uuid.uuid4())
        self.sent_at[client_id] = time.perf_counter()
        await self.socket.send(json.dumps({"type": "message", "client_id": client_id, "text": text}))

    async def listen(self) -> None:
        """Note when each stored answer arrives."""
        async for raw in self.socket:
            now = time.perf_counter()
            frame = json.loads(raw)
            if frame["type"] != "message":
                continue
            if frame["role"] == "visitor":
                self.client_of[frame["seq"]] = frame["client_id"]
            elif frame["role"] == "bot" and frame["outcome"] != "failed":
                asked_at = self.sent_at[self.client_of[frame["reply_to"]]]
                self.latencies.append((now - asked_at) * 1000)
                self.asked_at.append(asked_at)
                self.levels.append(frame["composed"] or VERBATIM)
                async with self._done:
                    self._done.notify_all()


async def connected(*, port: int, path: str, sockets: int) -> list[Visitor]:
    """Return visitors who have each begun a conversation."""
    origin = f"http://127.0.0.1:{port}"
    visitors = []
    for _ in range(sockets):
        socket = await connect(f"ws://127.0.0.1:{port}{path}", origin=Origin(origin), ping_interval=None)
        await socket.send(json.dumps({"type": "hello", "version": 1, "token": None, "last_seq": 0}))
        visitors.append(Visitor(socket))
    return visitors


async def load(
    *, port: int, path: str, questions: list[str], rate: float, seconds: float, sockets: int
) -> Load:
    """Ask `rate` questions a second for some seconds over a number of sockets."""
    visitors = await connected(port=port, path=path, sockets=sockets)
    listeners = [asyncio.create_task(visitor.listen()) for visitor in visitors]
    await asyncio.sleep(0.5)
    start = time.perf_counter()
    count = int(rate * seconds)
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        await visitors[number % sockets].ask(questions[number % len(questions)])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await asyncio.gather(*(visitor.answered_all() for visitor in visitors))
    for listener in listeners:
        listener.cancel()
    for visitor in visitors:
        await visitor.socket.close()
    taken = [
        (level, latency)
        for visitor in visitors
        for level, latency in zip(visitor.levels, visitor.latencies, strict=True)
    ]
    approved = [latency for level, latency in taken if level == VERBATIM] or [float("inf")]
    composed = [latency for level, latency in taken if level != VERBATIM]
    return Load(
        rate=rate,
        sent=count,
        answered=len(taken),
        levels=dict(Counter(level for level, _ in taken)),
        p50_ms=round(percentile(approved, 0.5), 1),
        p99_ms=round(percentile(approved, 0.99), 1),
        max_ms=round(max(approved), 1),
        p50_ms_composed=round(percentile(composed, 0.5), 1) if composed else None,
        p99_ms_composed=round(percentile(composed, 0.99), 1) if composed else None,
    )


if __name__ == "__main__":
    # The load as JSON on standard input; the result as JSON on standard output.
    print(json.dumps(asdict(asyncio.run(load(**json.load(sys.stdin))))))
