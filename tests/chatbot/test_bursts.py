"""Messages sent in one breath: held for a moment, read together, answered once. On a real Postgres."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chatbot import services
from chatbot.answering import routing
from chatbot.answering.events import Answer, Question
from chatbot.database import in_database
from chatbot.models import Conversation, Event
from tests.chatbot.desks import Chat, until
from tests.customers.screens import make_profile

pytestmark = pytest.mark.usefixtures("database_threads")

HOLD_MS = 400


@pytest.fixture
def conversation(transactional_db: None) -> Conversation:
    conversation, _token = services.conversation_open(profile=make_profile("demo", "en-US"))
    return conversation


@pytest_asyncio.fixture
async def chat(
    conversation: Conversation, settings: object, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Chat]:
    """A desk whose answers depend on the words alone: what names a thing is answered, anything else is not."""
    settings.BURST_HOLD_MS = HOLD_MS  # type: ignore[attr-defined]
    chat = Chat(conversation)
    chat.asked: list[Question] = []  # type: ignore[attr-defined, misc]

    async def decide(question: Question, **_: object) -> Answer:
        chat.asked.append(question)  # type: ignore[attr-defined]
        await chat.engine.open.wait()
        if "kettle" in question.text:
            return Answer(outcome="answered", text="Descale it.", lang="en-US", model="m", confidence=0.9)
        if question.text == "hi":
            return Answer(outcome="smalltalk", text="Hello!", lang="en-US", model="m", confidence=0.9)
        return Answer(outcome="declined", text="No idea.", lang="en-US", model="m", confidence=0.1)

    monkeypatch.setattr(routing, "decide", decide)
    yield chat
    chat.engine.open.set()
    await chat.desk.stop()


def texts(chat: Chat) -> list[str]:
    return [question.text for question in chat.asked]  # type: ignore[attr-defined]


async def test_two_questions_in_one_breath_are_two_turns(chat: Chat) -> None:
    questions = [await chat.ask(text) for text in ("Do you sell teapots?", "And saucepans?")]
    answers = await chat.answers(2)
    assert [(answer.reply_to, answer.joined) for answer in answers] == [(q.seq, []) for q in questions]
    assert texts(chat) == ["Do you sell teapots?", "And saucepans?"]


async def test_nothing_is_joined_where_nothing_is_held(chat: Chat, settings: object) -> None:
    settings.BURST_HOLD_MS = 0  # type: ignore[attr-defined]
    messages = [await chat.ask(text) for text in ("hi", "so i have a", "kettle and it is all white?")]
    answers = await chat.answers(3)
    assert [(answer.reply_to, answer.joined) for answer in answers] == [(m.seq, []) for m in messages]


async def test_what_comes_in_one_breath_is_read_together_and_answered_once(chat: Chat) -> None:
    said = [await chat.ask(text) for text in ("hi", "so i have a", "kettle and it is all white?")]
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.joined) == (said[2].seq, [said[0].seq, said[1].seq])
    assert texts(chat)[-1] == "hi\nso i have a\nkettle and it is all white?"
    assert (answer.outcome, answer.text) == ("answered", "Descale it.")
    assert chat.ear.deltas == {said[2].seq: "Descale it."}
    assert [event.pk for event in chat.ear.events] == [answer.pk]


async def test_a_complete_question_is_answered_without_waiting_for_more(chat: Chat) -> None:
    questions = [await chat.ask(text) for text in ("Is my kettle safe?", "How do I clean my kettle?")]
    answers = await chat.answers(2)
    assert [(answer.reply_to, answer.joined) for answer in answers] == [(q.seq, []) for q in questions]
    assert texts(chat) == ["Is my kettle safe?", "How do I clean my kettle?"]


async def test_what_breaks_off_is_not_shown_before_it_is_clear_that_nothing_follows(chat: Chat) -> None:
    await chat.ask("my kettle, and")
    await until(lambda: texts(chat))
    await asyncio.sleep(HOLD_MS / 1000 / 4)
    assert chat.ear.deltas == {}
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.joined) == ("answered", [])
    assert chat.ear.deltas == {answer.reply_to: "Descale it."}


async def test_without_more_the_held_message_is_answered_alone(chat: Chat) -> None:
    question = await chat.ask("unicorns")
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.joined, answer.outcome) == (question.seq, [], "declined")
    assert texts(chat) == ["unicorns"]


async def test_typing_prolongs_the_hold_but_not_without_end(chat: Chat) -> None:
    await chat.ask("so")
    for _ in range(4):
        await asyncio.sleep(HOLD_MS / 1000 * 0.6)
        chat.desk.stir(chat.conversation.pk)
    await chat.ask("my kettle is white?")
    (answer,) = await chat.answers(1)
    assert answer.joined == [1]

    await chat.ask("and so")
    typing = asyncio.create_task(_type_on(chat))
    await chat.answers(2)
    typing.cancel()


async def _type_on(chat: Chat) -> None:
    while True:
        chat.desk.stir(chat.conversation.pk)
        await asyncio.sleep(HOLD_MS / 1000 / 4)


async def test_stop_ends_a_hold_and_covers_what_was_joined(chat: Chat) -> None:
    said = [await chat.ask(text) for text in ("so", "well")]
    await until(lambda: texts(chat) == ["so", "so\nwell"])
    chat.stop()
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.joined, answer.outcome) == (said[1].seq, [said[0].seq], "stopped")


async def test_a_pressed_button_is_never_part_of_a_burst(chat: Chat) -> None:
    await chat.ask("so")
    pressed = await chat.post("kettle")
    pressed.chosen_key = "kettle"
    chat.desk.answer(pressed, profile_id=chat.conversation.profile_id)
    first, second = await chat.answers(2)
    assert (first.reply_to, first.joined, second.reply_to, second.joined) == (1, [], 2, [])


async def test_a_burst_that_a_dead_node_left_is_answered_by_the_next(chat: Chat) -> None:
    said = [await chat.post(text, node=999) for text in ("so my", "kettle is white?")]
    chat.desk.start()
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.joined) == (said[1].seq, [said[0].seq])
    assert await in_database(services.turns_claim, node=5) == []


async def test_a_node_that_stops_in_the_middle_of_a_hold_leaves_all_of_it_unanswered(
    chat: Chat, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatbot import desk as desk_module

    settings.BURST_HOLD_MS = 60_000  # type: ignore[attr-defined]
    monkeypatch.setattr(desk_module, "DRAIN_SECONDS", 0.1)
    said = [await chat.ask(text) for text in ("so", "well")]
    await until(lambda: texts(chat) == ["so", "so\nwell"])
    await chat.desk.stop()
    await until(lambda: not chat.desk._turns)
    left = await in_database(services.turns_claim, node=5)
    assert [event.seq for event in left] == [event.seq for event in said]


async def test_a_message_covered_by_an_answer_gets_no_second_one(chat: Chat) -> None:
    said = [await chat.ask(text) for text in ("so my", "kettle is white?")]
    (answer,) = await chat.answers(1)
    late = Answer(outcome="answered", text="Late.", lang="en-US", model="m")
    known = await in_database(
        services.answer_post, conversation_id=chat.conversation.pk, reply_to=said[0].seq, answer=late
    )
    assert known.pk == answer.pk
    again = await chat.ask("How is my kettle?")
    assert again.seq == answer.seq + 1


async def test_an_answer_knows_the_exchanges_before_it(chat: Chat) -> None:
    for text in ("so my", "kettle is white?"):
        await chat.ask(text)
    await chat.answers(1)
    await chat.ask("unicorns?")
    await chat.answers(2)
    await chat.ask("Is my kettle safe?")
    await chat.answers(3)
    history = chat.asked[-1].history  # type: ignore[attr-defined]
    assert [(turn.text, turn.lang, turn.outcome) for turn in history] == [
        ("so my\nkettle is white?", "en-US", "answered"),
        ("unicorns?", "en-US", "declined"),
    ]


async def test_an_unreadable_history_costs_no_answer(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError

    def away(**_: object) -> tuple[()]:
        raise OperationalError("the connection is lost")

    await chat.ask("Is my kettle safe?")
    await chat.answers(1)
    monkeypatch.setattr(services, "conversation_history", away)
    await chat.ask("How is my kettle?")
    assert [answer.outcome for answer in await chat.answers(2)] == ["answered", "answered"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_the_history_is_read_in_order_with_what_was_answered_and_offered(transactional_db: None) -> None:
    conversation, _token = services.conversation_open(profile=make_profile("demo", "ko-KR"))
    for number in range(12):
        Event.objects.create(
            conversation=conversation,
            seq=2 * number + 1,
            kind="message",
            role="visitor",
            text=f"q{number}",
            lang="ko-KR",
        )
        Event.objects.create(
            conversation=conversation,
            seq=2 * number + 2,
            kind="message",
            role="bot",
            text="a",
            lang="ja-JP" if number == 11 else "ko-KR",
            reply_to=2 * number + 1,
            outcome="answered",
            sources=[{"faq": f"s{number}", "question": "?", "score": 1.0}],
            suggestions=[{"faq": f"o{number}", "question": "?"}],
            switch="ja-JP" if number == 11 else "",
        )
    history = services.conversation_history(conversation_id=conversation.pk, before=25)
    assert [turn.text for turn in history] == [f"q{number}" for number in range(4, 12)]
    assert (history[-1].answered, history[-1].offered) == (("s11",), ("o11",))
    assert (history[-1].lang, history[-1].switch) == ("ja-JP", "ja-JP")
    earlier = services.conversation_history(conversation_id=conversation.pk, before=3)
    assert [turn.text for turn in earlier] == ["q0"]
