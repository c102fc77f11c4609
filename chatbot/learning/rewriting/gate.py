"""The gate for a locale's own adapter: whether it may go live with the version that it was trained beside.

It has to foretell replies that it never saw better than before, and, in the locale's exam, to say nothing false and to
have at least as many right replies as what is live. Words for the codes are made where they are shown.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from chatbot.exam.grading import Score

PASSED = "passed"
# Refused by the gate.
LOSS, FORBIDDEN, FEWER_RIGHT = "loss", "forbidden", "fewer_right"
# Not trained, or not to its end.
NO_GENERATOR, NO_EXAM, TOO_FEW, UNFIT, FAILED = "no_generator", "no_exam", "too_few", "unfit", "failed"
CODES = (PASSED, LOSS, FORBIDDEN, FEWER_RIGHT, NO_GENERATOR, NO_EXAM, TOO_FEW, UNFIT, FAILED)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """An exam as it counts for the gate: who sat it, and its score."""

    generator: str
    score: Score


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """What became of a locale's adapter; `code` is one of CODES. `exam` is the locale whose exam was sat.

    `loss_before` and `loss_after` are of held-out replies, in nats per token; `before` is the exam of what was live.
    It learned so many `examples`. `is_live_kept`: what was live had an adapter, which the new version takes over.
    """

    code: str
    loss_before: float | None = None
    loss_after: float | None = None
    exam: str = ""
    before: Sitting | None = None
    after: Sitting | None = None
    examples: int = 0
    steps: int = 0
    seconds: float = 0.0
    is_live_kept: bool = False

    @property
    def passed(self) -> bool:
        return self.code == PASSED

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "Teaching":
        """Return what `to_json` made values of. Raises ValueError for anything else."""
        try:
            sittings = {name: _sitting(values[name]) for name in ("before", "after")}
            found = cls(**{**values, **sittings})
        except (KeyError, TypeError) as error:
            raise ValueError(f"This says nothing of an adapter ({error}); train again.") from error
        if found.code not in CODES:
            raise ValueError(f"The gate knows no adapter that is {found.code!r}.")
        return found


def has_learned(before: float | None, after: float | None) -> bool:
    """Say whether the loss of held-out replies fell; without any, nobody can tell."""
    known = before is not None and after is not None and math.isfinite(before) and math.isfinite(after)
    return known and after < before  # type: ignore[operator]


def code_of(*, before: Score, after: Score) -> str:
    """Return what the exam says of an adapter that has learned, beside that of what is live."""
    if after.forbidden:
        return FORBIDDEN
    return PASSED if after.right >= before.right else FEWER_RIGHT


def _sitting(values: Any) -> Sitting | None:
    return Sitting(generator=values["generator"], score=Score(**values["score"])) if values else None
