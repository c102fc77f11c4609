"""Learning the ranker: fusion weights by the listwise softmax, then the calibrator, both by Newton's method.

The listwise loss is ListNet's with all mass on the right candidates (Cao et al., Learning to rank: from pairwise
approach to listwise approach, ICML 2007). Both problems are convex and have a dozen numbers each, so a fit takes a
second, ends at the same numbers every time, and needs nothing but numpy.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import CONTEXT, EVIDENCE, SIGNALS, Weights, context_of, evidence_of, stack
from chatbot.engine.calibrator import Calibrator
from chatbot.learning.examples import LEARNED_OUT_OF_SCOPE, Group, calibration_rows, split

Floats = NDArray[np.float64]
# A loss, its slope and its curvature at some weights.
Bend = tuple[float, Floats, Floats]

# Columns of what is learned: signals, then "nothing", by kind of FAQ; then the evidence for it, in the first row alone.
NOTHING = len(SIGNALS)
COLUMNS = NOTHING + 1 + len(EVIDENCE)
LEARNED = np.ones((len(CONTEXT), COLUMNS), bool)
LEARNED[1:, NOTHING + 1 :] = False

# Pull of fusion weights towards the prior, per unit of weight of all groups.
FUSION_PULL = 1e-4
# More likeness must not make an entry less likely, whatever the kind of FAQ: the kinds at the edges, as CONTEXT.
CORNERS = np.array([[1.0, *kind] for kind in itertools.product((0.0, 1.5), (0.0, 0.9), (0.0, 1.3))])
SIGN_PULL = 1.0
# Pull of the calibrator towards the prior: intercept, and slope, whose log-odds spread more widely.
CALIBRATOR_PULL = 1e-3
SPREADS = np.array([1.0, 3.0])
NEUTRAL = Calibrator(intercept=0.0, slope=1.0)
STEPS = 50
TOLERANCE = 1e-10


def fit(
    groups: Sequence[Group],
    *,
    prior: Weights | None = None,
    fusion_pull: float = FUSION_PULL,
    calibrator_pull: float = CALIBRATOR_PULL,
) -> Weights:
    """Learn weights from examples, near a prior where one is given.

    Groups count by their weight, whatever their number of examples. Raises ValueError without a right candidate.
    """
    prior = prior or Weights(
        fusion=np.zeros((len(CONTEXT), len(SIGNALS))), nothing=np.zeros(len(CONTEXT)), calibrator=NEUTRAL
    )
    target = np.zeros(LEARNED.shape)
    target[:, :NOTHING], target[:, NOTHING], target[0, NOTHING + 1 :] = (
        prior.fusion,
        prior.nothing,
        prior.evidence,
    )
    learned = fit_fusion(groups, prior=target, pull=fusion_pull)
    fused = replace(
        prior,
        fusion=learned[:, :NOTHING],
        nothing=learned[:, NOTHING],
        evidence=learned[0, NOTHING + 1 :],
    )
    odds, right, counts = calibration_rows(groups, fused)
    return replace(
        fused, calibrator=fit_calibrator(odds, right, counts, prior=prior.calibrator, pull=calibrator_pull)
    )


def fit_fusion(groups: Sequence[Group], *, prior: Floats, pull: float) -> Floats:
    """Return weights [CONTEXT, COLUMNS] that rank right candidates first, and "nothing" where none is right.

    Raises ValueError without a right candidate.
    """
    lists = [packed for group in groups for packed in _pack(group)]
    if not any(packed.inside for packed in lists):
        raise ValueError("No example has a right candidate, so there is nothing to learn ranking from.")
    total = sum(packed.weight for packed in lists)

    def problem(weights: Floats) -> Bend:
        loss, slope, curve = _restraint(weights, prior=prior, pull=pull)
        for packed in lists:
            context, share = packed.context, packed.weight / total
            loss_here, slope_here, curve_here = _listwise(packed, context @ weights.reshape(prior.shape))
            loss += share * loss_here
            slope += share * np.kron(context, slope_here)
            curve += share * np.kron(np.outer(context, context), curve_here)
        # What is not learned stays where it is.
        learned = LEARNED.ravel()
        return loss, slope * learned, np.where(np.outer(learned, learned), curve, np.eye(len(learned)))

    return _minimise(problem, prior.ravel()).reshape(prior.shape)


def fit_calibrator(
    odds: Floats, right: NDArray[np.bool_], counts: Floats, *, prior: Calibrator, pull: float
) -> Calibrator:
    """Return the logistic regression of `right` [n] on log-odds [n]; `counts` [n] weighs the rows."""
    rows = np.column_stack([np.ones(len(odds)), odds]) / SPREADS
    target = np.array([prior.intercept, prior.slope]) * SPREADS
    counts = counts / counts.sum()

    def problem(weights: Floats) -> Bend:
        logits = rows @ weights
        chance = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        away = weights - target
        loss = float(counts @ (np.logaddexp(0, logits) - right * logits)) + pull / 2 * float(away @ away)
        slope = rows.T @ (counts * (chance - right)) + pull * away
        curve = (rows * (counts * chance * (1 - chance))[:, None]).T @ rows + pull * np.eye(len(weights))
        return loss, slope, curve

    intercept, slope = (_minimise(problem, target) / SPREADS).tolist()
    return Calibrator(intercept=intercept, slope=slope)


def _minimise(problem: Callable[[Floats], Bend], start: Floats) -> Floats:
    """Return where a convex problem is least, by Newton's method (Boyd and Vandenberghe 2004, 9.5)."""
    weights = start.copy()
    loss, slope, curve = problem(weights)
    for _ in range(STEPS):
        step = np.linalg.solve(curve, slope)
        decrease = float(slope @ step) / 2
        if decrease < TOLERANCE:
            break
        length = 1.0
        while (ahead := problem(weights - length * step))[
            0
        ] > loss - 0.1 * length * decrease and length > 1e-6:
            length /= 2
        weights = weights - length * step
        loss, slope, curve = ahead
    return weights


def _restraint(weights: Floats, *, prior: Floats, pull: float) -> Bend:
    """Return what holds weights back: the pull, and that no signal may count against an entry."""
    away = weights - prior.ravel()
    loss, slope, curve = pull / 2 * float(away @ away), pull * away, pull * np.eye(len(weights))
    for corner in CORNERS:
        signals = corner @ weights.reshape(prior.shape)
        # The score of "nothing" is no signal, and may be anything.
        below = np.where((signals < 0) & (np.arange(COLUMNS) < NOTHING), signals, 0.0)
        loss += SIGN_PULL / 2 * float(below @ below)
        slope += SIGN_PULL * np.kron(corner, below)
        curve += SIGN_PULL * np.kron(np.outer(corner, corner), np.diag((below < 0).astype(float)))
    return loss, slope, curve


@dataclass(frozen=True, kw_only=True)
class _Lists:
    """Examples of one index side by side, "nothing" last in each: candidates [n, most + 1, COLUMNS]."""

    context: Floats
    candidates: Floats
    real: NDArray[np.bool_]
    right: NDArray[np.bool_]
    weight: float
    inside: bool


def _pack(group: Group) -> Iterator[_Lists]:
    """Yield a group's in-scope and its out-of-scope examples, each source of them by itself."""
    for examples, share, inside in split(group, out_of_scope=LEARNED_OUT_OF_SCOPE):
        most = max(len(example.right) for example in examples)
        candidates = np.zeros((len(examples), most + 1, COLUMNS))
        candidates[:, -1, NOTHING] = 1.0
        real = np.zeros((len(examples), most + 1), bool)
        real[:, -1] = True
        right = np.zeros((len(examples), most + 1), bool)
        right[:, -1] = not inside
        for row, example in enumerate(examples):
            count = len(example.right)
            candidates[row, :count, :NOTHING] = stack(example.signals)
            candidates[row, -1, NOTHING + 1 :] = evidence_of(example.signals)
            real[row, :count] = True
            right[row, :count] = example.right
        yield _Lists(
            context=context_of(examples[0].signals.shape),
            candidates=candidates,
            real=real,
            right=right,
            weight=group.weight * share,
            inside=inside,
        )


def _listwise(lists: _Lists, weights: Floats) -> Bend:
    """Return the mean listwise loss, its slope [COLUMNS] and its curvature [COLUMNS, COLUMNS]."""
    values = lists.candidates
    scores = np.where(lists.real, values @ weights, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    wanted = np.where(lists.right, np.maximum(shares, 1e-30), 0.0)
    hopes = wanted.sum(axis=1, keepdims=True)
    wanted /= hopes
    expected = (shares[:, :, None] * values).sum(axis=1)
    slope = (expected - (wanted[:, :, None] * values).sum(axis=1)).mean(axis=0)
    flat = values.reshape(-1, values.shape[2])
    curve = ((flat * shares.reshape(-1, 1)).T @ flat - expected.T @ expected) / len(values)
    return -float(np.log(hopes).mean()), slope, curve
