"""Simplified and traditional Chinese characters: a question is read in those that the FAQ is written in."""

import functools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("han_variants.txt")
# An FAQ is in one kind of characters if so much of what tells them apart is of it. Japanese, which writes some
# characters one way and some the other, is in neither.
SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Both directions of the table, and the characters that occur in one kind alone."""

    simplified: dict[int, str]
    traditional: dict[str, str]
    only_simplified: frozenset[str]
    only_traditional: frozenset[str]


@functools.cache
def variants() -> Variants:
    """Read the table."""
    rows = [line for line in DATA.read_text("utf-8").splitlines() if not line.startswith("#")]
    left, right = {row[0] for row in rows}, {form for row in rows for form in row[1:]}
    return Variants(
        simplified={ord(form): row[0] for row in reversed(rows) for form in row[1:]},
        traditional={row[0]: row[1:] for row in rows},
        only_simplified=frozenset(left - right),
        only_traditional=frozenset(right - left),
    )


def table_for(text: str) -> dict[int, str]:
    """Return what turns a question's characters into those of an FAQ's text, for `str.translate`; empty if nothing."""
    counts = Counter(text)
    known = variants()
    simplified = sum(counts[form] for form in counts.keys() & known.only_simplified)
    traditional = sum(counts[form] for form in counts.keys() & known.only_traditional)
    if simplified > SHARE * (simplified + traditional):
        return known.simplified
    if traditional <= SHARE * (simplified + traditional):
        return {}
    # Several traditional forms may be one in simplified: the one that the FAQ writes, else the usual one.
    return {
        ord(form): max(forms, key=counts.__getitem__)
        for form, forms in known.traditional.items()
        if form in known.only_simplified
    }
