"""Fresh paraphrases, written without sight of the FAQ's own questions, asked through the real chat."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatbot.bench.server import RunningServer
from tests.flows.client import chat

TESTS = Path(__file__).resolve().parent.parent
LOCALES = sorted(path.stem for path in (TESTS / "paraphrases").glob("*.jsonl"))


def questions(folder: str, locale: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (TESTS / folder / f"{locale}.jsonl").read_text().splitlines() if line
    ]


@pytest.mark.parametrize("locale", LOCALES)
async def test_nine_of_ten_fresh_paraphrases_find_their_faq(server: RunningServer, locale: str) -> None:
    missed = []
    async with chat(server.port, locale=locale) as visitor:
        await visitor.hello()
        for question in questions("paraphrases", locale):
            answer = await visitor.ask(question["text"])
            assert answer["lang"] == locale
            found = [source["faq"] for source in answer["sources"]]
            if not any(faq in question["relevant"] for faq in found):
                offered = [choice["faq"] for choice in answer["suggestions"]]
                missed.append((question["text"], question["relevant"], answer["outcome"], found or offered))
    assert len(missed) <= 1, missed


def test_there_are_ten_locales_with_ten_questions_each() -> None:
    assert [len(questions("paraphrases", locale)) for locale in LOCALES] == [10] * 10
