"""A trap put to a candidate, and its reply marked."""

import time
from dataclasses import dataclass
from typing import Protocol

from chatbot.answering.events import GENERATED, Composition
from chatbot.exam.grading import Mark, mark
from chatbot.exam.trap import Trap


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a candidate showed: its text (Markdown), and how that was composed.

    `declined`: the text is the phrase for not knowing, or there is none.
    """

    text: str
    composition: Composition
    declined: bool = False


class Candidate(Protocol):
    """Who sits the exam: a generator as it is served, or bare."""

    async def reply(self, trap: Trap) -> Reply: ...


@dataclass(frozen=True, kw_only=True)
class Sat:
    """One trap with the candidate's reply, its mark, and the seconds that it took."""

    trap: Trap
    reply: Reply
    mark: Mark
    seconds: float

    @property
    def is_own(self) -> bool:
        """Say whether the generator's own words were shown."""
        return self.reply.composition.level == GENERATED


async def ask(trap: Trap, candidate: Candidate) -> Sat:
    """Put one trap to a candidate and mark its reply. Raises whatever the candidate raises."""
    started = time.perf_counter()
    reply = await candidate.reply(trap)
    return Sat(
        trap=trap,
        reply=reply,
        mark=mark(trap, reply.text, declined=reply.declined),
        seconds=time.perf_counter() - started,
    )
