"""The token bucket, on a clock of our own."""

import pytest

from chatbot import ratelimit
from chatbot.ratelimit import RateLimiter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_is_fine_and_a_flood_is_not(clock: Clock) -> None:
    limiter = RateLimiter(30, clock=clock)
    assert [limiter.wait_seconds("a") for _ in range(30)] == [0.0] * 30
    assert limiter.wait_seconds("a") == pytest.approx(2)
    assert limiter.wait_seconds("b") == 0


def test_the_wait_it_names_is_enough_and_no_longer_than_needed(clock: Clock) -> None:
    limiter = RateLimiter(30, clock=clock)
    for _ in range(30):
        limiter.wait_seconds("a")
    wait = limiter.wait_seconds("a")
    clock.now += wait * 0.9
    assert limiter.wait_seconds("a") > 0
    clock.now += wait * 0.1 + 1e-9
    assert limiter.wait_seconds("a") == 0


def test_over_any_time_no_more_than_the_burst_and_the_rate(clock: Clock) -> None:
    limiter = RateLimiter(60, clock=clock)
    allowed = 0
    for _ in range(3000):
        clock.now += 0.1
        allowed += limiter.wait_seconds("a") == 0
    assert 300 <= allowed <= 361


def test_being_refused_does_not_cost_a_turn(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    limiter.wait_seconds("a")
    for _ in range(59):
        clock.now += 1
        assert limiter.wait_seconds("a") > 0
    clock.now += 1.001
    assert limiter.wait_seconds("a") == 0


def test_a_long_pause_saves_up_no_more_than_one_burst(clock: Clock) -> None:
    limiter = RateLimiter(5, clock=clock)
    limiter.wait_seconds("a")
    clock.now += 86_400
    assert [limiter.wait_seconds("a") > 0 for _ in range(6)] == [False] * 5 + [True]


def test_memory_is_bounded_and_the_longest_idle_is_forgotten(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "KEYS_MAX", 3)
    limiter = RateLimiter(1, clock=clock)
    for key in "abc":
        limiter.wait_seconds(key)
    assert limiter.wait_seconds("a") > 0  # now the most recently seen
    limiter.wait_seconds("d")
    assert limiter.wait_seconds("a") > 0
    assert limiter.wait_seconds("b") == 0
