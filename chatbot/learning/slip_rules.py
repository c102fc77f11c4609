"""What slips/*.toml says about a language's typists, ready for use."""

import bisect
import functools
import itertools
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chatbot.learning.keystrokes import DATA

# Scripts that write words without spaces, and Korean, which hangs particles on them: there a term may stand anywhere.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form and what is written for it; `starts` and `ends`: only at a word's beginning or end."""

    text: str
    starts: bool
    ends: bool
    others: tuple[str, ...]

    def stands(self, text: str, at: int) -> bool:
        """Say whether a lower-case text has this form at a place."""
        end = at + len(self.text)
        return (
            text.startswith(self.text, at)
            and not (self.starts and at and _in_word(text[at - 1]))
            and not (self.ends and end < len(text) and _in_word(text[end]))
        )


class Forms:
    """Forms that are written for one another. Immutable."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self.forms = tuple(forms)
        self._by_first: defaultdict[str, list[Form]] = defaultdict(list)
        for form in self.forms:
            self._by_first[form.text[0]].append(form)

    def write(self, text: str, random: np.random.Generator) -> str:
        """Return a text with one of its forms written otherwise, in the same case; as it is if it has none."""
        lower = text.lower()
        if len(lower) != len(text):
            return text
        found = [
            (at, form)
            for at, letter in enumerate(lower)
            for form in self._by_first.get(letter, ())
            if form.stands(lower, at)
        ]
        if not found:
            return text
        at, form = found[int(random.integers(len(found)))]
        other = form.others[int(random.integers(len(form.others)))]
        end = at + len(form.text)
        return text[:at] + _cased(other, like=text[at:end]) + text[end:]


@dataclass(frozen=True, kw_only=True)
class Language:
    """How a language is typed: its layout, its confusions, and how often each kind of slip is made.

    `spelled` is how letters are written by who has no key for them, for `str.translate`.
    """

    keyboard: str
    alike: Forms
    words: Forms
    spelled: Mapping[int, str]
    dropped: tuple[re.Pattern[str], ...]
    kinds: tuple[str, ...]
    up_to: tuple[float, ...]

    def kind(self, share: float) -> str:
        """Return the kind of slip at a share of all, 0 to below 1."""
        return self.kinds[bisect.bisect_right(self.up_to, share * self.up_to[-1])]


@functools.cache
def language_of(locale: str) -> Language:
    """Return what is known about a BCP 47 tag's language, the general where there is none."""
    general = _read("default")
    name = re.split("[-_]", locale)[0].lower()
    known = _read(name) if name in _languages() else {}
    weights = {kind: w for kind, w in (general["weights"] | known.get("weights", {})).items() if w > 0}
    data = {
        field: known.get(field, general[field])
        for field in ("keyboard", "alike", "instead", "words", "spelled", "dropped")
    }
    return Language(
        keyboard=data["keyboard"],
        alike=Forms([*_alike(data["alike"]), *_instead(data["instead"])]),
        words=Forms(_alike([f"^{group.replace('|', '$|^')}$" for group in data["words"]])),
        spelled=str.maketrans(dict(pair.split("|") for pair in data["spelled"])),
        dropped=tuple(re.compile(pattern, re.IGNORECASE) for pattern in data["dropped"]),
        kinds=tuple(weights),
        up_to=tuple(itertools.accumulate(weights.values())),
    )


@functools.lru_cache(maxsize=16)
def synonym_forms(table: tuple[tuple[str, tuple[str, ...]], ...]) -> Forms:
    """Return the terms of a locale's synonyms as forms of one another, whole words where the script has spaces."""
    groups = [[_bounded(term) for term in dict.fromkeys((head, *others)) if term] for head, others in table]
    return Forms(form for group in groups for form in _group(group))


@functools.cache
def _languages() -> frozenset[str]:
    return frozenset(path.stem for path in DATA.glob("??.toml"))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def _alike(groups: Sequence[str]) -> Iterable[Form]:
    """Yield the forms of groups in which each is written for each other."""
    for group in groups:
        yield from _group(group.split("|"))


def _group(terms: Sequence[str]) -> Iterable[Form]:
    for term in terms:
        if _bare(term):
            yield _form(term, [other for other in terms if other != term])


def _instead(rows: Sequence[str]) -> Iterable[Form]:
    """Yield the first form of each row, for which the others are written."""
    for row in rows:
        first, *others = row.split("|")
        yield _form(first, others)


def _form(term: str, others: Sequence[str]) -> Form:
    return Form(
        text=_bare(term).lower(),
        starts=term.startswith("^"),
        ends=term.endswith("$"),
        others=tuple(map(_bare, others)),
    )


def _bare(term: str) -> str:
    return term.removeprefix("^").removesuffix("$")


def _bounded(term: str) -> str:
    """Tie a term to the edges of words where it does not begin or end in an unspaced script."""
    before = "" if _UNSPACED.match(term[0]) else "^"
    after = "" if _UNSPACED.match(term[-1]) else "$"
    return before + term + after


def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _cased(term: str, *, like: str) -> str:
    """Return a term in the case of another; a term with capitals of its own keeps them."""
    if not term.islower() or not like[0].isupper():
        return term
    return term.upper() if len(like) > 1 and like.isupper() else term[0].upper() + term[1:]
