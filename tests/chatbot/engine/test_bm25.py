"""BM25 against its formula, written out one token at a time."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.engine.bm25 import K1, B, Bm25

TOKENS = st.lists(st.integers(0, 12), max_size=12)


def formula(documents: Sequence[Sequence[int]], query: Sequence[int], number: int) -> float:
    """Robertson and Zaragoza 2009, equation 3.15, with Lucene's idf."""
    document = documents[number]
    mean = max(sum(map(len, documents)) / len(documents), 1.0)
    score = 0.0
    for token in set(query):
        holding = sum(token in other for other in documents)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        frequency = document.count(token)
        score += idf * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * len(document) / mean))
    return score


@given(documents=st.lists(TOKENS, min_size=1, max_size=8), query=TOKENS)
def test_equals_the_formula(documents: list[list[int]], query: list[int]) -> None:
    scores = Bm25(documents).scores(query)
    assert scores == pytest.approx([formula(documents, query, n) for n in range(len(documents))], abs=1e-4)


def test_a_rare_token_counts_more_than_a_common_one() -> None:
    bm25 = Bm25([[1, 2], [1, 3], [1, 4]])
    assert bm25.scores([1, 3]).argmax() == 1
    assert bm25.scores([1])[0] < bm25.scores([2])[0]


def test_the_ceiling_counts_unknown_tokens() -> None:
    bm25 = Bm25([[1, 2], [3, 4]])
    assert bm25.ceiling([1, 2]) == pytest.approx(float(bm25.scores([1, 2])[0]), rel=1e-5)
    assert bm25.ceiling([1, 99]) > bm25.ceiling([1, 2]) > bm25.ceiling([]) == 0


def test_nothing_indexed_and_nothing_asked() -> None:
    assert Bm25([]).scores([1, 2]).shape == (0,)
    assert not Bm25([[], []]).scores([1]).any()
    assert not Bm25([[1], [2]]).scores([]).any()
    assert np.isfinite(Bm25([]).ceiling([1]))
