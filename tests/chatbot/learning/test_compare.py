"""Comparisons of two versions: figures by hand, the same values as evaluate, and the way through JSON."""

import json

import pytest

from chatbot.learning.compare import MOST_SHOWN, Comparison, Cost, Part, compare
from chatbot.learning.evaluate import Ranking, measure
from chatbot.learning.side import BINS, CURVE_POINTS
from tests.chatbot.learning.versions import questions, ranked, sure

ASKED = questions(6, 2)
BEFORE = ranked(
    ASKED, [True, True, True, False, False, True, False, False], [0.9, 0.8, 0.7, 0.6, 0.5, 0.95, 0.3, 0.7]
)
AFTER = ranked(
    ASKED, [True, True, False, True, True, True, False, False], [0.9, 0.8, 0.65, 0.9, 0.55, 0.95, 0.2, 0.1]
)


def made() -> Comparison:
    return compare(
        ASKED,
        BEFORE,
        AFTER,
        categories={"e0": "parcels", "e1": "parcels", "e2": "returns"},
        origins={"q0": "tests", "q2": "tests", "q6": "tests"},
        speed={"embed_ms": (16.0, 17.5), "rank_ms": (None, 1.0)},
        seed=0,
    )


def test_counts_and_values_are_those_of_evaluate() -> None:
    comparison = made()
    assert (comparison.n, comparison.in_scope, comparison.out_of_scope) == (8, 6, 2)
    before, after = measure(ASKED, BEFORE, seed=0), measure(ASKED, AFTER, seed=0)
    assert comparison.metrics.keys() == before.values.keys()
    for name, metric in comparison.metrics.items():
        assert metric.before == before.values[name]
        assert metric.after == after.values[name]
        assert metric.interval_before == before.intervals[name]
        assert metric.interval_after == after.intervals[name]
        assert metric.difference is not None
        assert metric.difference == pytest.approx((metric.after or 0) - (metric.before or 0))
    assert comparison.metrics["hit@1"].difference == pytest.approx(1 / 6)
    # Two won, one lost: the binomial's both tails are everything.
    assert comparison.metrics["hit@1"].p == 1


def test_parts() -> None:
    comparison = made()
    assert comparison.categories == (
        Part(name="", n=3, in_scope=3, before=1 / 3, after=1),
        Part(name="parcels", n=2, in_scope=2, before=1, after=1),
        Part(name="returns", n=1, in_scope=1, before=1, after=0),
    )
    assert comparison.origins == (
        Part(name="", n=5, in_scope=4, before=0.5, after=1),
        Part(name="tests", n=3, in_scope=2, before=1, after=0.5),
    )
    assert comparison.speed == {
        "embed_ms": Cost(before=16.0, after=17.5),
        "rank_ms": Cost(before=None, after=1.0),
    }


def test_what_got_better_and_worse_begins_with_the_surest_mistake() -> None:
    comparison = made()
    # The last is out of scope, and was answered with 0.7 before.
    assert [change.text for change in comparison.better.shown] == ["question 7", "question 3", "question 4"]
    assert comparison.better.shown[0].expected == ()
    (worse,) = comparison.worse.shown
    assert (worse.text, worse.expected, worse.origin) == ("question 2", ("e2",), "tests")
    assert (worse.before_key, worse.before_confidence) == ("e2", 0.7)
    assert (worse.after_key, worse.after_confidence) == ("wrong", 0.65)


def test_many_changes_are_counted_and_the_first_shown() -> None:
    asked = questions(MOST_SHOWN + 20)
    sides = [ranked(asked, [right] * len(asked), [0.7] * len(asked)) for right in (False, True)]
    comparison = compare(asked, *sides, categories={}, seed=0)
    assert comparison.better.count == MOST_SHOWN + 20
    assert len(comparison.better.shown) == MOST_SHOWN
    assert comparison.worse.count == 0
    assert comparison.origins == ()


def test_plots() -> None:
    after = made().after
    assert sum(bin_.n for bin_ in after.calibration) == 8
    assert len(after.calibration) == BINS
    # 0.9, 0.9 and 0.95 are all right.
    assert (after.calibration[9].n, after.calibration[9].right) == (3, 1)
    assert after.calibration[9].confidence == pytest.approx((0.9 + 0.9 + 0.95) / 3)
    assert after.calibration[4].right is None
    # The two of 0.9 are answered together.
    assert [(point.threshold, point.coverage) for point in after.abstention[:3]] == [
        (0.95, 1 / 8),
        (0.9, 3 / 8),
        (0.8, 4 / 8),
    ]
    assert after.abstention[-1].coverage == 1
    assert after.abstention[-1].precision == 5 / 8


def test_a_long_abstention_curve_is_thinned_and_keeps_its_ends() -> None:
    asked = questions(500)
    right = [n % 3 > 0 for n in range(500)]
    side = ranked(asked, right, sure(right))
    points = compare(asked, side, side, categories={}, seed=0).after.abstention
    assert len(points) == CURVE_POINTS
    assert points[0].coverage == 1 / 500
    assert points[-1].coverage == 1


def test_through_json_and_back() -> None:
    comparison = made()
    stored = json.dumps(comparison.to_json(), allow_nan=False)
    assert Comparison.from_json(json.loads(stored)) == comparison


@pytest.mark.parametrize("values", [{}, {"n": 1}, {"n": None}, made().to_json() | {"metrics": {"hit@1": {}}}])
def test_what_is_no_comparison_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no comparison of two versions"):
        Comparison.from_json(values)


def test_without_out_of_scope_questions_auroc_is_open() -> None:
    asked = questions(6)
    metric = compare(asked, BEFORE[:6], AFTER[:6], categories={}, seed=0).metrics["auroc"]
    assert (metric.before, metric.after, metric.difference, metric.p) == (None, None, None, None)
    assert metric.interval_difference is None


def test_no_questions_and_no_answers() -> None:
    nothing = compare([], [], [], categories={}, seed=0)
    assert nothing.n == 0
    assert all(metric.before is None and metric.p is None for metric in nothing.metrics.values())
    asked = questions(1, 1)
    silent = [Ranking(keys=(), confidence=0.0)] * 2
    comparison = compare(asked, silent, silent, categories={}, seed=0)
    assert comparison.metrics["hit@1"].after == 0
    assert comparison.metrics["hit@1"].p == 1
    json.dumps([nothing.to_json(), comparison.to_json()], allow_nan=False)


def test_sides_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="8 questions need as many rankings"):
        compare(ASKED, BEFORE, AFTER[:-1], categories={}, seed=0)
