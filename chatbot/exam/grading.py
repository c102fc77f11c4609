"""Whether a reply to a trap is right: it says what it must, and nothing that it must not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chatbot.answering.composition.sentences import sentences
from chatbot.exam.folding import fold, holds
from chatbot.exam.trap import Trap

# The share of right replies with which an exam is passed, where no reply made a forbidden claim.
ACCEPTABLE_SHARE = 0.95


class Why(StrEnum):
    """Why a reply was marked as it was."""

    RIGHT = "right"
    # It says something that is false.
    FORBIDDEN = "forbidden"
    # It leaves out what any right reply has to say.
    MISSING = "missing"
    # It answers from elsewhere what the sources do not answer.
    INVENTED = "invented"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How a reply was marked; `phrases` are those that it should have had, or should not."""

    why: Why
    phrases: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        return self.why == Why.RIGHT


@dataclass(frozen=True, kw_only=True)
class Score:
    """An exam in numbers: how many traps there were, and how many replies were right or made a forbidden claim.

    `own` are those in which the generator's own words were shown; the others fell back on the sources, or declined.
    """

    total: int
    right: int
    forbidden: int
    own: int = 0

    @property
    def share(self) -> float:
        """The share of right replies, from 0 to 1."""
        return self.right / self.total if self.total else 0.0

    @property
    def is_passed(self) -> bool:
        return self.total > 0 and not self.forbidden and self.share >= ACCEPTABLE_SHARE


def mark(trap: Trap, shown: str, *, declined: bool = False) -> Mark:
    """Mark what was shown to the customer; `declined` where that was the phrase for not knowing."""
    said = fold(shown)
    if claims := tuple(phrase for phrase in trap.forbidden if holds(said, fold(phrase))):
        return Mark(why=Why.FORBIDDEN, phrases=claims)
    if trap.unknown and (declined or not said):
        return Mark(why=Why.RIGHT)
    for group in trap.acceptable:
        if not any(holds(said, fold(phrase)) for phrase in group):
            return Mark(why=Why.MISSING, phrases=group)
    if trap.unknown and not trap.acceptable and not _is_approved(shown, trap.sources):
        return Mark(why=Why.INVENTED)
    return Mark(why=Why.RIGHT)


def score(marks: Iterable[Mark], *, own: int = 0) -> Score:
    """Sum marks up, of replies of which so many showed the generator's own words."""
    found = list(marks)
    return Score(
        total=len(found),
        right=sum(one.is_right for one in found),
        forbidden=sum(one.why == Why.FORBIDDEN for one in found),
        own=own,
    )


def _is_approved(shown: str, sources: Sequence[str]) -> bool:
    """Say whether a reply is nothing but pieces of sources: one piece, or whole sentences of any."""
    folded = [fold(source) for source in sources]
    pieces = [fold(piece) for piece in (shown, *sentences(shown))]
    whole, *parts = pieces
    return any(whole in source for source in folded) or all(
        any(part in source for source in folded) for part in parts
    )
