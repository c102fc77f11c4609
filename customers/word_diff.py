"""What changed in a text, word by word; in scripts without spaces, character by character."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["same", "ins", "del"]

# A run of letters and digits, one character of a script without word spaces, a run of spaces, or anything else.
_PIECES = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
    r"|\s+|."
)
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
# Comparing takes time in proportion to the product of both sides' pieces.
_PIECES_MAX = 1_500
_GLUE_MAX = 3


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of text that stayed, came or went."""

    change: Change
    text: str


def diff(before: str, after: str) -> list[Piece]:
    """Return both texts as one run of pieces; the kept and the gone ones make up `before`, in order.

    Texts too long to compare by words are compared by lines, and beyond that as wholes.
    """
    for pattern in (_PIECES, _LINES):
        old, new = pattern.findall(before), pattern.findall(after)
        start = _shared(old, new)
        end = _shared(old[start:][::-1], new[start:][::-1])
        middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
        if max(len(middle_old), len(middle_new)) <= _PIECES_MAX:
            changes: list[tuple[Change, str]] = [
                ("same", "".join(old[:start])),
                *_compare(middle_old, middle_new),
                ("same", "".join(old[len(old) - end :])),
            ]
            return _joined(changes)
    return _joined([("del", before), ("ins", after)])


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Change, str]]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield "same", "".join(old[old_start:old_end])
            continue
        yield "del", "".join(old[old_start:old_end])
        yield "ins", "".join(new[new_start:new_end])


def _joined(changes: Sequence[tuple[Change, str]]) -> list[Piece]:
    """Drop empty pieces, and show each run of changes as one stretch that went and one that came.

    What stays between two changes and is no word, such as a space, belongs to both.
    """
    pieces: list[Piece] = []
    gone, come, between = "", "", ""
    for change, text in [*changes, ("same", "")]:
        if change == "same" and (gone or come) and not any(map(str.isalnum, text)) and len(text) <= _GLUE_MAX:
            between += text
        elif change == "same":
            pieces += _stretch(gone, come)
            pieces.append(Piece(change="same", text=between + text))
            gone = come = between = ""
        else:
            gone += between + (text if change == "del" else "")
            come += between + (text if change == "ins" else "")
            between = ""
    pieces += [*_stretch(gone, come), Piece(change="same", text=between)]
    return [piece for piece in pieces if piece.text]


def _stretch(gone: str, come: str) -> list[Piece]:
    return [Piece(change="del", text=gone), Piece(change="ins", text=come)]


def _shared(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many pieces both begin with."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count
