"""Every write to conversations: one transaction, then the announcement.

Announcing means waking the conversation's sockets through the channel layer after commit; they read the new
events from the table, so a lost wake-up delays an event but never loses it.
"""

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from chatbot.announce import announcer
from chatbot.answering.events import Answer, Turn
from chatbot.models import Conversation, Event
from customers.models import LocaleProfile

# The first of the two keys of the advisory lock that a living node holds; the second is the node's number.
NODE_LOCK = 0x6B656675
CLAIM_LOCK = NODE_LOCK + 1
# Enough for the last few exchanges, bursts included.
HISTORY_EVENTS = 16


class ConversationClosed(Exception):
    """The conversation takes no more messages: start a new one."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A visitor's message as stored; `repeated` when the same client_id had been stored before.

    `answerable` when the assistant is to answer it, rather than a person.
    """

    event: Event
    repeated: bool = False
    answerable: bool = False


def token_hash(token: str) -> str:
    """Return what is stored of a conversation's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def conversation_open(*, profile: LocaleProfile) -> tuple[Conversation, str]:
    """Start a conversation; returns it and the secret token that resumes it."""
    token = secrets.token_urlsafe(24)
    conversation = Conversation.objects.create(
        tenant_id=profile.tenant_id, profile=profile, token_sha256=token_hash(token)
    )
    return conversation, token


def message_post(
    *,
    conversation_id: uuid.UUID,
    client_id: uuid.UUID,
    text: str,
    lang: str,
    node: int,
    chosen_key: str = "",
) -> Posted:
    """Store a visitor's message, claimed by the node that will answer it.

    Repeating a client_id changes nothing and returns the event already stored. Raises ConversationClosed.
    """
    try:
        with transaction.atomic():
            seq, state = _next_seq(conversation_id)
            if state == Conversation.State.CLOSED:
                raise ConversationClosed  # noqa: TRY301 -- so that the number taken is rolled back
            answerable = state == Conversation.State.BOT
            event = _append(
                conversation_id,
                seq,
                kind=Event.Kind.MESSAGE,
                role=Event.Role.VISITOR,
                text=text,
                lang=lang,
                client_id=client_id,
                chosen_key=chosen_key,
                claimed_by=node if answerable else None,
            )
    except (IntegrityError, ConversationClosed):
        # The roll-back has given the sequence number back.
        known = Event.objects.filter(conversation_id=conversation_id, client_id=client_id).first()
        if known is None:
            raise
        return Posted(event=known, repeated=True)
    return Posted(event=event, answerable=answerable)


def answer_post(
    *, conversation_id: uuid.UUID, reply_to: int, answer: Answer, joined: Sequence[int] = ()
) -> Event:
    """Store the one bot message that answers a visitor's message; a second call returns the first's event.

    `joined`: earlier messages that were read together with it, which this message answers too.
    """
    try:
        with transaction.atomic():
            seq, _state = _next_seq(conversation_id)
            if known := _covering(conversation_id, reply_to):
                transaction.set_rollback(True)  # gives the sequence number back
                return known
            return _append(
                conversation_id,
                seq,
                kind=Event.Kind.MESSAGE,
                role=Event.Role.BOT,
                text=answer.text,
                lang=answer.lang,
                reply_to=reply_to,
                outcome=answer.outcome,
                composed=answer.composed,
                confidence=answer.confidence,
                sources=[
                    {"faq": s.key, "question": s.question, "score": round(s.score, 4)} for s in answer.sources
                ],
                suggestions=[{"faq": s.key, "question": s.question} for s in answer.suggestions],
                model=answer.model,
                joined=list(joined),
                switch=answer.switch,
                traces=[asdict(trace) for trace in answer.traces],
                composition=asdict(answer.composition) if answer.composition else {},
            )
    except IntegrityError:
        return Event.objects.get(conversation_id=conversation_id, reply_to=reply_to)


def _covering(conversation_id: uuid.UUID, seq: int) -> Event | None:
    """Return the bot message that answers a visitor's message together with a later one, where there is one."""
    return Event.objects.filter(conversation_id=conversation_id, seq__gt=seq, joined__contains=[seq]).first()


def conversation_history(
    *, conversation_id: uuid.UUID, before: int, limit: int = HISTORY_EVENTS
) -> tuple[Turn, ...]:
    """Return the exchanges whose messages precede event `before`, oldest first, from the last `limit` messages."""
    rows = list(
        Event.objects.filter(conversation_id=conversation_id, kind=Event.Kind.MESSAGE, seq__lt=before)
        .order_by("-seq")
        .values(
            "seq", "role", "text", "lang", "outcome", "reply_to", "joined", "sources", "suggestions", "switch"
        )[:limit]
    )
    said = {row["seq"]: row["text"] for row in rows if row["role"] == Event.Role.VISITOR}
    answers = [row for row in reversed(rows) if row["role"] == Event.Role.BOT and row["reply_to"] in said]
    return tuple(
        Turn(
            text="\n".join(said[seq] for seq in (*row["joined"], row["reply_to"]) if seq in said),
            lang=row["lang"],
            outcome=row["outcome"],
            answered=tuple(source["faq"] for source in row["sources"]),
            offered=tuple(suggestion["faq"] for suggestion in row["suggestions"]),
            switch=row["switch"],
        )
        for row in answers
    )


def suggestion_lang(*, conversation_id: uuid.UUID, key: str) -> str:
    """Return the locale of the last message that offered an FAQ or answered with it, empty where none did."""
    named = Q(suggestions__contains=[{"faq": key}]) | Q(sources__contains=[{"faq": key}])
    offers = Event.objects.filter(named, conversation_id=conversation_id, role=Event.Role.BOT)
    return offers.order_by("-seq").values_list("lang", flat=True).first() or ""


@transaction.atomic
def conversation_switch(*, conversation_id: uuid.UUID, profile: LocaleProfile) -> None:
    """Let another locale profile of the same tenant answer from now on."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.tenant_id != profile.tenant_id:
        raise ValueError(
            f"Profile {profile.pk} belongs to another tenant than conversation {conversation_id}."
        )
    conversation.profile = profile
    conversation.save(update_fields=["profile"])


def _next_seq(conversation_id: uuid.UUID) -> tuple[int, str]:
    """Take the conversation's next sequence number, holding its row until the transaction ends; and its state.

    The row's lock makes events appear in the order of their numbers; a roll-back leaves no gap.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE chatbot_conversation SET last_seq = last_seq + 1, active_at = now() WHERE id = %s "
            "RETURNING last_seq, state",
            [conversation_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise Conversation.DoesNotExist(f"Conversation {conversation_id} is gone.")
    return row


def _append(conversation_id: uuid.UUID, seq: int, **values: Any) -> Event:
    """Add an event under a sequence number just taken, and wake the conversation's sockets at commit."""
    event = Event(conversation_id=conversation_id, seq=seq, **values)
    event.save(force_insert=True)
    transaction.on_commit(lambda: announcer.wake(conversation_id, seq))
    return event


@transaction.atomic
def turns_claim(*, node: int, limit: int = 20) -> list[Event]:
    """Claim visitor messages that no living node is answering, oldest first.

    A node is alive while its session holds its advisory lock, which Postgres frees the moment the process
    is gone; so there is no heartbeat to tune.
    """
    with connection.cursor() as cursor:
        # One node looks at a time: a second one must see what the first has claimed.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [CLAIM_LOCK])
        cursor.execute(
            """
            SELECT question.id FROM chatbot_event question
            JOIN chatbot_conversation c ON c.id = question.conversation_id AND c.state = 'bot'
            WHERE question.role = 'visitor' AND question.claimed_by IS NOT NULL
              AND NOT EXISTS (
                SELECT 1 FROM chatbot_event reply
                WHERE reply.conversation_id = question.conversation_id
                  AND (reply.reply_to = question.seq OR question.seq = ANY(reply.joined)))
              AND NOT EXISTS (
                SELECT 1 FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 2
                  AND classid = %s AND objid::bigint = question.claimed_by
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
            ORDER BY question.id LIMIT %s FOR UPDATE OF question SKIP LOCKED
            """,
            [NODE_LOCK, limit],
        )
        ids = [row[0] for row in cursor.fetchall()]
    Event.objects.filter(pk__in=ids).update(claimed_by=node)
    return list(Event.objects.filter(pk__in=ids).select_related("conversation").order_by("id"))


def turns_release(*, conversation_id: uuid.UUID, seqs: Sequence[int]) -> None:
    """Give up claims, so that the next look for unanswered messages finds these."""
    Event.objects.filter(conversation_id=conversation_id, seq__in=seqs).update(claimed_by=0)


def conversations_purge(*, now: Callable[[], dt.datetime] = timezone.now) -> int:
    """Delete the conversations that are past their profile's retention; returns how many."""
    expired = Conversation.objects.filter(
        active_at__lt=now() - F("profile__retention_days") * dt.timedelta(days=1)
    )
    return expired.delete()[1].get(Conversation._meta.label, 0)
