"""Held-out wordings that nothing learned gives away, and which entries are taken for one another.

Two texts are near-duplicates if they are equal but for case, width, accents and punctuation, or if their vectors nearly
are; left on both sides of a split, they make a version look better than it is (Lee et al., Deduplicating training data
makes language models better, ACL 2022).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.arrays import Vectors
from chatbot.engine.ngrams import fold

Rows = NDArray[np.int64]
Chosen = NDArray[np.bool_]

# Under multilingual-e5-small, "Can I top up with Google Pay?" and "Am I able to do top-ups with Google Pay?" are 0.98,
# other ways to ask for the same 0.85 to 0.96.
NEAR_DUPLICATE = 0.97
# What an entry keeps to learn from: the question shown, and one that must be drawn to it.
FEWEST_LEFT = 2
BLOCK = 512


def hold_out(
    texts: Sequence[str], owners: Rows, vectors: Vectors, *, share: float, most: int, seed: int
) -> Chosen:
    """Return which texts [n] to hold out: `share` of them or `most`, evenly over the entries, fewer where none fit.

    `owners` [n] are entry numbers, `vectors` [n, dim] unit vectors. Near-duplicates stay together, within an entry or
    across; an entry's first text stays in, and so does another at least.
    """
    chosen = np.zeros(len(texts), bool)
    wanted = min(most, round(share * len(texts)))
    if wanted <= 0:
        return chosen
    groups = near_duplicates(texts, vectors)
    _, first, entry, left = np.unique(owners, return_index=True, return_inverse=True, return_counts=True)
    stays = np.isin(groups, groups[first])
    members = _members(groups)
    taken = 0
    for row in _evenly(entry, np.flatnonzero(~stays), random=np.random.default_rng(seed)).tolist():
        rows = members[groups[row]]
        lost = np.bincount(entry[rows], minlength=len(left))
        if chosen[row] or taken + len(rows) > wanted or (left - lost < FEWEST_LEFT)[lost > 0].any():
            continue
        chosen[rows] = True
        left -= lost
        taken += len(rows)
        if taken == wanted:
            break
    return chosen


def near_duplicates(texts: Sequence[str], vectors: Vectors) -> Rows:
    """Return the group of each text [n]: all that near-duplicates join, directly or through others."""
    folded: dict[str, int] = {}
    groups = np.array([folded.setdefault(fold(text), row) for row, text in enumerate(texts)], np.int64)
    rows = np.unique(groups)
    distinct = vectors[rows]
    found = np.arange(len(rows))
    for start in range(0, len(rows), BLOCK):
        near = distinct[start : start + BLOCK] @ distinct[start:].T >= NEAR_DUPLICATE
        for place in np.flatnonzero(near.sum(axis=1) > 1):
            same = found[start + np.flatnonzero(near[place])]
            if (same != same[0]).any():
                found[np.isin(found, same)] = same.min()
    return rows[found[np.searchsorted(rows, groups)]]


def overlaps(
    learned: Sequence[str], learned_vectors: Vectors, asked: Sequence[str], asked_vectors: Vectors
) -> Chosen:
    """Return which of the asked texts [n] are near-duplicates of any that was learned; vectors are unit vectors."""
    known = {fold(text) for text in learned}
    found = np.array([fold(text) in known for text in asked], bool)
    if len(learned):
        for start, cosines in _blocks(asked_vectors, learned_vectors):
            found[start : start + BLOCK] |= cosines.max(axis=1) >= NEAR_DUPLICATE
    return found


def neighbours(vectors: Vectors, *, count: int) -> Rows:
    """Return the entries that are taken for each most easily, the nearest first: [entries, count] or fewer.

    `vectors` [entries, dim] are unit vectors. Drawn into one batch, they are its hard negatives (Robinson et al.,
    Contrastive learning with hard negative samples, ICLR 2021).
    """
    count = min(count, len(vectors) - 1)
    nearest = np.zeros((len(vectors), max(count, 0)), np.int64)
    if count < 1:
        return nearest
    for start, cosines in _blocks(vectors, vectors):
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(cosines, best, axis=1), axis=1, kind="stable")
        nearest[start : start + BLOCK] = np.take_along_axis(best, order, axis=1)
    return nearest


def _blocks(left: Vectors, right: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Yield row numbers of `left` and the cosines of the block that begins there: [up to BLOCK, len(right)]."""
    for start in range(0, len(left), BLOCK):
        yield start, left[start : start + BLOCK] @ right.T


def _members(groups: Rows) -> dict[int, Rows]:
    """Return the rows of each group."""
    order = np.argsort(groups, kind="stable")
    names, starts = np.unique(groups[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True)) if len(names) else {}


def _evenly(entry: Rows, rows: Rows, *, random: np.random.Generator) -> Rows:
    """Return the rows in an order of which any beginning is spread evenly over the entries."""
    shuffled = random.permutation(rows)
    by_entry = shuffled[np.argsort(entry[shuffled], kind="stable")]
    _, starts, counts = np.unique(entry[by_entry], return_index=True, return_counts=True)
    place = np.arange(len(by_entry)) - np.repeat(starts, counts)
    at = (place + np.repeat(random.random(len(counts)), counts)) / np.repeat(counts, counts)
    return by_entry[np.argsort(at, kind="stable")]
