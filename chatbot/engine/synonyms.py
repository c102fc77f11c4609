"""A locale's synonyms: words that mean the same to this shop's customers, read as one of them."""

import re
from collections.abc import Mapping, Sequence

from chatbot.engine.ngrams import fold

# Scripts that write words without spaces, and Korean, which hangs particles on them: there a term may stand anywhere.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"


class Synonyms:
    """Replaces every synonym by its head term. Immutable."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        """`table` maps a head term to its synonyms; a term that stands for two heads is read as the first."""
        self._heads: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        for head, others in table.items():
            for term in (head, *others):
                self._heads.setdefault(term.casefold(), head)
                self._folded.setdefault(fold(term), fold(head))
        self._written = _pattern(self._heads)
        self._words = _pattern(self._folded)

    def read(self, text: str) -> str:
        """Return a prepared text with its synonyms replaced."""
        return self._written.sub(lambda match: self._heads.get(match[0].casefold(), match[0]), text)

    def fold(self, folded: str) -> str:
        """Return a folded text with its synonyms replaced, as its words are compared."""
        return self._words.sub(lambda match: self._folded[match[0]], folded)


def _pattern(terms: Mapping[str, str]) -> re.Pattern[str]:
    """Match any of the terms, the longest first, as whole words where the script has spaces."""
    longest = sorted(filter(None, terms), key=len, reverse=True)
    return re.compile("|".join(map(_whole, longest)) or "(?!)", re.IGNORECASE)


def _whole(term: str) -> str:
    before = "" if re.match(f"[{_UNSPACED}]", term[0]) else r"(?<!\w)"
    after = "" if re.match(f"[{_UNSPACED}]", term[-1]) else r"(?!\w)"
    return before + re.escape(term) + after
