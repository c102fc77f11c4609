"""Examples of the reply that a good agent gives from given sources, by which a generator learns to rewrite them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "examples"
HELD_OUT_SHARE = 0.1


class ExampleError(Exception):
    """An examples file has a row that cannot be used; the text names file and line and says what to do."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A question, the approved answers that were found for it, and the reply; an empty reply is "not known".

    `held_out` says whether it is only measured on, where that does not hang on its own text.
    """

    locale: str
    sources: tuple[str, ...]
    question: str
    reply: str
    held_out: bool | None = None

    @property
    def is_held_out(self) -> bool:
        """Say whether this example is only ever measured on; its own text decides, so adding others moves none."""
        if self.held_out is not None:
            return self.held_out
        digest = hashlib.sha256(f"{self.locale}\n{self.question}".encode()).digest()
        return digest[0] < 256 * HELD_OUT_SHARE


def read_examples(folder: Path, *, locales: tuple[str, ...] = ()) -> tuple[Example, ...]:
    """Read every `<locale>.jsonl` of a folder, or those of some locales. Raises ExampleError."""
    files = sorted(folder.glob("*.jsonl"))
    wanted = [path for path in files if not locales or path.stem in locales]
    if not wanted:
        known = ", ".join(path.stem for path in files) or "none"
        raise ExampleError(
            f"{folder} has no examples for {', '.join(locales) or 'any locale'}. It has: {known}."
        )
    return tuple(example for path in wanted for example in _read(path))


def _read(path: Path) -> list[Example]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            rows.append(_example(line, path, number))
    return rows


def _example(line: str, path: Path, number: int) -> Example:
    """Return the example of one line."""
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise ExampleError(f"{path} line {number} is not JSON: {error}. Write one object a line.") from error
    if not isinstance(row, dict):
        raise ExampleError(f"{path} line {number} is not a JSON object. Write one object a line.")
    sources = row.get("sources")
    question, reply = row.get("question"), row.get("reply")
    if (
        not isinstance(sources, list)
        or not sources
        or not all(isinstance(one, str) and one for one in sources)
    ):
        raise ExampleError(f"{path} line {number} has no sources. Give a list of at least one text.")
    if not isinstance(question, str) or not question or not isinstance(reply, str):
        raise ExampleError(f'{path} line {number} needs "question" and "reply", both texts.')
    return Example(locale=path.stem, sources=tuple(sources), question=question, reply=reply)
