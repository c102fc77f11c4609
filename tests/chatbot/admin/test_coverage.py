"""The coverage matrix and the topic side by side."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from customers import services
from customers.models import AuditRecord, FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_entries, make_profile

pytestmark = pytest.mark.django_db
COVERAGE = reverse("knowledge:coverage")
TOPIC = reverse("knowledge:topic")
HOUR = dt.timedelta(hours=1)


def put(profile: LocaleProfile, key: str, **more: object) -> FaqEntry:
    draft = FaqDraft(key=key, questions=(f"{key} in {profile.locale}?",), answer="x", **more)  # type: ignore[arg-type]
    return services.faq_entry_save(profile=profile, draft=draft, actor="test")


def written(entry: FaqEntry, *, ago: dt.timedelta, changed: dt.timedelta | None = None) -> None:
    """Make the entry one that was created some time ago and, where that is given, changed later."""
    now = timezone.now()
    FaqEntry.objects.filter(pk=entry.pk).update(created_at=now - ago, updated_at=now - (changed or ago))


def states(client: Client, **query: str | list[str]) -> dict[str, list[str]]:
    lines = client.get(COVERAGE, query).context["lines"]
    return {line.key: [str(cell.state.value) for cell in line.cells] for line in lines}


@pytest.fixture
def shop() -> dict[str, LocaleProfile]:
    """A shop whose default locale is de-DE, with topics in every state."""
    de, ar, ja = (make_profile("demo", tag) for tag in ("de-DE", "ar-SA", "ja-JP"))
    # A translation that was imported before its source is not stale: the source came, it did not change.
    put(ar, "b-fresh", category="c")
    for profile in (de, ja):
        put(profile, "b-fresh", category="c")
    written(put(de, "a-stale"), ago=9 * HOUR, changed=2 * HOUR)
    written(put(ja, "a-stale"), ago=8 * HOUR)
    written(put(ar, "a-stale"), ago=8 * HOUR, changed=HOUR)
    put(ja, "c-local")
    put(de, "d-retired")
    put(ja, "d-retired", is_active=False)
    return {"de-DE": de, "ar-SA": ar, "ja-JP": ja}


@pytest.mark.usefixtures("shop")
def test_the_matrix_tells_present_missing_stale_and_retired(login: Callable[..., Client]) -> None:
    client = login(demo="support")
    assert states(client) == {
        "a-stale": ["present", "present", "stale"],
        "b-fresh": ["present", "present", "present"],
        "c-local": ["missing", "missing", "present"],
        "d-retired": ["present", "missing", "retired"],
    }
    columns = client.get(COVERAGE).context["columns"]
    assert [(c.locale, c.is_source, c.present, c.stale, c.missing, c.retired) for c in columns] == [
        ("de-DE", True, 3, 0, 1, 0),
        ("ar-SA", False, 2, 0, 2, 0),
        ("ja-JP", False, 2, 1, 0, 1),
    ]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"state": "stale"}, ["a-stale"]),
        ({"state": "stale", "locale": ["ar-SA"]}, []),
        ({"state": "missing"}, ["c-local", "d-retired"]),
        ({"state": "missing", "locale": ["de-DE", "ja-JP"]}, ["c-local"]),
        ({"category": "c"}, ["b-fresh"]),
        ({"category": "c", "state": "missing"}, []),
    ],
)
@pytest.mark.usefixtures("shop")
def test_filters_narrow(login: Callable[..., Client], query: dict[str, list[str]], keys: list[str]) -> None:
    assert list(states(login(demo="support"), **query)) == keys


@pytest.mark.usefixtures("shop")
def test_the_matrix_is_the_tenants_own(login: Callable[..., Client], client: Client) -> None:
    assert client.get(COVERAGE).status_code == 302
    make_entries(make_profile("other", "fr-FR"), 1)
    login(other="support")
    assert list(states(client)) == ["faq-0"]
    assert client.get(COVERAGE, {"tenant": "demo"}).status_code == 404
    assert client.get(TOPIC, {"tenant": "demo", "key": "a-stale"}).status_code == 404


@pytest.mark.slow
def test_2000_topics_in_10_locales_take_few_queries(login: Callable[..., Client]) -> None:
    for tag in ["de-DE", "ar-SA", "ja-JP", "ko-KR", "es-MX", "pt-BR", "fr-FR", "en-US", "hi-IN", "zh-CN"]:
        make_entries(make_profile("demo", tag), 2000)
    client = login(demo="support")
    client.get(COVERAGE)
    for query in ({}, {"page": "30"}, {"state": "missing"}, {"category": "category-1", "state": "present"}):
        with CaptureQueriesContext(connection) as queries:
            response = client.get(COVERAGE, query)
        assert len(queries) <= 10, [one["sql"][:100] for one in queries]
        assert len(response.context["lines"]) <= 50


def test_side_by_side_shows_offers_and_confirms(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    client = login(demo="support")
    page = client.get(TOPIC, {"tenant": "demo", "key": "d-retired", "locale": ["de-DE", "ar-SA"]})
    sides = page.context["sides"]
    assert [(side.locale, side.state, side.direction) for side in sides] == [
        ("de-DE", "present", "ltr"), ("ar-SA", "missing", "rtl"),
    ]  # fmt: skip
    # What is missing leads to a form that knows the topic and the locale.
    form = client.get(sides[1].url).context["adminform"].form
    assert (form.initial["profile"], form.initial["key"]) == (str(shop["ar-SA"].pk), "d-retired")

    topic = f"{TOPIC}?tenant=demo&key=a-stale"
    assert [side.state for side in client.get(topic).context["sides"]] == ["present", "present", "stale"]
    assert client.post(topic, {"confirm": "ja-JP"}).status_code == 302
    assert [side.state for side in client.get(topic).context["sides"]] == ["present"] * 3
    assert AuditRecord.objects.filter(action="faq_confirm", actor="lena").count() == 1
    assert client.post(topic, {"confirm": "fr-FR"}).status_code == 404
    assert client.get(f"{TOPIC}?tenant=demo&key=nowhere").status_code == 404
    assert client.get(f"{TOPIC}?tenant=demo&key=%00").status_code == 404


def test_hostile_answers_are_harmless_side_by_side(login: Callable[..., Client]) -> None:
    profile = make_profile("demo")
    draft = FaqDraft(
        key="<script>alert(1)</script>",
        questions=("<img src=x onerror=alert(1)>",),
        answer="<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/y.png)",
        category="<b>bold</b>",
    )
    services.faq_entry_save(profile=profile, draft=draft, actor="test")
    client = login(demo="support")
    for address in (COVERAGE, f"{TOPIC}?tenant=demo&key=%3Cscript%3Ealert(1)%3C/script%3E"):
        page = client.get(address).content.decode()
        for wrong in (
            "<script>alert",
            "<img src=x",
            "<b>bold",
            'href="javascript:',
            'evil.example/y.png" alt',
        ):
            assert wrong not in page
