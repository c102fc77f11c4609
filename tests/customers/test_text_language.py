"""Telling texts that are in the wrong language for their locale, on the demo's own FAQs."""

import csv

import pytest

from customers.demo.load import FOLDER
from customers.text_language import other_language

LOCALES = sorted(path.stem for path in (FOLDER / "faq").glob("*.csv"))
LANGUAGES = {locale.split("-")[0] for locale in LOCALES}


def texts(locale: str) -> list[str]:
    with (FOLDER / "faq" / f"{locale}.csv").open(newline="") as file:
        return [f"{row['question']}\n{row['answer']}" for row in csv.DictReader(file)]


@pytest.mark.parametrize("locale", LOCALES)
def test_an_faq_in_its_own_language_is_left_alone(locale: str) -> None:
    language = locale.split("-")[0]
    wrong = [text for text in texts(locale) if other_language(text, expected=language, languages=LANGUAGES)]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_an_faq_in_another_language_is_named(locale: str) -> None:
    language = locale.split("-")[0]
    expected = "de" if language != "de" else "fr"
    # Small talk such as "OK" is in no language.
    long = [text for text in texts(locale) if len(text) > 60]
    found = [other_language(text, expected=expected, languages=LANGUAGES) for text in long]
    assert found.count(language) / len(found) > 0.95


@pytest.mark.parametrize(
    "text", ["", "OK", "🎁🎁🎁", "2026-01-31 12:00", "https://shop.example/returns/long/path"]
)
def test_what_is_in_no_language_is_left_alone(text: str) -> None:
    assert other_language(text, expected="de", languages=LANGUAGES) is None


def test_languages_that_are_unknown_are_left_alone() -> None:
    text = "This is a perfectly ordinary English sentence about parcels."
    assert other_language(text, expected="tlh", languages={"en", "tlh"}) is None
    assert other_language(text, expected="de", languages={"tlh"}) is None
