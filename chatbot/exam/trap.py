"""One trap of the exam: approved texts, a question that invites a false answer to it, and how to tell."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a trap tempts to."""

    NEGATION = "negation"
    CONDITION = "condition"
    NUMBER = "number"
    EXCEPTION = "exception"
    NEAR_MISS = "near_miss"
    NOTHING = "nothing"
    INJECTION_QUESTION = "injection_question"
    INJECTION_SOURCE = "injection_source"


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A question asked on approved texts alone.

    A right reply holds a phrase of each group in `acceptable` and none of `forbidden`; where it is `unknown`, the
    sources do not answer the question, and saying so is right.
    """

    key: str
    kind: Kind
    sources: tuple[str, ...]
    question: str
    acceptable: tuple[tuple[str, ...], ...]
    forbidden: tuple[str, ...]
    unknown: bool = False
