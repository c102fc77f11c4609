"""What a training reads: the FAQ of today, choices after an ask-back, and saved test questions."""

import datetime as dt
import uuid
from typing import Any

import pytest

from chatbot import services, training_data
from chatbot.answering.events import Answer, Source, Trace
from chatbot.models import Conversation
from customers.models import FaqEntry, LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft, faq_import
from tests.chatbot import trainings
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile() -> LocaleProfile:
    profile = make_profile("demo")
    faq_import(profile=profile, drafts=trainings.FAQ, actor="test")
    return profile


def confirmed(profile: LocaleProfile) -> list[tuple[str, str]]:
    return list(training_data.read(profile=profile).confirmed)


def say(conversation: Conversation, text: str, *, chosen: str = "") -> int:
    posted = services.message_post(
        conversation_id=conversation.pk,
        client_id=uuid.uuid4(),
        text=text,
        lang="de-DE",
        node=1,
        chosen_key=chosen,
    )
    return posted.event.seq


def trace(read_as: str) -> Trace:
    return Trace(
        read_as=read_as, locale="de-DE", revision=1, answer_from=0.5, clarify_from=0.2, candidates=()
    )


def answer(conversation: Conversation, seq: int, outcome: str = "clarify", **how: Any) -> None:
    offered = how.pop("offered", ("shipping", "returns"))
    joined = how.pop("joined", ())
    made = Answer(
        outcome=outcome,
        text="Was meinst du?",
        lang=how.pop("lang", "de-DE"),
        model="m",
        suggestions=tuple(Source(key=key, question=key, score=0.4) for key in offered),
        traces=tuple(trace(text) for text in how.pop("read_as")),
    )
    services.answer_post(conversation_id=conversation.pk, reply_to=seq, answer=made, joined=joined)


def choice(profile: LocaleProfile, text: str, key: str = "shipping", **how: Any) -> Conversation:
    """Have a visitor ask, be asked back, and choose."""
    conversation, _token = services.conversation_open(profile=profile)
    how.setdefault("read_as", (text,))
    answer(conversation, say(conversation, text), **how)
    say(conversation, "Was kostet der Versand?", chosen=key)
    return conversation


def test_the_faq_as_it_answers_today(profile: LocaleProfile) -> None:
    tomorrow = dt.date.today() + dt.timedelta(days=2)
    drafts = [
        FaqDraft(key="off", questions=("Aus?",), answer="x", is_active=False),
        FaqDraft(key="later", questions=("Später?",), answer="x", valid_from=tomorrow),
    ]
    faq_import(profile=profile, drafts=drafts, actor="test")
    LocaleProfile.objects.update(synonyms={"Versand": ["Lieferung"]})
    faq_import(
        profile=make_profile("other"), drafts=[FaqDraft(key="x", questions=("X?",), answer="x")], actor="t"
    )
    profile.refresh_from_db()
    data = training_data.read(profile=profile)
    assert [entry.key for entry in data.entries] == ["shipping", "returns"]
    assert data.entries[0].questions == ("Was kostet der Versand?", "Porto")
    assert (data.locale, data.synonyms, data.confirmed, data.tests) == (
        "de-DE", {"Versand": ["Lieferung"]}, (), (),
    )  # fmt: skip


def test_a_choice_after_an_ask_back_confirms_what_was_asked(profile: LocaleProfile) -> None:
    choice(profile, "was zahl ich fürs paket")
    choice(profile, "Liebe Leute, paket retour?", "returns", read_as=("paket retour?",))
    assert sorted(confirmed(profile)) == [
        ("paket retour?", "returns"), ("was zahl ich fürs paket", "shipping"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "how",
    [
        {"outcome": "answered"},
        {"outcome": "declined"},
        {"offered": ("returns",)},
        {"lang": "en-US"},
        {"read_as": ("was zahl ich", "und wann kommt es")},
        {"read_as": ()},
        {"read_as": ("Liefert ihr ins Ausland? Und was zahl ich dann fürs Paket?",)},
    ],
    ids=[
        "answered",
        "declined",
        "not offered",
        "another locale",
        "two questions",
        "no trace",
        "with earlier turns",
    ],
)
def test_other_choices_confirm_nothing(profile: LocaleProfile, how: dict[str, Any]) -> None:
    choice(profile, "was zahl ich fürs paket", **how)
    assert confirmed(profile) == []


def test_a_choice_counts_for_the_ask_back_right_before_it(profile: LocaleProfile) -> None:
    conversation, _token = services.conversation_open(profile=profile)
    answer(conversation, say(conversation, "paket?"), read_as=("paket?",))
    answer(conversation, say(conversation, "egal, danke"), "smalltalk", read_as=("egal, danke",))
    say(conversation, "Was kostet der Versand?", chosen="shipping")
    assert confirmed(profile) == []


def test_messages_that_were_joined_confirm_nothing(profile: LocaleProfile) -> None:
    conversation, _token = services.conversation_open(profile=profile)
    first, second = say(conversation, "hallo"), say(conversation, "was zahl ich fürs paket")
    answer(conversation, second, read_as=("was zahl ich",), joined=(first,))
    say(conversation, "Was kostet der Versand?", chosen="shipping")
    assert confirmed(profile) == []


def test_of_visitors_who_disagree_most_are_right_and_a_tie_says_nothing(profile: LocaleProfile) -> None:
    for key in ("shipping", "shipping", "returns"):
        choice(profile, "paket", key)
    for key in ("shipping", "returns"):
        choice(profile, "karton", key)
    assert confirmed(profile) == [("paket", "shipping")]


def test_nobody_can_flood_a_faq(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_data, "CLARIFICATIONS_PER_FAQ", 2)
    for number in range(4):
        choice(profile, f"paket {number}")
    choice(profile, "retour", "returns")
    found = confirmed(profile)
    # The newest count.
    assert sorted(found) == [("paket 2", "shipping"), ("paket 3", "shipping"), ("retour", "returns")]
    monkeypatch.setattr(training_data, "CLARIFICATIONS_READ", 1)
    assert confirmed(profile) == [("retour", "returns")]


def test_what_the_faq_knows_or_has_no_more_is_left_out(profile: LocaleProfile) -> None:
    choice(profile, "Porto")
    choice(profile, "geht retour?", "returns")
    assert confirmed(profile) == [("geht retour?", "returns")]
    FaqEntry.objects.filter(key="returns").update(is_active=False)
    assert confirmed(profile) == []


def test_choices_of_other_tenants_and_locales_are_theirs(profile: LocaleProfile) -> None:
    for other in (make_profile("other"), make_profile("demo", "fr-FR")):
        faq_import(profile=other, drafts=trainings.FAQ, actor="test")
        choice(other, "was zahl ich fürs paket")
    assert confirmed(profile) == []


def test_saved_test_questions_are_held_apart(profile: LocaleProfile) -> None:
    rows: list[tuple[str, list[str], str]] = [
        ("Was kostet es?", ["shipping", "gone"], ""),
        ("Wie wird das Wetter?", [], ""),
        ("Und zurück?", ["returns"], "de-DE"),
        ("What does it cost?", ["shipping"], "en-US"),
        ("Gibt es noch Gutscheine?", ["gone"], ""),
    ]
    for text, keys, lang in rows:
        Trial.objects.create(profile=profile, text=text, expected_keys=keys, lang=lang)
    Trial.objects.create(profile=make_profile("other"), text="Fremd?", expected_keys=["shipping"])
    found = [(test.text, test.relevant) for test in training_data.read(profile=profile).tests]
    assert found == [
        ("Was kostet es?", {"shipping": 1}), ("Wie wird das Wetter?", {}), ("Und zurück?", {"returns": 1}),
    ]  # fmt: skip
