"""How messages are read in their conversation: pure parts, and the pipeline with the vectors of known words."""

import pytest

from chatbot.answering import dialogue, pipeline
from chatbot.answering.dialogue import (
    Readings,
    amended,
    context_of,
    ellipsis,
    halves,
    pairs,
    picked,
    pool,
    rejected,
)
from chatbot.answering.events import Answer, Question, Turn
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.utterance import cues_for, understand
from tests.chatbot.answering.test_pipeline import ENTRIES, WordEncoder, make_bundle

EN = cues_for("en")
TITLES = {key: f"{key}?" for key in ("returns", "refund", "shipping", "payment")}


def title(key: str) -> str:
    return TITLES.get(key, "")


def turn(text: str, outcome: str = "answered", *, answered: str = "", offered: str = "") -> Turn:
    return Turn(
        text=text,
        lang="en-US",
        outcome=outcome,
        answered=tuple(answered.split()),
        offered=tuple(offered.split()),
    )


CLARIFIED = [turn("money", "clarify", offered="refund payment shipping")]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("the second one", ("payment",)),
        ("3", ("shipping",)),
        ("the last one please", ("shipping",)),
        ("yes", ("refund",)),
        ("yes, the second", ("payment",)),
        ("no", ()),
        ("5", ()),
        ("the refund", ()),
    ],
)
def test_what_was_offered_is_pointed_at(text: str, keys: tuple[str, ...]) -> None:
    assert picked(understand(text, EN), context_of(CLARIFIED, EN, title)) == keys


def test_the_other_one_is_what_was_offered_and_not_given() -> None:
    history = [
        turn("money", "clarify", offered="refund payment"),
        turn("the first", answered="refund"),
        turn("hm", "smalltalk", answered="hello"),
    ]
    context = context_of(history, EN, title)
    assert picked(understand("no, the other one", EN), context) == ("payment",)
    assert picked(understand("the second one", EN), context) == ("payment",)


def test_ids_of_an_faq_that_is_not_searched_mean_nothing() -> None:
    context = context_of([turn("money", "clarify", offered="gone refund")], EN, title)
    assert context is not None
    assert context.offered == ("refund",)
    assert context_of([turn("hi", "smalltalk"), turn("x", "failed")], EN, title) is None
    assert picked(understand("yes", EN), None) == ()


def test_a_bare_no_turns_down_what_was_given_or_offered() -> None:
    no = understand("no, that's not what I meant", EN)
    assert rejected(no, context_of(CLARIFIED, EN, title)) == ("refund", "payment", "shipping")
    assert rejected(no, context_of([turn("money", answered="refund")], EN, title)) == ("refund",)
    assert rejected(understand("the refund", EN), context_of(CLARIFIED, EN, title)) == ()


def test_the_subject_goes_back_to_what_stood_on_its_own() -> None:
    history = [
        turn("I bought a blue lamp and would like to return it now", answered="returns"),
        turn("and how long does that take?", answered="refund"),
        turn("thanks", "smalltalk"),
    ]
    context = context_of(history, EN, title)
    assert context is not None
    assert (
        context.asked == "I bought a blue lamp and would like to return it now and how long does that take?"
    )
    pressed = context_of([*CLARIFIED, turn("the first one", answered="refund")], EN, title)
    assert pressed is not None
    assert pressed.asked == "refund?"


def test_what_stands_on_its_own_is_less_elliptical() -> None:
    ordered = [
        "Can I send my order to a post office box in another state instead of my home?",
        "do you sell gift cards online",
        "and if it has already shipped by then",
        "and how long does that take?",
    ]
    shares = [ellipsis(understand(text, EN)) for text in ordered]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[1] < dialogue.PLAUSIBLE < shares[2]
    assert max(shares) <= 1
    assert ellipsis(understand(ordered[1], EN), unanswered=True) > shares[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "How much is shipping, and how long does it take?",
            [("How much is shipping", "how long does it take?")],
        ),
        ("do you match prices? also is there a store", [("do you match prices?", "is there a store")]),
        ("My lamp arrived. It is broken.", []),
        ("No, I meant the price, and how long it takes", []),
        ("What does it cost, roughly?", []),
        ("one question only", []),
    ],
)
def test_a_message_is_parted_where_two_questions_are_likely(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert pairs(text, EN) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            "my code is refused, and I forgot my password",
            "en",
            [("my code is refused", "I forgot my password")],
        ),
        ("my code is refused and I forgot my password", "en", []),
        ("my code is refused\nand I forgot my password", "en", []),
        ("My lamp arrived. It is broken.", "en", []),
        ("배송비가 비싸고 며칠 걸려요?", "ko", [("배송비가 비싸고", "며칠 걸려요?")]),
    ],
)
def test_what_goes_on_with_and_may_be_two_statements(
    text: str, language: str, expected: list[tuple[str, str]]
) -> None:
    assert halves(text, cues_for(language)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no, not the parcel, the mail that confirms it", ["the mail that confirms it"]),
        ("no, I meant the price", []),
        ("the parcel, the mail that confirms it", []),
    ],
)
def test_the_end_of_a_correction_is_what_was_meant(text: str, expected: list[str]) -> None:
    assert amended(understand(text, EN), EN) == expected


def test_without_a_question_before_the_pool_is_the_messages_own_ranking() -> None:
    alone = {"a": 0.7, "b": 0.2}
    assert pool(Readings(alone=alone), share=1.0, lean={}) == pytest.approx(alone)


def test_the_pool_gives_what_is_turned_down_to_the_others() -> None:
    joined = pool(Readings(alone={"a": 0.7, "b": 0.2}), share=0.0, lean={}, without=["a"])
    assert joined == pytest.approx({"b": 2 / 3})


def test_the_question_before_decides_what_an_elliptical_message_is_about() -> None:
    readings = Readings(
        alone={"delivery": 0.5, "refund": 0.2},
        along={"returns": 0.7, "refund": 0.25},
        before={"returns": 0.95},
    )
    assert next(iter(pool(readings, share=0.0, lean={}))) == "delivery"
    joined = pool(readings, share=1.0, lean={})
    assert next(iter(joined)) == "refund"
    assert 0 < sum(joined.values()) < 1
    assert list(joined.values()) == sorted(joined.values(), reverse=True)


# ---------------------------------------------------------------- the pipeline


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def bundle(encoder: WordEncoder) -> Bundle:
    return make_bundle(encoder, ENTRIES, Ranker(answer_from=0.0, clarify_from=0.0))


async def decide(text: str, bundle: Bundle, encoder: WordEncoder, *history: Turn) -> Answer:
    return await pipeline.decide(Question(text=text, history=history), bundle=bundle, encoder=encoder)


async def test_pointing_needs_no_model(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("the second one", bundle, encoder, *CLARIFIED)
    assert ([source.key for source in answer.sources], answer.confidence) == (["payment"], 1.0)
    other = await decide("the other one", bundle, encoder, *CLARIFIED, turn("1", answered="refund"))
    assert other.outcome == "clarify"
    assert [choice.key for choice in other.suggestions] == ["payment", "shipping"]
    assert encoder.asked == []


async def test_a_follow_up_is_searched_along_with_what_came_before_in_one_batch(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    answer = await decide("and how long?", bundle, encoder, turn("Can I return it?", answered="returns"))
    assert encoder.batches == [["how long?", "Can I return it? how long?", "Can I return it?"]]
    assert answer.traces[0].read_as == "Can I return it? how long?"


async def test_an_approved_wording_is_never_read_with_what_came_before(
    bundle: Bundle, encoder: WordEncoder
) -> None:
    before = turn("Which cards do you take?", answered="payment")
    with_history = await decide("send it back", bundle, encoder, before)
    assert with_history == await decide("send it back", bundle, encoder)
    assert encoder.asked == ["send it back"] * 2


async def test_two_questions_get_two_answers_in_one_message(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("Which cards do you take? And what does shipping cost?", bundle, encoder)
    assert [source.key for source in answer.sources] == ["payment", "shipping"]
    assert answer.text == "**Which cards do you take?**\n\nAll.\n\n**What does shipping cost?**\n\n$5."
    assert [trace.read_as for trace in answer.traces] == [
        "Which cards do you take?",
        "what does shipping cost?",
    ]


async def test_one_question_asked_twice_gets_one_answer(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("Which cards do you take? Which cards, do you take?", bundle, encoder)
    assert [source.key for source in answer.sources] == ["payment"]


async def test_a_bare_no_asks_back_without_what_it_turned_down(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide(
        "no, not that", bundle, encoder, turn("What does shipping cost?", answered="shipping")
    )
    assert answer.outcome == "clarify"
    assert "shipping" not in [choice.key for choice in answer.suggestions]


async def test_a_bare_yes_to_nothing_asks_for_the_question(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("ok", bundle, encoder, turn("What does shipping cost?", answered="shipping"))
    assert (answer.outcome, answer.text, answer.confidence) == ("declined", "only_symbols", None)


async def test_a_yes_to_a_decline_takes_up_what_it_offered(encoder: WordEncoder) -> None:
    offer = ENTRIES[2].__class__(key="person", questions=("decline",), answer="Here is a person.")
    bundle = make_bundle(encoder, [*ENTRIES, offer])
    answer = await decide("yes please", bundle, encoder, turn("unicorns?", "declined"))
    assert [source.key for source in answer.sources] == ["person"]


async def test_the_trace_tells_what_each_signal_added(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("how do I send it back to you", bundle, encoder)
    (trace,) = answer.traces
    assert (trace.read_as, trace.locale, trace.revision) == ("how do I send it back to you", "en-US", 1)
    best = trace.candidates[0]
    assert (best.key, best.question, best.matched) == ("returns", "Can I return it?", "send it back")
    assert answer.confidence == pytest.approx(best.probability, abs=1e-3)
    assert best.score == pytest.approx(sum(adds for _value, adds in best.signals.values()), abs=1e-2)
    assert len(trace.candidates) <= 8


async def test_small_talk_is_never_asked_back_with(encoder: WordEncoder) -> None:
    unsure = make_bundle(encoder, ENTRIES, Ranker(answer_from=1.0, clarify_from=0.0, together=0.0))
    answer = await pipeline.decide(Question(text="hello you there"), bundle=unsure, encoder=encoder)
    assert answer.outcome == "clarify"
    assert "hello" not in [choice.key for choice in answer.suggestions]


async def test_a_burst_is_read_as_a_whole_and_by_its_messages(bundle: Bundle, encoder: WordEncoder) -> None:
    answer = await decide("my lamp came\nsend it back", bundle, encoder)
    assert [source.key for source in answer.sources] == ["returns"]
    assert {"my lamp came send it back", "my lamp came", "send it back"} <= set(encoder.asked)
