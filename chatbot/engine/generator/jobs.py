"""What is asked of the generator, and how its thread answers whoever waits on an event loop."""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatbot.engine.errors import GeneratorBusy, GeneratorError, GeneratorFailed, GeneratorLate
from chatbot.engine.generator.low_rank import Terms

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class End:
    """The last thing that a waiter hears: nothing more comes, or why."""

    error: GeneratorError | None = None


class Ear:
    """Where a job's results go: a queue of the event loop that waits. Safe to call from any thread; never raises."""

    def __init__(self) -> None:
        """Listen on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self.is_gone = False

    def tell(self, item: object) -> None:
        """Hand an item over. When nobody is there any more, `is_gone` says so from then on."""
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:  # the loop was closed
            self.is_gone = True

    async def hear(self) -> object:
        """Return the next item."""
        return await self._queue.get()


@dataclass(eq=False, kw_only=True)
class Job:
    """One prompt, and the tokens that follow it, with an adapter's `terms` if any.

    `deadline` and `begin_by` are a `time.monotonic()`: when it must have ended, and until when it may wait.
    """

    ids: list[int]
    ear: Ear
    deadline: float
    begin_by: float = math.inf
    terms: Terms | None = None
    made: int = 0

    @property
    def is_left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.ear.is_gone

    def fail(self, error: GeneratorError) -> None:
        """Tell the waiter that nothing more comes, and why."""
        self.ear.tell(End(error=error))

    def fail_if_late(self) -> bool:
        """Say whether the deadline has passed; if so the waiter hears of it."""
        if time.monotonic() < self.deadline:
            return False
        self.fail(GeneratorLate(f"The deadline passed after {self.made} tokens."))
        return True

    def fail_if_kept_waiting(self) -> bool:
        """Say whether a job that has not begun is given up; if so the waiter hears of it."""
        if self.fail_if_late():
            return True
        if time.monotonic() < self.begin_by:
            return False
        self.fail(GeneratorBusy("Others were written for as long as this might wait."))
        return True


@dataclass(eq=False, kw_only=True)
class Writing(Job):
    """Tokens to be written one after the other, each told as it comes."""

    max_tokens: int


@dataclass(eq=False, kw_only=True)
class Rating(Job):
    """Pairs [n] of tokens, of which the second are to be rated; told as a list of n mean log-probabilities."""

    pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
    found: list[float] = field(default_factory=list)


class Backend(Protocol):
    """What runs the model: one thread of its own that takes jobs."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def submit(self, job: Job) -> None:
        """Queue a job. Raises GeneratorBusy, GeneratorStopped."""

    def check_has_room(self, *, wait: float) -> None:
        """Raise GeneratorBusy where a reply would be refused that may wait for so many seconds."""

    def cancel(self, job: Job) -> None:
        """Forget a job that nobody waits for any more."""


def failure(error: BaseException, what: str) -> GeneratorFailed:
    """Log a failure of the model and return what its waiters hear, the cause chained."""
    logger.error("%s failed", what, exc_info=error)
    failed = GeneratorFailed(f"{what} failed: {type(error).__name__}.")
    failed.__cause__ = error
    return failed
