"""Learning the ranker: fusion weights by the listwise softmax, then the calibrator, both by Newton's method.

The listwise loss is ListNet's with all mass on the right candidates (Cao et al., Learning to rank: from pairwise
approach to listwise approach, ICML 2007). Both problems are convex and have a dozen numbers each, so a fit takes a
second, ends at the same numbers every time, and needs nothing but numpy.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import CONTEXT, SIGNALS, Weights, stack
from chatbot.engine.calibrator import FEATURES, Calibrator
from chatbot.learning.examples import Group, calibration_rows

Floats = NDArray[np.float64]

# Pull of fusion weights towards the prior, per unit of weight of all groups.
FUSION_PULL = 3e-4
# Typical spread of each calibration feature: the pull towards the prior is felt alike by all.
SPREADS = {"log_odds": 3.0, "lead": 3.0, "prototype": 0.15, "size": 0.5}
CALIBRATOR_PULL = 1e-3
NEUTRAL = Calibrator(intercept=0.0, weights=dict.fromkeys(FEATURES, 0.0) | {"log_odds": 1.0})
STEPS = 30
LONGEST_STEP = 5.0


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
    prior = prior or Weights(fusion=np.zeros((len(CONTEXT), len(SIGNALS))), calibrator=NEUTRAL)
    fused = replace(prior, fusion=fit_fusion(groups, prior=prior.fusion, pull=fusion_pull))
    features, right, counts = calibration_rows(groups, fused)
    return replace(
        fused, calibrator=fit_calibrator(features, right, counts, prior=prior.calibrator, pull=calibrator_pull)
    )


def fit_fusion(groups: Sequence[Group], *, prior: Floats, pull: float) -> Floats:
    """Return fusion weights [CONTEXT, SIGNALS] that rank right candidates first."""
    lists = [packed for group in groups if (packed := _pack(group)) is not None]
    if not lists:
        raise ValueError("No example has a right candidate, so there is nothing to learn ranking from.")
    total = sum(weight for *_, weight in lists)
    weights = prior.ravel().copy()
    for _ in range(STEPS):
        slope = pull * (weights - prior.ravel())
        curve = pull * np.eye(len(weights))
        for context, candidates, right, weight in lists:
            slope_here, curve_here = _listwise(candidates, right, context @ weights.reshape(prior.shape))
            slope += weight / total * np.kron(context, slope_here)
            curve += weight / total * np.kron(np.outer(context, context), curve_here)
        step = np.linalg.solve(curve, slope)
        weights -= step * min(1.0, LONGEST_STEP / np.abs(step).max(initial=1e-12))
        if np.abs(step).max() < 1e-4:
            break
    return weights.reshape(prior.shape)


def fit_calibrator(features: Floats, right: NDArray[np.bool_], counts: Floats, *, prior: Calibrator, pull: float) -> Calibrator:
    """Return the logistic regression of `right` [n] on features [n, FEATURES]; `counts` [n] weighs the rows."""
    spreads = np.array([1.0, *(SPREADS[name] for name in FEATURES)])
    rows = np.column_stack([np.ones(len(features)), features]) / spreads
    target = np.array([prior.intercept, *(prior.weights[name] for name in FEATURES)]) * spreads
    counts = counts / counts.sum()
    weights = target.copy()
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (counts * (chance - right)) + pull * (weights - target)
        curve = (rows * (counts * chance * (1 - chance))[:, None]).T @ rows + pull * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights -= step * min(1.0, LONGEST_STEP / np.abs(step).max(initial=1e-12))
        if np.abs(step).max() < 1e-6:
            break
    intercept, *others = (weights / spreads).tolist()
    return Calibrator(intercept=intercept, weights=dict(zip(FEATURES, others, strict=True)))


def _pack(group: Group) -> tuple[Floats, Floats, NDArray[np.bool_], float] | None:
    """Return context [CONTEXT], candidates [n, most, SIGNALS], right [n, most] and weight; padding has -inf signals."""
    examples = [example for example in group.examples if example.right.any()]
    if not examples:
        return None
    shape = examples[0].signals.shape
    most = max(len(example.right) for example in examples)
    candidates = np.full((len(examples), most, len(SIGNALS)), np.nan)
    right = np.zeros((len(examples), most), bool)
    for row, example in enumerate(examples):
        candidates[row, : len(example.right)] = stack(example.signals)
        right[row, : len(example.right)] = example.right
    return np.array([1.0, shape.wordings, shape.answers]), candidates, right, group.weight


def _listwise(candidates: Floats, right: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Return slope [SIGNALS] and curvature [SIGNALS, SIGNALS] of the mean listwise loss."""
    real = ~np.isnan(candidates[:, :, 0])
    values = np.where(real[:, :, None], candidates, 0.0)
    scores = np.where(real, values @ weights, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    wanted = np.where(right, np.maximum(shares, 1e-30), 0.0)
    wanted /= wanted.sum(axis=1, keepdims=True)
    expected = (shares[:, :, None] * values).sum(axis=1)
    slope = (expected - (wanted[:, :, None] * values).sum(axis=1)).mean(axis=0)
    flat = values.reshape(-1, values.shape[2])
    curve = ((flat * shares.reshape(-1, 1)).T @ flat - expected.T @ expected) / len(values)
    return slope, curve
