"""The demo shop: complete in each of its ten locales, and each truly in its own language."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import pytest
from babel import Locale
from babel.numbers import get_territory_currencies

from customers import culture, question_file
from customers.demo.load import DEFAULT_LOCALE, FOLDER, SLUG, demo_load, profile_drafts
from customers.faq_upload import read_drafts
from customers.forms import CLOSING_LABELS, SOFTENER_LABELS
from customers.models import SMALLTALK_CATEGORY, AuditRecord, FaqEntry, LocaleProfile
from customers.services import FaqDraft, ProfileDraft

LOCALES = ("ar-SA", "de-DE", "en-US", "es-MX", "fr-FR", "hi-IN", "ja-JP", "ko-KR", "pt-BR", "zh-CN")
SMALLTALK = {f"smalltalk-{topic}" for topic in (
    "greeting", "thanks", "goodbye", "robot", "complaint", "how-are-you", "help"
)}  # fmt: skip
# The scripts that a locale is written in, as Unicode names them.
SCRIPTS = {
    "ar-SA": {"ARABIC"},
    "hi-IN": {"DEVANAGARI"},
    "ja-JP": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "FULLWIDTH"},
    "ko-KR": {"HANGUL"},
    "zh-CN": {"CJK", "FULLWIDTH"},
}
SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


@cache
def profiles() -> dict[str, ProfileDraft]:
    return {draft.locale: draft for draft in profile_drafts()}


@cache
def faq(locale: str) -> dict[str, FaqDraft]:
    path = FOLDER / "faq" / f"{locale}.csv"
    return {draft.key: draft for draft in read_drafts(path.read_bytes(), filename=path.name, locale=locale)}


def texts(value: object) -> Iterator[str]:
    """Every text in a profile's value."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


def share_in_script(text: str, scripts: set[str]) -> float:
    letters = [unicodedata.name(c, "?").split()[0] for c in text if unicodedata.category(c)[0] == "L"]
    return sum(name in scripts for name in letters) / max(1, len(letters))


def test_there_are_ten_locales() -> None:
    assert tuple(sorted(profiles())) == LOCALES
    assert sorted(path.stem for path in (FOLDER / "faq").iterdir()) == list(LOCALES)
    assert DEFAULT_LOCALE in LOCALES
    assert {locale for locale in LOCALES if culture.direction_of(locale) == "rtl"} == {"ar-SA"}


@pytest.mark.parametrize("locale", LOCALES)
def test_enough_faqs_with_enough_wordings(locale: str) -> None:
    topics = {key: draft for key, draft in faq(locale).items() if draft.category != SMALLTALK_CATEGORY}
    assert len(topics) >= 40
    assert {key for key, draft in topics.items() if len(draft.questions) < 4} == set()
    assert {key for key, draft in faq(locale).items() if not draft.answer.strip()} == set()
    assert {key for key, draft in faq(locale).items() if not draft.is_active or draft.valid_until} == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_all_small_talk_is_there(locale: str) -> None:
    assert {key for key, draft in faq(locale).items() if draft.category == SMALLTALK_CATEGORY} == SMALLTALK


@pytest.mark.parametrize("locale", LOCALES)
def test_no_question_is_asked_twice(locale: str) -> None:
    seen: dict[str, str] = {}
    for key, draft in faq(locale).items():
        for question in draft.questions:
            # Case, width and end punctuation make no other question.
            plain = unicodedata.normalize("NFKC", question).casefold().strip(" ?？؟!。.")
            assert seen.setdefault(plain, key) == key, (question, key, seen[plain])
        assert len(set(draft.questions)) == len(draft.questions), key


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_suggested_exists(locale: str) -> None:
    suggestions = profiles()[locale].values["suggestions"]
    assert isinstance(suggestions, list)
    assert 3 <= len(suggestions) <= 6
    assert set(suggestions) <= set(faq(locale)) - SMALLTALK
    for draft in faq(locale).values():
        assert set(draft.follow_ups) <= set(faq(locale)) - {draft.key}


def test_most_topics_are_shared_by_all_locales() -> None:
    shared = set.intersection(*(set(faq(locale)) for locale in LOCALES)) - SMALLTALK
    assert len(shared) >= 30


@pytest.mark.parametrize("locale", LOCALES)
def test_the_persona_has_words_for_everything(locale: str) -> None:
    values = profiles()[locale].values
    assert set(values["phrases"]) == set(culture.PHRASES)  # type: ignore[call-overload]
    assert set(values["greetings"]) == {"morning", "afternoon", "evening"}  # type: ignore[call-overload]
    for name in (
        "phrases",
        "greetings",
        "connectives",
        "persona_name",
        "persona_role",
        "brand",
        "forbidden_claims",
    ):
        assert all(text.strip() for text in texts(values[name])), name
    assert len(list(texts(values["connectives"]))) >= 3
    assert set(values["softeners"]) <= set(SOFTENER_LABELS)  # type: ignore[call-overload]
    assert set(values["closings"]) <= set(CLOSING_LABELS)  # type: ignore[call-overload]


@pytest.mark.parametrize("locale", LOCALES)
def test_market_and_calendar_are_the_locales_own(locale: str) -> None:
    draft = profiles()[locale]
    territory = Locale.parse(locale, sep="-").territory
    assert draft.values["currency"] in get_territory_currencies(territory or "")
    assert len(draft.holidays) >= 5
    assert all(name.strip() for name in draft.holidays.values())
    hours = draft.values["hours"]
    assert isinstance(hours, dict)
    assert set(hours) <= set(culture.WEEKDAYS)
    assert len(hours) >= 5
    for spans in hours.values():
        assert spans == sorted(spans)
        assert all(SPAN.fullmatch(span) and span[:5] < span[6:] for span in spans)


@pytest.mark.parametrize("locale", SCRIPTS)
def test_every_answer_and_phrase_is_in_the_locales_script(locale: str) -> None:
    spoken = [draft.answer for draft in faq(locale).values()]
    spoken += [draft.questions[0] for draft in faq(locale).values()]
    spoken += [*texts(profiles()[locale].values["phrases"]), *texts(profiles()[locale].values["greetings"])]
    for text in spoken:
        prose = re.sub(r"\]\([^)]*\)|\S+@\S+|https?://\S+|\*\*", " ", text)
        assert share_in_script(prose, SCRIPTS[locale]) > 0.5, text


@pytest.mark.parametrize("locale", sorted(set(LOCALES) - set(SCRIPTS)))
def test_no_answer_is_another_locales(locale: str) -> None:
    others = {draft.answer for other in LOCALES if other != locale for draft in faq(other).values()}
    assert {key for key, draft in faq(locale).items() if draft.answer in others} == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_no_answer_claims_what_the_profile_forbids(locale: str) -> None:
    claims = profiles()[locale].values["forbidden_claims"]
    assert isinstance(claims, list)
    for key, draft in faq(locale).items():
        assert not [claim for claim in claims if claim.casefold() in draft.answer.casefold()], key


@pytest.mark.parametrize("locale", LOCALES)
def test_links_and_addresses_lead_to_reserved_names_only(locale: str) -> None:
    spoken = [draft.answer for draft in faq(locale).values()] + list(texts(dict(profiles()[locale].values)))
    for text in spoken:
        hosts = re.findall(r"https?://([\w.-]+)", text) + re.findall(r"[\w.+-]+@([\w.-]+\w)", text, re.ASCII)
        assert all(host.endswith(".example") for host in hosts), text


@pytest.mark.django_db
def test_loading_twice_is_loading_once() -> None:
    tenant = demo_load()
    assert (tenant.slug, tenant.profiles.count()) == (SLUG, 10)
    content = set(FaqEntry.objects.values_list("profile__locale", "key", "updated_at"))
    imports = AuditRecord.objects.filter(action="faq_import").count()
    assert imports == 10
    edited = LocaleProfile.objects.get(locale="de-DE")
    edited.persona_name = "Somebody else"
    edited.save()
    demo_load()
    assert set(FaqEntry.objects.values_list("profile__locale", "key", "updated_at")) == content
    assert AuditRecord.objects.filter(action="faq_import").count() == imports
    edited.refresh_from_db()
    assert edited.persona_name == profiles()["de-DE"].values["persona_name"]


@pytest.mark.parametrize("locale", LOCALES)
def test_test_questions_are_the_locales_own(locale: str) -> None:
    path = FOLDER / "questions" / f"{locale}.csv"
    rows = question_file.read(path.read_bytes(), filename=path.name, languages=[culture.language_of(locale)])
    assert len(rows) >= 6
    assert any(not row.expected_keys for row in rows), "one that must be declined"
    wordings = {text.casefold() for draft in faq(locale).values() for text in draft.questions}
    for row in rows:
        assert row.text.casefold() not in wordings
        assert set(row.expected_keys) <= faq(row.lang or locale).keys()
        if not row.lang and locale in SCRIPTS:
            assert share_in_script(row.text, SCRIPTS[locale]) > 0.9
