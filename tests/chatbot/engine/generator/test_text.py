"""Tokens into text: whole characters, and nothing from a stop text on."""

import pytest

from chatbot.engine.generator.text import TextStream


def streamed(tiny, text: str, stops: list[str], *, is_beginning: bool = True) -> tuple[list[str], bool]:
    stream = TextStream(tiny.tokenizer, stops, is_beginning=is_beginning)
    pieces = [stream.take(n) for n in tiny.tokenizer.encode(text, add_special_tokens=False).ids]
    return [*pieces, stream.rest()], stream.has_stopped


@pytest.mark.parametrize("text", ["３日以内", "naïve ✓", "مرحبا", "abc"])
def test_characters_of_several_tokens_come_whole(tiny, text) -> None:
    pieces, _ = streamed(tiny, text, [])
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)


def test_nothing_of_a_stop_text_is_given_even_while_it_comes(tiny) -> None:
    pieces, has_stopped = streamed(tiny, "Yes.\n\nQ: more", ["\n\n", "Q:"])
    assert pieces[:4] == ["Y", "e", "s", "."]
    assert not any(pieces[4:])
    assert has_stopped


def test_what_could_have_become_a_stop_text_is_given_when_it_did_not(tiny) -> None:
    pieces, has_stopped = streamed(tiny, "a\nb\n", ["\n\n"])
    assert pieces == ["a", "", "\nb", "", "\n"]
    assert not has_stopped


def test_white_space_before_the_first_word_is_not_given(tiny) -> None:
    assert "".join(streamed(tiny, "  \n Yes", [])[0]) == "Yes"
    assert "".join(streamed(tiny, " more", [], is_beginning=False)[0]) == " more"


def test_bytes_that_never_become_a_character_are_dropped(tiny) -> None:
    stream = TextStream(tiny.tokenizer, [], is_beginning=True)
    first = tiny.tokenizer.encode("好", add_special_tokens=False).ids[0]
    assert stream.take(first) == ""
    assert stream.rest() == ""
