"""Exact search in memory over one locale profile's questions, under one encoder version.

An index never changes: an edit makes a new one, which is swapped in whole, so a question sees one state of the FAQ
from its first step to its last.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.engine import space
from chatbot.engine.arrays import Vectors
from chatbot.engine.bm25 import Bm25
from chatbot.engine.ngrams import NgramIndex, fold
from chatbot.engine.wording import Wording

# An answer of this many tokens is half as informative as one can be.
HALF_INFORMATIVE_TOKENS = 20
# What is on topic is about so near to what is off topic, so this much is no evidence.
USUALLY_NEAR = 0.3
CHUNK = 4096
# Spelling is compared with so many of a candidate's questions, the nearest ones.
SPELLED_QUESTIONS = 8


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One FAQ as the index holds it; `questions[0]` is the question shown."""

    key: str
    questions: tuple[str, ...]
    answer: str
    category: str = ""
    follow_ups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What kind of FAQ an index holds, for signals are worth more in one kind than in another.

    `wordings`: ln(mean number of questions per entry) / 3; `answers`: 0 without answers, towards 1 the longer they
    are; `size`: log10(number of entries) / 3.
    """

    wordings: float
    answers: float
    size: float


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What is known about each candidate, nearest question first; all arrays are [candidates].

    Cosines in the FAQ's own space (see `space`): `question`: to the nearest of the entry's questions; `prototype`: to
    what sets the entry's questions apart; `passage`: to question with answer. Of the text: `words`: BM25 of questions
    and answer as a share of the question's ceiling; `characters`: likeness of spelling to the nearest questions.
    `matched`: the row of the best question within the entry. `verbatim`: whether the text is one of its questions,
    but for case, width, accents and punctuation.

    Of the question alone: `background`: its cosine to the nearest of what is off topic, less what is usual; `nearer`:
    how much nearer it is to something off topic than that is to any of the FAQ's questions, or it to any question or
    passage; both 0 where no background is known. `elsewhere`: whether it has words that tell that it is not for this
    FAQ.
    """

    entry: NDArray[np.int64]
    question: Vectors
    prototype: Vectors
    passage: Vectors
    words: Vectors
    characters: Vectors
    matched: NDArray[np.int64]
    verbatim: NDArray[np.bool_]
    shape: Shape
    background: float = 0.0
    nearer: float = 0.0
    elsewhere: bool = False


class Index:
    """Questions, passages and words of one FAQ, searched together."""

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        questions: Vectors,
        passages: Vectors,
        tokens: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]] | None = None,
        wording: Wording | None = None,
        background: Vectors | None = None,
        elsewhere: re.Pattern[str] | None = None,
    ) -> None:
        """`questions` [sum of questions, dim] in entry order, `passages` [entries, dim], `tokens` per question.

        `answers` holds the tokens of each entry's answer, `wording` tells how questions are read. `background` [texts,
        dim] are vectors of what is off topic, `elsewhere` finds in a folded text what tells that it is not for this
        FAQ. Raises ValueError where numbers do not fit together.
        """
        self.wording = wording or Wording()
        self.entries: Sequence[Entry] = tuple(entries)
        self.by_key: Mapping[str, int] = {entry.key: number for number, entry in enumerate(self.entries)}
        counts = np.array([len(entry.questions) for entry in self.entries], np.int64)
        answers = [[] for _ in self.entries] if answers is None else answers
        if not counts.sum() == len(questions) == len(tokens) or not len(counts) == len(passages) == len(
            answers
        ):
            raise ValueError(
                f"{counts.sum()} questions of {len(counts)} entries need as many vectors, but there are "
                f"{len(questions)} question vectors, {len(passages)} passages, {len(tokens)} token lists of "
                f"questions and {len(answers)} of answers."
            )
        if len(counts) and counts.min() < 1:
            raise ValueError(f"The entry {self.entries[int(counts.argmin())].key!r} has no question.")
        self._starts = np.cumsum(counts) - counts
        self._ends = self._starts + counts
        self.shape = _shape(counts, answers)
        self._elsewhere = elsewhere
        wordings: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            for question in entry.questions:
                wordings.setdefault(fold(question), []).append(number)
        self._wordings: Mapping[str, Sequence[int]] = wordings
        if not self.entries:
            return
        means = np.add.reduceat(questions, self._starts) / counts[:, None].astype(np.float32)
        self._space = space.fit_space(questions, self._starts, space.centre_of(means, "query"))
        self._questions = self._space(questions)
        self._background = None if background is None else self._space(background)
        self._covered = None if self._background is None else _nearest(self._background, self._questions)
        self._prototypes = space.prototypes(self._questions, self._starts)
        self._passages = space.unit(passages - space.centre_of(passages, "passage"))
        self._words = Bm25(
            [
                [token for question in tokens[start:end] for token in question] + list(answer)
                for start, end, answer in zip(self._starts, self._ends, answers, strict=True)
            ]
        )
        self._spelling = NgramIndex([question for entry in self.entries for question in entry.questions])

    def __len__(self) -> int:
        return len(self.entries)

    def has_wording(self, text: str) -> bool:
        """Say whether a prepared text is one of the questions, but for case, width, accents and punctuation."""
        return fold(text) in self._wordings

    def search(self, vector: Vectors, tokens: Sequence[int], *, text: str = "", limit: int = 16) -> Signals:
        """Return the signals of the candidates for a question's unit vector [dim], its tokens and its text.

        Candidates are the `limit` best by each of nearest question, prototype, passage and words, so that each can
        bring in an entry that the others rank low. Without the text, no candidate's spelling is like it.
        """
        if not self.entries:
            return self._signals(np.zeros(0, np.int64), {}, np.zeros(0, np.float32), text)
        inside = self._space(vector)
        # Row by row on one core: memory is the bound, and the threads of BLAS would wait for a core that is busy.
        cosines = np.vecdot(self._questions, inside)
        found = {
            "question": np.maximum.reduceat(cosines, self._starts),
            "prototype": np.vecdot(self._prototypes, inside),
            "passage": np.vecdot(self._passages, space.unit(vector - self._space.centre)),
            "words": self._words.scores(tokens) / np.float32(self._words.ceiling(tokens) or 1.0),
        }
        chosen = np.unique(np.concatenate([_top(signal, limit) for signal in found.values()]))
        chosen = chosen[np.argsort(-found["question"][chosen], kind="stable")]
        signals = self._signals(chosen, found, cosines, text)
        if self._background is None or self._covered is None:
            return signals
        near = np.vecdot(self._background, inside)
        on_topic = np.maximum(self._covered, max(found["question"].max(), found["passage"].max()))
        return replace(
            signals,
            background=float(near.max()) - USUALLY_NEAR,
            nearer=max(0.0, float((near - on_topic).max())),
        )

    def _signals(
        self, chosen: NDArray[np.int64], found: dict[str, Vectors], cosines: Vectors, text: str
    ) -> Signals:
        """Gather the chosen entries' signals, and compare spellings only there."""
        nearest = [
            self._starts[entry] + _top(cosines[self._starts[entry] : self._ends[entry]], SPELLED_QUESTIONS)
            for entry in chosen
        ]
        characters = np.zeros(len(chosen), np.float32)
        if text and nearest:
            likeness = self._spelling.likeness(text, np.concatenate(nearest))
            characters = np.maximum.reduceat(likeness, np.cumsum([0, *map(len, nearest[:-1])]))
        best = [int(rows[np.argmax(cosines[rows])]) for rows in nearest]
        none = np.zeros(0, np.float32)
        return Signals(
            entry=chosen,
            question=found["question"][chosen] if found else none,
            prototype=found["prototype"][chosen] if found else none,
            passage=found["passage"][chosen] if found else none,
            words=found["words"][chosen] if found else none,
            characters=characters,
            matched=np.array(best, np.int64) - self._starts[chosen],
            verbatim=np.isin(chosen, self._wordings.get(fold(text), ())),
            shape=self.shape,
            elsewhere=self._elsewhere is not None and self._elsewhere.search(fold(text)) is not None,
        )


def _shape(counts: NDArray[np.int64], answers: Sequence[Sequence[int]]) -> Shape:
    """Describe an FAQ by its questions per entry and its answers' tokens."""
    if not len(counts):
        return Shape(wordings=0.0, answers=0.0, size=0.0)
    tokens = np.array([len(answer) for answer in answers])
    return Shape(
        wordings=float(np.log(counts.mean()) / 3),
        answers=float((tokens / (tokens + HALF_INFORMATIVE_TOKENS)).mean()),
        size=float(np.log10(len(counts)) / 3),
    )


def _nearest(vectors: Vectors, questions: Vectors) -> Vectors:
    """Return each unit vector's cosine to the nearest question: [vectors]; so many questions at a time."""
    pieces = [questions[start : start + CHUNK] for start in range(0, len(questions), CHUNK)]
    nearest: Vectors = np.max([(vectors @ piece.T).max(axis=1) for piece in pieces], axis=0)
    return nearest


def _top(scores: Vectors, limit: int) -> NDArray[np.int64]:
    """Return the places of the `limit` highest scores, in no order."""
    if len(scores) <= limit:
        return np.arange(len(scores))
    return np.argpartition(scores, -limit)[-limit:]
