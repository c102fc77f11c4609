"""Keeping a process with chats in it responsive while it does a large piece of work in Python.

Measured while an FAQ of 12,000 entries was read: the garbage collector stopped all threads four times, for a quarter
to half a second each, and a question waited for the interpreter up to 5 ms at each of its steps.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# How long a busy thread may go on while others wait for the interpreter; Python's own value is ten times this.
TURN_SECONDS = 0.0005
# From so many new objects on, to look through all of them is a pause that is felt.
MANY_OBJECTS = 100_000


def take_short_turns() -> None:
    """Have the threads of this process take shorter turns: a little more switching for much less waiting."""
    sys.setswitchinterval(TURN_SECONDS)


def look_past_what_stays() -> None:
    """Have the garbage collector never look at what this process has made so far, which stays to its end.

    Programs, model and bundles are most of all objects: to look through them is a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def held_off() -> Iterator[None]:
    """Hold the garbage collector off while a block makes what is kept for long; one thread at a time.

    What it made, if that is much, is never looked through for cycles afterwards either. Without references it goes
    as always.
    """
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY_OBJECTS:
            gc.freeze()
        gc.enable()
