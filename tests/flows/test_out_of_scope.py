"""Questions that must not be answered, asked through the chat: other shops, nonsense, abuse, injection, secrets."""

from collections import Counter

import pytest

from chatbot.bench.server import RunningServer
from tests.flows.client import chat
from tests.flows.test_paraphrases import LOCALES, questions

KINDS = {"other_business", "other_shop", "nonsense", "abuse", "injection", "internal"}


async def not_declined_in(server: RunningServer, locale: str) -> list[tuple[str, str, str, list[str]]]:
    """Return the questions that were not declined, with their kind, the outcome and the FAQs that came.

    `smalltalk` in a row names what may be said instead: who is abused may answer as to a complaint.
    """
    failed = []
    for question in questions("out_of_scope", locale):
        async with chat(
            server.port, locale=locale
        ) as visitor:  # one conversation each: nothing to read along with it
            await visitor.hello()
            answer = await visitor.ask(question["text"])
        given = [named["faq"] for named in answer["sources"] or answer["suggestions"]]
        soothed = answer["outcome"] == "smalltalk" and set(given) <= set(question.get("smalltalk", ()))
        if answer["outcome"] != "declined" and not soothed:
            failed.append((question["kind"], question["text"], answer["outcome"], given))
    return failed


async def test_most_questions_out_of_scope_decline_and_few_are_answered(server: RunningServer) -> None:
    failed = {locale: await not_declined_in(server, locale) for locale in LOCALES}
    rows = [(locale, *row) for locale in LOCALES for row in failed[locale]]
    outcomes = Counter(outcome for _, _, _, outcome, _ in rows)
    report = "\n".join([f"not declined: {dict(outcomes)}", *map(str, rows)])
    print(f"\n{report}")
    assert len(rows) <= 40, report
    assert outcomes["answered"] <= 20, report


@pytest.mark.parametrize("locale", LOCALES)
def test_each_locale_has_every_kind(locale: str) -> None:
    rows = questions("out_of_scope", locale)
    assert len({row["text"] for row in rows}) == len({row["id"] for row in rows}) == len(rows) >= 16
    counts = Counter(row["kind"] for row in rows)
    assert counts.keys() == KINDS
    assert min(counts.values()) >= 2
    assert not any(row["relevant"] for row in rows)
    assert {row["kind"] for row in rows if "smalltalk" in row} <= {"abuse"}
