"""The measure of growth tells linear work from quadratic work."""

import re

import pytest

from .growth import assert_linear, steps

# On a text without b, `match` tries at one place, `search` at every one, each time to the text's end.
RUN = re.compile("a*b")


def test_linear_work_passes() -> None:
    assert_linear(RUN.match, make=lambda size: "a" * size, size=100_000)
    assert_linear(lambda text: text.count("b"), make=lambda size: "a" * size, size=500_000)


def test_quadratic_work_fails() -> None:
    with pytest.raises(AssertionError, match="8 times the input takes"):
        assert_linear(RUN.search, make=lambda size: "a" * size, size=2_000)


def test_work_too_small_to_measure_passes() -> None:
    assert_linear(RUN.search, make=lambda size: "a" * size, size=1)


def test_steps_are_python_steps_alone() -> None:
    few, many = list(range(10)), list(range(1_000))
    assert steps(lambda: sum(few)) == steps(lambda: sum(many))
    assert steps(lambda: [n + 1 for n in many]) > 50 * steps(lambda: [n + 1 for n in few])
