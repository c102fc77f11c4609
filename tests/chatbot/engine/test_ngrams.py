"""Folding of spellings, and the n-gram cosine against a naive one."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.engine.ngrams import NgramIndex, fold

TEXT = st.text(st.sampled_from("abc é中文أإ"), max_size=12)


def grams(text: str) -> Counter[str]:
    padded = f" {fold(text)} "
    return Counter(padded[i : i + size] for size in (2, 3) for i in range(len(padded) - size + 1))


def naive(texts: list[str], query: str, row: int) -> float:
    """The cosine of (1 + ln tf) x (ln((N + 1) / (df + 1)) + 1) vectors, over dictionaries."""
    counted = [grams(text) for text in texts]

    def vector(counts: Counter[str]) -> dict[str, float]:
        idf = {g: math.log((len(texts) + 1) / (sum(g in c for c in counted) + 1)) + 1 for g in counts}
        return {g: (1 + math.log(n)) * idf[g] for g, n in counts.items()}

    a, b = vector(grams(query)), vector(counted[row])
    norms = math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    return sum(x * b.get(g, 0.0) for g, x in a.items()) / norms if norms else 0.0


@given(texts=st.lists(TEXT, min_size=1, max_size=6), query=TEXT)
def test_equals_the_naive_cosine(texts: list[str], query: str) -> None:
    rows = np.arange(len(texts))[::-1].copy()
    likeness = NgramIndex(texts).likeness(query, rows)
    assert likeness == pytest.approx([naive(texts, query, row) for row in rows], abs=1e-5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Où est ma COMMANDE ?", "ou est ma commande"),
        ("ＡＢＣ１２３", "abc123"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("أَيْنَ طلبيـــــة؟", "اين طلبيه"),
        ("Straße", "STRASSE"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_variants_of_spelling_fold_together(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("कि", "की"), ("कम", "काम"), ("ก่า", "กา"), ("か", "が"), ("ハ", "バ"), ("가", "까")]
)
def test_marks_that_are_letters_stay(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_a_typing_error_stays_close() -> None:
    index = NgramIndex(["where is my parcel", "how do I pay by card"])
    right, wrong = index.likeness("where is my parsel", np.array([0, 1]))
    assert right > 0.6 > 0.2 > wrong


def test_no_texts_and_half_a_surrogate_pair() -> None:
    assert NgramIndex([]).likeness("a", np.zeros(0, np.int64)).shape == (0,)
    assert NgramIndex(["ab"]).likeness("\ud83d", np.array([0])).shape == (1,)
