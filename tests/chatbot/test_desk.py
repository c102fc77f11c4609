"""The desk with an engine that can be paused and can fail, on a real Postgres."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from typing import cast

import psycopg
import pytest
import pytest_asyncio
from django.db import OperationalError

from chatbot import answerer, services
from chatbot import desk as desk_module
from chatbot.answering import routing
from chatbot.answering.events import Answer, Delta, Question
from chatbot.database import in_database
from chatbot.desk import Desk
from chatbot.engine.errors import EngineFailed, EngineOverloaded
from chatbot.models import Conversation, Event
from chatbot.serving import Serving
from tests.chatbot.desks import Chat, until
from tests.customers.screens import make_profile

pytestmark = pytest.mark.usefixtures("database_threads")


@pytest.fixture
def conversation(transactional_db: None) -> Conversation:
    conversation, _token = services.conversation_open(profile=make_profile("demo", "en-US"))
    return conversation


@pytest_asyncio.fixture
async def chat(conversation: Conversation) -> AsyncIterator[Chat]:
    chat = Chat(conversation)
    yield chat
    chat.engine.open.set()
    await chat.desk.stop()


async def half_spoken(decided: Answer, question: Question, **_: object) -> AsyncIterator[Delta | Answer]:
    yield Delta(text="Thirty days. ")
    await asyncio.Event().wait()
    yield decided


async def test_an_answer_is_heard_piece_by_piece_and_stored_once(chat: Chat) -> None:
    question = await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.outcome, answer.composed) == (question.seq, "answered", "verbatim")
    assert (answer.text, answer.lang, answer.model) == ("Thirty days. Free of charge.", "en-US", "fake@1")
    assert chat.ear.deltas == {question.seq: answer.text}
    assert [event.pk for event in chat.ear.events] == [answer.pk]


async def test_how_an_answer_was_composed_is_stored_with_it(chat: Chat) -> None:
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert answer.composition == {"level": "verbatim", "why": "whole", "said": [], "generator": ""}
    chat.engine.failures = [EngineFailed("broken")]
    await chat.ask("shipping")
    assert (await chat.answers(2))[-1].composition == {}


async def test_an_answer_that_takes_too_long_to_word_is_said_as_approved(
    chat: Chat, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANSWER_DEADLINE_SECONDS = 1.0  # time enough to decide, even on a busy machine
    monkeypatch.setattr(routing, "speak", half_spoken)
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.text) == ("answered", "Thirty days. Free of charge.")
    assert (answer.composition["level"], answer.composition["why"]) == ("verbatim", "deadline")


async def test_what_was_decided_is_said_as_approved_where_wording_it_fails(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(decided: Answer, question: Question, **_: object) -> AsyncIterator[Delta | Answer]:
        yield Delta(text="Thir")
        raise RuntimeError("a bug at /srv/secret")

    monkeypatch.setattr(routing, "speak", broken)
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.text) == ("answered", "Thirty days. Free of charge.")


async def test_a_socket_that_left_hears_nothing_and_the_answer_is_stored_all_the_same(chat: Chat) -> None:
    chat.engine.open.clear()
    await chat.ask("returns")
    chat.leave()
    chat.engine.open.set()
    await chat.answers(1)
    assert chat.ear.deltas == {}
    assert chat.ear.events == []


async def test_one_message_is_answered_once_however_often_it_is_handed_in(chat: Chat) -> None:
    another_node = Desk(cast(Serving, chat.serving))
    event = await chat.ask("returns")
    chat.desk.answer(event, profile_id=chat.conversation.profile_id)
    another_node.answer(event, profile_id=chat.conversation.profile_id)
    await until(lambda: not another_node._turns)
    await chat.answers(1)
    chat.desk.answer(event, profile_id=chat.conversation.profile_id)
    await chat.answers(1)


async def test_messages_of_one_conversation_are_answered_in_order(chat: Chat) -> None:
    chat.engine.open.clear()
    questions = [await chat.ask(text) for text in ("returns", "shipping", "payment")]
    await until(lambda: chat.engine.asked)
    await asyncio.sleep(0.05)
    assert chat.engine.asked == ["returns"]
    chat.engine.open.set()
    answers = await chat.answers(3)
    assert [answer.reply_to for answer in answers] == [question.seq for question in questions]
    assert [answer.sources[0]["faq"] for answer in answers] == ["returns", "shipping", "payment"]


async def test_conversations_do_not_wait_for_each_other(chat: Chat) -> None:
    chat.engine.open.clear()
    await chat.ask("returns")
    profile = chat.conversation.profile
    other, _token = await in_database(services.conversation_open, profile=profile)
    posted = await in_database(
        services.message_post,
        conversation_id=other.pk,
        client_id=uuid.uuid4(),
        text="!?",
        lang="en-US",
        node=77,
    )
    chat.desk.answer(posted.event, profile_id=profile.pk)
    await until(lambda: other.pk not in chat.desk._turns)
    stored = await in_database(lambda: Event.objects.get(conversation=other, role="bot"))
    assert stored.text == "only_symbols"
    assert chat.conversation.pk in chat.desk._turns


async def test_stop_keeps_what_was_shown_and_marks_it(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "speak", half_spoken)
    question = await chat.ask("returns")
    await until(lambda: chat.ear.deltas)
    chat.stop()
    chat.stop()
    (answer,) = await chat.answers(1)
    assert (answer.reply_to, answer.outcome, answer.text) == (question.seq, "stopped", "Thirty days. ")
    assert [event.outcome for event in chat.ear.events] == ["stopped"]


async def test_stop_before_anything_was_shown_says_so_in_the_personas_words(chat: Chat) -> None:
    chat.engine.open.clear()
    await chat.ask("returns")
    await until(lambda: chat.engine.asked)
    chat.stop()
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.text, answer.lang) == ("stopped", "stopped", "en-US")


async def test_stop_in_the_moment_of_asking_still_leaves_one_answer(chat: Chat) -> None:
    await chat.ask("returns")
    chat.stop()  # the answer's task has been made, but has not run yet
    (answer,) = await chat.answers(1)
    assert answer.outcome == "stopped"
    assert chat.engine.asked == []


async def test_stop_reaches_what_waits_in_line_and_keeps_the_order(chat: Chat) -> None:
    chat.engine.open.clear()
    questions = [await chat.ask(text) for text in ("returns", "shipping", "payment")]
    await until(lambda: chat.engine.asked)
    chat.stop()
    answers = await chat.answers(3)
    assert [(answer.reply_to, answer.outcome) for answer in answers] == [
        (q.seq, "stopped") for q in questions
    ]
    chat.engine.open.set()
    await chat.ask("shipping")
    assert (await chat.answers(4))[-1].outcome == "answered"


async def test_stop_comes_too_late_once_the_answer_is_being_stored(
    chat: Chat, another_connection: psycopg.Connection
) -> None:
    question = await chat.post("returns")
    with another_connection.transaction():
        another_connection.execute(
            "SELECT 1 FROM chatbot_conversation WHERE id = %s FOR UPDATE", [chat.conversation.pk]
        )
        chat.desk.answer(question, profile_id=chat.conversation.profile_id)
        await until(lambda: chat.ear.deltas)
        await asyncio.sleep(0.05)
        chat.stop()
        await asyncio.sleep(0.05)
    (answer,) = await chat.answers(1)
    assert answer.outcome == "answered"
    assert [event.pk for event in chat.ear.events] == [answer.pk]


async def test_an_answer_that_takes_too_long_fails_in_the_personas_words(chat: Chat, settings) -> None:
    settings.ANSWER_DEADLINE_SECONDS = 0.05
    chat.engine.open.clear()
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.text, answer.lang) == ("failed", "failed", "en-US")


@pytest.mark.parametrize(
    "failure", [EngineFailed("CUDA error at 0xdead"), RuntimeError("a bug at /srv/secret")]
)
async def test_no_failures_text_reaches_the_visitor(chat: Chat, failure: Exception) -> None:
    chat.engine.failures = [failure]
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert (answer.outcome, answer.text, answer.sources, answer.composed) == ("failed", "failed", [], "")
    assert chat.ear.deltas == {}


async def test_an_overloaded_engine_is_asked_again(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answerer, "RETRY_SECONDS", 0.01)
    chat.engine.failures = [EngineOverloaded("full"), EngineOverloaded("full")]
    await chat.ask("returns")
    (answer,) = await chat.answers(1)
    assert answer.outcome == "answered"
    # The fourth looks for what may be asked next.
    assert chat.engine.asked == ["returns"] * 4
    assert chat.ear.deltas == {answer.reply_to: answer.text}


async def test_an_engine_that_stays_overloaded_meets_the_deadline(
    chat: Chat, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANSWER_DEADLINE_SECONDS = 0.1
    monkeypatch.setattr(answerer, "RETRY_SECONDS", 0.01)
    chat.engine.failures = [EngineOverloaded("full")] * 1000
    await chat.ask("returns")
    assert [answer.outcome for answer in await chat.answers(1)] == ["failed"]


async def test_a_profile_that_is_no_longer_served_still_gets_its_one_message(chat: Chat) -> None:
    chat.serving.served = False
    await chat.ask("returns")
    assert [answer.outcome for answer in await chat.answers(1)] == ["failed"]


async def test_storing_is_tried_again_while_the_database_is_away(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "RETRY_SECONDS", 0.001)
    store, tries = services.answer_post, []

    def unsteady(**values: object) -> Event:
        tries.append(1)
        if len(tries) < 4:
            raise OperationalError("the connection is lost")
        return store(**values)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "answer_post", unsteady)
    await chat.ask("returns")
    assert [answer.outcome for answer in await chat.answers(1)] == ["answered"]


async def test_an_answer_that_cannot_be_stored_is_left_to_the_next_look(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "RETRY_SECONDS", 0.001)

    def away(**_: object) -> Event:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(services, "answer_post", away)
        await chat.ask("returns")
        await until(lambda: not chat.desk._turns)
    chat.desk.start()
    assert [answer.outcome for answer in await chat.answers(1)] == ["answered"]


async def test_a_conversation_deleted_meanwhile_ends_quietly(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.engine.open.clear()
    await chat.ask("returns")
    await in_database(lambda: Conversation.objects.all().delete())
    chat.engine.open.set()
    await until(lambda: not chat.desk._turns)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_a_dead_node_left_is_answered_in_order_by_the_next(chat: Chat) -> None:
    questions = [await chat.post(text, node=999) for text in ("returns", "shipping")]
    chat.desk.start()
    answers = await chat.answers(2)
    assert [answer.reply_to for answer in answers] == [question.seq for question in questions]


async def test_a_stopping_desk_lets_answers_finish_and_leaves_the_rest(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "DRAIN_SECONDS", 0.2)
    await chat.ask("returns")
    await chat.desk.stop()
    await chat.answers(1)
    chat.engine.open.clear()
    await chat.ask("shipping")
    await chat.desk.stop()
    await until(lambda: not chat.desk._turns)
    await chat.answers(1)  # no stopped or failed message stands in for the answer that another node will give
    assert [event.text for event in await in_database(services.turns_claim, node=5)] == ["shipping"]
