"""The differences that a preview shows."""

import random

import pytest

from customers.word_diff import Piece, diff


def said(pieces: list[Piece]) -> str:
    marks = {"same": "{}", "ins": "[+{}]", "del": "[-{}]"}
    return "".join(marks[piece.change].format(piece.text) for piece in pieces)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("gleich", "gleich", "gleich"),
        ("", "neu", "[+neu]"),
        ("alt", "", "[-alt]"),
        ("Sie haben 30 Tage.", "Sie haben 45 Tage.", "Sie haben [-30][+45] Tage."),
        ("one two three", "1 2 three", "[-one two][+1 2] three"),
        ("返品は30日以内です", "返品は45日以内に可能です", "返品は[-30][+45]日以内[+に可能]です"),
        ("교환은 7일 안에", "교환은 14일 안에", "교환은 [-7일][+14일] 안에"),
        ("يمكنك الإرجاع خلال 30 يومًا", "يمكنك الإرجاع خلال 45 يومًا", "يمكنك الإرجاع خلال [-30][+45] يومًا"),
    ],
)
def test_shows_words_that_came_and_went(before: str, after: str, expected: str) -> None:
    assert said(diff(before, after)) == expected


def test_both_texts_can_be_read_from_the_pieces() -> None:
    chance = random.Random(0)
    words = ["a", "bb", " ", "\n", "返", "品", "?", "Größe", "🎁", "**"]
    for _ in range(300):
        before, after = ("".join(chance.choices(words, k=chance.randrange(12))) for _ in range(2))
        pieces = diff(before, after)
        assert "".join(piece.text for piece in pieces if piece.change != "ins") == before
        assert "".join(piece.text for piece in pieces if piece.change != "del") == after


def test_very_long_texts_are_compared_as_wholes() -> None:
    before = "\n".join(f"{number} x" for number in range(5_000))
    after = "\n".join(f"{number} y" for number in range(5_000))
    assert [piece.change for piece in diff(before, after)] == ["del", "ins"]
