"""Writes to conversations on a real Postgres, from many threads and as several nodes."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable

import psycopg
import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection
from django.utils import timezone

from chatbot import services
from chatbot.announce import group_of
from chatbot.answering.events import Answer, Source
from chatbot.models import Conversation, Event
from chatbot.services import NODE_LOCK, ConversationClosed, Posted
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db

NODE, OTHER_NODE, DEAD_NODE = 11, 12, 13


def opened(slug: str = "demo", locale: str = "de-DE") -> Conversation:
    return services.conversation_open(profile=make_profile(slug, locale))[0]


def ask(
    conversation: Conversation,
    text: str = "Wo?",
    *,
    node: int = DEAD_NODE,
    client_id: uuid.UUID | None = None,
) -> Posted:
    return services.message_post(
        conversation_id=conversation.pk,
        client_id=client_id or uuid.uuid4(),
        text=text,
        lang="de-DE",
        node=node,
    )


def reply(conversation: Conversation, posted: Posted, text: str = "Hier.") -> Event:
    answer = Answer(outcome="answered", text=text, lang="de-DE", model="m")
    return services.answer_post(conversation_id=conversation.pk, reply_to=posted.event.seq, answer=answer)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run acts on a thread each, started together; returns their results and raises what one raised."""
    start = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            start.wait(60)
            results[place] = act()
        except Exception as error:  # noqa: BLE001
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def test_only_the_hash_of_the_token_is_kept() -> None:
    conversation, token = services.conversation_open(profile=make_profile("demo"))
    assert len(token) >= 32
    stored = Conversation.objects.values().get(pk=conversation.pk)
    assert token not in str(stored)
    assert stored["token_sha256"] == services.token_hash(token)


def test_events_are_numbered_without_gaps_whatever_repeats_or_is_refused() -> None:
    conversation = opened()
    client_id = uuid.uuid4()
    first = ask(conversation, client_id=client_id)
    again = ask(conversation, "another text", client_id=client_id)
    assert (again.repeated, again.answerable, again.event.pk) == (True, False, first.event.pk)
    answered = reply(conversation, first)
    assert reply(conversation, first, "A second answer.").pk == answered.pk
    ask(conversation)
    assert list(Event.objects.values_list("seq", "role", "text")) == [
        (1, "visitor", "Wo?"),
        (2, "bot", "Hier."),
        (3, "visitor", "Wo?"),
    ]
    conversation.refresh_from_db()
    assert conversation.last_seq == 3


def test_an_answer_is_stored_with_what_it_rests_on() -> None:
    conversation = opened()
    answer = Answer(
        outcome="answered",
        text="**Ja.**",
        lang="de-DE",
        model="m@1",
        composed="verbatim",
        confidence=0.75,
        sources=(Source(key="returns", question="Geht das?", score=0.123456),),
        suggestions=(Source(key="refund", question="Wann?", score=1.0),),
    )
    seq = ask(conversation).event.seq
    services.answer_post(conversation_id=conversation.pk, reply_to=seq, answer=answer)
    event = Event.objects.get(role="bot")
    assert (event.reply_to, event.outcome, event.composed, event.confidence) == (
        seq,
        "answered",
        "verbatim",
        0.75,
    )
    assert event.sources == [{"faq": "returns", "question": "Geht das?", "score": 0.1235}]
    assert event.suggestions == [{"faq": "refund", "question": "Wann?"}]
    assert event.model == "m@1"


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_leave_no_gap_and_no_double() -> None:
    conversation = opened()
    shared = [uuid.uuid4() for _ in range(5)]

    def write() -> list[Posted]:
        # Every thread repeats the same five messages, and has five of its own.
        return [ask(conversation, client_id=client_id) for client_id in shared] + [
            ask(conversation) for _ in range(5)
        ]

    results = at_once(*[write] * 6)
    events = list(Event.objects.filter(conversation=conversation).order_by("seq"))
    assert [event.seq for event in events] == list(range(1, 36))
    assert len({event.client_id for event in events}) == 35
    for posted in results:
        assert isinstance(posted, list)
        assert {p.event.client_id for p in posted} >= set(shared)
    # In the order of their numbers, they were also written.
    assert [event.pk for event in events] == sorted(event.pk for event in events)
    conversation.refresh_from_db()
    assert conversation.last_seq == 35


@pytest.mark.django_db(transaction=True)
def test_many_answers_at_once_store_one() -> None:
    conversation = opened()
    posted = ask(conversation)
    events = at_once(*[lambda: reply(conversation, posted)] * 6)
    assert len({event.pk for event in events if isinstance(event, Event)}) == 1
    assert Event.objects.filter(reply_to=posted.event.seq).count() == 1
    conversation.refresh_from_db()
    assert conversation.last_seq == 2


@pytest.mark.django_db(transaction=True)
def test_sockets_are_woken_once_an_event_can_be_read() -> None:
    conversation = opened()
    layer = get_channel_layer()
    assert layer is not None
    channel = async_to_sync(layer.new_channel)()
    async_to_sync(layer.group_add)(group_of(conversation.pk), channel)
    ask(conversation)
    assert async_to_sync(layer.receive)(channel) == {"type": "conversation.changed", "seq": 1}


def test_a_closed_conversation_takes_no_message_but_acknowledges_an_old_one() -> None:
    conversation = opened()
    client_id = uuid.uuid4()
    old = ask(conversation, client_id=client_id)
    Conversation.objects.update(state=Conversation.State.CLOSED)
    with pytest.raises(ConversationClosed):
        ask(conversation)
    assert ask(conversation, client_id=client_id).event.pk == old.event.pk
    conversation.refresh_from_db()
    assert conversation.last_seq == 1


@pytest.mark.parametrize("state", ["waiting", "agent"])
def test_a_person_s_conversation_is_not_the_assistants(state: str) -> None:
    conversation = opened()
    Conversation.objects.update(state=state)
    posted = ask(conversation)
    assert not posted.answerable
    assert posted.event.claimed_by is None
    assert services.turns_claim(node=NODE) == []


def test_a_message_to_a_deleted_conversation_is_refused_by_name() -> None:
    conversation = opened()
    posted = ask(conversation)
    Conversation.objects.filter(pk=conversation.pk).delete()
    with pytest.raises(Conversation.DoesNotExist):
        ask(conversation)
    with pytest.raises(Conversation.DoesNotExist):
        reply(conversation, posted)


def test_a_living_nodes_messages_are_left_alone_and_a_dead_ones_taken(
    another_connection: psycopg.Connection,
) -> None:
    conversation = opened()
    living, dead = ask(conversation, node=OTHER_NODE), ask(conversation, node=DEAD_NODE)
    another_connection.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK, OTHER_NODE])
    # A lock of the same number for another purpose keeps nobody alive.
    another_connection.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK + 1, DEAD_NODE])
    another_connection.execute("SELECT pg_advisory_lock(%s)", [DEAD_NODE])
    assert [event.pk for event in services.turns_claim(node=NODE)] == [dead.event.pk]
    dead.event.refresh_from_db()
    assert dead.event.claimed_by == NODE
    another_connection.execute("SELECT pg_advisory_unlock(%s, %s)", [NODE_LOCK, OTHER_NODE])
    claimed = services.turns_claim(node=OTHER_NODE)
    assert [event.pk for event in claimed] == [living.event.pk, dead.event.pk]
    assert claimed[0].conversation.profile_id == conversation.profile_id


def test_a_node_that_dies_frees_its_messages_at_once(another_connection: psycopg.Connection) -> None:
    posted = ask(opened(), node=OTHER_NODE)
    another_connection.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK, OTHER_NODE])
    assert services.turns_claim(node=NODE) == []
    (process,) = another_connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    assert [event.pk for event in services.turns_claim(node=NODE)] == [posted.event.pk]


def test_answered_messages_are_never_claimed_and_old_ones_come_first() -> None:
    conversation = opened()
    posted = [ask(conversation) for _ in range(4)]
    reply(conversation, posted[1])
    assert [event.seq for event in services.turns_claim(node=NODE, limit=2)] == [1, 3]
    services.turns_release(conversation_id=conversation.pk, seqs=[3])
    assert [event.seq for event in services.turns_claim(node=OTHER_NODE)] == [1, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_nodes_that_look_at_once_share_the_messages(another_connection: psycopg.Connection) -> None:
    for node in (21, 22, 23):
        another_connection.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK, node])
    conversation = opened()
    asked = {ask(conversation).event.pk for _ in range(30)}
    claims = at_once(*[lambda node=node: services.turns_claim(node=node, limit=30) for node in (21, 22, 23)])
    claimed = [event.pk for events in claims if isinstance(events, list) for event in events]
    assert sorted(claimed) == sorted(asked)


def test_a_conversation_moves_between_its_tenants_locales_only() -> None:
    conversation = opened()
    japanese = make_profile("demo", "ja-JP")
    services.conversation_switch(conversation_id=conversation.pk, profile=japanese)
    conversation.refresh_from_db()
    assert conversation.profile == japanese
    with pytest.raises(ValueError, match="another tenant"):
        services.conversation_switch(conversation_id=conversation.pk, profile=make_profile("other", "de-DE"))
    conversation.refresh_from_db()
    assert conversation.profile == japanese


def test_conversations_are_deleted_when_their_profiles_retention_is_over() -> None:
    short, long = make_profile("short"), make_profile("long")
    type(short).objects.filter(pk=short.pk).update(retention_days=30)
    now = timezone.now()
    kept: list[uuid.UUID] = []
    gone: list[uuid.UUID] = []
    for profile, days in ((short, 29), (short, 31), (long, 31), (long, 364), (long, 366)):
        conversation = services.conversation_open(profile=profile)[0]
        ask(conversation)
        Conversation.objects.filter(pk=conversation.pk).update(active_at=now - dt.timedelta(days=days))
        (gone if (profile, days) in ((short, 31), (long, 366)) else kept).append(conversation.pk)
    assert services.conversations_purge(now=lambda: now) == 2
    assert set(Conversation.objects.values_list("pk", flat=True)) == set(kept)
    assert Event.objects.count() == 3
    assert services.conversations_purge(now=lambda: now) == 0


def test_a_message_keeps_its_conversation_from_being_purged() -> None:
    conversation = opened()
    Conversation.objects.update(active_at=timezone.now() - dt.timedelta(days=400))
    ask(conversation)
    assert services.conversations_purge() == 0
