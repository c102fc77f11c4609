"""Adding a question that was asked to the FAQ that answers it."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from customers import services
from customers.models import AuditRecord, FaqQuestion, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile(db: None) -> LocaleProfile:
    profile = make_profile("demo")
    for key in ("tracking", "returns"):
        draft = FaqDraft(key=key, questions=(f"{key}?", f"{key} bitte"), answer="**Hier** <b>x</b>.")
        services.faq_entry_save(profile=profile, draft=draft, actor="test")
    profile.refresh_from_db()
    return profile


def address(profile: LocaleProfile, **query: str) -> str:
    values = {
        "profile": profile.pk,
        "key": "tracking",
        "text": "wo bleibt mein paket",
        "next": "/admin/back/",
    }
    return f"{reverse('knowledge:alternate')}?{urlencode(values | query)}"


def texts(key: str) -> list[str]:
    return list(
        FaqQuestion.objects.filter(entry__key=key).order_by("position").values_list("text", flat=True)
    )


def test_it_is_shown_and_then_added(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    page = client.get(address(profile)).content.decode()
    for text in ("wo bleibt mein paket", "tracking bitte", "<strong>Hier</strong>", "&lt;b&gt;x"):
        assert text in page
    assert len(texts("tracking")) == 2
    response = client.post(address(profile), {"key": "tracking", "text": " wo bleibt\n mein  paket"})
    assert (response.status_code, response["Location"]) == (302, "/admin/back/")
    assert texts("tracking") == ["tracking?", "tracking bitte", "wo bleibt mein paket"]
    revision = profile.faq_revision
    profile.refresh_from_db()
    assert profile.faq_revision == revision + 1
    record = AuditRecord.objects.order_by("-pk")[0]
    assert (record.actor, record.action, record.data) == ("lena", "faq_change", {"keys": ["tracking"]})


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("nowhere", "neu", "There is no FAQ with this id."),
        ("", "neu", "required"),
        ("tracking", "RETURNS bitte", "The FAQ “returns” has these words already."),
        ("tracking", "🎉", "Write a question in words."),
        ("tracking", "a\u0007b", "control character"),
        ("tracking", "x" * 1001, "at most 1000"),
        ("\x00", "neu", "Null characters"),
    ],
)
def test_what_cannot_be_added_is_said(
    login: Callable[..., Client], profile: LocaleProfile, key: str, text: str, problem: str
) -> None:
    response = login(demo="support").post(address(profile), {"key": key, "text": text})
    assert response.status_code == 200
    assert problem in response.content.decode()
    assert len(texts("tracking")) == 2


def test_it_returns_to_this_site_alone(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    for other in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", ""):
        response = client.post(
            address(profile, next=other), {"key": "tracking", "text": f"neu {len(other)} {other}"}
        )
        assert response["Location"] == reverse("admin:customers_faqentry_changelist")


def test_only_the_tenants_staff_may(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    assert client.get(address(profile)).status_code == 302
    make_profile("other")
    login(other="manager")
    assert client.get(address(profile)).status_code == 404
    assert client.post(address(profile), {"key": "tracking", "text": "neu"}).status_code == 404
    assert client.get(reverse("knowledge:alternate")).status_code == 404
    assert len(texts("tracking")) == 2
