"""Fresh paraphrases, written without sight of the FAQ's own questions, asked through the real chat."""

import json
from pathlib import Path
from typing import Any

from chatbot.bench.server import RunningServer
from tests.flows.client import chat

TESTS = Path(__file__).resolve().parent.parent
LOCALES = sorted(path.stem for path in (TESTS / "paraphrases").glob("*.jsonl"))


def questions(folder: str, locale: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (TESTS / folder / f"{locale}.jsonl").read_text().splitlines() if line
    ]


async def missed_in(
    server: RunningServer, locale: str, folder: str = "paraphrases"
) -> list[tuple[str, list[str], str, list[str]]]:
    """Return the questions whose FAQ is neither the answer nor what is asked back with first."""
    missed = []
    for question in questions(folder, locale):
        async with chat(server.port, locale=locale) as visitor:
            await visitor.hello()
            answer = await visitor.ask(question["text"])
        assert answer["lang"] == locale
        given = [named["faq"] for named in answer["sources"] or answer["suggestions"]]
        if not given or given[0] not in question["relevant"]:
            missed.append((question["text"], list(question["relevant"]), answer["outcome"], given))
    return missed


async def test_nine_of_ten_fresh_paraphrases_find_their_faq(server: RunningServer) -> None:
    missed = {locale: await missed_in(server, locale) for locale in LOCALES}
    assert sum(map(len, missed.values())) <= 10, missed
    assert max(map(len, missed.values())) <= 2, missed


async def test_what_sounds_like_out_of_scope_is_answered_where_it_is_not(server: RunningServer) -> None:
    # Another shop named to compare prices, passwords, personal data, the weather: all of them are for this FAQ.
    missed = {locale: await missed_in(server, locale, "paraphrases/fresh") for locale in LOCALES}
    assert sum(map(len, missed.values())) <= 7, missed


def test_there_are_ten_locales_with_ten_questions_each() -> None:
    assert [len(questions("paraphrases", locale)) for locale in LOCALES] == [10] * 10
    assert [len(questions("paraphrases/fresh", locale)) for locale in LOCALES] == [4] * 10
