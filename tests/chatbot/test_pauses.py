"""Holding the garbage collector off, and giving it back."""

import gc

import pytest

from chatbot import pauses


@pytest.fixture(autouse=True)
def thawed() -> object:
    yield
    gc.unfreeze()
    gc.enable()


def test_the_collector_rests_in_the_block_and_works_after_it() -> None:
    with pauses.held_off():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_failure() -> None:
    with pytest.raises(ValueError, match="no"), pauses.held_off():
        raise ValueError("no")
    assert gc.isenabled()


def test_only_much_that_was_made_is_set_aside() -> None:
    before = gc.get_freeze_count()
    with pauses.held_off():
        few = [[number] for number in range(100)]
    assert gc.get_freeze_count() == before
    with pauses.held_off():
        many = [[number] for number in range(2 * pauses.MANY_OBJECTS)]
    assert gc.get_freeze_count() >= before + len(many)
    assert few


def test_what_stays_is_never_looked_through() -> None:
    kept = [[number] for number in range(100)]
    gc.unfreeze()
    pauses.look_past_what_stays()
    assert gc.get_freeze_count() > len(kept)
    assert not any(one is kept[0] for one in gc.get_objects())
