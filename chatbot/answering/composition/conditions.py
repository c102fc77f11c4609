"""What must come along with a chosen unit, so that it says no more alone than it says in its answer.

The words that refer back, that take back and that restrict are data: one file per language in `cues/`.
"""

import functools
import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chatbot.answering.composition.sentences import FOLDER
from chatbot.answering.composition.text import BLOCK, Unit
from chatbot.engine.arrays import Vectors

# A condition speaks of a unit this near to it in meaning; both seen from the middle of their answer.
ABOUT = 0.25
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
# Where particles are written onto words, a cue of two characters or more may be the beginning of a word.
PARTICLES = "\uac00-\ud7af"


@dataclass(frozen=True, kw_only=True)
class Cues:
    """A language's cues: what opens a sentence that refers back or takes back, what restricts, what asks for steps."""

    anaphora: re.Pattern[str]
    contrast: re.Pattern[str]
    restrict: re.Pattern[str]
    procedural: re.Pattern[str]


@functools.cache
def cues_for(language: str) -> Cues:
    """Return the cues of a language subtag ("en"); a language without a file has none."""
    path = FOLDER / f"{language}.toml"
    file = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Cues(
        anaphora=_pattern(file.get("anaphora", ()), r"^\W*"),
        contrast=_pattern(file.get("contrast", ()), r"^\W*"),
        restrict=_pattern(file.get("restrict", ())),
        procedural=_pattern(file.get("procedural", ())),
    )


def _pattern(phrases: Iterable[str], before: str = "") -> re.Pattern[str]:
    """Match any of the phrases as whole words, as far as their script has words."""
    found = [_edged(phrase, is_open=not before) for phrase in sorted(set(phrases), key=len, reverse=True)]
    return re.compile(before + (f"(?:{'|'.join(found)})" if found else r"(?!)"), re.IGNORECASE)


def _edged(phrase: str, *, is_open: bool) -> str:
    spaced = not re.search(f"[{UNSPACED}]", phrase)
    glued = bool(re.search(f"[{PARTICLES}]", phrase))
    left = r"(?<!\w)" if is_open and spaced and not glued else ""
    right = r"(?!\w)" if spaced and not (glued and (len(phrase) > 1)) else ""
    return left + re.escape(phrase) + right


class Companions:
    """The units of one answer, and which of them cannot be without which."""

    def __init__(self, units: Sequence[Unit], vectors: Vectors, *, language: str, question: str) -> None:
        """`vectors` [units, dim] are the units' meanings; a `question` for a procedure wants all of its steps."""
        self._units = units
        self._cues = cues_for(language)
        self._wants_steps = bool(self._cues.procedural.search(question))
        centred = vectors - vectors.mean(axis=0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        self._near = (centred / np.maximum(lengths, 1e-6)) @ (centred / np.maximum(lengths, 1e-6)).T

    def of(self, chosen: Collection[int]) -> frozenset[int]:
        """Return the places of the chosen units and of all that must come along."""
        kept: set[int] = set()
        new = self._led(chosen)
        while new:
            kept |= new
            new = (
                {place for one in new for place in self._with(one)} | self._steps(kept) | self._pictures(kept)
            )
            new -= kept
        return frozenset(kept)

    def speaking_of(self, kept: Collection[int]) -> frozenset[int]:
        """Return the places of what speaks of a kept unit right before it: "After that, each costs $8"."""
        found: set[int] = set()
        for unit in self._units:
            before = self._beside(unit.place, -1)
            if before is not None and (before in kept or before in found) and self._refers_back(unit):
                found.add(unit.place)
        return frozenset(found)

    def _led(self, chosen: Collection[int]) -> set[int]:
        """Return chosen places with all that they lead to: a line before a list says little without it."""
        led = set(chosen)
        for unit in self._units:
            if unit.leads in led and unit.leads is not None:
                led.add(unit.place)
        return led

    def _with(self, place: int) -> Iterable[int]:
        unit = self._units[place]
        yield from unit.headings
        if unit.leads is not None:
            yield unit.leads
        before, after = self._beside(place, -1), self._beside(place, 1)
        if before is not None and self._refers_back(unit):
            yield before
        if after is not None and self._takes_back(self._units[after]):
            yield after
        if unit.may_be_chosen and not self._restricts(unit):
            yield from (
                other.place
                for other in self._units
                if other.section == unit.section and self._restricts(other)
                if self._near[place, other.place] >= ABOUT
            )

    def _beside(self, place: int, step: int) -> int | None:
        """Return the unit before or after in the same part of the answer; rows and items stand alone."""
        other = place + step
        if not 0 <= other < len(self._units):
            return None
        here, there = self._units[place], self._units[other]
        if here.section != there.section or not (here.may_be_chosen and there.may_be_chosen):
            return None
        return other

    def _refers_back(self, unit: Unit) -> bool:
        return bool(self._cues.anaphora.match(unit.text) or self._cues.contrast.match(unit.text))

    def _takes_back(self, unit: Unit) -> bool:
        return bool(self._cues.contrast.match(unit.text))

    def _restricts(self, unit: Unit) -> bool:
        return unit.may_be_chosen and bool(
            self._cues.contrast.match(unit.text) or self._cues.restrict.search(unit.text)
        )

    def _steps(self, kept: Collection[int]) -> set[int]:
        """Return the whole of each numbered list that is asked for, or that more than one step was chosen of."""
        lists = [self._units[place].steps for place in kept if self._units[place].steps >= 0]
        whole = {one for one in lists if self._wants_steps or lists.count(one) > 1}
        return {unit.place for unit in self._units if unit.steps in whole}

    def _pictures(self, kept: Collection[int]) -> set[int]:
        """Return the code and the pictures that belong to what is kept."""
        return {
            unit.place
            for unit in self._units
            if unit.kind == BLOCK and unit.leads in kept and unit.leads is not None
        }
