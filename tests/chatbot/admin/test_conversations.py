"""The read-only conversation screens."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatbot import services as chat
from chatbot.answering.events import Answer, Source
from chatbot.models import Conversation
from customers import services
from customers.models import FaqEntry, LocaleProfile, TenantMember
from customers.services import FaqDraft

pytestmark = pytest.mark.django_db
LIST = reverse("admin:index") + "chatbot/conversation/"


def make_profile(slug: str, locale: str = "ar-SA") -> LocaleProfile:
    tenant = services.tenant_ensure(slug=slug, name=slug.title(), default_locale=locale, actor="test")
    profile = LocaleProfile.objects.create(
        tenant=tenant, locale=locale, brand="B", persona_name="P", currency="SAR", time_zone="Asia/Riyadh"
    )
    draft = FaqDraft(key="returns", questions=("كيف أرجع المنتج؟",), answer="**خلال** 14 يومًا")
    services.faq_entry_save(profile=profile, draft=draft, actor="test")
    return profile


def talk(
    profile: LocaleProfile, text: str, *, outcome: str = "answered", answer: str = "**خلال** 14 يومًا"
) -> Conversation:
    conversation, _token = chat.conversation_open(profile=profile)
    posted = chat.message_post(
        conversation_id=conversation.pk, client_id=uuid.uuid4(), text=text, lang=profile.locale, node=1
    )
    source = Source(key="returns", question="كيف أرجع المنتج؟", score=0.91)
    reply = Answer(
        outcome=outcome, text=answer, lang=profile.locale, model="base@7", confidence=0.87,
        composed="verbatim", sources=(source,), suggestions=(Source(key="gone", question="قديم؟", score=0.2),),
    )  # fmt: skip
    chat.answer_post(conversation_id=conversation.pk, reply_to=posted.event.seq, answer=reply)
    return conversation


@pytest.fixture
def member(client: Client) -> Client:
    """A client logged in as a support member of the tenant `demo`."""
    user = User.objects.create_user("lena", is_staff=True)
    TenantMember.objects.create(user=user, tenant=make_profile("demo").tenant, role="support")
    client.force_login(user)
    return client


def demo() -> LocaleProfile:
    return LocaleProfile.objects.get(tenant__slug="demo")


def shown(response: object) -> set[object]:
    return {row.pk for row in response.context["cl"].result_list}  # type: ignore[attr-defined]


def test_transcript_shows_what_was_said_and_why(member: Client) -> None:
    conversation = talk(
        demo(), "<script>alert(1)</script> كيف أرجع؟", answer="**خلال** <img src=x onerror=y> 14"
    )
    page = member.get(f"{LIST}{conversation.pk}/change/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; كيف أرجع؟" in page
    assert "<strong>خلال</strong>" in page
    assert "<img src=x" not in page
    for text in ("Answered", "0.87", "base@7", "verbatim", "0.91", 'dir="rtl" lang="ar-SA"'):
        assert text in page
    entry = FaqEntry.objects.get()
    assert f'<a href="{reverse("admin:customers_faqentry_change", args=[entry.pk])}"' in page
    assert "قديم؟" in page  # an FAQ that is gone is named, without a link


def test_conversations_cannot_be_changed(member: Client) -> None:
    conversation = talk(demo(), "سؤال")
    for path in (f"{conversation.pk}/change/", f"{conversation.pk}/delete/", "add/"):
        assert member.post(LIST + path, {"state": "closed", "post": "yes"}).status_code == 403
    assert Conversation.objects.get().state == Conversation.State.BOT


def test_search_and_outcome_filter(member: Client) -> None:
    first = talk(demo(), "أين طلبي؟", outcome="declined")
    second = talk(demo(), "返品したい")
    assert shown(member.get(LIST, {"q": "طلب"})) == {first.pk}
    assert shown(member.get(LIST, {"q": "返品"})) == {second.pk}
    assert shown(member.get(LIST, {"outcome": "declined"})) == {first.pk}
    assert shown(member.get(LIST, {"outcome": "failed"})) == set()


def test_another_tenants_conversations_do_not_exist(member: Client) -> None:
    mine, theirs = talk(demo(), "سؤال"), talk(make_profile("other", "he-IL"), "secret")
    page = member.get(LIST)
    assert shown(page) == {mine.pk}
    assert "he-IL" not in page.content.decode()
    for query in ({"q": "secret"}, {"tenant": "other"}, {"locale": "he-IL"}):
        assert shown(member.get(LIST, query)) == set()
    for name in ("change", "history", "delete"):
        response = member.get(f"{LIST}{theirs.pk}/{name}/")
        assert response.status_code in {302, 403, 404}
        assert "secret" not in response.content.decode()


def test_long_transcripts_come_in_parts(member: Client) -> None:
    conversation = talk(demo(), "first words")
    for number in range(210):
        chat.message_post(
            conversation_id=conversation.pk,
            client_id=uuid.uuid4(),
            text=f"message {number}.",
            lang="ar-SA",
            node=1,
        )
    newest = member.get(f"{LIST}{conversation.pk}/change/").content.decode()
    assert "message 209." in newest
    assert "first words" not in newest
    assert "first words" in member.get(f"{LIST}{conversation.pk}/change/", {"part": "1"}).content.decode()


def test_pages_ask_a_bounded_number_of_queries(member: Client) -> None:
    profile = demo()
    conversations = [talk(profile, f"question {number}") for number in range(60)]
    chat_with_many = conversations[0]
    for number in range(100):
        chat.message_post(
            conversation_id=chat_with_many.pk, client_id=uuid.uuid4(), text=str(number), lang="ar-SA", node=1
        )
    for path in (LIST, f"{LIST}{chat_with_many.pk}/change/"):
        with CaptureQueriesContext(connection) as queries:
            assert member.get(path).status_code == 200
        assert len(queries) <= 12, [query["sql"][:120] for query in queries]
