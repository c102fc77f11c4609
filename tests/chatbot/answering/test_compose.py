"""Putting answers into words."""

import pytest

from chatbot.answering import compose
from chatbot.answering.events import Source
from chatbot.engine.index import Entry
from tests.chatbot.answering.bundles import manners

SOURCE = Source(key="returns", question="Returns?", score=0.8)


@pytest.mark.parametrize(
    ("category", "outcome"), [("returns", "answered"), ("", "answered"), ("smalltalk", "smalltalk")]
)
def test_an_approved_text_is_said_as_it_is(category: str, outcome: str) -> None:
    entry = Entry(key="returns", questions=("Returns?",), answer="**Yes**, 30 days. ", category=category)
    answer = compose.approved([entry], sources=[SOURCE], suggestions=[SOURCE], lang="en-US", model="m")
    assert (answer.text, answer.outcome, answer.composed) == ("**Yes**, 30 days. ", outcome, "verbatim")
    assert (answer.confidence, answer.sources, answer.suggestions) == (0.8, (SOURCE,), (SOURCE,))


def test_two_approved_texts_stand_one_below_the_other_under_their_questions() -> None:
    entries = [
        Entry(key="returns", questions=("Returns?",), answer="**Yes**, 30 days."),
        Entry(key="cost", questions=("What do *you* [charge]?",), answer="- $5\n- $9"),
    ]
    other = Source(key="cost", question="What do *you* [charge]?", score=0.6)
    answer = compose.approved(entries, sources=[SOURCE, other], suggestions=[], lang="en-US", model="m")
    assert answer.text == (
        "**Returns?**\n\n**Yes**, 30 days.\n\n**What do \\*you\\* \\[charge\\]?**\n\n- $5\n- $9"
    )
    assert (answer.outcome, answer.composed) == ("answered", "verbatim")
    assert (answer.sources, answer.confidence) == ((SOURCE, other), 0.6)


def test_asking_back_offers_the_choices_and_rests_on_none() -> None:
    other = Source(key="refund", question="Refund?", score=0.3)
    answer = compose.clarify([SOURCE, other], manners=manners("de-DE"), model="m")
    assert (answer.outcome, answer.text, answer.lang) == ("clarify", "clarify", "de-DE")
    assert (answer.suggestions, answer.sources, answer.confidence) == ((SOURCE, other), (), 0.8)


def test_declining_is_honest() -> None:
    answer = compose.decline(manners=manners(), model="m", confidence=0.1)
    assert (answer.outcome, answer.text, answer.confidence) == ("declined", "decline", 0.1)
    assert (answer.sources, answer.suggestions, answer.composed) == ((), (), "")
    assert (
        compose.decline(manners=manners(), model="m", confidence=None, phrase="only_symbols").text
        == "only_symbols"
    )
