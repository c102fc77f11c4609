"""What a new locale profile starts with."""

import pytest
from django.conf import settings
from django.utils import translation

from customers import culture, services
from customers.defaults import profile_defaults

# One locale per interface language, with its market's currency.
MARKETS = {
    "en-US": "USD", "zh-CN": "CNY", "ja-JP": "JPY", "ko-KR": "KRW", "es-MX": "MXN", "pt-BR": "BRL", "fr-FR": "EUR",
    "de-DE": "EUR", "ar-SA": "SAR", "hi-IN": "INR",
}  # fmt: skip


def phrases_of(locale: str) -> dict[str, str]:
    phrases = profile_defaults(locale=locale, brand="Tidepine").values["phrases"]
    assert isinstance(phrases, dict)
    return phrases


@pytest.mark.parametrize("locale", MARKETS)
def test_every_phrase_is_there_in_the_locales_own_language(locale: str) -> None:
    with translation.override("ko"):  # whoever is logged in reads another language
        phrases = phrases_of(locale)
        assert translation.get_language() == "ko"
    assert set(phrases) == set(culture.PHRASES)
    assert all(phrases.values())
    english = phrases_of("en-US")
    if locale != "en-US":
        assert not [name for name in phrases if phrases[name] == english[name]]


@pytest.mark.parametrize(("locale", "currency"), MARKETS.items())
def test_the_currency_is_the_markets(locale: str, currency: str) -> None:
    assert profile_defaults(locale=locale, brand="Tidepine").values["currency"] == currency


@pytest.mark.parametrize(
    ("locale", "currency"),
    [("hr-HR", "EUR"), ("gsw-CH", "CHF"), ("eo", "EUR"), ("es-419", "EUR"), ("nonsense", "EUR")],
)
def test_any_locale_gets_a_currency(locale: str, currency: str) -> None:
    assert profile_defaults(locale=locale, brand="Tidepine").values["currency"] == currency


@pytest.mark.django_db
@pytest.mark.parametrize("locale", [*MARKETS, "sw-KE", "eo"])
def test_the_defaults_make_a_valid_profile(locale: str) -> None:
    tenant = services.tenant_ensure(slug="new", name="New", default_locale=locale, actor="test")
    draft = profile_defaults(locale=locale, brand="New")
    profile = services.profile_save(tenant=tenant, draft=draft, actor="test")
    assert (profile.brand, profile.persona_name, profile.is_active) == ("New", "New", True)
    assert set(profile.greetings) == {"morning", "afternoon", "evening"}


def test_every_interface_language_is_tried_here() -> None:
    languages = dict(settings.LANGUAGES)
    assert {culture.django_language(locale, languages) for locale in MARKETS} == set(languages)
