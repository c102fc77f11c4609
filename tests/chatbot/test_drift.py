"""How far the FAQ has moved on since the live version learned it, and when that is worth a training."""

import datetime as dt

import pytest
from django.utils import timezone

from chatbot import drift, faq_texts, services
from chatbot.answering.events import Answer
from chatbot.models import Event, LiveVersion, ModelVersion, VersionSnapshot
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft, faq_import
from tests.chatbot import trainings
from tests.chatbot.test_training_data import say
from tests.customers.screens import make_entries, make_profile

pytestmark = pytest.mark.django_db

ENTRIES = 20


@pytest.fixture
def profile() -> LocaleProfile:
    profile = make_profile("demo")
    make_entries(profile, ENTRIES)
    return profile


def trained(profile: LocaleProfile) -> ModelVersion:
    """Store a version that has learned the FAQ as it is now."""
    version = trainings.version_of(profile, "base")
    faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
    VersionSnapshot.objects.filter(version=version).update(
        entries=drift.snapshot_of(it.entry for it in faq.entries)
    )
    return version


def live(profile: LocaleProfile) -> ModelVersion:
    version = trained(profile)
    LiveVersion.objects.update_or_create(profile=profile, defaults={"version": version})
    return version


def counts(profile: LocaleProfile) -> tuple[int, int, int]:
    found = drift.drift_of(profile=profile)
    return found.added, found.changed, found.removed


def test_what_was_added_changed_and_removed(profile: LocaleProfile) -> None:
    version = live(profile)
    found = drift.drift_of(profile=profile)
    assert (found.version, found.entries, found.changes, found.share) == (version, ENTRIES, 0, 0)
    assert not found.advises
    faq_import(
        profile=profile,
        drafts=[
            FaqDraft(key="new", questions=("Neu?",), answer="Ja."),
            FaqDraft(key="faq-1", questions=("Question 1 of another?", "Alternate 1"), answer="Answer 1"),
            FaqDraft(key="faq-2", questions=("Q", "Alternate 2"), answer="Another answer"),
        ],
        actor="test",
    )
    FaqEntry.objects.filter(key="faq-3").delete()
    FaqEntry.objects.filter(key="faq-4").update(is_active=False)
    assert counts(profile) == (1, 2, 2)
    found = drift.drift_of(profile=profile)
    assert (found.entries, found.changes, found.share) == (ENTRIES - 1, 5, 0.25)
    assert found.advises


def test_an_edit_that_was_taken_back_is_none(profile: LocaleProfile) -> None:
    live(profile)
    FaqEntry.objects.filter(key="faq-4").update(is_active=False)
    assert counts(profile) == (0, 0, 1)
    FaqEntry.objects.filter(key="faq-4").update(is_active=True)
    FaqEntry.objects.update(tags=["x"], updated_at=timezone.now())
    assert counts(profile) == (0, 0, 0)


def test_a_word_that_moves_from_one_field_to_the_next_is_a_change() -> None:
    def of(*questions: str, answer: str) -> bytes:
        (it,) = faq_texts.of(
            [(1, faq_texts.entry_of(FaqDraft(key="k", questions=questions, answer=answer)))]
        ).entries
        return drift.snapshot_of([it.entry])

    assert (
        len({of("a", "b", answer="c"), of("a", answer="bc"), of("ab", answer="c"), of("a", answer="c")}) == 4
    )


def test_the_shipped_model_has_learned_nothing(profile: LocaleProfile) -> None:
    found = drift.drift_of(profile=profile)
    assert (found.version, found.added, found.share) == (None, ENTRIES, 1)
    assert found.advises
    FaqEntry.objects.all().delete()
    assert not drift.drift_of(profile=profile).advises


@pytest.mark.parametrize(
    ("changed", "enough", "advises"), [(1, 0, False), (1, 1, True), (2, 0, True), (1, 2, False)]
)
def test_when_it_is_worth_a_training(
    profile: LocaleProfile, changed: int, enough: int, advises: bool
) -> None:
    live(profile)
    LocaleProfile.objects.update(retrain_after=enough)
    profile.refresh_from_db()
    FaqEntry.objects.filter(key__in=[f"faq-{number}" for number in range(changed)]).update(answer="Other")
    assert drift.drift_of(profile=profile).advises == advises


def test_what_is_due_at_night_counts_from_the_newest_version_too(profile: LocaleProfile) -> None:
    live(profile)
    LocaleProfile.objects.update(retrain_after=2)
    profile.refresh_from_db()
    FaqEntry.objects.filter(key__in=["faq-1", "faq-2"]).update(answer="Other")
    assert drift.is_due(profile=profile)
    trained(profile)  # and was refused
    assert not drift.is_due(profile=profile)
    FaqEntry.objects.filter(key__in=["faq-3", "faq-4"]).update(answer="Other")
    assert drift.is_due(profile=profile)
    LocaleProfile.objects.update(retrain_after=0)
    profile.refresh_from_db()
    assert not drift.is_due(profile=profile)


def test_questions_declined_before_and_since(profile: LocaleProfile) -> None:
    live(profile)
    now = timezone.now()
    LiveVersion.objects.update(changed_at=now - dt.timedelta(days=10))
    conversation, _token = services.conversation_open(profile=profile)
    for days, outcome in (
        (25, "declined"),
        (15, "declined"),
        (12, "answered"),
        (5, "answered"),
        (2, "clarify"),
        (1, "declined"),
        (1, "smalltalk"),
    ):
        event = services.answer_post(
            conversation_id=conversation.pk,
            reply_to=say(conversation, "?"),
            answer=Answer(outcome=outcome, text="x", lang="de-DE", model="m"),
        )
        Event.objects.filter(pk=event.pk).update(at=now - dt.timedelta(days=days))
    found = drift.drift_of(profile=profile)
    assert (found.declined_before, found.declined_since) == (
        drift.Share(of=2, declined=1), drift.Share(of=3, declined=1),
    )  # fmt: skip
    other = make_profile("other")
    live(other)
    found = drift.drift_of(profile=other)
    assert (found.declined_before, found.declined_since) == (None, None)
