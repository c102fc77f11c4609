"""Try it and the search by meaning, with the real model."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.admin.explain import CandidateShown, Why
from chatbot.admin.marking import Part
from chatbot.answering.rank import SIGNALS
from chatbot.engine.errors import EngineOverloaded
from chatbot.serving import serving
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db
ASK = reverse("knowledge:ask")
SEARCH = reverse("knowledge:search")

TOPICS = {
    "en-US": {
        "returns": (("Can I return an item?", "send something back"), "Yes, within **30 days**."),
        "shipping": (("How much is shipping?", "delivery cost"), "It is free."),
        "hours": (("When are you open?",), "From 9 to 6."),
        "invoice": (("Where is my invoice?",), "In your account."),
    },
    "ja-JP": {
        "returns": (("返品はできますか？", "商品を返したい"), "30日以内であれば可能です。"),
        "shipping": (("送料はいくらですか？",), "無料です。"),
        "hours": (("営業時間を教えてください",), "9時から18時です。"),
    },
}


@pytest.fixture
def shop(serve: Callable[[], None]) -> dict[str, LocaleProfile]:
    profiles = {}
    for locale, topics in TOPICS.items():
        profiles[locale] = profile = make_profile("demo", locale)
        drafts = [
            FaqDraft(key=k, questions=q, answer=a, follow_ups=("hours",)) for k, (q, a) in topics.items()
        ]
        services.faq_import(profile=profile, drafts=drafts, actor="test")
    serve()
    return profiles


def ask(client: Client, profile: LocaleProfile, text: str, **draft: str) -> tuple[dict[str, Any], Why]:
    """Return what the endpoint sends, and the explanation in it."""
    response = client.post(ASK, {"profile": profile.pk, "text": text, **draft})
    assert response.status_code == 200, response.content
    return response.json(), response.context["why"]


def best_of(why: Why) -> CandidateShown:
    return why.found[0].candidates[0]


def joined(parts: Sequence[Part], *, marked: bool = False) -> str:
    return "".join(part.text for part in parts if part.marked or not marked)


def test_what_is_found_is_shown_with_its_reasons(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    sent, why = ask(login(demo="support"), shop["en-US"], "Can I RETURN the item I bought?")
    best = best_of(why)
    assert (best.key, best.question) == ("returns", "Can I return an item?")
    entry = FaqEntry.objects.get(profile=shop["en-US"], key="returns")
    assert best.url == reverse("admin:customers_faqentry_change", args=[entry.pk])
    assert len(best.signals) == len(SIGNALS)
    assert 99 <= sum(signal.share for signal in best.signals) <= 101
    assert joined(best.matched) == "Can I return an item?"
    assert "return" in joined(best.matched, marked=True)
    assert "RETURN" in joined(why.found[0].read, marked=True)
    probabilities = [candidate.probability for candidate in why.found[0].candidates]
    assert probabilities == sorted(probabilities, reverse=True)
    assert why.outcome in {"answered", "clarify"}
    assert "<mark>" in sent["html"]
    assert reverse("knowledge:alternate") in sent["html"]


def test_words_are_marked_in_scripts_without_spaces(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    _sent, why = ask(login(demo="support"), shop["ja-JP"], "返品したい")
    best = best_of(why)
    assert best.key == "returns"
    assert joined(best.matched) in {"返品はできますか？", "商品を返したい"}
    assert joined(best.matched, marked=True)
    assert joined(why.found[0].read) == "返品したい"


def test_the_answer_is_the_one_a_customer_would_get(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    client = login(demo="support")
    sent, why = ask(client, shop["en-US"], "Can I return an item?")
    assert why.outcome == "answered"
    assert "<strong>30 days</strong>" in sent["event"]["html"]
    assert sent["event"]["suggestions"] == [{"faq": "hours", "question": "When are you open?"}]
    assert "Word for word an approved question" in {signal.label for signal in best_of(why).signals}
    _sent, declined = ask(client, shop["en-US"], "!!! 🎉")
    assert (declined.outcome, list(declined.found)) == ("declined", [])
    assert "no words" in declined.nothing


def test_what_a_visitor_wrote_is_text(login: Callable[..., Client], shop: dict[str, LocaleProfile]) -> None:
    sent, _why = ask(login(demo="support"), shop["en-US"], "return <img src=x onerror=alert(1)> an item")
    assert "<img" not in sent["html"]
    assert "&lt;" in sent["html"]


def test_a_draft_is_tried_without_being_stored(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    client, profile = login(demo="support"), shop["en-US"]
    draft = {
        "draft": "1", "key": "", "question": "Do you deliver pizza?", "alternates": "pizza\nhot food",
        "answer": "*No*.", "follow_ups": "hours",
    }  # fmt: skip
    before, _why = ask(client, profile, "can you bring me a pizza")
    sent, why = ask(client, profile, "can you bring me a pizza", **draft)
    best = best_of(why)
    assert "this draft" in sent["html"]
    assert (best.question, best.is_draft, best.is_gone, best.url) == (
        "Do you deliver pizza?",
        True,
        False,
        "",
    )
    assert "Do you deliver pizza?" not in before["html"]
    assert not FaqEntry.objects.filter(questions__text__contains="pizza").exists()
    assert "Do you deliver pizza?" not in ask(client, profile, "can you bring me a pizza")[0]["html"]
    # An edit stands in the place of the entry it edits.
    _sent, edited = ask(client, profile, "Can I return an item?", **draft | {"key": "returns"})
    assert "Can I return an item?" not in {candidate.question for candidate in edited.found[0].candidates}


def test_what_cannot_be_tried_is_said_in_words(
    login: Callable[..., Client], shop: dict[str, LocaleProfile], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login(demo="support")
    asleep = make_profile("demo", "fr-FR")
    theirs = make_profile("other")
    for profile, text in ((asleep, "x"), (theirs, "x"), (shop["en-US"], "  ")):
        response = client.post(ASK, {"profile": profile.pk, "text": text})
        assert (response.status_code, list(response.json())) == (400, ["error"])

    async def overloaded(text: str, **_: object) -> None:
        raise EngineOverloaded(text)

    monkeypatch.setattr(serving.engine, "embed_query", overloaded)
    response = client.post(ASK, {"profile": shop["en-US"].pk, "text": "secret words"})
    assert response.status_code == 503
    assert "secret" not in response.json()["error"]


def test_meaning_is_found_across_languages(
    login: Callable[..., Client], shop: dict[str, LocaleProfile]
) -> None:
    client = login(demo="support")
    page = client.get(SEARCH, {"q": "返品したい"})
    hits = page.context["meant"].hits
    assert (hits[0].locale, hits[0].key) == ("ja-JP", "returns")
    assert next(hit for hit in hits if hit.locale == "en-US").key == "returns"
    assert all(0 <= hit.score <= 100 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    narrowed = client.get(SEARCH, {"q": "返品", "locale": "en-US"}).context["meant"].hits
    assert {hit.locale for hit in narrowed} == {"en-US"}
    assert [(hit.locale, hit.key) for hit in page.context["literal"]] == []
    literal = client.get(SEARCH, {"q": "返したい"}).context["literal"]
    assert [(hit.locale, hit.key) for hit in literal] == [("ja-JP", "returns")]


@pytest.mark.usefixtures("shop")
def test_the_search_is_the_tenants_own(
    login: Callable[..., Client], client: Client, serve: Callable[[], None]
) -> None:
    assert client.get(SEARCH, {"q": "x"}).status_code == 302
    other = make_profile("other", "fr-FR")
    services.faq_entry_save(
        profile=other, draft=FaqDraft(key="retours", questions=("Puis-je retourner un article ?",), answer="Oui."),
        actor="test",
    )  # fmt: skip
    serve()
    login(other="support")
    page = client.get(SEARCH, {"q": "return an item"})
    assert {hit.locale for hit in page.context["meant"].hits} == {"fr-FR"}
    assert client.get(SEARCH, {"q": "return", "tenant": "demo"}).status_code == 404
    assert "ja-JP" not in page.content.decode()


def test_a_search_without_the_model_still_finds_words(login: Callable[..., Client]) -> None:
    profile = make_profile("demo")
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="k", questions=("Größe?",), answer=""), actor="test"
    )
    page = login(demo="support").get(SEARCH, {"q": "größe"})
    assert [hit.key for hit in page.context["literal"]] == ["k"]
    assert page.context["meant"].hits == ()
    assert "de-DE is not live" in page.content.decode()
