"""What two writings of the same words share: case, width, accents, letter forms, digits, punctuation, spaces."""

import re
import unicodedata

# Marks that a writer may leave out without writing another word: Latin accents (Unicode block Combining Diacritical
# Marks), Arabic vowel marks and hamza, and the dot of Hindi's loan sounds. Other scripts' marks are letters.
MARKS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u093c]")
# Arabic letters that stand for one another in everyday writing; the Persian and Urdu shapes of kaf and yeh too.
LETTERS = str.maketrans("ٱىةکیے", "ايهكيي", "\u0640")
# Signs that carry meaning, though Unicode counts them among punctuation.
KEPT = frozenset("%&@#+")
THOUSANDS = re.compile(r"(?<=\d)[.,'’٬ ](?=\d{3}(?!\d))")
DECIMAL = re.compile(r"(?<=\d)[.,٫](?=\d)")
# Scripts that are written without spaces, or in which a space may as well be left out: kana, Han, Hangul, Thai.
UNSPACED = (
    "\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
# A sign of money or percent is written with a space or without.
SIGNS = "%&@#+$€£¥₩₹₽₺₫฿﷼"
LOOSE_SPACE = re.compile(rf"(?<=[{UNSPACED}{SIGNS}]) | (?=[{UNSPACED}{SIGNS}])")
POINT = "\ue000"  # stands for the decimal point while punctuation is taken away; of no script


def fold(text: str) -> str:
    """Return a text as it is compared with others."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFC", MARKS.sub("", unicodedata.normalize("NFD", text))).translate(LETTERS)
    text = "".join(_digit(character) for character in text)
    text = DECIMAL.sub(POINT, THOUSANDS.sub("", text))
    text = "".join(_plain(character) for character in text)
    text = " ".join(text.split())
    return LOOSE_SPACE.sub("", text).replace(POINT, ".")


def holds(text: str, phrase: str) -> bool:
    """Say whether a folded text has a folded phrase in it; a number only as a whole number."""
    start = text.find(phrase) if phrase else -1
    while start >= 0:
        if _is_whole(text, start, start + len(phrase)):
            return True
        start = text.find(phrase, start + 1)
    return False


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether no number goes on beyond either end of what was found."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if text[start].isdigit() and (before[-1:].isdigit() or re.fullmatch(r"\d\.", before)):
        return False
    return not (text[end - 1].isdigit() and (after[:1].isdigit() or re.fullmatch(r"\.\d", after)))


def _digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def _plain(character: str) -> str:
    """Return a letter, digit, sign of money or mark as it is, and a space for everything else."""
    kind = unicodedata.category(character)
    if kind[0] in "LNM" or kind == "Sc" or character in KEPT or character == POINT:
        return character
    # What only formats, such as a soft hyphen or a mark of direction, is not even a space.
    return "" if kind == "Cf" else " "
