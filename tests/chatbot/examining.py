"""Exams for tests: a few traps, and candidates that reply as they are told."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatbot.answering.events import GENERATED, Composition, Said
from chatbot.exam import traps, versions
from chatbot.exam.exam import Reply
from chatbot.exam.trap import Trap
from chatbot.exam.versions import Key

GENERATOR = "gemma@abc"
SOURCE = "Gift card %d cannot be exchanged for cash."
RIGHT, FALSE, SHORT = "It cannot be, sorry.", "Yes, you can.", "It is a gift card."


def trap_rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"negation-{number:02}",
            "kind": "negation",
            "sources": [SOURCE % number],
            "question": f"Can I get cash for gift card {number}?",
            "acceptable": [["cannot"]],
            "forbidden": ["yes, you can"],
        }
        for number in range(count)
    ]


def use_traps(folder: Path, monkeypatch: pytest.MonkeyPatch, *, count: int = 20) -> None:
    """Let de-DE and en-US have exams of their own, nothing else."""
    for locale in ("de-DE", "en-US"):
        rows = "\n".join(json.dumps(row) for row in trap_rows(count))
        (folder / f"{locale}.jsonl").write_text(rows)
    monkeypatch.setattr(traps, "FOLDER", folder)
    monkeypatch.setattr(versions, "prompts_version", lambda language: f"prompts-{language}")
    monkeypatch.setattr(versions, "guard_version", lambda language: f"guard-{language}")
    traps.load.cache_clear()


def key(locale: str = "de-DE", generator: str = GENERATOR) -> Key:
    return versions.key(locale, generator)


class Candidate:
    """Replies rightly, but for the traps that `replies` names by number."""

    def __init__(self, replies: Mapping[int, str] | None = None, *, version: str = GENERATOR) -> None:
        self.version = version
        self.replies = dict(replies or {})
        self.asked: list[str] = []

    async def reply(self, trap: Trap) -> Reply:
        self.asked.append(trap.key)
        text = self.replies.get(int(trap.key[-2:]), RIGHT)
        said = Said(
            sentence=text, level=GENERATED, evidence=trap.sources[0], verdict="ok", shown=True, support=0.9
        )
        return Reply(
            text=text,
            composition=Composition(level=GENERATED, why="passed", said=(said,), generator=self.version),
        )
