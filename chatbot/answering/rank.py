"""From signals to a decision: a fused score per candidate, and the probability that the best one is right."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.answering import events
from chatbot.engine.arrays import Vectors
from chatbot.engine.calibrator import CAUTIOUS, Calibrator, Risk, posterior
from chatbot.engine.index import Shape, Signals

SIGNALS = ("question", "prototype", "passage", "words", "characters")
# Of a question that is approved word for word. Not 1: the FAQ itself may be mistaken.
VERBATIM_PROBABILITY = 0.99
# A plausible second candidate at least so likely as the best is asked about: on public data the best of such two is
# right in half of the cases, and one of the two in nearly all.
RIVAL = 0.5
# A signal's weight is one number, plus one for each of these times what the FAQ has of it.
CONTEXT = ("always", "wordings", "answers", "size")
DEFAULT = Path(__file__).with_name("default_ranker.json")


class RankerError(ValueError):
    """The ranker's file cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One entry that may answer; `entry` is its number in the index, `probability` that it answers."""

    entry: int
    matched: int
    score: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What was learned: each signal's weight per part of `CONTEXT` [CONTEXT, SIGNALS], and the calibrator.

    `nothing` [CONTEXT] gives the score that "nothing here answers it" competes with; `risk` what thresholds lead to.
    """

    fusion: NDArray[np.float64]
    nothing: NDArray[np.float64]
    calibrator: Calibrator
    risk: Risk = CAUTIOUS

    def of(self, shape: Shape) -> NDArray[np.float64]:
        """Return the signals' weights [SIGNALS] for a kind of FAQ."""
        weights: NDArray[np.float64] = context_of(shape) @ self.fusion
        return weights


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A ranked list: places in the signals, best first, their scores and their shares of the softmax."""

    order: NDArray[np.int64]
    scores: NDArray[np.float64]
    shares: NDArray[np.float64]


@functools.cache
def default_weights() -> Weights:
    """Return the weights that Kefu ships, fitted on public data (see `chatbot.learning.fit`)."""
    return weights_from_json(json.loads(DEFAULT.read_text()))


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """Linear fusion of the signals, then a calibrated probability.

    Outcomes by probability: answer from `answer_from` on, ask back from `clarify_from` on, decline below.
    """

    weights: Weights | None = None
    answer_from: float = 0.5
    clarify_from: float = 0.25

    @classmethod
    def allowing(cls, max_wrong_percent: float, *, weights: Weights | None = None) -> "Ranker":
        """Return the ranker that answers as often as it may: of 100 answers, at most so many are expected wrong."""
        risk = (weights or default_weights()).risk
        return cls(
            weights=weights,
            answer_from=risk.answer_from(max_wrong_percent / 100),
            clarify_from=risk.clarify_from,
        )

    def rank(self, signals: Signals) -> list[Candidate]:
        """Return the candidates, best first, each with the probability that it answers the question."""
        if not len(signals.entry):
            return []
        weights = self.weights or default_weights()
        ranked = order(signals, weights)
        shares = ranked.shares
        first = weights.calibrator.probability(float(shares[0]))
        if signals.verbatim.sum() == 1:
            first = max(first, VERBATIM_PROBABILITY)
        # What the others have is their part of the softmax, scaled so that all of it stays a probability.
        scale = min(first / shares[0], (1 - first) / max(1 - shares[0], 1e-12))
        return [
            Candidate(
                entry=int(signals.entry[row]),
                matched=int(signals.matched[row]),
                score=float(score),
                probability=first if place == 0 else float(share * scale),
            )
            for place, (row, score, share) in enumerate(zip(ranked.order, ranked.scores, shares, strict=True))
        ]

    def surest(self, readings: Sequence[Signals]) -> tuple[int, list[Candidate]]:
        """Rank a question's readings; return the place of the one whose best candidate is surest, and its candidates.

        Of equally sure ones the first counts.
        """
        ranked = [self.rank(signals) for signals in readings]
        sureness = [candidates[0].probability if candidates else 0.0 for candidates in ranked]
        place = sureness.index(max(sureness))
        return place, ranked[place]

    def outcome(self, candidates: Sequence[Candidate]) -> str:
        """Return what to do with a ranked list: `events.ANSWERED`, `CLARIFY` or `DECLINED`."""
        if not candidates or candidates[0].probability < self.clarify_from:
            return events.DECLINED
        best, rivals = candidates[0].probability, candidates[1:]
        if best < self.answer_from:
            return events.CLARIFY
        is_close = any(rival.probability >= max(self.clarify_from, RIVAL * best) for rival in rivals)
        return events.CLARIFY if is_close else events.ANSWERED

    def shares(self, signals: Signals) -> dict[str, Vectors]:
        """Return what each signal adds to each candidate's score: [candidates] per name in `SIGNALS`."""
        weights = (self.weights or default_weights()).of(signals.shape)
        return {name: weight * getattr(signals, name) for name, weight in zip(SIGNALS, weights, strict=True)}


def order(signals: Signals, weights: Weights) -> Ranked:
    """Score and order at least one candidate."""
    scores = stack(signals) @ weights.of(signals.shape)
    if signals.verbatim.sum() == 1:
        # An approved question, word for word: nothing that resembles it can be meant instead.
        scores += np.where(
            signals.verbatim, max(0.0, float(scores.max() - scores[signals.verbatim][0])) + 1.0, 0.0
        )
    places = np.argsort(-scores, kind="stable")
    shares = posterior(scores[places], float(context_of(signals.shape) @ weights.nothing))
    return Ranked(order=places, scores=scores[places], shares=shares)


def context_of(shape: Shape) -> NDArray[np.float64]:
    """Return how much of each part of `CONTEXT` a kind of FAQ has: [CONTEXT]."""
    return np.array([1.0, shape.wordings, shape.answers, shape.size])


def stack(signals: Signals) -> NDArray[np.float64]:
    """Return the signals side by side: [candidates, SIGNALS]."""
    return np.stack([getattr(signals, name) for name in SIGNALS], axis=1).astype(np.float64)


def weights_to_json(weights: Weights) -> dict[str, Any]:
    """Return the weights as plain JSON."""
    return {
        "fusion": {
            part: dict(zip(SIGNALS, map(float, row), strict=True))
            for part, row in zip(CONTEXT, weights.fusion, strict=True)
        },
        "nothing": dict(zip(CONTEXT, map(float, weights.nothing), strict=True)),
        "calibrator": {"intercept": weights.calibrator.intercept, "slope": weights.calibrator.slope},
        "risk": {"wrong": list(weights.risk.wrong), "clarify_from": weights.risk.clarify_from},
    }


def weights_from_json(data: Mapping[str, Any]) -> Weights:
    """Read what `weights_to_json` gave. Raises RankerError."""
    try:
        fusion = np.array([[float(data["fusion"][part][name]) for name in SIGNALS] for part in CONTEXT])
        nothing = np.array([float(data["nothing"][part]) for part in CONTEXT])
        calibrator = Calibrator(
            intercept=float(data["calibrator"]["intercept"]), slope=float(data["calibrator"]["slope"])
        )
        risk = Risk(
            wrong=tuple(float(share) for share in data["risk"]["wrong"]),
            clarify_from=float(data["risk"]["clarify_from"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RankerError(
            f"The ranker's weights are not what this version of Kefu reads ({error!r}). Fit them again: "
            "python -m chatbot.learning.fit --help"
        ) from error
    numbers = [*fusion.ravel(), *nothing, calibrator.intercept, calibrator.slope]
    if not np.isfinite(numbers).all():
        raise RankerError("The ranker's weights hold a number that is not finite. Fit them again.")
    return Weights(fusion=fusion, nothing=nothing, calibrator=calibrator, risk=risk)
