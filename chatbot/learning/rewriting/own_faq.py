"""Examples from a tenant's own FAQ, in which nothing is invented: every reply is made of its approved answer's words.

The question is a wording of an entry, one that an admin has added or that visitors have confirmed; the reply is what
the extractive composer would show for it, or a short answer whole. Questions of unrelated entries teach what is not
known. What is held out shares no entry with what is learned, nor any asked or answered in nearly the same words.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.compose import SMALLTALK
from chatbot.answering.composition.extractive import extract
from chatbot.answering.composition.level import SHORT, length_of
from chatbot.answering.composition.text import SENTENCE, Unit, units_of
from chatbot.answering.guard.leak import gives_orders
from chatbot.answering.pipeline import ComposingEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry
from chatbot.engine.ngrams import fold
from chatbot.learning import split
from chatbot.learning.rewriting.examples import HELD_OUT_SHARE, Example

# Of one entry a few wordings teach as much as many, and of a large FAQ so many examples fill the time there is.
WORDINGS_EACH, MOST = 6, 600
# From fewer FAQs nothing general can be learned, nor any held out.
FEWEST_FAQS = 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A wording, and the number of the entry that answers it."""

    text: str
    owner: int


async def examples_of(
    entries: Sequence[Entry],
    confirmed: Sequence[tuple[str, str]],
    *,
    locale: str,
    encoder: ComposingEncoder,
    unknown_share: float,
    seed: int,
) -> tuple[Example, ...]:
    """Return what an FAQ teaches, some of each entry before more of any; nothing where it is too small.

    `confirmed`: (text, key) of questions whose answer visitors or admins have said. `unknown_share` of the examples are
    of questions that their sources do not answer. Raises EngineError.
    """
    taught = [entry for entry in entries if entry.category != SMALLTALK and _spoken(units_of(entry.answer))]
    if len(taught) < FEWEST_FAQS:
        return ()
    asked = list(_in_turn(taught, confirmed))[:MOST]
    texts = [prepare(one.text) for one in asked]
    vectors = await encoder.embed_queries(texts, upper=encoder.base)
    held_out = _held_out(taught, _groups(taught, asked, texts, vectors))
    known: list[Example] = []
    for one in asked:
        reply = await _reply(one.text, taught[one.owner], locale=locale, encoder=encoder)
        if reply:
            known.append(_example(one, taught[one.owner], reply, locale, is_held_out=held_out[one.owner]))
    count = round(len(known) * unknown_share / (1 - unknown_share))
    unknown = _unknown(taught, asked, vectors, held_out, locale=locale, count=count, seed=seed)
    return _mixed(known, unknown)


def unknown_share_of(examples: Sequence[Example]) -> float:
    """Return the share of examples whose reply is that it is not known."""
    return sum(not one.reply for one in examples) / len(examples) if examples else 0.0


# ---------------------------------------------------------------- what is asked


def _in_turn(entries: Sequence[Entry], confirmed: Sequence[tuple[str, str]]) -> Iterator[Asked]:
    """Yield a wording of each entry, then another of each, and so on; each wording once."""
    numbers = {entry.key: number for number, entry in enumerate(entries)}
    wordings = [list(entry.questions) for entry in entries]
    for text, key in confirmed:
        if key in numbers:
            wordings[numbers[key]].append(text)
    seen: set[str] = set()
    for turn in range(WORDINGS_EACH):
        for owner, own in enumerate(wordings):
            if turn < len(own) and (folded := fold(own[turn])) and folded not in seen:
                seen.add(folded)
                yield Asked(text=own[turn], owner=owner)


# ---------------------------------------------------------------- what is replied


async def _reply(question: str, entry: Entry, *, locale: str, encoder: ComposingEncoder) -> str:
    """Return what is approved as the reply to a wording; empty where that is more than a reply should repeat."""
    if length_of(entry.answer) <= SHORT:
        return _spoken(units_of(entry.answer))
    if fold(question) == fold(entry.questions[0]):
        return ""  # it asks for the whole of a long answer
    others = tuple(wording for wording in entry.questions if fold(wording) != fold(question))
    found = await extract(question, replace(entry, questions=others), locale=locale, encoder=encoder)
    text = _spoken(found.units) if found else ""
    return text if length_of(text) <= SHORT else ""


def _spoken(units: Sequence[Unit]) -> str:
    """Return what units say as a reply does: a paragraph's sentences in one line, items and rows on their own."""
    text, before = "", None
    for unit in units:
        if not unit.may_be_chosen or gives_orders(unit.text):
            continue
        if before is not None:
            is_same = before.block == unit.block and before.kind == unit.kind == SENTENCE
            has_space = before.markdown != before.markdown.rstrip() or unit.place != before.place + 1
            text += (" " if has_space else "") if is_same else "\n"
        text += unit.text
        before = unit
    return text.strip()


def _example(asked: Asked, entry: Entry, reply: str, locale: str, *, is_held_out: bool) -> Example:
    return Example(
        locale=locale, sources=(entry.answer,), question=asked.text, reply=reply, held_out=is_held_out
    )


def _unknown(
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    vectors: Vectors,
    held_out: Mapping[int, bool],
    *,
    locale: str,
    count: int,
    seed: int,
) -> list[Example]:
    """Return examples of questions put to the answer of an entry that has nothing to do with them."""
    random = np.random.default_rng(seed)
    owners = np.array([one.owner for one in asked], np.int64)
    sides = np.array([held_out[one.owner] for one in asked], bool)
    first = {owner: place for place, owner in reversed(list(enumerate(owners.tolist())))}
    found: list[Example] = []
    for place in random.permutation(len(asked)).tolist():
        if len(found) == count:
            break
        one = asked[place]
        # Against the wordings of others on its own side: the farther half of them is unrelated.
        others = [row for owner, row in first.items() if owner != one.owner and sides[row] == sides[place]]
        if not others:
            continue
        near = vectors[others] @ vectors[place]
        far = [row for row, cosine in zip(others, near, strict=True) if cosine <= np.median(near)]
        source = entries[int(owners[far[int(random.integers(len(far)))]])]
        if fold(source.answer) != fold(entries[one.owner].answer):
            found.append(_example(one, source, "", locale, is_held_out=bool(sides[place])))
    return found


def _mixed(known: Sequence[Example], unknown: Sequence[Example]) -> tuple[Example, ...]:
    """Spread the unknown ones evenly among the others, so that any beginning has its share of both."""
    places = [*((row + 0.5) / len(known) for row in range(len(known)))]
    places += [(row + 0.5) / len(unknown) for row in range(len(unknown))]
    both = [*known, *unknown]
    return tuple(both[row] for row in sorted(range(len(both)), key=lambda row: places[row]))


# ---------------------------------------------------------------- what is held out


def _groups(
    entries: Sequence[Entry], asked: Sequence[Asked], texts: Sequence[str], vectors: Vectors
) -> NDArray[np.int64]:
    """Return each entry's group [entries]: those that share an answer, or a wording but for its spelling."""
    answers: dict[str, int] = {}
    groups = np.array(
        [answers.setdefault(fold(entry.answer), row) for row, entry in enumerate(entries)], np.int64
    )
    by_text: dict[int, int] = {}
    for group, one in zip(split.near_duplicates(texts, vectors).tolist(), asked, strict=True):
        mine, other = int(groups[one.owner]), int(groups[by_text.setdefault(group, one.owner)])
        groups[groups == max(mine, other)] = min(mine, other)
    return groups


def _held_out(entries: Sequence[Entry], groups: NDArray[np.int64]) -> dict[int, bool]:
    """Return by entry whether it is only measured on: a tenth of the groups, by their own hashes, at least two."""

    def place(group: int) -> bytes:
        return hashlib.sha256(entries[group].key.encode()).digest()

    ordered = sorted(set(groups.tolist()), key=place)
    chosen = set(ordered[: max(2, round(HELD_OUT_SHARE * len(ordered)))])
    return {row: group in chosen for row, group in enumerate(groups.tolist())}
