"""BM25 over sentencepiece tokens: what the words know, in any script, without a word splitter per language.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; idf in Lucene's positive form.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

K1 = 1.2
B = 0.75


class Bm25:
    """An immutable inverted index over token ids; a document's number is its place in the input."""

    def __init__(self, documents: Sequence[Sequence[int]]) -> None:
        self._count = len(documents)
        lengths = np.fromiter((len(d) for d in documents), np.int64, self._count)
        tokens = np.fromiter((token for d in documents for token in d), np.int64, int(lengths.sum()))
        norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()) if self._count else 1.0, 1.0))
        # One number per (token, document): sorted, they are the postings of each token in a row.
        pairs = tokens * self._count + np.repeat(np.arange(self._count), lengths)
        pairs, frequencies = np.unique(pairs, return_counts=True)
        self._documents = pairs % max(self._count, 1)
        self._tokens, self._starts, holding = np.unique(
            pairs // max(self._count, 1), return_index=True, return_counts=True
        )
        self._ends = self._starts + holding
        self._idf = self.idf(holding)
        saturated = frequencies * (K1 + 1) / (frequencies + norm[self._documents])
        self._weights = (saturated * np.repeat(self._idf, holding)).astype(np.float32)

    def idf(self, documents_with_token: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ln(1 + (N - n + 0.5) / (n + 0.5)) for each n."""
        n = documents_with_token
        return np.log1p((self._count - n + 0.5) / (n + 0.5))

    def scores(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return each document's score for the query's distinct tokens: [documents]."""
        scores = np.zeros(self._count, np.float32)
        for place in self._places(tokens):
            postings = slice(self._starts[place], self._ends[place])
            scores[self._documents[postings]] += self._weights[postings]
        return scores

    def ceiling(self, tokens: Sequence[int]) -> float:
        """Return what a document of average length with each token once would score; 0 for no tokens.

        Tokens that no document holds count with the idf of a token that none does, so a question of unknown
        words has a high ceiling and a low share of it.
        """
        found = sum(float(self._idf[place]) for place in self._places(tokens))
        unknown = len(set(tokens)) - sum(1 for _ in self._places(tokens))
        return found + unknown * float(np.log1p((self._count + 0.5) / 0.5))

    def _places(self, tokens: Sequence[int]) -> Iterator[int]:
        """Yield where the distinct tokens that any document holds stand among the known tokens."""
        wanted = np.unique(np.asarray(tokens, np.int64))
        places = np.searchsorted(self._tokens, wanted)
        for token, place in zip(wanted, places, strict=True):
            if place < len(self._tokens) and self._tokens[place] == token:
                yield int(place)
