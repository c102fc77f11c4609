"""An FAQ's own examples: approved words only, some unknown, and nothing learned that is measured on."""

import asyncio
from pathlib import Path

import pytest

from chatbot.answering.composition.prompt import readable
from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.engine.ngrams import fold
from chatbot.exam.lane import Lane
from chatbot.learning.rewriting import own_faq
from chatbot.learning.rewriting.examples import SHIPPED, Example, read_examples
from chatbot.learning.rewriting.own_faq import examples_of, unknown_share_of
from tests.chatbot.answering.composition.test_stream import COST, ENTRIES, RETURNS

ANSWERS = (
    "We take all cards, and bank transfers.", "In up to six instalments, without interest.",
    "Delivery costs $5 below $50. Above that it is free.", "You find it under Orders in your account.",
    "To Canada and Mexico only.", "Choose Account, then Password.", "Yes, for $4 per thing.",
    "It is kept in the country, and sold to nobody.", "With vinegar and water:\n\n- fill it\n- boil it\n- rinse it",
    "| Bed | Duvet |\n|---|---|\n| single | 55 × 82 in |\n| double | 80 × 90 in |", "They are on our website.",
)  # fmt: skip
FAQ = tuple(
    Entry(key=entry.key, questions=(*entry.questions, f"Tell me: {entry.key.lower()}"), answer=answer)
    if entry.answer == "Ask us."
    else entry
    for entry, answer in zip(ENTRIES, ("", "", "", "", *ANSWERS, "", ""), strict=True)
)


@pytest.fixture(scope="module")
def lane(model_folder: Path) -> Lane:
    return Lane(Encoder(model_folder, threads=1))


def made(lane: Lane, *, entries: tuple[Entry, ...] = FAQ, unknown_share: float = 0.2) -> tuple[Example, ...]:
    return asyncio.run(
        examples_of(
            entries,
            [(COST, "returns"), ("what about cash", "gone")],
            locale="en-US",
            encoder=lane,
            unknown_share=unknown_share,
            seed=1,
        )
    )


@pytest.fixture(scope="module")
def examples(lane: Lane) -> tuple[Example, ...]:
    return made(lane)


def test_every_reply_is_made_of_the_approved_answers_own_sentences(examples: tuple[Example, ...]) -> None:
    by_answer = {entry.answer: entry for entry in FAQ}
    for one in examples:
        entry = by_answer[one.sources[0]]
        if not one.reply:
            assert one.question not in entry.questions
            continue
        assert one.question in (*entry.questions, COST)
        approved = " ".join(readable(entry.answer).split())
        for line in one.reply.split("\n"):
            rest = approved
            for word in line.split():  # its words, in their order
                assert word in rest
                rest = rest.partition(word)[2]


def test_a_narrow_question_to_a_long_answer_is_replied_to_with_its_part(
    examples: tuple[Example, ...],
) -> None:
    (narrow,) = [one for one in examples if one.question == COST]
    assert narrow.sources == (RETURNS,)
    assert "$49" in narrow.reply
    assert len(narrow.reply) < len(RETURNS) / 2
    assert not any(one.question == "How do returns work?" for one in examples if one.reply)
    (listed,) = {one.reply for one in examples if one.reply and "boil" in one.sources[0]}
    assert listed == "With vinegar and water:\nfill it\nboil it\nrinse it"


def test_so_many_are_not_known_as_among_the_shipped_ones(examples: tuple[Example, ...]) -> None:
    assert unknown_share_of(examples) == pytest.approx(0.2, abs=0.03)
    assert unknown_share_of(examples[: len(examples) // 2]) == pytest.approx(0.2, abs=0.1)
    shipped = read_examples(SHIPPED, locales=("en-US",))
    assert 0.05 < unknown_share_of(shipped) < 0.4
    assert unknown_share_of(()) == 0


def test_smalltalk_teaches_nothing(examples: tuple[Example, ...]) -> None:
    assert not any("Hello" in (one.question, *one.sources) for one in examples)


def test_what_is_held_out_shares_no_entry_with_what_is_learned(lane: Lane) -> None:
    double = Entry(key="twin", questions=("Do you also take cheques?",), answer=ANSWERS[0])
    respelled = Entry(key="parking 2", questions=("where can I park",), answer="In the yard.")
    entries = (*FAQ, double, respelled)
    examples = made(lane, entries=entries)
    by_question = {fold(text): entry for entry in entries for text in entry.questions}
    learned, held = set[str](), set[str]()
    for one in examples:
        owner = by_question.get(fold(one.question))
        texts = {fold(one.sources[0])} | ({fold(owner.answer)} if owner else set())
        (held if one.is_held_out else learned).update(texts)
    assert held
    assert learned
    assert not held & learned
    assert (
        not {fold("Behind the shop."), fold("In the yard.")} - held
        or not {
            fold("Behind the shop."),
            fold("In the yard."),
        }
        & held
    )


def test_the_same_faq_teaches_the_same_and_a_small_one_nothing(
    lane: Lane, examples: tuple[Example, ...]
) -> None:
    assert made(lane) == examples
    assert made(lane, entries=FAQ[: own_faq.FEWEST_FAQS - 1]) == ()
