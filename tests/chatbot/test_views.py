"""The chat page: which locale a visitor gets, what the page says, and what it may run."""

import json
import re

import pytest
from django.test import Client

from chatbot.serving import serving
from chatbot.views import opening_hours
from customers.models import LocaleProfile
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> list[LocaleProfile]:
    """A tenant with four locales; its default is en-US."""
    profiles = [make_profile("shop", locale) for locale in ("de-DE", "en-US", "ja-JP", "ar-SA")]
    tenant = profiles[0].tenant
    tenant.default_locale = "en-US"
    tenant.save()
    return profiles


def config_of(page: str) -> dict[str, object]:
    found = re.search(r'<script id="kefu-config" type="application/json">(.*?)</script>', page, re.S)
    assert found
    config: dict[str, object] = json.loads(found[1])
    return config


@pytest.mark.parametrize(
    ("languages", "locale"),
    [
        ("ja", "ja-JP"),
        ("de-AT,de;q=0.9,en;q=0.5", "de-DE"),
        ("fr, ar;q=0.4, ja;q=0.8", "ja-JP"),
        ("DE-de", "de-DE"),
        ("fr-FR", "en-US"),
        ("", "en-US"),
        ("*", "en-US"),
        ("de;q=0", "en-US"),
        ("\x00;;;q=x,,", "en-US"),
        ("x" * 5000, "en-US"),
    ],
)
def test_browser_languages_choose_the_locale(
    client: Client, shop: list[LocaleProfile], languages: str, locale: str
) -> None:
    response = client.get("/shop/", headers={"Accept-Language": languages})
    assert (response.status_code, response.headers["Location"]) == (302, f"/shop/{locale}/")
    assert "Accept-Language" in response.headers["Vary"]


def test_home_leads_to_the_first_tenant_that_serves_something(
    client: Client, shop: list[LocaleProfile]
) -> None:
    make_profile("later")
    response = client.get("/", headers={"Accept-Language": "ar"})
    assert response.headers["Location"] == "/shop/ar-SA/"
    LocaleProfile.objects.filter(tenant__slug="shop").update(is_active=False)
    assert client.get("/").headers["Location"] == "/later/de-DE/"


def test_a_default_locale_that_is_not_served_is_replaced(client: Client, shop: list[LocaleProfile]) -> None:
    LocaleProfile.objects.filter(locale="en-US").update(is_active=False)
    assert client.get("/shop/", headers={"Accept-Language": "fr"}).headers["Location"] == "/shop/ar-SA/"


def test_nothing_is_shown_where_nothing_is_served(client: Client, shop: list[LocaleProfile]) -> None:
    for path in ("/nowhere/", "/nowhere/de-DE/"):
        assert client.get(path).status_code == 404
    LocaleProfile.objects.update(is_active=False)
    for path in ("/", "/shop/"):
        assert client.get(path).status_code == 404
    LocaleProfile.objects.update(is_active=True)
    tenant = shop[0].tenant
    tenant.is_active = False
    tenant.save()
    for path in ("/", "/shop/", "/shop/de-DE/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/shop/de-de/", "/shop/de-DE/"),
        ("/shop/fr-FR/", "/shop/"),
        ("/shop/..%2Fadmin/", None),
        ("/shop/%00/", "/shop/"),
        ("/shop/<script>/", "/shop/"),
    ],
)
def test_other_spellings_lead_to_the_page(
    client: Client, shop: list[LocaleProfile], path: str, leads_to: str | None
) -> None:
    response = client.get(path)
    if leads_to is None:
        assert response.status_code == 404
    else:
        assert (response.status_code, response.headers["Location"]) == (302, leads_to)


def test_pages_are_read_only_and_answer_head(client: Client, shop: list[LocaleProfile]) -> None:
    for path in ("/", "/shop/", "/shop/de-DE/", "/health"):
        assert client.post(path).status_code == 405
        assert client.head(path).status_code == client.get(path).status_code


def test_page_runs_nothing_but_this_sites_scripts(client: Client, shop: list[LocaleProfile]) -> None:
    profile = shop[0]
    profile.persona_name = '</script><script>alert(1)</script><img src=x onerror="y">'
    profile.phrases = {"legal_notice": "<b onclick=z>see</b> https://shop.example/privacy"}
    profile.save()
    response = client.get("/shop/de-DE/")
    policy = dict(
        part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";")
    )
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert (policy["base-uri"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    page = response.content.decode()
    assert "alert(1)" in page
    assert config_of(page)["persona"] == profile.persona_name
    for tag in re.findall(r"<script\b[^>]*>", page):
        assert " src=" in tag or 'type="application/json"' in tag
    for inline in (r"<[^>]*\son\w+=", r"<[^>]*\sstyle=", r"<style", r"<b onclick", r"<img src=x"):
        assert not re.search(inline, page), inline


def test_page_shows_the_tenants_images_and_nobody_elses(client: Client, shop: list[LocaleProfile]) -> None:
    tenant = shop[0].tenant
    tenant.image_hosts = ["img.shop.example"]
    tenant.save()
    make_profile("rival")
    policy = client.get("/shop/de-DE/").headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://img.shop.example;" in policy
    assert "img-src 'self' data:;" in client.get("/rival/de-DE/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(("locale", "direction"), [("de-DE", "ltr"), ("ar-SA", "rtl"), ("ja-JP", "ltr")])
def test_page_speaks_the_profiles_language_whatever_the_browsers(
    client: Client, shop: list[LocaleProfile], locale: str, direction: str
) -> None:
    response = client.get(f"/shop/{locale}/", headers={"Accept-Language": "en"})
    page = response.content.decode()
    assert f'<html lang="{locale}" dir="{direction}">' in page
    assert response.headers["Content-Language"] == locale
    assert "no-store" in response.headers["Cache-Control"]
    config = config_of(page)
    assert (config["locale"], config["dir"], config["tenant"]) == (locale, direction, "shop")
    assert config["socket_path"] == f"/ws/chat/shop/{locale}/"
    strings = config["strings"]
    assert isinstance(strings, dict)
    assert strings["send"] != "Send message"
    assert all(strings.values())


def test_every_locale_is_offered_by_its_own_name_and_nobody_elses(
    client: Client, shop: list[LocaleProfile]
) -> None:
    make_profile("rival", "ko-KR")
    LocaleProfile.objects.filter(locale="ja-JP").update(is_active=False)
    page = client.get("/shop/de-DE/").content.decode()
    assert "العربية" in page
    assert "Deutsch (Deutschland)" in page
    for absent in ("日本語", "한국어", "rival"):
        assert absent not in page


@pytest.mark.parametrize(
    ("locale", "hours", "shown"),
    [
        (
            "de-DE",
            {day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")} | {"sat": ["10:00-14:00"]},
            [("Mo – Fr", "09:00 – 18:00"), ("Sa", "10:00 – 14:00")],
        ),
        (
            "en-US",
            {"mon": ["09:00-12:00", "13:00-18:00"], "wed": ["09:00-12:00", "13:00-18:00"]},
            [
                ("Mon", "9:00 AM – 12:00 PM, 1:00 PM – 6:00 PM"),
                ("Wed", "9:00 AM – 12:00 PM, 1:00 PM – 6:00 PM"),
            ],
        ),
        ("ja-JP", {"sun": ["20:00-24:00"]}, [("日", "20:00 – 0:00")]),
        ("ar-SA", {"sun": ["09:00-17:00"]}, [("الأحد", "9:00 ص – 5:00 م")]),
        ("de-DE", {}, []),
    ],
)
def test_hours_are_written_as_the_locale_writes_them(
    locale: str, hours: dict[str, list[str]], shown: list[tuple[str, str]]
) -> None:
    rows = opening_hours(LocaleProfile(locale=locale, hours=hours))
    # CLDR separates "9:00" and "AM" with a narrow no-break space in newer versions.
    assert [(row.days, row.times.replace("\u202f", " ").replace("\u200f", "")) for row in rows] == shown


def test_health_is_bad_until_the_faq_has_been_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    response = client.get("/health")
    assert (response.status_code, response.json()) == (503, {"status": "starting", "generator": "none"})
    monkeypatch.setattr(serving, "is_ready", lambda: True)
    response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "generator": "none"})


def test_each_locale_offers_to_go_on_in_its_own_language(client: Client, shop: list[LocaleProfile]) -> None:
    config = config_of(client.get("/shop/de-DE/").content.decode())
    locales = config["locales"]
    assert isinstance(locales, list)
    offered = {each["locale"]: each for each in locales}
    assert set(offered) == {profile.locale for profile in shop}
    assert (offered["ar-SA"]["dir"], offered["ar-SA"]["name"]) == ("rtl", "العربية")
    assert "Deutsch" in offered["de-DE"]["go_on"]
    assert "日本語" in offered["ja-JP"]["go_on"]


def test_the_page_knows_the_sentence_above_a_foreign_answer(
    client: Client, shop: list[LocaleProfile]
) -> None:
    LocaleProfile.objects.filter(locale="de-DE").update(phrases={"foreign_answer": "Nur auf Englisch:"})
    assert config_of(client.get("/shop/de-DE/").content.decode())["foreign_answer"] == "Nur auf Englisch:"
