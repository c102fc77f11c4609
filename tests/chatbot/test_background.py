"""A background process takes less of a core than the others, whatever session it is in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatbot.background import AUTOGROUP, NICENESS

GIVE_WAY = "from chatbot import background; background.give_way(); import os; print(os.nice(0));"
TELL_GROUP = f"print(open({str(AUTOGROUP)!r}).read())"
has_autogroup = pytest.mark.skipif(not AUTOGROUP.exists(), reason="only Linux groups processes by session")


def run(program: str, *, own_session: bool) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=own_session,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout.split()


@pytest.mark.parametrize("own_session", [True, False])
def test_it_is_nice(own_session: bool) -> None:
    assert run(GIVE_WAY, own_session=own_session) == [str(os.nice(0) + NICENESS)]


@has_autogroup
def test_its_own_session_is_nice_as_a_whole() -> None:
    _nice, _group, *told = run(GIVE_WAY + TELL_GROUP, own_session=True)
    assert told == ["nice", str(NICENESS)]


@has_autogroup
def test_a_session_with_others_in_it_is_left_alone() -> None:
    before = AUTOGROUP.read_text().split()
    assert run(GIVE_WAY + TELL_GROUP, own_session=False)[1:] == before
