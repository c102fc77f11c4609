"""The admin's screens for tenants, locale profiles and FAQs, driven as a browser would."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.forms import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from customers import services
from customers.demo.load import demo_load
from customers.forms import FaqForm, ProfileForm
from customers.models import AuditRecord, FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import entered, faq_form, make_entries, make_profile, profile_form, screen

pytestmark = pytest.mark.django_db

QUESTIONS = {
    "ja-JP": ("返品の方法を教えてください", "返品"),
    "ar-SA": ("كيف أرجع المنتج؟", "المنتج"),
    "hi-IN": ("रिटर्न कैसे करें?", "रिटर्न"),
    "de-DE": ("Kann ich die Größe ändern?", "GRÖßE"),
    "ko-KR": ("배송비는 얼마인가요?", "배송"),
}


def test_login_page_leads_to_the_admin(client: Client) -> None:
    User.objects.create_superuser("lena", password="correct horse battery")
    response = client.post(reverse("admin:login"), {"username": "lena", "password": "correct horse battery"})
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("admin:index")


def test_faq_is_created_changed_and_deleted_through_services(login: Callable[..., Client]) -> None:
    profile = make_profile("demo")
    client = login(demo="support")
    alternates = "Versanddauer?\n\n  Wann kommt mein Paket  \nVersanddauer?"
    add = faq_form(profile=profile.pk, alternates=alternates, tags="versand、eilig", answer="**Zwei** Tage.")
    assert client.post(screen("faqentry", "add"), add).status_code == 302
    entry = FaqEntry.objects.get()
    assert [question.text for question in entry.questions.all()] == [
        "Wie lange dauert der Versand?",
        "Versanddauer?",
        "Wann kommt mein Paket",
    ]
    assert entry.tags == ["versand", "eilig"]
    assert entry.key.startswith("q-")
    profile.refresh_from_db()
    revision = profile.faq_revision
    page = client.get(screen("faqentry", "change", entry.pk))
    assert "Versanddauer?\nWann kommt mein Paket" in page.content.decode()

    assert (
        client.post(screen("faqentry", "change", entry.pk), faq_form(answer="Drei Tage.")).status_code == 302
    )
    entry.refresh_from_db()
    assert (entry.answer, entry.questions.count()) == ("Drei Tage.", 1)
    profile.refresh_from_db()
    assert profile.faq_revision == revision + 1

    assert client.post(screen("faqentry", "delete", entry.pk), {"post": "yes"}).status_code == 302
    assert not FaqEntry.objects.exists()
    acts = AuditRecord.objects.filter(actor="lena").order_by("pk").values_list("action", flat=True)
    assert list(acts) == ["faq_create", "faq_change", "faq_delete"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"question": " "}, "question"),
        ({"question": "Question 0 of Demo · de-DE?"}, "question"),
        ({"question": "bell \x07"}, "question"),
        ({"key": "faq-0"}, "__all__"),
        ({"key": "a, b"}, "key"),
        ({"alternates": "x" * 1001}, "alternates"),
        ({"follow_ups": "nowhere"}, "follow_ups"),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, "valid_until"),
    ],
)
def test_faq_form_refuses(login: Callable[..., Client], changes: dict[str, object], field: str) -> None:
    profile = make_profile("demo")
    make_entries(profile, 1)
    response = login(demo="support").post(screen("faqentry", "add"), faq_form(profile=profile.pk, **changes))
    assert list(response.context["adminform"].form.errors) == [field]
    assert FaqEntry.objects.count() == 1


@pytest.mark.parametrize("locale", QUESTIONS)
def test_search_finds_every_script(login: Callable[..., Client], locale: str) -> None:
    question, word = QUESTIONS[locale]
    profile = make_profile("demo", locale)
    make_entries(profile, 3)
    drafts = [
        FaqDraft(key="question", questions=(question,), answer="x"),
        FaqDraft(key="alternate", questions=("y?", question), answer="x"),
        FaqDraft(key="answer", questions=("z?",), answer=f"- {question}"),
    ]
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    response = login(demo="support").get(screen("faqentry"), {"q": word})
    assert {row.key for row in response.context["cl"].result_list} == {"question", "alternate", "answer"}


def test_profile_is_stored_as_it_is_read(login: Callable[..., Client]) -> None:
    profile = make_profile("demo")
    client = login(demo="manager")
    page = client.get(screen("localeprofile", "change", profile.pk)).content.decode()
    assert 'name="hours_mon"' in page
    assert 'name="phrases_decline"' in page
    response = client.post(screen("localeprofile", "change", profile.pk), profile_form(profile))
    assert response.status_code == 302
    profile.refresh_from_db()
    assert profile.hours == {"mon": ["09:00-12:00", "13:00-18:00"]}
    assert profile.synonyms == {"Versand": ["Lieferung", "Zustellung"]}
    assert profile.forbidden_claims == ["lebenslange Garantie", "immer gratis"]
    assert profile.greetings == {"morning": "Guten Morgen"}
    assert profile.phrases == {"decline": "Das weiß ich nicht."}
    assert profile.softeners == {"joined": "Zu Ihren Fragen:"}
    assert profile.closings == {"evening": "Schönen Abend!"}
    assert profile.highest_level == "extractive"
    assert [day.name for day in profile.holidays.all()] == ["Weihnachten"]
    assert profile.faq_revision > 0
    again = client.get(screen("localeprofile", "change", profile.pk)).content.decode()
    for text in ("09:00-12:00, 13:00-18:00", "Versand = Lieferung, Zustellung", "Weihnachten"):
        assert text in again


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("hours_mon", "9-12", "9-12"),
        ("hours_tue", "18:00-09:00", "18:00-09:00"),
        ("hours_wed", "09:00-12:00, 11:00-13:00", "overlap"),
        ("hours_sun", "09:00-24:01", "24:01"),
        ("synonyms", "Versand", "Versand"),
        ("suggestions", "nowhere", "nowhere"),
        ("time_zone", "Mars/Olympus", "Mars/Olympus"),
        ("holidays-0-date", "someday", "date"),
    ],
)
def test_profile_form_refuses(login: Callable[..., Client], field: str, text: str, problem: str) -> None:
    profile = make_profile("demo")
    data = profile_form(profile, **{field: text})
    response = login(demo="manager").post(screen("localeprofile", "change", profile.pk), data)
    assert response.status_code == 200
    assert problem in str(response.context["errors"])
    assert not profile.holidays.exists()


@pytest.mark.parametrize(
    "origin", ["shop.example", "ftp://shop.example", "https://shop.example/page", "https://*"]
)
def test_tenant_form_refuses_what_is_not_an_origin(login: Callable[..., Client], origin: str) -> None:
    profile = make_profile("demo")
    data = {"name": "Demo", "default_locale": "de-DE", "is_active": "on", "allowed_origins": origin}
    client = login(demo="manager")
    assert client.post(screen("tenant", "change", profile.tenant_id), data).status_code == 200
    data["allowed_origins"] = "https://Shop.Example:443/\nhttp://localhost:5173"
    assert client.post(screen("tenant", "change", profile.tenant_id), data).status_code == 302
    profile.tenant.refresh_from_db()
    assert profile.tenant.allowed_origins == ["https://shop.example", "http://localhost:5173"]


def test_list_pages_ask_a_bounded_number_of_queries(login: Callable[..., Client]) -> None:
    profile = make_profile("demo")
    make_entries(profile, 200)
    client = login(demo="manager")
    for model in ("faqentry", "localeprofile", "tenant", "auditrecord"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(screen(model), {"q": "a"})
        assert len(queries) <= 14, [query["sql"][:120] for query in queries]


@pytest.mark.slow
def test_lists_of_20_000_faqs_take_few_queries(login: Callable[..., Client]) -> None:
    make_entries(make_profile("demo"), 20_000)
    client = login(demo="support")
    client.get(screen("faqentry"))
    for query in (
        {},
        {"q": "question 19999"},
        {"q": "返品"},
        {"category": "category-1", "o": "1"},
        {"p": "300"},
    ):
        with CaptureQueriesContext(connection) as queries:
            response = client.get(screen("faqentry"), query)
        assert response.status_code == 200
        assert len(queries) <= 15, [one["sql"][:100] for one in queries]


def test_saving_the_demo_untouched_changes_nothing() -> None:
    tenant = demo_load()
    for profile in LocaleProfile.objects.filter(tenant=tenant):
        before = model_to_dict(profile)
        form = ProfileForm(entered(ProfileForm(instance=profile)), instance=profile)
        assert form.is_valid(), (profile.locale, form.errors)
        assert model_to_dict(form.instance) == before
    entries = FaqEntry.objects.select_related("profile__tenant").prefetch_related("questions")
    for entry in entries.filter(profile__locale__in=["ar-SA", "ja-JP"]):
        questions = tuple(question.text for question in entry.questions.all())
        before = model_to_dict(entry)
        faq = FaqForm(entered(FaqForm(instance=entry)), instance=entry)
        assert faq.is_valid(), (entry.key, faq.errors)
        assert faq.draft().questions == questions
        assert model_to_dict(faq.instance) == before
