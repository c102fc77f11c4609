"""An FAQ with its vectors and tokens, from which parts can be indexed without embedding anything again."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering import background
from chatbot.answering.retrieve import PASSAGE_CHARS, Embed, Tokenize, elsewhere_of, index_texts, lexical
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry, Index
from chatbot.engine.wording import Wording


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prepared question with its unit vector [dim] and its tokens."""

    text: str
    vector: Vectors
    tokens: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Material:
    """Entries with `questions` [all questions, dim], `passages` [entries, dim] and tokens, in entry order.

    `background` [texts, dim] are vectors of what is off topic, where they are known.
    """

    entries: tuple[Entry, ...]
    texts: Sequence[str]
    questions: Vectors
    passages: Vectors
    tokens: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]
    background: Vectors | None = None

    @functools.cached_property
    def owners(self) -> NDArray[np.int64]:
        """Return the number of the entry that each question is of: [all questions]."""
        return np.repeat(np.arange(len(self.entries)), [len(entry.questions) for entry in self.entries])

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return which questions are their entry's first: [all questions]."""
        return np.append(True, self.owners[1:] != self.owners[:-1])[: len(self.owners)]

    def keep(self, rows: NDArray[np.bool_]) -> "Material":
        """Return the material of some of the questions [all questions]; entries that lose theirs all are gone."""
        kept = np.flatnonzero(rows).tolist()
        numbers, starts = np.unique(self.owners[kept], return_index=True)
        entries = [
            replace(self.entries[number], questions=tuple(self.texts[row] for row in kept[start:end]))
            for number, start, end in zip(numbers, starts, [*starts[1:], len(kept)], strict=True)
        ]
        return Material(
            entries=tuple(entries),
            texts=[self.texts[row] for row in kept],
            questions=self.questions[kept],
            passages=self.passages[numbers],
            tokens=[self.tokens[row] for row in kept],
            answers=[self.answers[number] for number in numbers],
            background=self.background,
        )

    def asked(self, row: int) -> Asked:
        """Return one of the questions as if a visitor had asked it."""
        return Asked(text=self.texts[row], vector=self.questions[row], tokens=self.tokens[row])

    def index(self, *, wording: Wording | None = None) -> Index:
        """Index everything; `wording` tells how questions are read, where any are."""
        return Index(
            self.entries,
            questions=self.questions,
            passages=self.passages,
            tokens=self.tokens,
            answers=self.answers,
            wording=wording,
            background=self.background,
            elsewhere=elsewhere_of(self.entries),
        )


def embed_entries(
    entries: Sequence[Entry], *, embed: Embed, tokenize: Tokenize, off_topic: Vectors | None = None
) -> Material:
    """Embed an FAQ; `embed` returns unit vectors [len(texts), dim], `tokenize` token ids per text.

    `off_topic` are the background's vectors where the caller has them.
    """
    pairs = [index_texts(entry) for entry in entries]
    texts = [question for questions, _ in pairs for question in questions]
    return Material(
        entries=tuple(entries),
        texts=texts,
        questions=embed(texts, "query"),
        passages=embed([passage for _, passage in pairs], "passage"),
        tokens=tokenize([lexical(text) for text in texts]),
        answers=tokenize([lexical(entry.answer)[:PASSAGE_CHARS] for entry in entries]),
        background=embed(background.texts(), "query") if off_topic is None else off_topic,
    )
