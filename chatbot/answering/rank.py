"""From signals to a decision: a fused score per candidate, and the probability that the best one is right."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
# So many are offered when asking back, and so likely must it be that one of them is right.
OFFERED = 3
TOGETHER = 0.6
# A second candidate that is so likely, as a part of what the best is, is asked about.
RIVAL = 0.65
# So much of what is asked of an FAQ is out of its scope, where probabilities are learned; of what is doubtful, so much:
# questions with words that tell, and questions so much nearer to the background than to the FAQ. On public data that
# holds for one in a hundred of the questions in scope, and for more than half of those off topic.
OUT_OF_SCOPE = 0.02
OUT_OF_SCOPE_DOUBTFUL = 0.5
DOUBTFUL_NEARER = 0.1
# A signal's weight is one number, plus one for each of these times what the FAQ has of it.
CONTEXT = ("always", "wordings", "answers", "size")
# What speaks for "nothing here answers it", beside what is so for any question.
EVIDENCE = ("background", "nearer")
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

    `nothing` [CONTEXT] gives the score that "nothing here answers it" competes with, `evidence` [EVIDENCE] what the
    question adds to that; `risk` what thresholds lead to.
    """

    fusion: NDArray[np.float64]
    nothing: NDArray[np.float64]
    calibrator: Calibrator
    evidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(EVIDENCE)))
    risk: Risk = CAUTIOUS

    def of(self, shape: Shape) -> NDArray[np.float64]:
        """Return the signals' weights [SIGNALS] for a kind of FAQ."""
        weights: NDArray[np.float64] = context_of(shape) @ self.fusion
        return weights

    def nothing_of(self, signals: Signals) -> float:
        """Return the score of "nothing here answers it" for a question."""
        return float(context_of(signals.shape) @ self.nothing + evidence_of(signals) @ self.evidence)


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

    Outcomes by the best one's probability: answer from `answer_from` on, decline below `clarify_from`; between them ask
    back, unless what can be offered is unlikely even together. `doubts`: whether nearness to the background counts.
    """

    weights: Weights | None = None
    answer_from: float = 0.5
    clarify_from: float = 0.25
    together: float = TOGETHER
    doubts: bool = True

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
        else:
            nearer = signals.nearer / DOUBTFUL_NEARER if self.doubts else 0.0
            first = doubted(first, 1.0 if signals.elsewhere else nearer)
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
            return events.CLARIFY if self.may_ask(candidates) else events.DECLINED
        is_close = any(rival.probability >= max(self.clarify_from, RIVAL * best) for rival in rivals)
        return events.CLARIFY if is_close else events.ANSWERED

    def may_ask(self, candidates: Sequence[Candidate]) -> bool:
        """Say whether asking back with the first of some candidates, best first, is likely to help."""
        together = sum(candidate.probability for candidate in candidates[:OFFERED])
        return (
            bool(candidates) and candidates[0].probability >= self.clarify_from and together >= self.together
        )

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
    shares = posterior(scores[places], weights.nothing_of(signals))
    return Ranked(order=places, scores=scores[places], shares=shares)


def doubted(probability: float, doubt: float) -> float:
    """Return a probability where much more of the questions are out of scope than where it was learned.

    `doubt`: 0 for as many, 1 for `OUT_OF_SCOPE_DOUBTFUL` and more. Saerens, Latinne and Decaestecker, Adjusting the
    outputs of a classifier to new a priori probabilities, 2002.
    """
    usual, doubtful = OUT_OF_SCOPE / (1 - OUT_OF_SCOPE), OUT_OF_SCOPE_DOUBTFUL / (1 - OUT_OF_SCOPE_DOUBTFUL)
    factor = (usual / doubtful) ** min(doubt, 1.0)
    return probability * factor / (probability * factor + 1 - probability)


def context_of(shape: Shape) -> NDArray[np.float64]:
    """Return how much of each part of `CONTEXT` a kind of FAQ has: [CONTEXT]."""
    return np.array([1.0, shape.wordings, shape.answers, shape.size])


def evidence_of(signals: Signals) -> NDArray[np.float64]:
    """Return what of a question speaks for "nothing": [EVIDENCE]."""
    return np.array([getattr(signals, name) for name in EVIDENCE], np.float64)


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
        "evidence": dict(zip(EVIDENCE, map(float, weights.evidence), strict=True)),
        "calibrator": {"intercept": weights.calibrator.intercept, "slope": weights.calibrator.slope},
        "risk": {"wrong": list(weights.risk.wrong), "clarify_from": weights.risk.clarify_from},
    }


def weights_from_json(data: Mapping[str, Any]) -> Weights:
    """Read what `weights_to_json` gave. Raises RankerError."""
    try:
        fusion = np.array([[float(data["fusion"][part][name]) for name in SIGNALS] for part in CONTEXT])
        nothing = np.array([float(data["nothing"][part]) for part in CONTEXT])
        # Weights of before there was any evidence have none.
        evidence = np.array([float(data.get("evidence", {}).get(name, 0.0)) for name in EVIDENCE])
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
    numbers = [*fusion.ravel(), *nothing, *evidence, calibrator.intercept, calibrator.slope]
    if not np.isfinite(numbers).all():
        raise RankerError("The ranker's weights hold a number that is not finite. Fit them again.")
    return Weights(fusion=fusion, nothing=nothing, evidence=evidence, calibrator=calibrator, risk=risk)
