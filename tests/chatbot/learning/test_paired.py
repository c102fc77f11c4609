"""Paired tests on cases worked out by hand."""

import numpy as np
import pytest

from chatbot.learning import metrics, paired


def scores(won: int, lost: int, same: int = 10) -> tuple[np.ndarray, np.ndarray]:
    before = np.array([0.0] * won + [1.0] * lost + [1.0] * same)
    after = np.array([1.0] * won + [0.0] * lost + [1.0] * same)
    return before, after


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [(9, 1, 22 / 1024), (1, 9, 22 / 1024), (5, 5, 1), (0, 6, 2 / 64), (0, 0, 1), (700, 600, 0.00604)],
)
def test_mcnemar_is_the_binomial_test_of_the_changed(won: int, lost: int, p: float) -> None:
    # The last by the normal approximation with continuity correction: z = 99 / sqrt(1300).
    assert paired.mcnemar(*scores(won, lost)) == pytest.approx(p, rel=0.01)


def test_permutation_agrees_with_mcnemar_where_both_apply() -> None:
    for won, lost in ((9, 1), (12, 5), (5, 5)):
        before, after = scores(won, lost)
        assert paired.permutation(before, after, seed=0) == pytest.approx(
            paired.mcnemar(before, after), abs=0.03
        )
    assert paired.permutation(np.ones(3), np.ones(3), seed=0) == 1


def test_bootstrap_of_a_difference_knows_that_the_questions_are_the_same() -> None:
    random = np.random.default_rng(0)
    before = random.random(300)
    after = before + 0.02 + random.normal(0, 0.02, 300)

    def mean(of: np.ndarray) -> paired.Measure:
        return lambda rows: float(of[rows].mean())

    drawn = paired.bootstrap(mean(before), mean(after), 300, seed=1)
    # Unpaired, a difference of 0.02 would drown in a standard error of 0.024; paired it is 0.0012.
    assert drawn.difference == pytest.approx((0.02 - 0.0023, 0.02 + 0.0023), abs=0.003)
    assert drawn.p is not None
    assert drawn.p < 0.01
    assert drawn.before == metrics.bootstrap(mean(before), 300, seed=1)
    assert drawn.after == metrics.bootstrap(mean(after), 300, seed=1)


def test_bootstrap_of_equal_sides_and_of_what_is_undefined() -> None:
    same = paired.bootstrap(lambda rows: float(rows.mean()), lambda rows: float(rows.mean()), 20, seed=0)
    assert same.p == 1
    assert same.difference == pytest.approx((0, 0))
    nothing = paired.Resampled(before=None, after=None, difference=None, p=None)
    assert paired.bootstrap(lambda rows: None, lambda rows: 1.0, 20, seed=0) == nothing
    assert paired.bootstrap(lambda rows: 1.0, lambda rows: 1.0, 0, seed=0) == nothing
