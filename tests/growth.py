"""How work grows with its input: what can be asserted of speed on a machine that is busy or slow."""

import gc
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

Input = TypeVar("Input")

TIMES = 8
# Linear work takes TIMES times as long for TIMES times the input, quadratic work TIMES² times: this is about halfway.
LIMIT = 24
ROUNDS = 5
# Less than this is noise. What takes less for the small input is not judged before the large one takes LIMIT of these.
FLOOR_SECONDS = 0.0001


def assert_linear(work: Callable[[Input], object], *, make: Callable[[int], Input], size: int) -> None:
    """Assert that work on an input of 8 * size takes about 8 times the processor's time that `size` takes, not 64.

    `make` gives the input of a size; the work must be done on the calling thread. Both sizes are measured in turn, and
    the quickest of several runs counts, for it is the one that was disturbed least. Raises AssertionError.
    """
    small, large = make(size), make(TIMES * size)
    seconds, seconds_large = float("inf"), float("inf")
    for _ in range(ROUNDS):
        seconds = min(seconds, *(_seconds(work, small) for _ in range(3)))
        seconds_large = min(seconds_large, _seconds(work, large))
        if seconds_large < LIMIT * max(seconds, FLOOR_SECONDS):
            return
    raise AssertionError(
        f"{TIMES} times the input takes {seconds_large / seconds:.0f} times as long: {1000 * seconds:.2f} ms for "
        f"{size}, {1000 * seconds_large:.2f} ms for {TIMES * size}"
    )


def steps(work: Callable[[], object]) -> int:
    """Return how many instructions of Python's virtual machine work takes; what numpy or re do inside is one."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _seconds(work: Callable[[Input], object], given: Input) -> float:
    """Return the processor's time of one run, without collections: they look at all that the test run holds."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        work(given)
        return time.thread_time() - began
    finally:
        if was_collecting:
            gc.enable()
