"""What a locale implies."""

import datetime as dt

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from customers import culture
from customers.faq_file.locales import normalise_tag
from tests.chatbot.answering.bundles import manners

LANGUAGES = [code for code, _ in settings.LANGUAGES]


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("zh_cn", "zh-CN"),
        (" ja-jp ", "ja-JP"),
        ("ZH-HANT-TW", "zh-Hant-TW"),
        ("sr-latn-rs", "sr-Latn-RS"),
        ("es-419", "es-419"),
        ("de", "de"),
        ("ca-es-VALENCIA", "ca-ES-valencia"),
        ("de-DE-1996", "de-DE-1996"),
    ],
)
def test_tags_are_written_one_way(typed: str, canonical: str) -> None:
    assert culture.canonical_locale(typed) == canonical
    assert normalise_tag(typed) == canonical  # what a FAQ file calls it


@pytest.mark.parametrize(
    "tag",
    [
        "",
        " ",
        "-",
        "x",
        "xx-YY",
        "zh--CN",
        "en-",
        "../etc",
        "en-US.UTF-8",
        "de_AT@euro",
        "en-US@x=y",
        "\x00",
        "日本",
    ],
)
def test_what_is_no_tag_is_none(tag: str) -> None:
    assert culture.canonical_locale(tag) is None


@given(st.text(alphabet="abzCN-_@.1\x00 é") | st.text())
def test_no_text_upsets_it(text: str) -> None:
    canonical = culture.canonical_locale(text)
    assert canonical is None or culture.canonical_locale(canonical) == canonical
    assert culture.direction_of(text) in {"ltr", "rtl"}
    assert culture.django_language(text, LANGUAGES) in LANGUAGES
    culture.endonym_of(text)


@pytest.mark.parametrize(
    ("locale", "direction"),
    [
        ("ar-SA", "rtl"),
        ("he-IL", "rtl"),
        ("fa-IR", "rtl"),
        ("ur-PK", "rtl"),
        ("de-DE", "ltr"),
        ("xx-YY", "ltr"),
    ],
)
def test_direction(locale: str, direction: str) -> None:
    assert culture.direction_of(locale) == direction


@pytest.mark.parametrize(
    ("locale", "name"),
    [
        ("de-DE", "Deutsch (Deutschland)"),
        ("ja-JP", "日本語 (日本)"),
        ("fr-FR", "Français (France)"),
        ("ar-SA", "العربية (المملكة العربية السعودية)"),
        ("xx-YY", "xx-YY"),
    ],
)
def test_a_locale_is_named_in_its_own_language(locale: str, name: str) -> None:
    assert culture.endonym_of(locale) == name


@pytest.mark.parametrize(
    ("wanted", "offered", "best"),
    [
        (["de-DE"], ["en-US", "de-DE"], "de-DE"),
        (["DE_de"], ["en-US", "de-DE"], "de-DE"),
        (["de-AT"], ["en-US", "de-DE"], "de-DE"),
        (["fr", "de"], ["en-US", "de-DE"], "de-DE"),
        (["es-CL"], ["en-US", "es-MX"], "es-MX"),
        (["fr"], ["de-DE", "en-US"], "en-US"),
        (["*"], ["de-DE", "en-US"], "en-US"),
        ([], ["de-DE", "en-US"], "en-US"),
        # The first language wins over a better fit of the second.
        (["de-CH", "en-US"], ["de-DE", "en-US"], "de-DE"),
        # Whoever reads one script is not served in the other where there is a choice.
        (["zh-TW"], ["zh-CN", "zh-HK"], "zh-HK"),
        (["zh-hant-tw"], ["zh-CN", "zh-TW"], "zh-TW"),
        (["zh-sg"], ["zh-CN", "zh-TW"], "zh-CN"),
        (["zh-TW"], ["en-US", "zh-CN"], "zh-CN"),
        # Among siblings otherwise alike, the tenant's default.
        (["en-AU"], ["en-GB", "en-US"], "en-US"),
    ],
)
def test_best_locale(wanted: list[str], offered: list[str], best: str) -> None:
    assert culture.best_locale(wanted, offered, "en-US") == best


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("ja-JP", "ja"),
        ("zh-CN", "zh-hans"),
        ("zh", "zh-hans"),
        ("zh-TW", "zh-hans"),  # no Traditional interface: the nearest there is
        ("es-ES", "es-mx"),
        ("pt-PT", "pt-br"),
        ("de-AT", "de"),
        ("ar-EG", "ar"),
        ("sw-KE", "en"),
        ("nonsense", "en"),
    ],
)
def test_interface_language(locale: str, language: str) -> None:
    assert culture.django_language(locale, LANGUAGES) == language


def test_interface_language_tells_chinese_scripts_apart() -> None:
    both = ["en", "zh-hans", "zh-hant"]
    for locale, language in {
        "zh-TW": "zh-hant", "zh-HK": "zh-hant", "zh-MO": "zh-hant", "zh-Hant": "zh-hant", "zh-CN": "zh-hans",
    }.items():  # fmt: skip
        assert culture.django_language(locale, both) == language


@pytest.mark.parametrize(
    ("hour", "time_of_day"),
    [
        (3, "evening"),
        (4, "morning"),
        (10, "morning"),
        (11, "afternoon"),
        (17, "afternoon"),
        (18, "evening"),
        (0, "evening"),
    ],
)
def test_time_of_day_is_the_profiles_own(hour: int, time_of_day: str) -> None:
    local = dt.datetime(2026, 7, 1, hour, 30, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    assert culture.time_of_day(local.astimezone(dt.UTC), "Asia/Tokyo") == time_of_day


def test_greeting_fits_the_time_of_day_and_phrases_may_be_missing() -> None:
    persona = manners()
    assert persona.greeting(dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)) == "Good morning"
    assert persona.phrase("decline") == "decline"
    assert persona.phrase("no such phrase") == ""


HOURS = {"mon": ["09:00-12:00", "13:00-18:00"], "sat": ["20:00-24:00"]}
HOLIDAY = dt.date(2026, 12, 28)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-12-21T08:59", False),
        ("2026-12-21T09:00", True),
        ("2026-12-21T12:00", False),
        ("2026-12-21T13:00", True),
        ("2026-12-21T18:00", False),
        ("2026-12-22T10:00", False),
        ("2026-12-26T23:59", True),
        ("2026-12-27T00:00", False),
        ("2026-12-28T10:00", False),  # a Monday, but a holiday
    ],
)
def test_opening_hours(moment: str, is_open: bool) -> None:
    local = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
    for same in (local, local.astimezone(dt.UTC), local.astimezone(dt.timezone(dt.timedelta(hours=-8)))):
        assert culture.is_open(same, time_zone="Europe/Berlin", hours=HOURS, holidays=[HOLIDAY]) is is_open


def test_opening_hours_follow_summer_time() -> None:
    winter, summer = (
        dt.datetime(2026, 3, 23, 8, 30, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 30, 7, 30, tzinfo=dt.UTC),
    )
    for moment in (winter, summer):  # both 09:30 in Berlin, on Mondays
        assert culture.is_open(moment, time_zone="Europe/Berlin", hours=HOURS, holidays=[])
