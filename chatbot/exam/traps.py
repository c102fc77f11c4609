"""The exam's traps, from the files beside this module: one object a line, a file per locale.

Every line is checked as it is read: a trap that its own sources would fail says nothing of whoever answers it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from chatbot.exam.grading import mark
from chatbot.exam.trap import Kind, Trap
from customers import culture

FOLDER = Path(__file__).parent / "traps"
FIELDS = frozenset({"id", "kind", "sources", "question", "acceptable", "forbidden", "unknown"})

T = TypeVar("T")


class TrapError(ValueError):
    """A file of traps cannot be used; the message names file, line, value and what is wanted."""


def locales() -> list[str]:
    """Return the locales that have an exam."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def exam_of(locale: str) -> str:
    """Return the locale whose exam counts for a locale: its own, or one of its language and script; else empty."""
    held = locales()
    if locale in held:
        return locale
    same = [other for other in held if culture.language_of(other) == culture.language_of(locale)]
    return next((other for other in same if _script_of(other) == _script_of(locale)), "")


@cache
def load(locale: str) -> tuple[Trap, ...]:
    """Return the traps of a locale's own exam. Raises TrapError."""
    return read(FOLDER / f"{locale}.jsonl")


def digest(traps: Sequence[Trap]) -> str:
    """Return a hash by which an exam with other traps is told apart."""
    rows = [
        [trap.key, trap.kind, trap.sources, trap.question, trap.acceptable, trap.forbidden, trap.unknown]
        for trap in traps
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()[:12]


def read(path: Path) -> tuple[Trap, ...]:
    """Read a file of traps. Raises TrapError."""
    traps: dict[str, Trap] = {}
    for at, row in _rows(path):
        trap = _trap(row, at)
        if trap.key in traps:
            raise TrapError(
                f"{at}: the id {trap.key!r} is taken by an earlier line; every trap needs its own."
            )
        _check(trap, at)
        traps[trap.key] = trap
    if not traps:
        raise TrapError(f"{path} holds no trap; write one object a line.")
    return tuple(traps.values())


def _script_of(tag: str) -> str | None:
    locale = culture.parse_locale(tag)
    return locale.script if locale is not None else None


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a file, each with its place in words; empty lines are left out."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise TrapError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise TrapError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        at = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TrapError(f"{at} is not JSON ({error}): {line:.60}") from error
        if not isinstance(row, dict):
            raise TrapError(f"{at} must be a JSON object, but is {line:.60}")
        yield at, row


def _trap(row: dict[str, Any], at: str) -> Trap:
    if unknown := row.keys() - FIELDS:
        raise TrapError(
            f"{at}: there is no field {sorted(unknown)[0]!r}; the fields are {', '.join(sorted(FIELDS))}."
        )
    kind = _field(row, "kind", str, at)
    if kind not in set(Kind):
        raise TrapError(f"{at}: `kind` is {kind!r}, but must be one of {', '.join(Kind)}.")
    groups = _field(row, "acceptable", list, at)
    return Trap(
        key=_text(_field(row, "id", str, at), "id", at),
        kind=Kind(kind),
        sources=_texts(_field(row, "sources", list, at), "sources", at),
        question=_text(_field(row, "question", str, at), "question", at),
        acceptable=tuple(_group(group, at) for group in groups),
        forbidden=_texts(_field(row, "forbidden", list, at), "forbidden", at),
        unknown=_field(row, "unknown", bool, at) if "unknown" in row else False,
    )


def _check(trap: Trap, at: str) -> None:
    """Refuse a trap that cannot be told right or wrong."""
    if not trap.sources and not trap.unknown:
        raise TrapError(f"{at}: `sources` is empty, which only a trap that is `unknown` may have.")
    if not trap.forbidden:
        raise TrapError(f"{at}: `forbidden` is empty; name at least one claim that would be false.")
    if not trap.unknown and not trap.acceptable:
        raise TrapError(f"{at}: `acceptable` is empty, which only a trap that is `unknown` may have.")
    # What nobody may say must not be in the sources, and they must have what everybody has to say.
    marked = mark(trap, "\n".join(trap.sources))
    if not marked.is_right and not (trap.unknown and marked.why != "forbidden"):
        raise TrapError(
            f"{at}: the sources shown whole would be marked {marked.why.value} for {list(marked.phrases)!r}; "
            "change these phrases so that the whole sources pass."
        )


def _group(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise TrapError(f"{at}: `acceptable` must hold lists of phrases, but holds {value!s:.80}.")
    return _texts(value, "acceptable", at)


def _texts(values: Sequence[object], name: str, at: str) -> tuple[str, ...]:
    return tuple(_text(value, name, at) for value in values)


def _text(value: object, name: str, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TrapError(f"{at}: `{name}` must hold texts that are not empty, but holds {value!r:.80}.")
    return value


def _field(row: dict[str, Any], name: str, kind: type[T], at: str) -> T:
    value = row.get(name)
    if not isinstance(value, kind):
        raise TrapError(f"{at}: `{name}` must be a {kind.__name__}, but is {value!s:.80}.")
    return value
