"""An index as plain bytes: what one process builds, another searches in place, without making objects of it.

Laid out as safetensors files are: eight bytes with the length of a JSON head, the head, then aligned arrays. The head
holds whatever is not an array. Entries and questions stay bytes, and are read one by one when they are asked for.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from mmap import mmap
from typing import Any, BinaryIO, overload

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.bm25 import Bm25
from chatbot.engine.index import Entry, Index, Shape
from chatbot.engine.ngrams import NgramIndex, fold
from chatbot.engine.romanised import Romanised
from chatbot.engine.space import Space
from chatbot.engine.synonyms import Synonyms
from chatbot.engine.wording import Wording

KINDS = {kind.__name__: kind for kind in (Bm25, NgramIndex, Romanised, Shape, Space, Synonyms, Wording)}
# The parts of an index that would be an object per entry or question.
ENTRIES, KEYS, WORDINGS = "entries", "by_key", "_wordings"
ALIGNED = 64
HEAD_LENGTH_BYTES = 8
ENTRY_FIELDS = ("key", "questions", "answer", "category", "follow_ups")


class StoredEntries(Sequence[Entry]):
    """Entries as lines of JSON in one array of bytes."""

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._text, self._ends = text, ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        number = place + len(self) if place < 0 else place
        if not 0 <= number < len(self):
            raise IndexError(place)
        start = int(self._ends[number - 1]) if number else 0
        key, questions, answer, category, follow_ups = json.loads(
            self._text[start : int(self._ends[number])].tobytes()
        )
        return Entry(
            key=key,
            questions=tuple(questions),
            answer=answer,
            category=category,
            follow_ups=tuple(follow_ups),
        )


class StoredPlaces:
    """Where texts are among the entries: the places of each text's hash, in order."""

    def __init__(
        self, hashes: NDArray[np.uint64], places: NDArray[np.int64], holds: Callable[[int, str], bool]
    ) -> None:
        """`hashes` [n] ascending, `places` [n]; `holds` says whether the entry at a place has a text."""
        self._hashes, self._places, self._holds = hashes, places, holds

    def find(self, text: str) -> list[int]:
        """Return the places of a text."""
        wanted = np.uint64(_hash(text))
        first, last = (int(np.searchsorted(self._hashes, wanted, side=side)) for side in ("left", "right"))
        return [int(place) for place in self._places[first:last] if self._holds(int(place), text)]


class StoredKeys(Mapping[str, int]):
    """The entries' numbers by key."""

    def __init__(
        self, entries: Sequence[Entry], hashes: NDArray[np.uint64], places: NDArray[np.int64]
    ) -> None:
        self._entries = entries
        self._found = StoredPlaces(hashes, places, lambda place, key: entries[place].key == key)

    def __getitem__(self, key: str) -> int:
        found = self._found.find(key)
        if not found:
            raise KeyError(key)
        return found[-1]

    def __iter__(self) -> Iterator[str]:
        return (entry.key for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class StoredWordings(Mapping[str, Sequence[int]]):
    """The numbers of the entries that have a folded question."""

    def __init__(
        self, entries: Sequence[Entry], hashes: NDArray[np.uint64], places: NDArray[np.int64]
    ) -> None:
        self._entries = entries
        self._found = StoredPlaces(
            hashes,
            places,
            lambda place, folded: any(fold(question) == folded for question in entries[place].questions),
        )

    def __getitem__(self, folded: str) -> Sequence[int]:
        found = self._found.find(folded)
        if not found:
            raise KeyError(folded)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(fold(question) for entry in self._entries for question in entry.questions))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def write(index: Index, file: BinaryIO) -> None:
    """Write an index at the beginning of a file. Raises TypeError for a part of a kind that is not foreseen."""
    arrays: list[NDArray[Any]] = []
    state = {name: part for name, part in vars(index).items() if name not in (ENTRIES, KEYS, WORDINGS)}
    head: dict[str, Any] = {"index": _to_json(state, arrays)}
    lines = [json.dumps([getattr(entry, name) for name in ENTRY_FIELDS]).encode() for entry in index.entries]
    text = np.frombuffer(b"".join(lines), np.uint8)
    ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
    head[ENTRIES] = _to_json([text, ends], arrays)
    head[KEYS] = _to_json(_places(index.by_key.items()), arrays)
    folded = ((text, place) for text, places in vars(index)[WORDINGS].items() for place in places)
    head[WORDINGS] = _to_json(_places(folded), arrays)
    _write(file, head, arrays)


def read(data: bytes | mmap) -> Index:
    """Return the index that `write` wrote, on top of these bytes, which must not change. Raises ValueError."""
    view = memoryview(data)
    length = int.from_bytes(view[:HEAD_LENGTH_BYTES], "little")
    try:
        head = json.loads(view[HEAD_LENGTH_BYTES : HEAD_LENGTH_BYTES + length].tobytes())
        start = _aligned(HEAD_LENGTH_BYTES + length)
        arrays = [_array(view, start, of) for of in head["arrays"]]
        state, parts, keys, wordings = (
            _from_json(head[name], arrays) for name in ("index", ENTRIES, KEYS, WORDINGS)
        )
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"These {len(view)} bytes are not a stored index: {error!r}.") from error
    entries = StoredEntries(*parts)
    index = Index.__new__(Index)
    vars(index).update(
        state,
        **{ENTRIES: entries, KEYS: StoredKeys(entries, *keys), WORDINGS: StoredWordings(entries, *wordings)},
    )
    return index


def _write(file: BinaryIO, head: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
    placed, offset = [], 0
    for array in arrays:
        placed.append({"dtype": array.dtype.str, "shape": array.shape, "offset": offset})
        offset = _aligned(offset + array.nbytes)
    text = json.dumps(head | {"arrays": placed}).encode()
    file.write(len(text).to_bytes(HEAD_LENGTH_BYTES, "little") + text)
    end = HEAD_LENGTH_BYTES + len(text)
    for array in arrays:
        file.write(bytes(_aligned(end) - end))
        file.write(np.ascontiguousarray(array).data)
        end = _aligned(end) + array.nbytes


def _array(view: memoryview, start: int, of: Mapping[str, Any]) -> NDArray[Any]:
    shape = tuple(of["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return np.zeros(shape, of["dtype"])
    return np.frombuffer(view, of["dtype"], count, start + of["offset"]).reshape(shape)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNED) * ALIGNED


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _places(pairs: Iterable[tuple[str, int]]) -> list[NDArray[Any]]:
    """Return the hashes [n], ascending, and the places [n] of texts."""
    found = [(_hash(text), place) for text, place in pairs]
    hashes = np.array([one for one, _ in found], np.uint64)
    order = np.argsort(hashes, kind="stable")
    return [hashes[order], np.array([place for _, place in found], np.int64)[order]]


def _to_json(part: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return a part of an index as JSON, its arrays put aside. Raises TypeError."""
    if part is None or isinstance(part, (bool, int, float, str)):
        return part
    if isinstance(part, (np.ndarray, np.generic)):
        arrays.append(np.asarray(part))
        return {"array": len(arrays) - 1}
    if isinstance(part, (list, tuple, set, frozenset)):
        return {type(part).__name__: [_to_json(one, arrays) for one in part]}
    if isinstance(part, (dict, defaultdict)):
        return {"dict": [[_to_json(key, arrays), _to_json(one, arrays)] for key, one in part.items()]}
    if isinstance(part, re.Pattern):
        return {"pattern": [part.pattern, part.flags]}
    name = type(part).__name__
    if KINDS.get(name) is not type(part):
        raise TypeError(f"An index holds a {name}, which cannot be stored: name it in `KINDS`.")
    return {"object": name, "state": _to_json(vars(part), arrays)}


def _from_json(part: Any, arrays: Sequence[NDArray[Any]]) -> Any:
    """Return what `_to_json` was given."""
    if not isinstance(part, dict):
        return part
    if "object" in part:
        kind = KINDS[part["object"]]
        made = kind.__new__(kind)
        vars(made).update(_from_json(part["state"], arrays))
        return made
    ((name, held),) = part.items()
    if name == "array":
        return arrays[held]
    if name == "dict":
        return {_from_json(key, arrays): _from_json(one, arrays) for key, one in held}
    if name == "pattern":
        return re.compile(*held)
    kinds = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    return kinds[name](_from_json(one, arrays) for one in held)
