"""Questions that must not be answered, asked through the chat: other shops, nonsense, abuse, injection, secrets.

Those at the top of the folder were developed with, the `fresh` ones looked at on the way, the `unseen` ones asked once
everything was decided.
"""

from collections import Counter

import pytest

from chatbot.bench.server import RunningServer
from tests.flows.client import chat
from tests.flows.test_paraphrases import LOCALES, questions

KINDS = {"other_business", "other_shop", "nonsense", "abuse", "injection", "internal"}


async def not_declined_in(
    server: RunningServer, locale: str, folder: str
) -> list[tuple[str, str, str, list[str]]]:
    """Return the questions that were not declined, with their kind, the outcome and the FAQs that came.

    `smalltalk` in a row names what may be said instead: who is abused may answer as to a complaint.
    """
    failed = []
    for question in questions(folder, locale):
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


@pytest.mark.parametrize(
    ("folder", "not_declined", "answered"),
    [("out_of_scope", 6, 2), ("out_of_scope/fresh", 9, 4), ("out_of_scope/unseen", 4, 3)],
)
async def test_questions_out_of_scope_decline_but_for_a_few(
    server: RunningServer, folder: str, not_declined: int, answered: int
) -> None:
    failed = {locale: await not_declined_in(server, locale, folder) for locale in LOCALES}
    rows = [(locale, *row) for locale in LOCALES for row in failed[locale]]
    outcomes = Counter(outcome for _, _, _, outcome, _ in rows)
    report = "\n".join([f"{folder}, not declined: {dict(outcomes)}", *map(str, rows)])
    print(f"\n{report}")
    assert len(rows) <= not_declined, report
    assert outcomes["answered"] <= answered, report


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("folder", "count"), [("out_of_scope", 17), ("out_of_scope/fresh", 12), ("out_of_scope/unseen", 5)]
)
def test_each_locale_has_its_questions(locale: str, folder: str, count: int) -> None:
    rows = questions(folder, locale)
    assert len({row["text"] for row in rows}) == len({row["id"] for row in rows}) == len(rows) == count
    assert {row["kind"] for row in rows} <= KINDS
    assert count < len(KINDS) or {row["kind"] for row in rows} == KINDS
    assert not any(row["relevant"] for row in rows)
    assert {row["kind"] for row in rows if "smalltalk" in row} <= {"abuse"}


@pytest.mark.parametrize("locale", LOCALES)
def test_no_question_is_in_two_folders(locale: str) -> None:
    folders = ("out_of_scope", "out_of_scope/fresh", "out_of_scope/unseen")
    texts = [row["text"] for folder in folders for row in questions(folder, locale)]
    assert len(set(texts)) == len(texts)
