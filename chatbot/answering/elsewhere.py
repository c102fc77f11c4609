"""Words that tell that a question is not for an FAQ: other businesses, and what a business keeps to itself.

They are data (`elsewhere.toml`), and tell nothing where the FAQ has them itself.
"""

import functools
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.engine.ngrams import fold

FILE = Path(__file__).with_name("elsewhere.toml")
# An FAQ that names so many other businesses is about others' business too.
SPEAKS_OF_OTHERS = 5
# Scripts whose words run on into others, or take particles as prefixes and endings: all beyond Latin, Greek, Cyrillic.
INSIDE = re.compile("[\u0590-\uffff]")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What tells, folded: names of other businesses, words of secrets, and what names stand beside to be compared."""

    names: tuple[str, ...]
    secrets: tuple[str, ...]
    compared: tuple[str, ...]


@functools.cache
def words() -> Words:
    """Return the words that tell."""
    file = tomllib.loads(FILE.read_text(encoding="utf-8"))
    secrets, compared = (tuple(map(fold, file.pop(kind))) for kind in ("secrets", "compared"))
    return Words(
        names=tuple(fold(name) for names in file.values() for name in names),
        secrets=secrets,
        compared=compared,
    )


def unknown_to(texts: Iterable[str]) -> re.Pattern[str]:
    """Return what finds, in a folded text, words of others' business or of secrets that an FAQ nowhere has.

    `texts` are the FAQ's questions and answers, folded.
    """
    inside = "\n".join(texts)
    names = [name for name in words().names if name not in inside]
    if len(names) <= len(words().names) - SPEAKS_OF_OTHERS:
        names = []
    return _pattern(tuple(names), tuple(word for word in words().secrets if word not in inside))


@functools.lru_cache(maxsize=64)
def _pattern(names: Sequence[str], secrets: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern of any secret, or of any name in a text that does not compare."""
    compares = f"(?!.*(?:{_any(words().compared)}))"
    return re.compile(rf"^{compares}.*?(?:{_any(names)})|{_any(secrets)}")


def _any(choices: Sequence[str]) -> str:
    """Return a pattern of any of the words, longest first.

    Those of scripts with spaces and without particles are whole words.
    """
    ordered = sorted(choices, key=len, reverse=True)
    whole = [re.escape(word) for word in ordered if not INSIDE.match(word)]
    inside = [re.escape(word) for word in ordered if INSIDE.match(word)]
    return "|".join([*([rf"(?<!\S)(?:{'|'.join(whole)})(?!\S)"] if whole else []), *inside]) or "(?!)"
