"""Test questions from a file and to one."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from customers import services
from customers.models import AuditRecord, LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile(db: None) -> LocaleProfile:
    profile = make_profile("demo", "ja-JP")
    for locale in (profile, make_profile("demo", "en-US")):
        draft = FaqDraft(key="returns", questions=(f"x {locale.locale}",), answer="y")
        services.faq_entry_save(profile=locale, draft=draft, actor="test")
    return profile


def address(profile: LocaleProfile, **query: str) -> str:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"{reverse('knowledge:questions')}?profile={profile.pk}{more}"


def send(client: Client, profile: LocaleProfile, text: str, name: str = "tests.csv") -> HttpResponse:
    return client.post(address(profile), {"file": SimpleUploadedFile(name, text.encode())})  # type: ignore[return-value]


def test_a_file_comes_in_and_goes_out_again(login: Callable[..., Client], profile: LocaleProfile) -> None:
    Trial.objects.create(profile=profile, text="返品したい")
    client = login(demo="support")
    text = "question,expected,locale\n返品したい,returns,\n=cmd|' /C calc'!A0,,\nCan I   return it?,returns,en-us\n"
    assert send(client, profile, text).status_code == 302
    stored = set(Trial.objects.values_list("text", "lang"))
    assert stored == {("返品したい", ""), ("=cmd|' /C calc'!A0", ""), ("Can I return it?", "en-US")}
    assert Trial.objects.get(text="返品したい").expected_keys == ["returns"]
    assert AuditRecord.objects.get(action="test_questions_import").data == {"count": 3}
    sent = client.get(address(profile, format="csv"))
    assert "attachment" in sent["Content-Disposition"]
    lines = sent.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "question,expected,locale"
    assert "'=cmd|' /C calc'!A0,," in lines
    before = list(Trial.objects.order_by("pk").values_list("text", "expected_keys", "lang"))
    assert send(client, profile, sent.content.decode("utf-8-sig")).status_code == 302
    assert list(Trial.objects.order_by("pk").values_list("text", "expected_keys", "lang")) == before


def test_every_error_is_named_and_nothing_is_stored(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    text = "a,returns,\n,returns,\na,,\nb,nowhere,\nc,,fr-FR\n" + "x" * 1001 + ",,\n"
    page = send(login(demo="support"), profile, text).content.decode()
    for problem in (
        "Row 2: The question is missing.",
        "Row 3: The question “a” is in the file twice.",
        "Row 4: There is no FAQ with this id: nowhere",
        "Row 5: This tenant has no locale “fr-FR”.",
        "Row 6: The question has 1001 characters",
    ):
        assert problem in page
    assert not Trial.objects.exists()


@pytest.mark.parametrize(
    ("name", "text"), [("x.json", '[{"question": "a"}]'), ("x.csv", " "), ("x.pdf", "%PDF-1.7")]
)
def test_what_is_no_table_is_refused(
    login: Callable[..., Client], profile: LocaleProfile, name: str, text: str
) -> None:
    response = send(login(demo="support"), profile, text, name)
    assert response.status_code == 200
    assert "kn-error" in response.content.decode()
    assert not Trial.objects.exists()


def test_files_are_the_tenants_own(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    assert client.get(address(profile)).status_code == 302
    make_profile("other")
    login(other="manager")
    assert client.get(address(profile, format="csv")).status_code == 404
    assert send(client, profile, "a,,\n").status_code == 404
    assert not Trial.objects.exists()
