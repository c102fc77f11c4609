"""The measures on cases worked out by hand."""

import math

import numpy as np
import pytest

from chatbot.learning import metrics

RANKED = ["c", "a", "d", "b"]
RELEVANT = {"a": 2, "b": 1}


def test_hit_and_rank() -> None:
    assert metrics.hit_at(RANKED, RELEVANT, 1) == 0
    assert metrics.hit_at(RANKED, RELEVANT, 2) == 1
    assert metrics.reciprocal_rank(RANKED, RELEVANT, 10) == 1 / 2
    assert metrics.reciprocal_rank(RANKED, RELEVANT, 1) == 0
    assert metrics.recall_at(RANKED, RELEVANT, 2) == 1 / 2
    assert metrics.recall_at(RANKED, RELEVANT, 4) == 1


def test_ndcg() -> None:
    # Gains 3 at place 2 and 1 at place 4; ideally 3 at place 1 and 1 at place 2.
    expected = (3 / math.log2(3) + 1 / math.log2(5)) / (3 + 1 / math.log2(3))
    assert metrics.ndcg_at(RANKED, RELEVANT, 10) == pytest.approx(expected)
    assert metrics.ndcg_at(["a", "b"], RELEVANT, 10) == 1
    assert metrics.ndcg_at(["c"], RELEVANT, 10) == 0
    assert metrics.ndcg_at(["a"], {"a": 2, "b": 2}, 1) == 1


def test_auroc() -> None:
    confidence, positive = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    # Pairs: 0.9 wins twice, 0.5 wins once and ties once: 3.5 of 4.
    assert metrics.auroc(confidence, positive) == 3.5 / 4
    assert metrics.auroc(confidence, np.ones(4, bool)) is None


def test_coverage_at_precision() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.array([True, True, False, True, True])
    assert metrics.coverage_at_precision(confidence, correct, 0.95) == 2 / 5
    assert metrics.coverage_at_precision(confidence, correct, 0.8) == 1
    assert metrics.coverage_at_precision(confidence, correct, 0.7) == 1
    assert metrics.coverage_at_precision(confidence, ~correct, 0.95) == 0


def test_equal_confidences_are_answered_together() -> None:
    correct = np.array([True, False, True, True])
    assert metrics.coverage_at_precision(np.array([0.9, 0.9, 0.9, 0.1]), correct, 0.95) == 0
    assert metrics.coverage_at_precision(np.array([0.9, 0.9, 0.9, 0.1]), correct, 0.75) == 1


def test_expected_calibration_error() -> None:
    # Bin 0.9-1: two at 0.95, half of them right; bin 0.2-0.3: two at 0.25, none right.
    confidence = np.array([0.95, 0.95, 0.25, 0.25])
    correct = np.array([True, False, False, False])
    assert metrics.expected_calibration_error(confidence, correct) == pytest.approx((2 * 0.45 + 2 * 0.25) / 4)
    assert metrics.expected_calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0
    assert metrics.expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_bootstrap_covers_the_mean_and_repeats_itself() -> None:
    scores = np.random.default_rng(1).random(400) < 0.7

    def mean(rows: np.ndarray) -> float:
        return float(scores[rows].mean())

    low, high = metrics.bootstrap(mean, 400, seed=3) or (1, 0)
    assert low < scores.mean() < high
    # The normal approximation: 1.96 standard errors on each side.
    assert high - low == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.15)
    assert metrics.bootstrap(mean, 400, seed=3) == (low, high) != metrics.bootstrap(mean, 400, seed=4)


def test_bootstrap_of_what_is_undefined() -> None:
    assert metrics.bootstrap(lambda rows: None, 10, seed=0) is None
    assert metrics.bootstrap(lambda rows: 1.0, 0, seed=0) is None
