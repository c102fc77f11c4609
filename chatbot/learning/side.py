"""One side of a comparison: a version's rankings of questions as arrays, its figures of any of them, and its plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.calibrator import THRESHOLDS
from chatbot.learning import metrics
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.evaluate import IN_SCOPE, PRECISION, Ranking

BINS = 10
CURVE_POINTS = 50


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of about the same confidence: their mean confidence and the share that is right, None without any."""

    n: int
    confidence: float | None
    right: float | None


@dataclass(frozen=True, kw_only=True)
class Point:
    """What answering from a confidence on leads to: the share of questions answered, and of those answered rightly."""

    threshold: float
    coverage: float
    precision: float


@dataclass(frozen=True, kw_only=True)
class Curves:
    """One side's plots: `calibration` in equal-width bins, `abstention` by falling threshold."""

    calibration: tuple[Bin, ...]
    abstention: tuple[Point, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `asdict` made values of."""
        return cls(
            calibration=tuple(Bin(**row) for row in values["calibration"]),
            abstention=tuple(Point(**row) for row in values["abstention"]),
        )


class Side:
    """One side's rankings as arrays, one row per question."""

    def __init__(self, questions: Sequence[LabelledQuery], rankings: Sequence[Ranking]) -> None:
        self.keys = [ranking.keys[0] if ranking.keys else None for ranking in rankings]
        self.confidence = np.array([ranking.confidence for ranking in rankings], np.float64)
        self.in_scope = np.array([bool(question.relevant) for question in questions], bool)
        pairs = list(zip(self.keys, questions, strict=True))
        self.right = np.array([key in question.relevant for key, question in pairs], bool)
        # Out of scope it is right to answer nothing, and no threshold is below the first.
        self.passed = np.where(self.in_scope, self.right, self.confidence < THRESHOLDS[0])
        scored = [(r, q.relevant) for q, r in zip(questions, rankings, strict=True) if q.relevant]
        self.scores = {
            name: np.array([score(ranking.keys, relevant) for ranking, relevant in scored], np.float64)
            for name, score in IN_SCOPE.items()
        }

    def curves(self) -> Curves:
        """Return the plots of this side."""
        return Curves(calibration=self._calibration(), abstention=self._abstention())

    def _calibration(self) -> tuple[Bin, ...]:
        """Return the reliability diagram (Guo et al., On calibration of modern neural networks, ICML 2017)."""
        of = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        counts = np.bincount(of, minlength=BINS).tolist()
        sums = zip(
            counts,
            np.bincount(of, self.confidence, BINS).tolist(),
            np.bincount(of, self.right, BINS).tolist(),
            strict=True,
        )
        return tuple(
            Bin(n=n, confidence=sure / n if n else None, right=right / n if n else None)
            for n, sure, right in sums
        )

    def _abstention(self) -> tuple[Point, ...]:
        """Return the risk-coverage curve (El-Yaniv and Wiener, JMLR 2010); equal confidences are answered together."""
        order = np.argsort(-self.confidence, kind="stable")
        confidence, right = self.confidence[order], np.cumsum(self.right[order])
        cuts = np.flatnonzero(np.append(np.diff(confidence) != 0, True)[: len(order)])
        chosen = np.unique(np.linspace(0, len(cuts) - 1, min(len(cuts), CURVE_POINTS)).round().astype(int))
        return tuple(
            Point(
                threshold=float(confidence[cut]),
                coverage=float((cut + 1) / len(order)),
                precision=float(right[cut] / (cut + 1)),
            )
            for cut in cuts[chosen]
        )


OVER_ALL: dict[str, Callable[["Side", NDArray[np.int64]], float | None]] = {
    "auroc": lambda side, rows: metrics.auroc(side.confidence[rows], side.in_scope[rows]),
    "coverage@p95": lambda side, rows: metrics.coverage_at_precision(
        side.confidence[rows], side.right[rows], PRECISION
    ),
    "ece": lambda side, rows: metrics.expected_calibration_error(side.confidence[rows], side.right[rows]),
}
