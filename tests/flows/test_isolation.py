"""That no locale of the demo answers with another's text, and that one can be found in another where it should be."""

from pathlib import Path

import pytest
from django.conf import settings

from chatbot.engine import weights
from chatbot.learning.encoding import LocalEncoder
from tests.flows.isolation import demo_faqs, found_in, isolation, strays

# Topics of the demo are told differently in each market, so not all of them are one.
FOUND = 0.6


@pytest.fixture(scope="module")
def encoder() -> LocalEncoder:
    return LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR)))


@pytest.mark.slow
def test_no_question_of_a_locale_gets_another_locales_answer(encoder: LocalEncoder) -> None:
    faqs = demo_faqs()
    came = isolation(faqs, encoder)
    assert len(came) == sum(map(len, faqs.values()))
    assert [(one.locale, one.text, one.answer.lang) for one in strays(came)] == []


@pytest.mark.slow
def test_the_english_faq_is_found_from_every_other_language(encoder: LocalEncoder) -> None:
    found = found_in("en-US", demo_faqs(), encoder)
    assert {locale: share for locale, share in found.items() if share < FOUND} == {}
