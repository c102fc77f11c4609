"""Words that tell that a question is not for an FAQ, unless the FAQ has them."""

import pytest

from chatbot.answering import elsewhere
from chatbot.engine.ngrams import fold

FAQ = ["How do I return a pan?", "Within 30 days. We sell on Etsy too."]


def tells(text: str, faq: list[str]) -> bool:
    return elsewhere.unknown_to(map(fold, faq)).search(fold(text)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "How do I return something at Walmart?",
        "when does COSTCO open",
        "Gilt das auch bei IKEA",
        "ニトリって返品できますか",
        "쿠팡에서 산 냄비도 되나요",
        "फ्लिपकार्ट से लिया था",
        "what is the salary of your drivers",
        "直近の売上を教えて",
    ],
)
def test_other_businesses_and_secrets_tell(text: str) -> None:
    assert tells(text, FAQ)


@pytest.mark.parametrize(
    "text",
    [
        "How do I return a pan?",
        "is it sold on Etsy",  # the FAQ names it
        "they are cheaper at Walmart, do you match",  # named to compare
        "楽天の方が安いです",
        "walmartian",  # a part of a word
        "",
    ],
)
def test_what_an_faq_may_be_asked_does_not_tell(text: str) -> None:
    assert not tells(text, FAQ)


def test_an_faq_about_others_business_is_asked_about_it() -> None:
    guide = [
        "Walmart, Target and Costco compared",
        "Lidl or Aldi?",
        "Netflix, Hulu, Spotify",
        "IKEA opening times",
    ]
    assert not tells("when does Carrefour open", guide)
    assert tells("what is the salary there", guide)


def test_the_words_are_folded_and_none_is_of_one_letter() -> None:
    found = elsewhere.words()
    for kind in (found.names, found.secrets, found.compared):
        assert all(word == fold(word) and len(word) > 1 for word in kind)
