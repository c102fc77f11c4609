"""Which tokens a reply may be made of: those of its prompt, and the common ones of the scripts of its prompt.

A head over 262,144 tokens reads 336 MB for every token, more than all layers together. A reply grounded in a text is
written in that text's scripts, so the head is held to these: pieces that are merged early (the frequent ones) of each
script, single characters and bytes (so that anything can still be spelled), and every token that the prompt has. Where
the best token of all is among them, it is the one that is taken.
"""

import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

# Pieces of one script beyond the prompt's own; a vocabulary that is small anyway is taken whole.
PIECES_PER_SCRIPT = 24_576
SMALL = 65_536
CACHED = 6
# Last code points of ranges that are one script for this purpose, in order; others form ranges of 256.
RANGES = (
    (0x024F, "Latin"),
    (0x036F, "marks"),
    (0x03FF, "Greek"),
    (0x052F, "Cyrillic"),
    (0x058F, "Armenian"),
    (0x05FF, "Hebrew"),
    (0x08FF, "Arabic"),
    (0x1DFF, "others"),
    (0x1EFF, "Latin"),
    (0x2E7F, "others"),
    (0x303F, "Han"),
    (0x30FF, "Kana"),
    (0x31EF, "others"),
    (0x31FF, "Kana"),
    (0x33FF, "others"),
    (0xA48F, "Han"),
    (0xABFF, "others"),
    (0xD7FF, "Hangul"),
    (0xF8FF, "others"),
    (0xFAFF, "Han"),
    (0xFB4F, "Latin"),
    (0xFEFF, "Arabic"),
    (0xFF5F, "Latin"),
    (0xFF9F, "Kana"),
    (0x1FFFF, "others"),
    (0x3FFFF, "Han"),
)
ENDS = np.array([end for end, _ in RANGES])


def script(character: str) -> str:
    """Return the name of a letter's script, as coarsely as tokens need it."""
    code = ord(character)
    at = int(np.searchsorted(ENDS, code))
    name = RANGES[at][1] if at < len(RANGES) else "others"
    return f"{code >> 7:x}" if name == "others" else name


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows of the head: the ids of their tokens [n], and their weights [n, hidden]."""

    ids: torch.Tensor
    weight: torch.Tensor
    known: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What one reply may be made of: a part shared with replies in the same scripts, and a part of its own."""

    shared: Part
    own: Part


class Vocabulary:
    """Chooses the best token among those allowed."""

    def __init__(self, tokenizer: Any, weight: torch.Tensor, *, ends: Iterable[int]) -> None:
        """`weight` [tokens, hidden] is the head's; `ends` are the tokens that end a reply."""
        self._weight = weight
        self._ends = frozenset(ends)
        self._parts: OrderedDict[frozenset[str] | None, Part] = OrderedDict()
        size = min(weight.shape[0], tokenizer.get_vocab_size(with_added_tokens=True))
        self._is_small = size <= SMALL
        self._scripts: list[frozenset[str]] = []
        if not self._is_small:
            special = {
                number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
            }
            pieces = tokenizer.decode_batch([[number] for number in range(size)], skip_special_tokens=False)
            self._scripts = [
                frozenset({"special"}) if number in special else _scripts_of(piece)
                for number, piece in enumerate(pieces)
            ]
            self._letters = {number for number, piece in enumerate(pieces) if len(piece.strip()) <= 1}

    def allowed(self, prompt: Sequence[int]) -> Allowed:
        """Return what a reply to a prompt's tokens may be made of."""
        if self._is_small:
            return Allowed(shared=self._part(None), own=self._rows([]))
        scripts = frozenset().union(*(self._scripts[number] for number in set(prompt))) - {"special"}
        shared = self._part(scripts)
        own = {n for n in prompt if n not in shared.known and "special" not in self._scripts[n]}
        return Allowed(shared=shared, own=self._rows(sorted(own)))

    def best(self, hidden: torch.Tensor, allowed: Sequence[Allowed]) -> list[int]:
        """Return the likeliest allowed token of each row of `hidden` [rows, hidden size]."""
        found = [0] * len(allowed)
        for shared in {id(each.shared): each.shared for each in allowed}.values():
            rows = [row for row, each in enumerate(allowed) if each.shared is shared]
            scores, places = (hidden[rows] @ shared.weight.T).float().max(dim=1)
            for row, score, place in zip(rows, scores.tolist(), places.tolist(), strict=True):
                found[row] = self._or_own(hidden[row], allowed[row].own, score, int(shared.ids[place]))
        return found

    @staticmethod
    def _or_own(hidden: torch.Tensor, own: Part, score: float, token: int) -> int:
        if not len(own.ids):
            return token
        other, place = (own.weight @ hidden).float().max(dim=0)
        return int(own.ids[place]) if other > score else token

    def _part(self, scripts: frozenset[str] | None) -> Part:
        if scripts not in self._parts:
            if scripts is None:
                self._parts[scripts] = Part(
                    ids=torch.arange(self._weight.shape[0]), weight=self._weight, known=frozenset()
                )
            else:
                self._parts[scripts] = self._rows(self._common(scripts))
            while len(self._parts) > CACHED:
                self._parts.popitem(last=False)
        self._parts.move_to_end(scripts)
        return self._parts[scripts]

    def _common(self, scripts: frozenset[str]) -> list[int]:
        """Return the early pieces of each script, pieces without letters, single characters, and the ends."""
        left = dict.fromkeys([*scripts, ""], PIECES_PER_SCRIPT)
        chosen = set(self._ends)
        for number, own in enumerate(self._scripts):
            if not own <= scripts:
                continue
            first = min(own, default="")
            if number in self._letters:
                chosen.add(number)
            elif left[first] > 0:
                left[first] -= 1
                chosen.add(number)
        return sorted(chosen)

    def _rows(self, numbers: list[int]) -> Part:
        ids = torch.tensor(numbers, dtype=torch.long)
        return Part(ids=ids, weight=self._weight[ids.to(self._weight.device)], known=frozenset(numbers))


def _scripts_of(piece: str) -> frozenset[str]:
    return frozenset(
        script(character) for character in piece if unicodedata.category(character)[0] in ("L", "M")
    )
