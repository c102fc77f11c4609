"""Texts made comparable: width, digits, case, marks and quotation signs folded (Unicode NFKC, UAX #15)."""

import functools
import re
import unicodedata

# Signs that are written or left out at will: Arabic vowel marks and the tatweel, Devanagari's nukta, zero width.
_OPTIONAL = re.compile("[\u064b-\u065f\u0670\u0640\u093c\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]")
_ALIKE = str.maketrans(
    {
        "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك",
        "\u0901": "\u0902",
        "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'",
        "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "〜": "~", "⁄": "/",
    }
)  # fmt: skip
_LATIN_ACCENT = re.compile(r"(?<=[a-zA-Z])[\u0300-\u036f]+")
# What Markdown adds, and quotation signs; signs of numbers and currencies count.
_MARKS = re.compile(r"[\s*_`~#>|\\\"'\[\]]+|!(?=\[)|\]\([^)]*\)")
# Vowel signs of South and South-East Asia are no letters to `\W`, but parts of words.
_WORDLESS = re.compile(r"(?:[^\w\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e]|_)+")
# Letters and the marks that belong to them; `\w` alone stops at the vowel signs of Indian scripts.
LETTER = r"[\w\u0900-\u097f\u0300-\u036f]"


def normal(text: str) -> str:
    """Return a text in one width, with ASCII digits and plain quotation signs; its case is kept."""
    widened = _OPTIONAL.sub("", unicodedata.normalize("NFKC", text))
    plain = widened.translate(_ALIKE)
    if plain.isascii():
        return plain
    return "".join(_digit(character) for character in plain)


def fold(text: str) -> str:
    """Return `normal` text in one case, on one line."""
    return " ".join(normal(text).casefold().split())


def bare(text: str) -> str:
    """Return the letters and digits of a text alone, folded and without accents, one space between words."""
    folded = unicodedata.normalize("NFD", fold(text))
    return _WORDLESS.sub(" ", unicodedata.normalize("NFC", _LATIN_ACCENT.sub("", folded))).strip()


def same(text: str) -> str:
    """Return what two copies of a text have in common however they are set: no space, no marks, no final point.

    A question mark counts: a question is no statement.
    """
    return _MARKS.sub("", fold(text)).strip(".,;:!。、，；：！،؛।-–—•")


def _digit(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return character


@functools.lru_cache(maxsize=4096)
def script_of(character: str) -> str:
    """Return a letter's script by the first word of its Unicode name: LATIN, CJK, HIRAGANA."""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
