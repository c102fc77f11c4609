"""Held-out wordings: nothing that is learned gives them away, and every entry keeps what it learns from."""

import numpy as np
import pytest

from chatbot.engine import space
from chatbot.learning.split import BLOCK, NEAR_DUPLICATE, hold_out, near_duplicates, neighbours, overlaps

DIM = 64


def wordings(entries: int, each: int, *, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, owners and vectors in which no two texts are near."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(entries), each)
    vectors = space.unit(random.normal(size=(len(owners), DIM)).astype(np.float32))
    return [f"text {number}" for number in range(len(owners))], owners, vectors


def near(vector: np.ndarray, *, cosine: float, seed: int = 0) -> np.ndarray:
    """A unit vector at a cosine of another."""
    other = np.random.default_rng(seed).normal(size=DIM)
    other -= (other @ vector) * vector
    return (cosine * vector + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)).astype(np.float32)


def test_share_and_most_are_kept_and_spread_over_the_entries() -> None:
    texts, owners, vectors = wordings(20, 10)
    held = hold_out(texts, owners, vectors, share=0.1, most=1000, seed=0)
    assert held.sum() == 20
    assert np.bincount(owners[held], minlength=20).max() <= 2
    assert hold_out(texts, owners, vectors, share=0.5, most=7, seed=0).sum() == 7
    assert hold_out(texts, owners, vectors, share=0, most=7, seed=0).sum() == 0


def test_the_same_seed_holds_out_the_same() -> None:
    texts, owners, vectors = wordings(20, 10)
    first, second, other = (
        hold_out(texts, owners, vectors, share=0.1, most=1000, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_entries_keep_the_shown_question_and_another() -> None:
    texts, owners, vectors = wordings(10, 4)
    held = hold_out(texts, owners, vectors, share=1, most=1000, seed=0)
    assert not held[::4].any()
    assert (np.bincount(owners[~held]) == 2).all()
    texts, owners, vectors = wordings(10, 2)
    assert not hold_out(texts, owners, vectors, share=1, most=1000, seed=0).any()


def test_owners_may_stand_in_any_order() -> None:
    texts, owners, vectors = wordings(10, 4)
    order = np.random.default_rng(0).permutation(len(owners))
    held = hold_out([texts[n] for n in order], owners[order], vectors[order], share=1, most=1000, seed=0)
    first = np.unique(owners[order], return_index=True)[1]
    assert not held[first].any()
    assert held.sum() == 20


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_stay_on_one_side(seed: int) -> None:
    texts, owners, vectors = wordings(40, 8, seed=seed)
    # Within an entry, across entries by vector, and across entries by spelling.
    pairs = [(n, n + step) for n, step in ((1, 1), (9, 9), (33, 90), (50, 200))]
    for one, other in pairs[:3]:
        vectors[other] = near(vectors[one], cosine=0.98)
    texts[50], texts[250] = "Wo ist mein Paket?", "wo ist mein PAKET"
    held = hold_out(texts, owners, vectors, share=0.5, most=1000, seed=seed)
    assert all(held[one] == held[other] for one, other in pairs)
    assert held.sum() >= 150


def test_what_is_near_a_shown_question_stays() -> None:
    texts, owners, vectors = wordings(10, 6)
    for alternate in range(1, 6):
        vectors[6 + alternate] = near(vectors[0], cosine=0.99, seed=alternate)
    held = hold_out(texts, owners, vectors, share=1, most=1000, seed=0)
    assert not held[7:12].any()


def test_near_duplicates_are_joined_through_others_and_over_blocks() -> None:
    texts, _, vectors = wordings(2 * BLOCK, 1)
    middle = near(vectors[3], cosine=NEAR_DUPLICATE + 0.01)
    vectors[BLOCK + 5] = middle
    vectors[7] = near(middle, cosine=NEAR_DUPLICATE + 0.01, seed=1)
    assert vectors[7] @ vectors[3] < NEAR_DUPLICATE
    groups = near_duplicates(texts, vectors)
    assert groups[3] == groups[7] == groups[BLOCK + 5]
    assert len(np.unique(groups)) == 2 * BLOCK - 2


def test_all_alike_is_one_group() -> None:
    vectors = np.repeat(space.unit(np.ones((1, DIM), np.float32)), 2000, axis=0)
    texts = [f"text {number}" for number in range(2000)]
    assert len(np.unique(near_duplicates(texts, vectors))) == 1
    assert not hold_out(texts, np.arange(2000) % 10, vectors, share=0.5, most=100, seed=0).any()


def test_nothing_to_split() -> None:
    none = np.zeros((0, DIM), np.float32)
    assert len(hold_out([], np.zeros(0, np.int64), none, share=0.5, most=10, seed=0)) == 0
    assert len(overlaps(["a"], np.ones((1, DIM), np.float32), [], none)) == 0
    assert neighbours(none, count=3).shape == (0, 0)


def test_overlaps_by_vector_and_by_spelling() -> None:
    texts, _, vectors = wordings(6, 1)
    asked = ["TEXT 0!", "other", "another", "third"]
    given = np.stack([vectors[5], near(vectors[1], cosine=0.98), near(vectors[1], cosine=0.9), -vectors[2]])
    assert overlaps(texts[:3], vectors[:3], asked, given).tolist() == [True, True, False, False]
    assert overlaps([], vectors[:0], asked, given).tolist() == [False] * 4


def test_neighbours_are_the_nearest_others() -> None:
    random = np.random.default_rng(0)
    vectors = space.unit(random.normal(size=(BLOCK + 50, DIM)).astype(np.float32))
    found = neighbours(vectors, count=3)
    assert found.shape == (BLOCK + 50, 3)
    for entry in (0, 17, BLOCK + 49):
        cosines = vectors @ vectors[entry]
        cosines[entry] = -1
        assert found[entry].tolist() == np.argsort(-cosines)[:3].tolist()
    assert neighbours(vectors[:2], count=5).tolist() == [[1], [0]]
    assert neighbours(vectors[:1], count=5).shape == (1, 0)
