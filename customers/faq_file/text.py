"""The one normalisation that every imported text goes through, and its exact inverse for export.

What is stored: LF line ends, no outer whitespace, everything else as written. Spreadsheet programs run
text that starts with = + - @ (half or full width), tab or CR as a formula, so a cell written for them gets an
apostrophe in front, and one apostrophe is taken off again in front of the same characters. A text that
itself starts with apostrophes and such a character gets one more, which keeps the pair exact inverses.
See OWASP, "CSV Injection".
"""

import re
import unicodedata

from .model import FORBIDDEN

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_QUOTED_FORMULA = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
_NAME_SEPARATORS = re.compile("[,;\n，；、،؛]")
_SENTENCE_MARKS = " .,;:!?¿¡。、؟،؛।॥"


def clean(text: str) -> str:
    """LF line ends, no outer whitespace."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def single_line(text: str) -> str:
    """Cleaned text whose line breaks have become single spaces."""
    text = clean(text)
    return " ".join(filter(None, map(str.strip, text.split("\n")))) if "\n" in text else text


def split_lines(text: str) -> list[str]:
    """The non-empty lines of a cell."""
    return [line for part in clean(text).split("\n") if (line := part.strip())]


def split_names(text: str) -> list[str]:
    """Tags or ids from one cell, separated by commas, semicolons (of any script) or line breaks."""
    return [name for part in _NAME_SEPARATORS.split(clean(text)) if (name := part.strip())]


def has_separator(text: str) -> bool:
    return _NAME_SEPARATORS.search(text) is not None


def forbidden_character(text: str) -> str | None:
    """The first character that may not be in a text, as U+0000, or None."""
    match = None if text.isascii() and text.isprintable() else FORBIDDEN.search(text)
    return match and f"U+{ord(match[0]):04X}"


def guard(text: str) -> str:
    """The text as a cell that no spreadsheet program runs; `unguard` gives it back."""
    return "'" + text if _FORMULA.match(text) else text


def guard_quoted(text: str) -> str:
    """The text for a cell that is typed as text anyway, so that `unguard` still gives it back."""
    return "'" + text if _QUOTED_FORMULA.match(text) else text


def unguard(text: str) -> str:
    return text[1:] if text.startswith("'") and _QUOTED_FORMULA.match(text) else text


def fold(text: str) -> str:
    """A key that ignores case, width, diacritics, spaces and punctuation; never shown, never stored."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in decomposed if char.isalnum())


def question_key(text: str) -> str:
    """What makes two questions the same question: case, width, spacing and sentence marks aside.

    Diacritics and symbols stay, because they tell words apart (C and C#).
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(_SENTENCE_MARKS) or folded
