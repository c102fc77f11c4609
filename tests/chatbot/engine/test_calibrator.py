"""Thresholds from the risk that is allowed."""

import pytest

from chatbot.engine.calibrator import CAUTIOUS, THRESHOLDS, Risk

FALLING = tuple((1 - threshold) / 2 for threshold in THRESHOLDS)


def test_the_smallest_threshold_that_is_safe_enough_is_taken() -> None:
    risk = Risk(wrong=FALLING, clarify_from=0.3)
    assert risk.answer_from(0.1) == pytest.approx(0.8)
    assert risk.answer_from(0.2) == pytest.approx(0.6)
    assert risk.answer_from(0.021) == pytest.approx(0.96)


def test_no_answer_is_likelier_wrong_than_right_and_none_safe_enough_means_the_surest() -> None:
    assert Risk(wrong=FALLING, clarify_from=0.3).answer_from(0.5) == 0.5
    assert Risk(wrong=(0.4,) * len(THRESHOLDS), clarify_from=0.3).answer_from(0.1) == 0.99


def test_without_a_curve_the_probability_itself_must_be_high_enough() -> None:
    assert CAUTIOUS.answer_from(0.1) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("wrong", "clarify_from"),
    [
        ((), 0.3),
        (FALLING[::-1], 0.3),
        ((1.5, *FALLING[1:]), 0.3),
        (FALLING, 0.8),
        (FALLING, float("nan")),
        ((float("nan"), *FALLING[1:]), 0.3),
    ],
)
def test_what_is_no_curve_is_refused(wrong: tuple[float, ...], clarify_from: float) -> None:
    with pytest.raises(ValueError, match=r"risk curve|Asking back"):
        Risk(wrong=wrong, clarify_from=clarify_from)
