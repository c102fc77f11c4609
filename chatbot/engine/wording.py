"""How one FAQ is worded: its script, its words and its locale's synonyms, and how a question reads in them."""

from collections.abc import Iterable, Mapping, Sequence

from chatbot.engine import han
from chatbot.engine.romanised import INDIC_WORD, LATIN_WORD, Romanised
from chatbot.engine.synonyms import Synonyms

# So much of an FAQ's words must be in an Indic script before Latin ones are read as theirs.
INDIC_SHARE = 0.3


class Wording:
    """What an index knows about the way its FAQ is written. Immutable.

    `synonyms` maps a head term to its synonyms.
    """

    def __init__(
        self, texts: Iterable[str] = (), *, synonyms: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """`texts` are the FAQ's questions and answers."""
        joined = "\n".join(texts)
        self.synonyms = dict(synonyms or {})
        self._synonyms = Synonyms(self.synonyms)
        self._characters = han.table_for(joined)
        indic = len(INDIC_WORD.findall(joined))
        latin = len(LATIN_WORD.findall(joined)) if indic else 0
        self._romanised = Romanised(joined) if indic and indic >= INDIC_SHARE * (indic + latin) else None

    def readings(self, prepared: str) -> tuple[str, ...]:
        """Return the texts to search for: a prepared question in the FAQ's characters, and in its words if others."""
        written = prepared.translate(self._characters) if self._characters else prepared
        worded = self._synonyms.read(written)
        if self._romanised is not None:
            worded = self._romanised.read(worded)
        return (written,) if worded == written else (written, worded)

    def fold(self, folded: str) -> str:
        """Return a folded text with synonyms made equal."""
        return self._synonyms.fold(folded)
