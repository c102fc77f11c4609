"""Character n-grams: likeness of spelling, for typing errors, inflections and variants of one script.

Texts are compared as tf-idf vectors over the bigrams and trigrams of their folded characters, by cosine
(Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, chapters 3 and 6).
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Combining accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel signs and tatweel, and joiners. Marks
# of other scripts stay: in Devanagari or Thai they are letters.
MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u200c\u200d]+")
# What is neither letter nor digit; the ranges are scripts of India and South-East Asia, whose marks \w leaves out.
OTHER = re.compile(r"(?:[^\w\u0900-\u0963\u0966-\u109f\u1780-\u17ff]|_)+")
# Arabic letter forms that are typed for one another.
LETTERS = str.maketrans("\u0623\u0625\u0622\u0671\u0649\u0629", "\u0627\u0627\u0627\u0627\u064a\u0647")
TEXT_BITS = 21


def fold(text: str) -> str:
    """Return a text with spellings that count as one made equal: case, width, accents, letter forms."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    composed = unicodedata.normalize("NFC", MARKS.sub("", decomposed))
    return OTHER.sub(" ", composed.translate(LETTERS)).strip()


class NgramIndex:
    """The n-grams of many texts, which are compared to a query only where asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        grams, owners = _grams(texts)
        self._grams, ids = np.unique(grams, return_inverse=True)
        # One number per (text, gram): sorted, they are each text's grams in a row.
        pairs, frequencies = np.unique(owners * max(len(self._grams), 1) + ids, return_counts=True)
        owners, ids = np.divmod(pairs, max(len(self._grams), 1))
        self._idf = np.log((len(texts) + 1) / (np.bincount(ids, minlength=len(self._grams)) + 1)) + 1
        self._unknown_idf = float(np.log(len(texts) + 1) + 1)
        weights = (1 + np.log(frequencies)) * self._idf[ids]
        norms = np.sqrt(np.bincount(owners, weights**2, minlength=len(texts)))
        self._ids = ids.astype(np.int32)
        self._weights = (weights / norms[owners]).astype(np.float32)
        self._starts = np.searchsorted(owners, np.arange(len(texts) + 1))

    def likeness(self, query: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine of a query to the texts of the given rows: [rows]."""
        grams, frequencies = np.unique(_grams([query])[0], return_counts=True)
        places = np.minimum(np.searchsorted(self._grams, grams), max(len(self._grams) - 1, 0))
        known = self._grams[places] == grams if len(self._grams) else np.zeros(len(grams), bool)
        idf = np.where(known, self._idf[places], self._unknown_idf) if known.any() else self._unknown_idf
        weights = (1 + np.log(frequencies)) * idf
        dense = np.zeros(len(self._grams), np.float32)
        dense[places[known]] = weights[known] / np.linalg.norm(weights)
        counts = self._starts[rows + 1] - self._starts[rows]
        ends = np.cumsum(counts)
        # The stretches of all rows one after the other, and each row's sum by differences of a running sum.
        stretch = np.arange(ends[-1] if len(rows) else 0) + np.repeat(
            self._starts[rows] - (ends - counts), counts
        )
        products = self._weights[stretch] * dense[self._ids[stretch]]
        running = np.append(0.0, np.cumsum(products, dtype=np.float64))
        return (running[ends] - running[ends - counts]).astype(np.float32)


def _grams(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every bigram and trigram as one number, and the text that each is of; words keep their edges."""
    folded = [f" {fold(text)} " for text in texts]
    lengths = np.fromiter((len(text) for text in folded), np.int64, len(folded))
    codes = np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    owners = np.repeat(np.arange(len(folded)), lengths)
    pairs = codes[:-1] << TEXT_BITS | codes[1:]
    triples = pairs[:-1] << TEXT_BITS | codes[2:]
    in_pair, in_triple = owners[:-1] == owners[1:], owners[:-2] == owners[2:]
    return (
        np.concatenate([pairs[in_pair], triples[in_triple]]),
        np.concatenate([owners[:-1][in_pair], owners[:-2][in_triple]]),
    )
