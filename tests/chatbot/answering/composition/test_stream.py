"""An answer as the visitor gets it, at all three levels."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from chatbot.answering import events
from chatbot.answering.composition import stream
from chatbot.answering.composition.stream import Unfit
from chatbot.answering.events import Answer, Delta, Question, Said, Source, Trace, Turn
from chatbot.answering.pipeline import Bundle, ComposingEncoder
from chatbot.engine import weights
from chatbot.engine.arrays import Vectors
from chatbot.engine.errors import (
    EngineOverloaded,
    GeneratorBusy,
    GeneratorFailed,
    GeneratorLate,
    GeneratorStopped,
)
from chatbot.engine.index import Entry
from chatbot.engine.upper import Upper
from chatbot.learning.encoding import LocalEncoder
from tests.flows.isolation import BatchEncoder
from tests.flows.isolation import bundle as make_bundle

RETURNS = (
    "You can send back unused things within 30 days of delivery. Things that were opened are checked first.\n\n"
    "**Cost**\n\nReturns are free in the United States. However, large furniture costs $49 to pick up. "
    "Parcels from Canada are paid for by the sender.\n\n**Refunds**\n\nThe money is back on your card within five "
    "working days after the parcel has reached our warehouse in Denver. Gift cards are refunded as gift cards."
)
ENTRIES = [
    Entry(key="returns", questions=("How do returns work?", "return policy"), answer=RETURNS, category="returns"),
    Entry(
        key="exchange",
        questions=("Can I exchange a thing?", "swap instead of a return"),
        answer="Send the thing back within 30 days, and order the one that you want instead.",
        category="returns",
    ),
    Entry(
        key="damaged",
        questions=("My thing arrived broken", "return a broken thing"),
        answer="Send us a picture within 30 days; you may send the thing back free of charge.",
        category="returns",
    ),
    Entry(key="hours", questions=("When are you open?",), answer="From nine to five."),
    *(
        Entry(key=question, questions=(question,), answer="Ask us.")
        for question in (
            "Which cards do you take?",
            "Can I pay in instalments?",
            "What does delivery cost?",
            "Where is my parcel?",
            "Do you deliver abroad?",
            "How do I change my password?",
            "Do you wrap gifts?",
            "Is my data safe?",
            "How do I descale a kettle?",
            "Which size of duvet do I need?",
            "Are there any jobs?",
        )
    ),
    Entry(key="parking", questions=("Where can I park?",), answer="Behind the shop."),
    Entry(key="hello", questions=("Hello",), answer="Hello! What is it?", category="smalltalk"),
]  # fmt: skip
COST = "What does it cost to have a sofa picked up?"


@pytest.fixture(scope="module")
def encoder() -> BatchEncoder:
    return BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])


@pytest.fixture(scope="module")
def bundle(encoder: BatchEncoder) -> Bundle:
    return make_bundle("en-US", ENTRIES, encoder._encoder, foreign_answers=False)


def decided(*keys: str, outcome: str = events.ANSWERED, traces: tuple[Trace, ...] = ()) -> Answer:
    entries = {entry.key: entry for entry in ENTRIES}
    return Answer(
        outcome=outcome,
        text="\n\n".join(f"**{entries[key].questions[0]}**\n\n{entries[key].answer}" for key in keys)
        if len(keys) > 1
        else entries[keys[0]].answer,
        lang="en-US",
        model="m",
        composed=events.VERBATIM,
        confidence=0.9,
        sources=tuple(Source(key=key, question=entries[key].questions[0], score=0.9) for key in keys),
        traces=traces,
    )


class Pen:
    """Writes what it was told to, each sentence judged; then fails as told."""

    version = "pen@1"

    def __init__(self, *said: Said, failure: Exception | None = None) -> None:
        self.said, self.failure, self.closed = said, failure, False

    async def likelihoods(self, question: str, texts: Sequence[str]) -> list[float]:
        return [0.0 for _ in texts]

    async def write(
        self, question: str, sources: Sequence[str], *, bundle: Bundle, encoder: ComposingEncoder
    ) -> AsyncGenerator[Said, None]:
        try:
            for one in self.said:
                yield one
            if self.failure:
                raise self.failure
        finally:
            self.closed = True


def written(sentence: str, evidence: str = "", *, shown: bool = True) -> Said:
    return Said(
        sentence=sentence,
        level=events.GENERATED,
        evidence=evidence,
        verdict="ok" if shown else "number",
        shown=shown,
    )


async def heard(
    answer: Answer, text: str, bundle: Bundle, encoder: ComposingEncoder, **others: object
) -> tuple[list[str], Answer]:
    question = others.pop("question", None) or Question(text=text)
    *deltas, final = [
        item
        async for item in stream.compose(answer, question=question, bundle=bundle, encoder=encoder, **others)  # type: ignore[arg-type]
    ]
    assert isinstance(final, Answer)
    pieces = [item.text for item in deltas if isinstance(item, Delta)]
    assert len(pieces) == len(deltas)
    assert not pieces or "".join(pieces) == final.text
    return pieces, final


async def test_a_narrow_question_gets_its_part_of_a_long_answer(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    pieces, final = await heard(decided("returns"), COST, bundle, encoder)
    assert (final.composed, final.composition and final.composition.why) == ("extractive", "narrow")
    assert final.text == (
        "**Cost**\n\nReturns are free in the United States. However, large furniture costs $49 to pick up."
    )
    assert len(pieces) > 1
    assert final.composition is not None
    assert all(said.sentence == said.evidence and said.shown for said in final.composition.said)


async def test_nothing_is_said_that_was_not_approved(bundle: Bundle, encoder: BatchEncoder) -> None:
    for text in (COST, "when is the money back", "is it free from Canada?", "gift cards?", "opened box"):
        _pieces, final = await heard(decided("returns"), text, bundle, encoder)
        assert all(line in RETURNS for line in final.text.split("\n\n"))


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (Question(text="Return policy!"), "whole"),
        (Question(text="How do returns work?"), "whole"),
        (Question(text=COST, chosen_key="returns"), "pressed"),
    ],
)
async def test_wordings_and_pressed_buttons_get_the_approved_answer(
    bundle: Bundle, encoder: BatchEncoder, question: Question, why: str
) -> None:
    pieces, final = await heard(decided("returns"), "", bundle, encoder, question=question)
    assert (final.text, final.composed) == (RETURNS, "verbatim")
    assert final.composition == events.Composition(level="verbatim", why=why)
    assert len(pieces) > 3


async def test_a_profile_may_keep_to_the_approved_answers(bundle: Bundle, encoder: BatchEncoder) -> None:
    strict = replace(bundle, manners=replace(bundle.manners, highest_level="verbatim"))
    _pieces, final = await heard(decided("returns"), COST, strict, encoder)
    assert final.text == RETURNS
    assert final.composition == events.Composition(level="verbatim", why="not_allowed")


async def test_a_short_answer_is_said_as_it_is(bundle: Bundle, encoder: BatchEncoder) -> None:
    _pieces, final = await heard(decided("hours"), "are you open at noon?", bundle, encoder)
    assert final.text == "From nine to five."
    assert final.composition == events.Composition(level="verbatim", why="short")


async def test_two_short_answers_are_joined_by_the_profiles_connective(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    polite = replace(bundle, manners=replace(bundle.manners, connectives=("Also:",)))
    _pieces, final = await heard(decided("hours", "parking"), "open when? and parking?", polite, encoder)
    assert final.text == "From nine to five.\n\nAlso: Behind the shop."
    assert (final.composed, final.composition and final.composition.why) == ("verbatim", "joined")


async def test_of_two_answers_the_long_one_gives_only_the_part_that_was_asked_for(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    traces = tuple(
        Trace(read_as=text, locale="en-US", revision=1, answer_from=0.5, clarify_from=0.2, candidates=())
        for text in (COST, "Where can I park?")
    )
    polite = replace(bundle, manners=replace(bundle.manners, connectives=("Also:",)))
    answer = decided("returns", "parking", traces=traces)
    _pieces, final = await heard(answer, f"{COST} And parking?", polite, encoder)
    assert final.text.endswith("$49 to pick up.\n\nAlso: Behind the shop.")
    assert (final.composed, final.composition and final.composition.why) == ("extractive", "joined")


async def test_a_follow_up_gets_a_part_of_what_was_shown_before(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    before = Turn(text="return policy", lang="en-US", outcome="answered", answered=("returns",))
    question = Question(text="and when is the money back on my card?", history=(before,))
    _pieces, final = await heard(decided("returns"), "", bundle, encoder, question=question)
    assert "within five working days" in final.text
    assert "Returns are free" not in final.text
    assert final.composition
    assert final.composition.why == "part"


async def test_the_personas_words_open_and_close_a_composed_answer_once(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    manners = replace(bundle.manners, softeners={"answer": "Sure."}, closings={"answer": "Take care."})
    warm = replace(bundle, manners=manners)
    _pieces, final = await heard(decided("returns"), COST, warm, encoder)
    assert final.text.startswith("Sure.")
    assert final.text.endswith("\n\nTake care.")
    before = Turn(text="hi", lang="en-US", outcome="smalltalk")
    _pieces, later = await heard(
        decided("returns"), "", warm, encoder, question=Question(text=COST, history=(before,))
    )
    assert "Sure." not in later.text
    _pieces, whole = await heard(decided("returns"), "return policy", warm, encoder)
    assert whole.text == RETURNS


# ---------------------------------------------------------------- written freely


@pytest.fixture(scope="module")
def free(bundle: Bundle) -> Bundle:
    return replace(bundle, may_generate=True)


async def test_what_the_guard_passed_is_streamed_sentence_by_sentence(
    free: Bundle, encoder: BatchEncoder
) -> None:
    pen = Pen(written("A sofa is $50.", shown=False), written("A sofa is $49."), written("We pick it up."))
    pieces, final = await heard(decided("returns"), COST, free, encoder, writer=pen)
    assert pieces == ["A sofa is $49.", " We pick it up."]
    assert (final.composed, final.text) == ("generated", "A sofa is $49. We pick it up.")
    assert final.composition is not None
    assert (final.composition.why, final.composition.generator) == ("passed", "pen@1")
    assert [said.shown for said in final.composition.said] == [False, True, True]
    assert pen.closed


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (Unfit(), "failed_guard"),
        (GeneratorBusy("full"), "busy"),
        (GeneratorLate("late"), "deadline"),
        (GeneratorFailed("out of memory"), "failed"),
        (GeneratorStopped("stopped"), "no_generator"),
    ],
)
async def test_a_generator_that_gives_up_leaves_the_approved_part(
    free: Bundle, encoder: BatchEncoder, failure: Exception, why: str
) -> None:
    _pieces, final = await heard(decided("returns"), COST, free, encoder, writer=Pen(failure=failure))
    assert final.text.endswith("However, large furniture costs $49 to pick up.")
    assert (final.composed, final.composition and final.composition.why) == ("extractive", why)


async def test_what_was_shown_stays_and_is_finished_with_what_is_missing(
    free: Bundle, encoder: BatchEncoder
) -> None:
    evidence = "Returns are free in the United States."
    pen = Pen(written("In the US it is free.", evidence), failure=Unfit())
    pieces, final = await heard(decided("returns"), COST, free, encoder, writer=pen)
    assert pieces[0] == "In the US it is free."
    assert final.text == (
        "In the US it is free.\n\n**Cost**\n\nHowever, large furniture costs $49 to pick up."
    )
    assert final.composed == "generated"


async def test_of_two_questions_the_one_that_was_written_nothing_about_gets_its_approved_answer(
    free: Bundle, encoder: BatchEncoder
) -> None:
    both = decided("returns", "parking")
    pen = Pen(written("A sofa is $49.", "However, large furniture costs $49 to pick up."))
    pieces, final = await heard(both, f"{COST} And parking?", free, encoder, writer=pen)
    assert "".join(pieces) == final.text == "A sofa is $49.\n\nBehind the shop."
    assert (final.composed, final.composition and final.composition.why) == ("generated", "passed")
    assert final.composition
    assert [(said.level, said.sentence) for said in final.composition.said] == [
        ("generated", "A sofa is $49."),
        ("extractive", "Behind the shop."),
    ]


async def test_a_stopped_answer_stops_its_writer(free: Bundle, encoder: BatchEncoder) -> None:
    pen = Pen(written("A sofa is $49."), written("More."))
    spoken = stream.compose(
        decided("returns"), question=Question(text=COST), bundle=free, encoder=encoder, writer=pen
    )
    assert await anext(spoken) == Delta(text="A sofa is $49.")
    await spoken.aclose()
    assert pen.closed


async def test_without_a_pass_or_a_generator_nothing_is_written_freely(
    bundle: Bundle, free: Bundle, encoder: BatchEncoder
) -> None:
    pen = Pen(written("Never."))
    _pieces, final = await heard(decided("returns"), COST, bundle, encoder, writer=pen)
    assert (final.composed, final.composition and final.composition.why) == ("extractive", "narrow")
    _pieces, final = await heard(decided("returns"), COST, free, encoder)
    assert (final.composed, final.composition and final.composition.why) == ("extractive", "no_generator")


class Overloaded(BatchEncoder):
    """Has no room for another text."""

    def __init__(self, base: Upper) -> None:
        self.base = base

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        raise EngineOverloaded("full")

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [[] for _ in texts]


async def test_an_overloaded_engine_leaves_the_approved_answer(bundle: Bundle, encoder: BatchEncoder) -> None:
    _pieces, final = await heard(decided("returns"), COST, bundle, Overloaded(encoder.base))
    assert final.text == RETURNS
    assert final.composition == events.Composition(level="verbatim", why="busy")


# ---------------------------------------------------------------- what may be asked next


async def test_neighbours_are_suggested_but_nothing_that_was_answered(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    _pieces, final = await heard(decided("returns"), "return policy", bundle, encoder)
    near = tuple(source.key for source in final.suggestions)
    assert near
    assert set(near) <= {"exchange", "damaged"}
    before = Turn(text="?", lang="en-US", outcome="answered", answered=near)
    question = Question(text="return policy", history=(before,))
    _pieces, later = await heard(decided("returns"), "", bundle, encoder, question=question)
    assert not set(near) & {source.key for source in later.suggestions}


async def test_what_the_entry_names_comes_first_and_three_are_enough(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    named = tuple(
        Source(key=key, question=key, score=1.0) for key in ("parking", "hours", "hello", "damaged")
    )
    answer = replace(decided("returns"), suggestions=named)
    _pieces, final = await heard(answer, "return policy", bundle, encoder)
    assert [source.key for source in final.suggestions] == ["parking", "hours", "hello"]


async def test_small_talk_and_foreign_answers_suggest_nothing_and_a_decline_stays_as_it_is(
    bundle: Bundle, encoder: BatchEncoder
) -> None:
    pieces, final = await heard(decided("hello", outcome=events.SMALLTALK), "Hello", bundle, encoder)
    assert (pieces, final.suggestions) == ([], ())
    assert final.composition == events.Composition(level="verbatim", why="smalltalk")
    _pieces, foreign = await heard(decided("returns"), COST, bundle, encoder, is_foreign=True)
    assert (foreign.text, foreign.suggestions) == (RETURNS, ())
    declined = Answer(outcome=events.DECLINED, text="No idea.", lang="en-US", model="m")
    assert await heard(declined, "?", bundle, encoder) == ([], declined)


def test_vectors_of_the_shipped_model_are_asked_for(bundle: Bundle, encoder: BatchEncoder) -> None:
    asked: list[str] = []

    class Watching(BatchEncoder):
        def __init__(self) -> None:
            self._encoder, self._known, self.base = encoder._encoder, encoder._known, encoder.base

        async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
            asked.append(upper.name)
            return await super().embed_queries(texts, upper=upper)

    tuned = replace(bundle, upper=Upper(name="tuned@2", layers=()))
    asyncio.run(heard(decided("returns"), COST, tuned, Watching()))
    assert asked[0] == encoder.base.name
    assert np.isfinite(encoder._encoder.embed(["x"], "query")).all()
