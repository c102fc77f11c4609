"""What thresholds lead to, learned from examples."""

import numpy as np
import pytest

from chatbot.answering.rank import Ranker, Weights, default_weights
from chatbot.engine.calibrator import THRESHOLDS
from chatbot.learning.examples import Group, hold_out
from chatbot.learning.risk import fit_risk, outcomes, with_risk
from tests.chatbot.learning.synthetic import material


def groups(noise: float) -> list[Group]:
    made = material(entries=30, alternates=6, noise=noise)
    return [Group(examples=hold_out(made, folds=3, most=200, random=np.random.default_rng(0)))]


def test_the_curve_is_the_share_of_wrong_answers_from_each_threshold_on() -> None:
    found, weights = groups(2.5), default_weights()
    risk = fit_risk(found, weights)
    ranked = outcomes(found, weights)
    assert ranked.counts.sum() == pytest.approx(1)
    assert (ranked.together >= ranked.best).all()
    assert (ranked.offered >= ranked.right).all()
    for place in (0, 20, 40):
        answered = ranked.best >= THRESHOLDS[place]
        if answered.any():
            wrong = ranked.counts[answered & ~ranked.right].sum() / ranked.counts[answered].sum()
            assert risk.wrong[place] <= wrong + 1e-4
    assert list(risk.wrong) == sorted(risk.wrong, reverse=True)
    assert 0 < risk.wrong[0] < 1


def test_harder_questions_need_a_higher_threshold() -> None:
    easy, hard = (with_risk(default_weights(), groups(noise)) for noise in (1.5, 3.5))
    assert easy.risk.wrong[0] < hard.risk.wrong[0]
    assert Ranker.allowing(5, weights=easy).answer_from <= Ranker.allowing(5, weights=hard).answer_from


def test_nothing_can_be_learned_from_nothing() -> None:
    weights: Weights = default_weights()
    with pytest.raises(ValueError, match="no example"):
        fit_risk([], weights)
