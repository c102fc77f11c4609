"""The path of one question, with the vectors of a few known texts in place of a model."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from chatbot.answering import pipeline
from chatbot.answering.events import Answer, Question
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import build_index
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.errors import EngineFailed, EngineOverloaded
from chatbot.engine.index import Entry
from chatbot.engine.upper import Upper
from tests.chatbot.answering.bundles import manners

ENTRIES = [
    Entry(
        key="returns",
        questions=("Can I return it?", "send it back"),
        answer="Yes. Thirty days.",
        follow_ups=("refund", "gone", "returns", "shipping", "hello", "payment"),
    ),
    Entry(key="refund", questions=("When is the refund paid?",), answer="In a week."),
    Entry(key="shipping", questions=("What does shipping cost?",), answer="$5."),
    Entry(key="payment", questions=("Which cards do you take?",), answer="All."),
    Entry(key="hello", questions=("Hello",), answer="Hello!", category="smalltalk"),
]


class WordEncoder:
    """Points each text into the direction of its words; counts what it is asked."""

    base = Upper(name="base", layers=())

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.asked: list[str] = []
        self.batches: list[list[str]] = []
        self.failure: Exception | None = None

    def embed(self, texts: list[str], _kind: Kind = "query") -> Vectors:
        vectors = np.full((len(texts), 64), 0.01, np.float32)
        for row, ids in enumerate(self.tokens(texts)):
            for word in ids:
                vectors[row, word % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        self.asked.append(text)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        vector: Vectors = self.embed([text])[0]
        return vector

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        self.batches.append(list(texts))
        return np.stack([await self.embed_query(text, upper=upper) for text in texts])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [
            [self.words.setdefault(word, len(self.words)) for word in text.lower().split()] for text in texts
        ]


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


def make_bundle(encoder: WordEncoder, entries: list[Entry], ranker: Ranker | None = None) -> Bundle:
    return Bundle(
        profile_id=1,
        revision=1,
        version="fake@1",
        upper=Upper(name="fake@1", layers=()),
        index=build_index(
            entries, embed=lambda t, kind: encoder.embed(list(t), kind), tokenize=encoder.tokens
        ),
        ranker=ranker or Ranker(answer_from=0.0),
        manners=manners(),
    )


@pytest.fixture
def bundle(encoder: WordEncoder) -> Bundle:
    return make_bundle(encoder, ENTRIES)


async def decide(text: str, bundle: Bundle, encoder: WordEncoder, *, chosen_key: str = "") -> Answer:
    return await pipeline.decide(Question(text=text, chosen_key=chosen_key), bundle=bundle, encoder=encoder)


async def test_an_approved_answer_is_said_as_it_is(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("send it back", bundle, encoder)
    assert (answer.outcome, answer.text, answer.lang, answer.model) == (
        "answered", "Yes. Thirty days.", "en-US", "fake@1",
    )  # fmt: skip
    (source,) = answer.sources
    assert (source.key, source.question) == ("returns", "Can I return it?")
    assert answer.confidence == source.score


async def test_follow_ups_are_offered_where_they_exist_and_at_most_three(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    answer = await decide("send it back", bundle, encoder)
    assert [choice.key for choice in answer.suggestions] == ["refund", "shipping", "hello"]
    assert answer.suggestions[0].question == "When is the refund paid?"


async def test_a_pressed_question_is_answered_for_sure_and_without_the_model(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    answer = await decide("anything at all", bundle, encoder, chosen_key="shipping")
    assert (answer.text, answer.confidence, answer.sources[0].key) == ("$5.", 1.0, "shipping")
    assert encoder.asked == []


async def test_a_pressed_question_that_is_gone_is_searched_by_its_text(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    answer = await decide("What does shipping cost?", bundle, encoder, chosen_key="gone")
    assert answer.sources[0].key == "shipping"


@pytest.mark.parametrize("text", ["👍", "?!", "…", "🙏🙏🙏", "。。。", "\u200b", "^_^", "❤️"])
async def test_symbols_alone_ask_nothing(bundle: Bundle, encoder: WordEncoder, text: str) -> None:
    answer = await decide(text, bundle, encoder)
    assert (answer.outcome, answer.text, answer.confidence) == ("declined", "only_symbols", None)
    assert encoder.asked == []


@pytest.mark.parametrize("text", ["ok", "5", "好", "؟نعم", "हाँ", "네", "①"])
async def test_one_letter_or_digit_of_any_script_asks_something(
    bundle: Bundle, encoder: WordEncoder, text: str
) -> None:
    await decide(text, bundle, encoder)
    assert len(encoder.asked) == 1


async def test_the_question_is_searched_as_the_faq_was_indexed(bundle: Bundle, encoder: WordEncoder) -> None:
    plain = await decide("Can I return it?", bundle, encoder)
    spelled = await decide("\u202e Ｃａｎ　I\n\nreturn\u200b it? ", bundle, encoder)
    assert encoder.asked == ["Can I return it?"] * 2
    assert spelled == plain


async def test_an_empty_faq_declines(encoder: WordEncoder) -> None:
    answer = await decide("Can I return it?", make_bundle(encoder, []), encoder)
    assert (answer.outcome, answer.text, answer.confidence) == ("declined", "decline", None)


async def test_the_thresholds_decide_between_the_three_outcomes(encoder: WordEncoder) -> None:
    text = "return cost cards"
    bundle = make_bundle(encoder, [entry for entry in ENTRIES if entry.category != "smalltalk"])
    candidates = await pipeline.rank(text, bundle=bundle, encoder=encoder)
    sure = candidates[0].probability
    assert 0 < sure < 1

    async def outcome(answer_from: float, clarify_from: float) -> Answer:
        ranker = Ranker(answer_from=answer_from, clarify_from=clarify_from, together=0.0)
        return await decide(text, replace(bundle, ranker=ranker), encoder)

    answered = await outcome(sure, 0.0)
    assert (answered.outcome, answered.confidence) == ("answered", sure)
    clarified = await outcome(np.nextafter(sure, 1), sure)
    assert (clarified.outcome, clarified.text, clarified.confidence) == ("clarify", "clarify", sure)
    keys = [bundle.index.entries[candidate.entry].key for candidate in candidates[:3]]
    assert [choice.key for choice in clarified.suggestions] == keys
    assert len(set(keys)) == 3
    declined = await outcome(1.1, np.nextafter(sure, 1))
    assert (declined.outcome, declined.text, declined.confidence) == ("declined", "decline", sure)


async def test_small_talk_is_marked_as_such(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("Hello", bundle, encoder)
    assert (answer.outcome, answer.text) == ("smalltalk", "Hello!")


async def test_what_may_be_small_talk_is_asked_about_as_if_it_were_none(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    text = "something about my refund hello"
    found = {
        bundle.index.entries[one.entry].key: one.probability
        for one in await pipeline.rank(text, bundle=bundle, encoder=encoder)
    }
    smalltalk = found.pop("hello")
    offered = sum(sorted(found.values())[-3:])
    assert smalltalk > 0.05
    if_none = offered / (1 - smalltalk)
    for together, outcome in (((offered + if_none) / 2, "clarify"), (if_none * 1.001, "declined")):
        ranker = Ranker(answer_from=1.1, clarify_from=0.0, together=together)
        answer = await decide(text, replace(bundle, ranker=ranker), encoder)
        assert answer.outcome == outcome
        assert "hello" not in {choice.key for choice in answer.suggestions}


@pytest.mark.parametrize("failure", [EngineFailed("broken"), EngineOverloaded("full")])
async def test_the_engines_failure_is_the_callers(
    bundle: Bundle, encoder: WordEncoder, failure: Exception
) -> None:
    encoder.failure = failure
    with pytest.raises(type(failure)):
        await decide("Can I return it?", bundle, encoder)


async def test_a_question_keeps_the_bundle_it_began_with(bundle: Bundle, encoder: WordEncoder) -> None:
    asking = asyncio.create_task(decide("What does shipping cost?", bundle, encoder))
    await asyncio.sleep(0)
    make_bundle(encoder, [replace(ENTRIES[2], answer="$9.")])
    assert (await asking).text == "$5."


def test_only_what_is_indexed_can_be_offered(bundle: Bundle) -> None:
    assert [source.key for source in bundle.offered(("gone", "refund", "returns"))] == ["refund", "returns"]
    assert bundle.offered(()) == ()
