"""Chats that go on at a steady rate while something else is measured, in a thread of the measuring process."""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatbot.bench.chat_client import Visitor, connected

SOCKETS = 10
CONNECT_SECONDS = 30.0


class SteadyLoad:
    """Questions sent on a fixed clock until `stop`, whether or not earlier ones are answered."""

    def __init__(self, *, port: int, path: str, questions: Sequence[str], rate: float) -> None:
        self._port, self._path, self._questions, self._rate = port, path, questions, rate
        self._visitors: list[Visitor] = []
        self._ready, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask()), name="steady-load")

    def start(self) -> None:
        """Connect, and begin to ask. Raises RuntimeError where the server accepts no sockets."""
        self._thread.start()
        if not self._ready.wait(CONNECT_SECONDS):
            self.stop()
            raise RuntimeError(f"The server on port {self._port} accepted no sockets.")

    def stop(self) -> None:
        """Ask nothing more."""
        self._stopping.set()
        self._thread.join()

    def latencies(self, start: float, end: float) -> list[float]:
        """Return the latencies in ms of the answered questions that were asked from `start` until `end`."""
        return [
            latency
            for visitor in self._visitors
            for asked_at, latency in zip(visitor.asked_at, visitor.latencies, strict=False)
            if start <= asked_at < end
        ]

    @property
    def unanswered(self) -> int:
        """How many questions have had no answer."""
        return sum(len(visitor.sent_at) - len(visitor.latencies) for visitor in self._visitors)

    async def _ask(self) -> None:
        self._visitors = await connected(port=self._port, path=self._path, sockets=SOCKETS)
        listeners = [asyncio.create_task(visitor.listen()) for visitor in self._visitors]
        self._ready.set()
        start = time.perf_counter()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, start + number / self._rate - time.perf_counter()))
            if self._stopping.is_set():
                break
            await self._visitors[number % SOCKETS].ask(self._questions[number % len(self._questions)])
        await asyncio.sleep(1.0)  # for the last answers
        for listener in listeners:
            listener.cancel()
        for visitor in self._visitors:
            await visitor.socket.close()


@contextmanager
def steady_load(*, port: int, path: str, questions: Sequence[str], rate: float) -> Iterator[SteadyLoad]:
    """Ask for as long as the block lasts."""
    load = SteadyLoad(port=port, path=path, questions=questions, rate=rate)
    load.start()
    try:
        yield load
    finally:
        load.stop()
