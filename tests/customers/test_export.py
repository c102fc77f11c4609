"""Downloads from the FAQ list: what leaves comes back the same, and nobody gets another tenant's."""

import datetime as dt
import io
from collections.abc import Callable

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse

from customers import services
from customers.faq_file.model import FORMATS
from customers.faq_file.reader import parse
from customers.faq_upload import draft_of, drafts_by_locale
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_entries, make_profile, screen

pytestmark = pytest.mark.django_db
EXPORT = "/admin/customers/faqentry/export/"
TEMPLATE = "/admin/customers/faqentry/template/"
HOSTILE = FaqDraft(
    key="=HYPERLINK(1)",
    questions=("=cmd|' /C calc'!A0", "+1 234", '"quoted", with a comma', "كيف أرجع المنتج؟"),
    answer="- **one**\n- two\n\n| a | b |\n|---|---|\n| ½ | 𠮷 |",
    category="@returns",
    tags=("-5", "返品"),
    follow_ups=("faq-1",),
    valid_from=dt.date(2026, 1, 31),
    valid_until=dt.date(2027, 2, 28),
    is_active=False,
)


@pytest.fixture
def profiles() -> list[LocaleProfile]:
    profiles = [make_profile("demo"), make_profile("demo", "ar-SA"), make_profile("demo", "ja-JP")]
    for profile in profiles:
        make_entries(profile, 4)
        services.faq_entry_save(profile=profile, draft=HOSTILE, actor="test")
    make_entries(make_profile("other", "fr-FR"), 2)
    return profiles


def download(client: Client, **query: str) -> bytes:
    response = client.get(EXPORT, query)
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    return response.content


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_imports_again_to_the_same_faqs(
    login: Callable[..., Client], profiles: list[LocaleProfile], form: str
) -> None:
    data = download(login(demo="support"), format=form)
    parsed = parse(data, filename=f"faq.{form}", locale=None, locales=[p.locale for p in profiles])
    assert (parsed.errors, parsed.missing, parsed.needs_encoding) == ((), (), False)
    drafts = drafts_by_locale(parsed.rows)
    assert set(drafts) == {"de-DE", "ar-SA", "ja-JP"}
    for profile in profiles:
        assert HOSTILE in drafts[profile.locale]
        counts = services.faq_import(profile=profile, drafts=drafts[profile.locale], actor="test")
        assert (counts.created, counts.changed, counts.unchanged) == (0, 0, 5)
    # And into an empty shop, it makes all of them.
    empty = make_profile("empty")
    counts = services.faq_import(profile=empty, drafts=drafts["de-DE"], actor="test")
    assert counts.created == 5
    assert FaqEntry.objects.get(profile=empty, key=HOSTILE.key).answer == HOSTILE.answer


@pytest.mark.usefixtures("profiles")
def test_a_workbook_has_a_sheet_per_locale_and_no_live_formula(login: Callable[..., Client]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(download(login(demo="support"), format="xlsx")))
    assert sorted(book.sheetnames) == ["ar-SA", "de-DE", "ja-JP"]
    assert all(cell.data_type != "f" for sheet in book for row in sheet for cell in row)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 15),
        ({"locale": ""}, 15),
        ({"locale": "ja-JP"}, 5),
        ({"category": "category-0", "locale": "ja-JP"}, 1),
        ({"is_active__exact": "0"}, 3),
        ({"q": "كيف أرجع"}, 3),
        ({"q": "nothing like it"}, 0),
    ],
)
@pytest.mark.usefixtures("profiles")
def test_the_lists_filters_are_respected(
    login: Callable[..., Client], query: dict[str, str], count: int
) -> None:
    client = login(demo="support")
    rows = parse(download(client, format="csv", **query), filename="faq.csv", locale="de-DE").rows
    assert len(rows) == count
    # The page says beforehand how many there will be.
    assert client.get(EXPORT, query).context["count"] == count


def test_a_file_holds_one_tenant(login: Callable[..., Client], profiles: list[LocaleProfile]) -> None:
    client = login()
    rows = parse(download(client, format="csv", tenant="other"), filename="faq.csv", locale=None).rows
    assert {row.locale for row in rows} == {"fr-FR"}
    rows = parse(download(client, format="csv"), filename="faq.csv", locale=None).rows
    assert {row.locale for row in rows} == {profile.locale for profile in profiles}


@pytest.mark.usefixtures("profiles")
def test_members_export_their_own_alone(login: Callable[..., Client], client: Client) -> None:
    assert client.get(EXPORT).status_code == 302
    login(other="support")
    assert client.get(EXPORT, {"tenant": "demo", "format": "csv"}).status_code == 404
    rows = parse(download(client, format="csv"), filename="faq.csv", locale=None).rows
    assert {row.locale for row in rows} == {"fr-FR"}


@pytest.mark.parametrize("locale", ["en-US", "ja-JP", "ar-SA", "hi-IN", "zh-CN"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_template_imports_as_it_is(login: Callable[..., Client], form: str, locale: str) -> None:
    profile = make_profile("demo", locale)
    response = login(demo="support").get(TEMPLATE, {"format": form, "locale": locale})
    assert response.headers["Content-Disposition"].endswith(f'.{form}"')
    parsed = parse(response.content, filename=f"t.{form}", locale=locale, locales=[locale])
    assert (len(parsed.rows), parsed.errors, parsed.missing) == (2, (), ())
    counts = services.faq_import(profile=profile, drafts=[draft_of(row) for row in parsed.rows], actor="test")
    assert counts.created == 2


@pytest.mark.parametrize(
    "query", [{}, {"format": "exe", "locale": "ja-JP"}, {"format": "csv", "locale": "../x"}]
)
def test_other_templates_do_not_exist(login: Callable[..., Client], query: dict[str, str]) -> None:
    make_profile("demo")
    assert login(demo="support").get(TEMPLATE, query).status_code == 404


def test_the_list_leads_to_its_own_export(
    login: Callable[..., Client], profiles: list[LocaleProfile]
) -> None:
    page = login(demo="support").get(screen("faqentry"), {"category": "category-1", "q": "a"})
    assert f"{EXPORT}?category=category-1&amp;q=a" in page.content.decode()
    assert reverse("admin:customers_faqentry_export") == EXPORT
