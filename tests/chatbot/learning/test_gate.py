"""The gate: what it lets through, what it keeps back, and with how many questions."""

import json

import numpy as np
import pytest

from chatbot.learning.compare import Comparison, compare
from chatbot.learning.gate import FEWEST_QUESTIONS, MARGINS, RISE_LEVELS, Verdict, judge
from tests.chatbot.learning.versions import questions, ranked, sure

Speed = dict[str, tuple[float | None, float | None]]


def changed(
    n: int, *, right: int, won: int = 0, lost: int = 0, out_of_scope: int = 0, speed: Speed | None = None
) -> Comparison:
    """Of n questions `right` were answered rightly before; then some of the others were won and some lost."""
    asked = questions(n, out_of_scope)
    nothing = [False] * out_of_scope
    before = [place < right for place in range(n)] + nothing
    after = [lost <= place < right + won for place in range(n)] + nothing
    # One question has one confidence, but where its answer changed.
    sure_before, sure_other = sure(before, seed=1), sure(after, seed=2)
    sure_after = [
        other if one != two else same
        for same, other, one, two in zip(sure_before, sure_other, before, after, strict=True)
    ]
    return compare(
        asked,
        ranked(asked, before, sure_before),
        ranked(asked, after, sure_after),
        categories={},
        speed=speed,
        seed=0,
    )


def names(verdict: Verdict) -> tuple[list[str], list[str]]:
    return [finding.metric for finding in verdict.falls], [finding.metric for finding in verdict.rises]


@pytest.mark.parametrize("out_of_scope", [0, 30])
def test_a_real_gain_of_a_few_points_passes(out_of_scope: int) -> None:
    verdict = judge(changed(300, right=240, won=14, lost=3, out_of_scope=out_of_scope))
    assert (verdict.passed, verdict.code, verdict.falls) == (True, "better", ())
    assert names(verdict)[1][:2] == ["hit@1", "mrr@10"]
    assert (verdict.rises[0].before, verdict.rises[0].after) == (240 / 300, 251 / 300)


@pytest.mark.parametrize("n", [12, 30, 100, 1000])
def test_a_version_trained_on_shuffled_labels_is_refused(n: int) -> None:
    # It answers as if by lot, one in 25 right, and is as sure as before.
    random = np.random.default_rng(n)
    asked = questions(n)
    before, after = (random.random(n) < 0.8).tolist(), (random.random(n) < 1 / 25).tolist()
    verdict = judge(
        compare(
            asked,
            ranked(asked, before, sure(before)),
            ranked(asked, after, sure(before)),
            categories={},
            seed=0,
        )
    )
    assert (verdict.passed, verdict.code) == (False, "worse")
    assert "hit@1" in names(verdict)[0]
    assert verdict.rises == ()


def test_an_equal_version_is_no_gain() -> None:
    verdict = judge(changed(300, right=240, out_of_scope=20))
    assert verdict == Verdict(passed=False, code="no_gain", falls=(), rises=())


def test_as_many_won_as_lost_is_no_gain() -> None:
    verdict = judge(changed(300, right=240, won=6, lost=6))
    assert (verdict.passed, verdict.code) == (False, "no_gain")


def test_three_questions_neither_refuse_nor_promote() -> None:
    assert judge(changed(300, right=240, lost=3)).code == "no_gain"
    assert judge(changed(300, right=240, won=3)).code == "no_gain"


def test_a_fall_that_chance_does_not_explain_is_refused() -> None:
    verdict = judge(changed(300, right=240, won=2, lost=10))
    assert verdict.code == "worse"
    assert {"hit@1", "mrr@10"} <= set(names(verdict)[0])
    assert verdict.falls[0].margin == MARGINS["hit@1"]


def test_a_sure_fall_within_the_margin_is_tolerated() -> None:
    # 20 of 3,000 is no chance (p < 0.001), and two thirds of a point.
    comparison = changed(3000, right=2400, lost=20)
    assert (comparison.metrics["hit@1"].p or 1) < 0.001
    assert "hit@1" not in names(judge(comparison))[0]


def test_a_gain_does_not_pay_for_answering_what_nothing_answers() -> None:
    asked = questions(200, 60)
    before = [place < 150 for place in range(200)] + [False] * 60
    after = [place < 180 for place in range(200)] + [False] * 60
    careless = sure(after)
    careless[200:] = [0.97] * 60
    verdict = judge(
        compare(
            asked, ranked(asked, before, sure(before)), ranked(asked, after, careless), categories={}, seed=0
        )
    )
    assert verdict.code == "worse"
    assert "auroc" in names(verdict)[0]
    assert names(verdict)[1][:2] == ["hit@1", "mrr@10"]


def test_few_questions_may_refuse_but_not_promote() -> None:
    few = FEWEST_QUESTIONS - 1
    assert judge(changed(few, right=10, won=15)).code == "too_few_questions"
    assert judge(changed(few, right=20, lost=15)).code == "worse"
    assert judge(changed(5, right=3, lost=1)).code == "too_few_questions"
    assert judge(changed(0, right=0)).code == "too_few_questions"
    assert judge(changed(0, right=0, out_of_scope=40)).code == "too_few_questions"
    assert judge(changed(FEWEST_QUESTIONS, right=10, won=15)).code == "better"


@pytest.mark.parametrize(
    ("speed", "slow"),
    [
        ({"embed_ms": (16.0, 40.0), "rank_ms": (0.4, 12.0), "version_bytes": (0, 14_000_000)}, []),
        ({"embed_ms": (16.0, 60.0)}, ["embed_ms"]),
        ({"version_bytes": (0, 100_000_000)}, ["version_bytes"]),
        ({"embed_ms": (None, 900.0), "rank_ms": (0.4, None)}, []),
    ],
)
def test_only_what_a_visitor_would_notice_is_too_slow(speed: Speed, slow: list[str]) -> None:
    verdict = judge(changed(300, right=240, won=30, speed=speed))
    assert names(verdict)[0] == slow
    assert verdict.passed is (not slow)


def test_every_declared_metric_is_compared() -> None:
    assert MARGINS.keys() == RISE_LEVELS.keys() <= changed(3, right=2).metrics.keys()


def test_through_json_and_back() -> None:
    verdict = judge(changed(300, right=240, won=14, lost=3, speed={"embed_ms": (1.0, 90.0)}))
    assert verdict.falls
    assert verdict.rises
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"passed": True, "code": "worse", "falls": [], "rises": []},
        {"passed": True, "code": "splendid", "falls": [], "rises": []},
        {"passed": False, "code": "worse", "falls": [{}], "rises": []},
    ],
)
def test_what_is_no_verdict_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="verdict"):
        Verdict.from_json(values)
