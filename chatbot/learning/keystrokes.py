"""What a typist presses for a text, and what then stands there when a key is missed, swapped or pressed twice.

Hangul is typed by jamo on the 2-set keyboard, kana by Latin letters, other letters by themselves; neighbours are taken
from the layouts in slips/keyboards.toml. Typing errors as in Damerau, A technique for computer detection and correction
of spelling errors, 1964: a key for another, a key left out, one too many, two exchanged.
"""

import functools
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

DATA = Path(__file__).with_name("slips")
# Where the first key of each row stands, in key widths, as on the ANSI and ISO keyboards.
ROWS = {"digits": 0.0, "top": 0.5, "home": 0.75, "bottom": 1.25}
REACH = 0.76
# Shares of the errors; the rest are keys that are hit along with their neighbour.
REPLACED, OMITTED, EXCHANGED, DOUBLED = 0.3, 0.3, 0.2, 0.1

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = [
    "ㅏ", "ㅐ", "ㅑ", "ㅒ", "ㅓ", "ㅔ", "ㅕ", "ㅖ", "ㅗ", "ㅗㅏ", "ㅗㅐ",
    "ㅗㅣ", "ㅛ", "ㅜ", "ㅜㅓ", "ㅜㅔ", "ㅜㅣ", "ㅠ", "ㅡ", "ㅡㅣ", "ㅣ",
]  # fmt: skip
_TAILS = [
    "", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ",
    "ㄹㅍ", "ㄹㅎ", "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ",
]  # fmt: skip
_LONGEST = functools.partial(sorted, key=len, reverse=True)
# A consonant belongs to the next syllable where a vowel follows it.
_TYPED_SYLLABLE = re.compile(
    f"([{_LEADS}])({'|'.join(_LONGEST(_VOWELS))})((?:{'|'.join(_LONGEST(_TAILS)[:-1])})(?![ㅏ-ㅣ]))?"
)
_FIRST_SYLLABLE = 0xAC00
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_TO_KATAKANA = {hiragana: katakana for katakana, hiragana in _TO_HIRAGANA.items()}
_KATAKANA = re.compile("[\u30a1-\u30f6]")
_DOUBLED = re.compile(r"([bcdfghjkpqrstvwz])\1")


def mistype(keys: Sequence[str], neighbours: Mapping[str, str], random: np.random.Generator) -> list[str]:
    """Return the keys of one word with one of them typed wrongly; the same where the chosen error does not apply."""
    typed = list(keys)
    at, kind = int(random.integers(len(typed))), random.random()
    if kind < REPLACED:
        typed[at] = _beside(typed[at], neighbours, random) or typed[at]
    elif (kind := kind - REPLACED) < OMITTED:
        del typed[at]
    elif (kind := kind - OMITTED) < EXCHANGED:
        if at + 1 < len(typed) and _class(typed[at]) == _class(typed[at + 1]) == "L":
            typed[at : at + 2] = typed[at + 1], typed[at]
    elif kind - EXCHANGED < DOUBLED:
        typed.insert(at, typed[at])
    elif beside := _beside(typed[at], neighbours, random):
        typed.insert(at + int(random.integers(2)), beside)
    return typed


@functools.cache
def neighbours_of(layout: str) -> dict[str, str]:
    """Return the letters beside each letter: of a layout, and of the others for letters that it lacks.

    Raises KeyError where keyboards.toml knows no such layout.
    """
    known = tomllib.loads((DATA / "keyboards.toml").read_text("utf-8"))
    found: dict[str, str] = {}
    for name in (layout, *known):
        for letter, beside in _neighbours(known[name]).items():
            found.setdefault(letter, beside)
    return found


def jamo(hangul: str) -> list[str]:
    """Return the keys of the 2-set keyboard that write a text in Hangul."""
    keys: list[str] = []
    for character in hangul:
        number = ord(character) - _FIRST_SYLLABLE
        if 0 <= number < len(_LEADS) * len(_VOWELS) * len(_TAILS):
            rest, tail = divmod(number, len(_TAILS))
            lead, vowel = divmod(rest, len(_VOWELS))
            keys += [_LEADS[lead], *_VOWELS[vowel], *_TAILS[tail]]
        else:
            keys.append(character)
    return keys


def hangul(keys: Sequence[str]) -> str:
    """Return what the keys of the 2-set keyboard write; jamo that make no syllable stay as they are."""

    def syllable(match: re.Match[str]) -> str:
        lead, vowel, tail = match.groups(default="")
        place = (_LEADS.index(lead) * len(_VOWELS) + _VOWELS.index(vowel)) * len(_TAILS)
        return chr(_FIRST_SYLLABLE + place + _TAILS.index(tail))

    return _TYPED_SYLLABLE.sub(syllable, "".join(keys))


def romaji(kana: str) -> list[str]:
    """Return the Latin letters that write a text in kana; katakana as hiragana."""
    spelling, _ = _kana_tables()
    text = kana.translate(_TO_HIRAGANA)
    typed, at, doubling = "", 0, False
    while at < len(text):
        pair = spelling.get(text[at : at + 2], "")
        letters = pair or spelling.get(text[at], text[at])
        following = spelling.get(text[at + 1 : at + 2], "a")
        at += 2 if pair and len(text[at : at + 2]) == 2 else 1
        if letters == "nn" and following[0] not in "aiueony-":
            letters = "n"
        if letters == "xtu" and following[0] not in "aiueonx-":
            doubling = True
            continue
        typed += letters[0] + letters if doubling else letters
        doubling = False
    return list(typed)


def kana(keys: Sequence[str], *, katakana: bool) -> str:
    """Return what the Latin letters write; letters that make no kana stay as they are."""
    _, table = _kana_tables()
    typed, written, at = "".join(keys), "", 0
    while at < len(typed):
        if _DOUBLED.match(typed, at):
            written, at = written + "っ", at + 1
            continue
        size = next((size for size in (3, 2, 1) if typed[at : at + size] in table), 0)
        if size:
            written, at = written + table[typed[at : at + size]], at + size
        else:
            lone_n = typed[at] == "n" and typed[at + 1 : at + 2] not in {*"aiueoy"}
            written, at = written + ("ん" if lone_n else typed[at]), at + 1
    return written.translate(_TO_KATAKANA) if katakana else written


def is_katakana(text: str) -> bool:
    """Say whether a text in kana is in katakana."""
    return bool(_KATAKANA.search(text))


@functools.cache
def _kana_tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return how each kana is typed, and what each spelling writes."""
    table: dict[str, str] = tomllib.loads((DATA / "romaji.toml").read_text("utf-8"))
    return {written: typed for typed, written in reversed(table.items())}, table


def _neighbours(rows: Mapping[str, str]) -> dict[str, str]:
    """Return the letters beside each letter of one layout: on the keys around it, and on its own key beside shift."""
    keys = [
        (letter, start + place, height, shift)
        for height, (row, start) in enumerate(ROWS.items())
        for shift, name in enumerate((row, f"{row}_shift"))
        for place, letter in enumerate(rows.get(name, "").split())
        if letter != "."
    ]
    found = {}
    for letter, x, y, shift in keys:
        around = [
            other
            for other, x2, y2, shift2 in keys
            if other != letter
            and _class(other) == _class(letter)
            and (
                ((x, y) == (x2, y2) and shift != shift2)
                or (shift == shift2 and y == y2 and abs(x - x2) <= 1)
                or (shift == shift2 and abs(y - y2) == 1 and abs(x - x2) <= REACH)
            )
        ]
        found[letter] = "".join(around)
    return found


def _beside(key: str, neighbours: Mapping[str, str], random: np.random.Generator) -> str:
    """Return a letter whose key is beside that of a letter, in the same case, or "" if none is known."""
    around = neighbours.get(key.lower(), "")
    if not around:
        return ""
    letter = around[int(random.integers(len(around)))]
    return letter.upper() if key.isupper() else letter


def _class(character: str) -> str:
    """Return L for letters and M for marks, which do not stand for one another."""
    return unicodedata.category(character)[0]
