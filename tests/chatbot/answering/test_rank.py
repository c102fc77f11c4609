"""Ranking: order, probabilities, shares, and the weights' file."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from chatbot.answering.rank import (
    CONTEXT,
    EVIDENCE,
    SIGNALS,
    VERBATIM_PROBABILITY,
    Candidate,
    Ranker,
    RankerError,
    Weights,
    default_weights,
    doubted,
    weights_from_json,
    weights_to_json,
)
from chatbot.engine.calibrator import FIELD, Calibrator, posterior
from chatbot.engine.index import Shape, Signals

SHAPE = Shape(wordings=0.5, answers=0.5, size=0.6)


def signals(prototype: list[float], shape: Shape = SHAPE, verbatim: int | None = None) -> Signals:
    """Candidates that differ in one signal; the others are alike."""
    alike = np.full(len(prototype), 0.2, np.float32)
    return Signals(
        entry=np.arange(len(prototype)) * 10,
        question=alike,
        prototype=np.array(prototype, np.float32),
        passage=alike,
        words=alike,
        characters=alike,
        matched=np.arange(len(prototype)),
        verbatim=np.arange(len(prototype)) == (-1 if verbatim is None else verbatim),
        shape=shape,
    )


def test_best_first_with_falling_probabilities() -> None:
    candidates = Ranker().rank(signals([0.1, 0.7, 0.4]))
    assert [candidate.entry for candidate in candidates] == [10, 20, 0]
    assert [candidate.matched for candidate in candidates] == [1, 2, 0]
    probabilities = [candidate.probability for candidate in candidates]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1


def test_no_candidates() -> None:
    assert Ranker().rank(signals([])) == []


def test_a_rival_and_unlikeness_both_make_unsure() -> None:
    clear, contested, unlike = (
        Ranker().rank(signals(prototype))[0].probability
        for prototype in ([0.8, 0.1], [0.8, 0.78], [0.0, -0.1])
    )
    assert clear > 0.8 > 0.65 > contested
    assert unlike < 0.3


def test_what_is_nearer_to_the_background_is_less_likely_answered() -> None:
    found = signals([0.6, 0.1])
    plain, near, nearer, far_nearer = (
        Ranker().rank(replace(found, background=background, nearer=gap))[0].probability
        for background, gap in ((0.0, 0.0), (0.4, 0.0), (0.4, 0.05), (0.4, 0.4))
    )
    assert plain > near > nearer > far_nearer
    assert far_nearer < 0.1
    fragment = Ranker(doubts=False).rank(replace(found, background=0.4, nearer=0.4))
    assert near > fragment[0].probability > nearer
    assert replace(default_weights(), evidence=np.zeros(len(EVIDENCE))).nothing_of(
        replace(found, nearer=1.0)
    ) == pytest.approx(default_weights().nothing_of(found))


def test_words_that_tell_make_doubtful_but_not_what_is_approved_word_for_word() -> None:
    found = signals([0.8, 0.1])
    plain, told = (Ranker().rank(one)[0].probability for one in (found, replace(found, elsewhere=True)))
    assert told < 0.35 < 0.8 < plain
    verbatim = signals([0.8, 0.1], verbatim=0)
    assert Ranker().rank(replace(verbatim, elsewhere=True)) == Ranker().rank(verbatim)


def test_doubt_is_a_change_of_priors() -> None:
    # Of what was 98 to 2 for the FAQ, as much is against it now.
    assert doubted(0.98, 1.0) == pytest.approx(0.5) == doubted(0.98, 7.0)
    assert doubted(0.8, 0.0) == pytest.approx(0.8)
    assert doubted(0.8, 1.0) < doubted(0.8, 0.5) < 0.8
    assert (doubted(0.0, 1.0), doubted(1.0, 1.0)) == pytest.approx((0.0, 1.0))


def test_one_candidate_is_not_right_for_being_alone() -> None:
    assert (
        Ranker().rank(signals([0.05]))[0].probability
        < 0.3
        < 0.7
        < Ranker().rank(signals([0.9]))[0].probability
    )


@pytest.mark.parametrize("rivals", [1, 3, FIELD, 40])
def test_probabilities_add_up_to_at_most_one(rivals: int) -> None:
    candidates = Ranker().rank(signals([0.6] * (rivals + 1)))
    assert sum(candidate.probability for candidate in candidates) <= 1 + 1e-9


def test_an_approved_question_word_for_word_wins() -> None:
    candidates = Ranker().rank(signals([0.9, 0.5, 0.1], verbatim=1))
    assert candidates[0].entry == 10
    assert candidates[0].probability >= 0.99


def ranked(*probabilities: float) -> list[Candidate]:
    return [
        Candidate(entry=number, matched=0, score=0.0, probability=probability)
        for number, probability in enumerate(probabilities)
    ]


@pytest.mark.parametrize(
    ("probabilities", "outcome"),
    [
        ((), "declined"),
        ((0.1, 0.09), "declined"),
        ((0.4, 0.3), "clarify"),
        ((0.4, 0.1, 0.1), "clarify"),
        ((0.4, 0.15, 0.03, 0.3), "declined"),
        ((0.7, 0.1), "answered"),
        ((0.6, 0.39), "clarify"),
        ((0.62, 0.33), "answered"),
        ((0.99,), "answered"),
    ],
)
def test_outcomes(probabilities: tuple[float, ...], outcome: str) -> None:
    assert Ranker(answer_from=0.6, clarify_from=0.2).outcome(ranked(*probabilities)) == outcome


def test_the_fewer_answers_may_be_wrong_the_higher_the_threshold() -> None:
    thresholds = [Ranker.allowing(percent).answer_from for percent in (1, 2, 5, 10, 20, 50)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert 0.5 == thresholds[-1] < thresholds[0] <= VERBATIM_PROBABILITY
    assert {Ranker.allowing(percent).clarify_from for percent in (1, 50)} == {
        Ranker.allowing(10).clarify_from
    }


def test_the_surest_reading_counts_and_of_equals_the_first() -> None:
    weak, sure = signals([0.2, 0.1]), signals([0.1, 0.9])
    assert Ranker().surest([weak, sure]) == (1, Ranker().rank(sure))
    assert Ranker().surest([sure, sure])[0] == 0
    assert Ranker().surest([signals([])]) == (0, [])


def test_shares_add_up_to_the_score() -> None:
    found = signals([0.1, 0.7, 0.4])
    shares = Ranker().shares(found)
    assert set(shares) == set(SIGNALS)
    totals = np.sum(list(shares.values()), axis=0)
    for candidate in Ranker().rank(found):
        assert totals[candidate.entry // 10] == pytest.approx(candidate.score)


def test_the_posterior_is_a_softmax_with_nothing_in_it() -> None:
    shares = posterior(np.array([2.0, 1.0]), 0.0)
    assert shares == pytest.approx(np.exp([2, 1]) / np.exp([2, 1, 0]).sum())
    assert posterior(np.array([1000.0, -1000.0]), 5.0) == pytest.approx([1, 0])
    assert posterior(np.array([-1000.0]), 1000.0) == pytest.approx([0])
    assert posterior(np.linspace(5, 1, FIELD + 3), 0.0)[FIELD:].sum() == 0


def test_weights_survive_their_file() -> None:
    random = np.random.default_rng(0)
    weights = Weights(
        fusion=random.normal(size=(len(CONTEXT), len(SIGNALS))),
        nothing=random.normal(size=len(CONTEXT)),
        evidence=random.normal(size=len(EVIDENCE)),
        calibrator=Calibrator(intercept=0.1, slope=1.3),
    )
    again = weights_from_json(json.loads(json.dumps(weights_to_json(weights))))
    assert (again.fusion == weights.fusion).all()
    assert (again.nothing == weights.nothing).all()
    assert (again.evidence == weights.evidence).all()
    assert again.calibrator == weights.calibrator
    assert again.risk == weights.risk
    found = signals([0.3, 0.2])
    assert Ranker(weights=again).rank(found) == Ranker(weights=weights).rank(found)


def test_weights_of_before_there_was_evidence_have_none() -> None:
    data = weights_to_json(default_weights())
    del data["evidence"]
    assert not weights_from_json(data).evidence.any()
    assert (default_weights().evidence > 0).all()


def test_shipped_signals_never_count_against_an_entry() -> None:
    for wordings, answers, size in itertools.product((0.0, 0.5, 1.5), (0.0, 0.5, 0.9), (0.0, 0.6, 1.3)):
        weights = default_weights().of(Shape(wordings=wordings, answers=answers, size=size))
        assert weights.min() > -0.5


@pytest.mark.parametrize(
    "broken", [{}, {"fusion": {}}, {"fusion": None}, [], {"fusion": {"always": {"words": "x"}}}]
)
def test_other_files_are_refused(broken: object) -> None:
    with pytest.raises(RankerError, match="Fit them again"):
        weights_from_json(broken)  # type: ignore[arg-type]


def test_weights_that_are_not_finite_are_refused() -> None:
    data = weights_to_json(default_weights())
    data["calibrator"]["slope"] = float("nan")
    with pytest.raises(RankerError, match="not finite"):
        weights_from_json(data)
