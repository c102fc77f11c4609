"""What is pressed for a text and what stands there, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.learning.keystrokes import (
    hangul,
    is_katakana,
    jamo,
    kana,
    mistype,
    neighbours_of,
    romaji,
)

SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("배송", "ㅂㅐㅅㅗㅇ"),
        ("값이", "ㄱㅏㅂㅅㅇㅣ"),
        ("됐나요", "ㄷㅗㅐㅆㄴㅏㅇㅛ"),
        ("의자", "ㅇㅡㅣㅈㅏ"),
    ],
)
def test_hangul_is_typed_by_jamo(written: str, keys: str) -> None:
    assert "".join(jamo(written)) == keys
    assert hangul(keys) == written


@given(SYLLABLES)
def test_every_syllable_comes_back(text: str) -> None:
    assert hangul(jamo(text)) == text


def test_a_consonant_goes_to_the_next_syllable_where_a_vowel_follows() -> None:
    # 배송 without its ㅇ, with its ㅗ missed, and with ㅅ and ㅗ exchanged.
    assert hangul("ㅂㅐㅅㅗ") == "배소"
    assert hangul("ㅂㅐㅅㅇ") == "뱃ㅇ"
    assert hangul("ㅂㅐㅗㅅㅇ") == "배ㅗㅅㅇ"


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("そうりょう", "souryou"),
        ("いって", "itte"),
        ("こんにちは", "konnnichiha"),
        ("ほんや", "honnya"),
        ("きゃんせる", "kyanseru"),
        ("まっちゃ", "maccha"),
        ("あっ", "axtu"),
        ("さーばー", "sa-ba-"),
    ],
)
def test_kana_are_typed_in_latin_letters(written: str, keys: str) -> None:
    assert "".join(romaji(written)) == keys
    assert kana(romaji(written), katakana=False) == written


@pytest.mark.parametrize(
    "written", ["キャンセル", "クーポン", "ヴァージョン", "ディスカウント", "ウェブ", "ポイント"]
)
def test_katakana_come_back(written: str) -> None:
    assert is_katakana(written)
    assert kana(romaji(written), katakana=True) == written


def test_what_makes_no_kana_stays_in_latin_letters() -> None:
    assert kana("okurtai", katakana=False) == "おくrたい"
    assert kana("soryou", katakana=False) == "そりょう"


@pytest.mark.parametrize(
    ("layout", "letter", "beside", "apart"),
    [
        ("qwerty", "s", "adwezx", "qps"),
        ("qwertz", "z", "tu", "x"),
        ("qwertz", "ö", "lä", "o"),
        ("azerty", "a", "zq", "w"),
        ("spanish", "ñ", "l", "n"),
        ("abnt2", "ç", "l", "c"),
        ("arabic", "ل", "بافغ", "ك"),
        ("inscript", "क", "रतख", "ा"),
        ("dubeolsik", "ㅐ", "ㅑㅔㅒ", "ㅂ"),
        ("russian", "п", "арне", "я"),
    ],
)
def test_neighbours(layout: str, letter: str, beside: str, apart: str) -> None:
    found = neighbours_of(layout)[letter]
    assert set(beside) <= set(found)
    assert not set(apart) & set(found)


def test_letters_that_a_layout_lacks_have_the_neighbours_of_another() -> None:
    assert neighbours_of("qwerty")["ф"] == neighbours_of("russian")["ф"]
    # Shared letters stand where the layout has them.
    assert "y" not in neighbours_of("qwertz")["t"]
    assert "y" in neighbours_of("qwerty")["t"]


def test_a_mistyped_word_is_one_key_off_and_in_its_case() -> None:
    neighbours = neighbours_of("qwerty")
    made = {"".join(mistype("Order", neighbours, np.random.default_rng(seed))) for seed in range(500)}
    assert {"Oder", "Odrer", "Orrder", "Prder", "Ordet"} <= made
    assert all(abs(len(word) - 5) <= 1 for word in made)
    assert not {"prder", "OPrder".lower()} & made
