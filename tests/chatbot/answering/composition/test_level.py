"""Which level an answer gets."""

from dataclasses import replace

import pytest

from chatbot.answering.composition.level import Facts, length_of, level_of, may_have_parts

LONG = Facts(length=900, has_extract=True)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(length=120), ("verbatim", "short")),
        (Facts(length=900), ("verbatim", "whole")),
        (LONG, ("extractive", "narrow")),
        (replace(LONG, is_repeated=True), ("extractive", "part")),
        (Facts(length=120, sources=2), ("extractive", "joined")),
        (replace(LONG, is_wording=True), ("verbatim", "whole")),
        (replace(LONG, is_pressed=True), ("verbatim", "pressed")),
        (replace(LONG, is_foreign=True), ("verbatim", "foreign")),
        (replace(LONG, is_smalltalk=True), ("verbatim", "smalltalk")),
        (replace(LONG, highest="verbatim"), ("verbatim", "not_allowed")),
        (
            replace(LONG, highest="extractive", may_generate=True, has_generator=True),
            ("extractive", "narrow"),
        ),
        (replace(LONG, may_generate=True, has_generator=True), ("generated", "passed")),
        (replace(LONG, may_generate=True), ("extractive", "no_generator")),
        (replace(LONG, may_generate=True, is_busy=True), ("extractive", "busy")),
        (replace(LONG, is_busy=True), ("extractive", "narrow")),
        (replace(LONG, has_generator=True), ("extractive", "narrow")),
        (Facts(length=120, may_generate=True, has_generator=True), ("verbatim", "short")),
    ],
)
def test_the_lowest_level_that_serves(facts: Facts, expected: tuple[str, str]) -> None:
    assert level_of(facts) == expected


def test_parts_are_looked_for_in_long_answers_and_sooner_in_those_shown_before() -> None:
    assert [may_have_parts(Facts(length=length)) for length in (160, 400, 401)] == [False, False, True]
    assert may_have_parts(Facts(length=161, is_repeated=True))


def test_a_character_that_is_a_syllable_or_a_word_counts_twice() -> None:
    assert [length_of(text) for text in ("return", "退货", "ﾍﾝ", "반품", "रिटर्न", "Ａ")] == [6, 4, 2, 4, 6, 2]
