"""Why an answer is what it is, as the conversation's page explains it."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatbot import services as chat
from chatbot.admin.explain import SIGNAL_LABELS, Why, explain
from chatbot.admin.explain_links import Asked
from chatbot.answering.events import Answer, Composition, Said, Trace, Weighed
from chatbot.answering.rank import SIGNALS
from chatbot.models import Conversation, Event
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db
ASKED = "wo ist mein paket"


@pytest.fixture
def profile(db: None) -> LocaleProfile:
    profile = make_profile("demo")
    drafts = [
        FaqDraft(
            key="tracking", questions=("Wo ist meine Bestellung?", "Paket verfolgen"), answer="**Hier**."
        ),
        FaqDraft(key="returns", questions=("Kann ich etwas zurückgeben?",), answer="Ja."),
    ]
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    profile.refresh_from_db()
    return profile


def weighed(key: str, probability: float, **signals: tuple[float, float]) -> Weighed:
    values: Mapping[str, tuple[float, float]] = signals or {"question": (0.8, 3.0), "words": (0.5, -1.0)}
    return Weighed(
        key=key, question=f"{key}?", matched="Paket verfolgen", probability=probability,
        score=sum(adds for _value, adds in values.values()), signals=values,
    )  # fmt: skip


def trace(profile: LocaleProfile, *candidates: Weighed, read_as: str = ASKED) -> Trace:
    return Trace(
        read_as=read_as, locale=profile.locale, revision=profile.faq_revision, answer_from=0.5, clarify_from=0.2,
        candidates=candidates or (weighed("tracking", 0.7), weighed("returns", 0.1)), language="de",
    )  # fmt: skip


def talk(
    profile: LocaleProfile,
    *traces: Trace,
    said: tuple[str, ...] = (ASKED,),
    outcome: str = "answered",
    **more: Any,
) -> Event:
    """Store a conversation; all but the last of what was `said` is joined with it."""
    conversation, _token = chat.conversation_open(profile=profile)
    asked = [
        chat.message_post(
            conversation_id=conversation.pk, client_id=uuid.uuid4(), text=text, lang=profile.locale, node=1,
            chosen_key=more.get("chosen_key", ""),
        ).event.seq
        for text in said
    ]  # fmt: skip
    answer = Answer(
        outcome=outcome, text="**Hier** <img src=x>.", lang=profile.locale, model="base@7", confidence=0.7,
        switch=more.get("switch", ""), traces=traces, composition=more.get("composition"),
    )  # fmt: skip
    return chat.answer_post(
        conversation_id=conversation.pk, reply_to=asked[-1], answer=answer, joined=asked[:-1]
    )


def url_of(event: Event) -> str:
    return reverse("admin:chatbot_conversation_why", args=[event.conversation_id, event.seq])


def why_of(client: Client, event: Event) -> Why:
    response = client.get(url_of(event))
    assert response.status_code == 200
    why: Why = response.context["why"]
    return why


def test_every_signal_has_a_name() -> None:
    assert set(SIGNAL_LABELS) == set(SIGNALS)


def test_an_answer_is_explained(login: Callable[..., Client], profile: LocaleProfile) -> None:
    event = talk(profile, trace(profile))
    client = login(demo="support")
    conversation = reverse("admin:chatbot_conversation_change", args=[event.conversation_id])
    assert url_of(event) in client.get(conversation).content.decode()
    page = client.get(url_of(event)).content.decode()
    (found,) = why_of(client, event).found
    assert (found.reading, found.language, found.live_revision) == (
        "The message by itself", "German", found.revision,
    )  # fmt: skip
    assert (found.scale.clarify_from, found.scale.answer_from, found.scale.best) == (20, 50, 70)
    best = found.candidates[0]
    assert [(s.label, s.value, s.adds, s.share, s.lowers) for s in best.signals] == [
        ("Nearest wording", 0.8, "+3.00", 75, False),
        ("Shared words", 0.5, "−1.00", 25, True),
    ]
    entry = FaqEntry.objects.get(key="tracking")
    assert best.url == reverse("admin:customers_faqentry_change", args=[entry.pk])
    for text in ("base@7", "<strong>Hier</strong>", ASKED, "Declines below 20%", "Answers from 50%", "70%"):
        assert text in page
    assert "<img" not in page


def test_what_was_read_is_said(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    said = ("Hallo", "ich warte", "wo ist mein paket")
    readings = {
        "Hallo ich warte wo ist mein paket": "Together with the messages just before it",
        "wo ist mein paket": "The message by itself",
        "ich warte": "A part of what was written, by itself",
        "Kann ich etwas zurückgeben? wo ist mein paket": "Together with what was said before",
    }
    for read_as, reading in readings.items():
        (found,) = why_of(client, talk(profile, trace(profile, read_as=read_as), said=said)).found
        assert found.reading == reading
    page = client.get(url_of(talk(profile, trace(profile), said=said))).content.decode()
    assert all(text in page for text in said)
    two = talk(profile, trace(profile, read_as="wo ist es"), trace(profile, read_as="und das geld"))
    assert [found.title for found in why_of(client, two).found] == ["Question 1 of 2", "Question 2 of 2"]
    foreign = make_profile("demo", "fr-FR")
    abroad = talk(profile, trace(profile), trace(foreign))
    assert [found.title for found in why_of(client, abroad).found] == ["German (Germany)", "French (France)"]


def test_a_faq_that_has_changed_since_is_said(login: Callable[..., Client], profile: LocaleProfile) -> None:
    event = talk(
        profile, trace(profile, weighed("tracking", 0.7), weighed("returns", 0.2), weighed("gone", 0.1))
    )
    entry = FaqEntry.objects.get(key="returns")
    services.faq_entries_retire(entries=[entry], actor="test")
    client = login(demo="support")
    (found,) = why_of(client, event).found
    assert found.live_revision == found.revision + 1
    assert [(it.is_gone, it.is_retired, bool(it.url)) for it in found.candidates] == [
        (False, False, True), (False, True, True), (True, False, False),
    ]  # fmt: skip
    page = client.get(url_of(event)).content.decode()
    for text in ("The FAQ has changed since", "retired", "no longer there"):
        assert text in page


@pytest.mark.parametrize(
    ("outcome", "text", "chosen", "sentence"),
    [
        ("answered", ASKED, "tracking", "pressed a suggested question"),
        ("failed", ASKED, "", "Answering failed"),
        ("stopped", ASKED, "", "stopped the answer"),
        ("declined", "🎉", "", "has no words"),
        ("answered", ASKED, "", "No explanation was kept"),
        ("clarify", ASKED, "", "No explanation was kept"),
        ("smalltalk", ASKED, "", "No explanation was kept"),
    ],
)
def test_without_a_trace_the_reason_is_said(
    login: Callable[..., Client], profile: LocaleProfile, outcome: str, text: str, chosen: str, sentence: str
) -> None:
    event = talk(profile, said=(text,), outcome=outcome, chosen_key=chosen)
    assert sentence in why_of(login(demo="support"), event).nothing


def test_an_offer_to_switch_is_shown(login: Callable[..., Client], profile: LocaleProfile) -> None:
    assert (
        why_of(login(demo="support"), talk(profile, trace(profile), switch="fr-FR")).switch
        == "French (France)"
    )


def test_one_click_leads_on(login: Callable[..., Client], profile: LocaleProfile) -> None:
    event = talk(profile, trace(profile), said=(f"  {ASKED}\n",))
    client = login(demo="support")
    why = why_of(client, event)
    query = parse_qs(urlsplit(why.found[0].candidates[0].alternate_url).query)
    assert (query["key"], query["text"], query["next"]) == (["tracking"], [ASKED], [url_of(event)])
    form = client.get(why.found[0].candidates[0].test_url).content.decode()
    assert f'value="{ASKED}"' in form
    assert 'value="tracking"' in form
    assert client.get(why.decline_url).status_code == 200
    assert f">{ASKED}</textarea>" in client.get(why.new_url).content.decode().replace("\n", "")
    Trial.objects.create(profile=profile, text=ASKED)
    again = why_of(client, event)
    assert client.get(again.test_url).status_code == 200
    assert not any(it.test_url for it in again.found[0].candidates)


def test_only_the_tenants_staff_see_it(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    event = talk(profile, trace(profile))
    assert client.get(url_of(event)).status_code == 302
    make_profile("other")
    login(other="support")
    assert client.get(url_of(event)).status_code == 404
    assert ASKED not in client.get(url_of(event)).content.decode()


def test_only_answers_are_explained_and_nothing_is_changed(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    event = talk(profile, trace(profile))
    client = login(demo="support")
    for seq in (1, 99):
        address = reverse("admin:chatbot_conversation_why", args=[event.conversation_id, seq])
        assert client.get(address).status_code == 404
    address = reverse("admin:chatbot_conversation_why", args=["nonsense", 2])
    assert client.get(address).status_code == 404
    client.post(url_of(event), {"text": "x"})
    event.refresh_from_db()
    assert event.traces
    assert Conversation.objects.count() == 1


def test_queries_are_bounded(login: Callable[..., Client], profile: LocaleProfile) -> None:
    many = [weighed(f"k{number}", 0.01) for number in range(30)]
    event = talk(profile, *[trace(profile, *many, read_as=f"x{n}") for n in range(5)])
    client = login(demo="support")
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url_of(event)).status_code == 200
    assert len(queries) <= 14, [query["sql"][:120] for query in queries]


def test_words_are_marked_with_the_engine(profile: LocaleProfile, engine: Any) -> None:
    asked = Asked(
        profile=profile, text=ASKED, outcome="answered", lang="de-DE", model="m", confidence=0.7,
        traces=[asdict(trace(profile))],
    )  # fmt: skip
    (found,) = explain(asked, engine=engine, may_change=False).found
    assert "paket" in "".join(part.text for part in found.read if part.marked)
    assert [part.text for part in found.candidates[0].matched if part.marked] == ["Paket"]
    assert not found.candidates[0].alternate_url
    (plain,) = explain(asked, engine=None, may_change=True).found
    assert [(part.text, part.marked) for part in plain.read] == [(ASKED, False)]


def test_every_sentence_is_shown_with_its_evidence_and_verdict(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    said = (
        Said(sentence="Es kostet <b>7</b> €.", level="generated", evidence="Es kostet 5 €.", verdict="money",
             shown=False),
        Said(sentence="Es ist nicht kostenlos.", level="generated", evidence="Es kostet 5 €.", verdict="ok",
             shown=True, support=0.914),
    )  # fmt: skip
    composition = Composition(level="generated", why="passed", said=said, generator="gemma@abc")
    answer = talk(profile, trace(profile), composition=composition)
    client = login(demo="support")
    html = client.get(url_of(answer)).content.decode()
    for shown in (
        "In the model&#x27;s own words", "The model has passed its exam in this language.", "gemma@abc",
        "<s>Es kostet &lt;b&gt;7&lt;/b&gt; €.</s>", "An amount that is not in the sources", "91% alike in meaning",
        "Es ist nicht kostenlos.", "Rests on", "not shown",
    ):  # fmt: skip
        assert shown in html
    assert "<b>7</b>" not in html


def test_an_answer_from_before_compositions_were_kept_is_explained(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    answer = talk(profile, trace(profile))
    page = login(demo="support").get(url_of(answer))
    assert page.context["why"].composition is None
    assert "How it was put into words" not in page.content.decode()
