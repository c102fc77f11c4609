"""Keeping what is served equal to the FAQ: the real encoder on a real Postgres."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from chatbot import serving as serving_module
from chatbot.answering import pipeline
from chatbot.answering.events import Answer, Question
from chatbot.answering.rank import Candidate, Ranker
from chatbot.engine.index import Signals
from chatbot.engine.runtime import Engine
from chatbot.engine.upper import Upper
from chatbot.models import QuestionVector
from chatbot.services import NODE_LOCK
from chatbot.serving import NotServed, Serving
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db

RETURNS = FaqDraft(
    key="returns", questions=("Can I return an item?", "send something back"), answer="Yes, within 30 days."
)
SHIPPING = FaqDraft(key="shipping", questions=("How much is shipping?",), answer="It is free.")
RETURNS_TEXTS, SHIPPING_TEXTS = 3, 2


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[Engine]:
    engine = Engine(model_folder, precision="fp32", threads=1)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def embedded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that was embedded for an index."""
    texts: list[str] = []
    embed = engine.embed_bulk

    def listen(batch: list[str], kind: str, *, upper: Upper) -> object:
        texts.extend(batch)
        return embed(batch, kind, upper=upper)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "embed_bulk", listen)
    return texts


@pytest.fixture
def serving(engine: Engine) -> Serving:
    serving = Serving()
    serving.engine = engine
    return serving


@pytest.fixture
def profile() -> LocaleProfile:
    return with_faq(make_profile("demo", "en-US"), RETURNS, SHIPPING)


def with_faq(profile: LocaleProfile, *drafts: FaqDraft) -> LocaleProfile:
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    return profile


def served(serving: Serving, profile: LocaleProfile) -> list[str]:
    serving.refresh_changed()
    return sorted(serving.bundle(profile.pk).index.by_key)


def answer_to(text: str, serving: Serving, profile: LocaleProfile) -> Answer:
    serving.refresh_changed()
    assert serving.engine is not None
    bundle = serving.bundle(profile.pk)
    return asyncio.run(pipeline.decide(Question(text=text), bundle=bundle, encoder=serving.engine))


def test_an_edit_is_picked_up_and_only_what_changed_is_embedded(
    serving: Serving, profile: LocaleProfile, embedded: list[str]
) -> None:
    serving.refresh_changed()
    assert len(embedded) == RETURNS_TEXTS + SHIPPING_TEXTS
    assert answer_to("Can I return an item?", serving, profile).sources[0].key == "returns"
    embedded.clear()
    serving.refresh_changed()
    assert embedded == []

    with_faq(profile, FaqDraft(key="shipping", questions=("What is the postage?",), answer="It is $5."))
    answer = answer_to("What is the postage?", serving, profile)
    assert (answer.sources[0].key, answer.text) == ("shipping", "It is $5.")
    assert sorted(embedded) == ["What is the postage?", "What is the postage? It is $5."]
    assert QuestionVector.objects.count() == RETURNS_TEXTS + SHIPPING_TEXTS


def test_a_restart_embeds_nothing_again(
    serving: Serving, profile: LocaleProfile, embedded: list[str]
) -> None:
    serving.refresh_changed()
    embedded.clear()
    again = Serving()
    again.engine = serving.engine
    before, after = (
        answer_to("posting it back", serving, profile),
        answer_to("posting it back", again, profile),
    )
    assert embedded == []
    assert before == after


def test_vectors_without_their_text_are_deleted(serving: Serving, profile: LocaleProfile) -> None:
    serving.refresh_changed()
    with_faq(
        profile, FaqDraft(key="returns", questions=("Can I return an item?",), answer="Yes, within 30 days.")
    )
    serving.refresh_changed()
    assert QuestionVector.objects.filter(entry__key="returns").count() == RETURNS_TEXTS - 1
    services.faq_entries_delete(entries=FaqEntry.objects.filter(key="shipping"), actor="test")
    assert served(serving, profile) == ["returns"]
    assert QuestionVector.objects.count() == RETURNS_TEXTS - 1


def test_another_encoders_vectors_are_neither_used_nor_deleted(
    serving: Serving, profile: LocaleProfile, embedded: list[str]
) -> None:
    serving.refresh_changed()
    QuestionVector.objects.update(version="another-model@1")
    embedded.clear()
    with_faq(profile, FaqDraft(key="new", questions=("Is there a shop?",), answer="In Berlin."))
    serving.refresh_changed()
    assert len(embedded) == RETURNS_TEXTS + SHIPPING_TEXTS + 2
    assert QuestionVector.objects.filter(version="another-model@1").count() == RETURNS_TEXTS + SHIPPING_TEXTS


def test_a_running_answer_keeps_the_bundle_it_leased(serving: Serving, profile: LocaleProfile) -> None:
    serving.refresh_changed()
    leased = serving.bundle(profile.pk)
    services.faq_entries_delete(entries=FaqEntry.objects.filter(key="shipping"), actor="test")
    serving.refresh_changed()
    assert "shipping" in leased.index.by_key
    assert "shipping" not in serving.bundle(profile.pk).index.by_key
    assert serving.bundle(profile.pk).revision > leased.revision


def test_what_is_switched_off_does_not_answer(serving: Serving, profile: LocaleProfile) -> None:
    assert served(serving, profile) == ["returns", "shipping"]
    entries = list(FaqEntry.objects.filter(key="returns"))
    services.faq_entries_retire(entries=entries, actor="test")
    assert served(serving, profile) == ["shipping"]
    services.faq_entries_retire(entries=FaqEntry.objects.filter(key="returns"), actor="test", active=True)
    assert served(serving, profile) == ["returns", "shipping"]
    for model in (profile, profile.tenant):
        type(model).objects.filter(pk=model.pk).update(is_active=False)
        serving.refresh_changed()
        with pytest.raises(NotServed):
            serving.bundle(profile.pk)
        type(model).objects.filter(pk=model.pk).update(is_active=True)
        assert served(serving, profile) == ["returns", "shipping"]


def test_an_entry_answers_on_the_days_of_its_own_time_zone(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = dt.date(2026, 3, 1), dt.date(2026, 3, 2)
    drafts = [
        FaqDraft(key="until-first", questions=("Is the winter sale on?",), answer="Yes.", valid_until=first),
        FaqDraft(key="from-second", questions=("Is the spring sale on?",), answer="Yes.", valid_from=second),
        FaqDraft(
            key="first-only", questions=("Is it open?",), answer="Yes.", valid_from=first, valid_until=first
        ),
    ]
    tokyo, new_york = make_profile("demo", "ja-JP"), make_profile("demo", "en-US")
    for profile, zone in ((tokyo, "Asia/Tokyo"), (new_york, "America/New_York")):
        LocaleProfile.objects.filter(pk=profile.pk).update(time_zone=zone)
        with_faq(profile, *drafts)

    # 20:00 in London on 1 March: already the 2nd in Tokyo, still the 1st in New York.
    now = dt.datetime(2026, 3, 1, 20, 0, tzinfo=dt.UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert served(serving, tokyo) == ["from-second"]
    assert served(serving, new_york) == ["first-only", "until-first"]
    # A day begins without anybody editing anything.
    now = dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC)
    assert served(serving, new_york) == ["from-second"]


def test_tenants_with_the_same_questions_never_see_each_others_answers(
    serving: Serving, embedded: list[str]
) -> None:
    profiles = [make_profile(slug, "en-US") for slug in ("acme", "rival")]
    for profile in profiles:
        with_faq(
            profile,
            FaqDraft(key="returns", questions=RETURNS.questions, answer=f"Ask {profile.tenant.slug}."),
        )
    with_faq(
        profiles[1], FaqDraft(key="secret", questions=("What is the secret discount?",), answer="Rival: 90%.")
    )
    for profile in profiles:
        for text in (*RETURNS.questions, "giving it back"):
            assert answer_to(text, serving, profile).text in {f"Ask {profile.tenant.slug}.", ""} | declined(
                profile
            )
    bundle = serving.bundle(profiles[0].pk)
    assert list(bundle.index.by_key) == ["returns"]
    assert "Rival" not in answer_to("What is the secret discount?", serving, profiles[0]).text
    assert bundle.offered(("secret",)) == ()


def declined(profile: LocaleProfile) -> set[str]:
    return {str(profile.phrases.get(name, "")) for name in ("decline", "clarify")}


def test_the_served_signals_are_those_that_the_ranker_was_fitted_on(
    serving: Serving, profile: LocaleProfile
) -> None:
    """The spelling of questions and the words of answers count in serving as they do in training."""
    serving.refresh_changed()
    bundle = serving.bundle(profile.pk)
    assert bundle.index.shape.answers > 0
    seen: list[Signals] = []

    class Watching(Ranker):
        def rank(self, signals: Signals) -> list[Candidate]:
            seen.append(signals)
            return super().rank(signals)

    watched = type(bundle)(**{**vars(bundle), "ranker": Watching()})
    assert serving.engine is not None
    asyncio.run(pipeline.rank("send somthing bak", bundle=watched, encoder=serving.engine))
    (signals,) = seen
    assert signals.characters.max() > 0.3
    asyncio.run(pipeline.rank("free", bundle=watched, encoder=serving.engine))
    assert seen[1].words.max() > 0  # a word of an answer alone


def test_a_profile_without_faq_is_served_and_declines(serving: Serving) -> None:
    profile = make_profile("demo", "en-US")
    assert served(serving, profile) == []
    assert answer_to("Can I return an item?", serving, profile).outcome == "declined"


def test_one_tenant_can_be_served_alone(serving: Serving, profile: LocaleProfile) -> None:
    sibling, stranger = make_profile("demo", "de-DE"), make_profile("other", "de-DE")
    serving.refresh_changed()
    serving.refresh_changed(only=profile.pk)
    serving.bundle(profile.pk)
    assert [other.profile_id for other in serving.others(profile.pk)] == [sibling.pk]
    with pytest.raises(NotServed):
        serving.bundle(stranger.pk)


def test_the_other_locales_of_a_tenant_are_its_own(serving: Serving, profile: LocaleProfile) -> None:
    sibling = make_profile("demo", "de-DE")
    make_profile("other", "fr-FR")
    serving.refresh_changed()
    assert [other.profile_id for other in serving.others(profile.pk)] == [sibling.pk]
    assert serving.others(-1) == ()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_a_running_server_hears_of_edits_and_holds_its_lock(
    engine: Engine,
    settings,
    monkeypatch: pytest.MonkeyPatch,
    another_connection: psycopg.Connection,
) -> None:
    settings.FAQ_POLL_SECONDS = 600  # so that only the announcement can be what wakes it
    monkeypatch.setattr(engine, "start", lambda: None)
    monkeypatch.setattr(engine, "stop", lambda: None)
    monkeypatch.setattr(serving_module, "Engine", lambda *_, **__: engine)
    profile = with_faq(make_profile("demo", "en-US"), RETURNS)
    serving = Serving()
    assert not serving.is_ready()
    serving.start()
    try:
        assert serving.is_ready()
        assert list(serving.bundle(profile.pk).index.by_key) == ["returns"]
        taken = another_connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", [NODE_LOCK, serving.node]
        ).fetchone()
        assert taken == (False,)
        with_faq(profile, SHIPPING)
        until(lambda: "shipping" in serving.bundle(profile.pk).index.by_key)

        # A lost connection costs the server nothing but a moment.
        another_connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query ILIKE 'LISTEN%%' AND pid <> pg_backend_pid()"
        )
        services.faq_entries_delete(entries=FaqEntry.objects.filter(key="shipping"), actor="test")
        until(lambda: "shipping" not in serving.bundle(profile.pk).index.by_key)
    finally:
        serving.stop()
    assert not serving.is_ready()

    def is_free() -> bool:
        taken = another_connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", [NODE_LOCK, serving.node]
        ).fetchone()
        return taken == (True,)

    until(is_free)  # Postgres lets go a moment after the connection is closed


@pytest.mark.django_db(transaction=True)
def test_a_node_that_starts_beside_a_waiting_upload_answers_what_it_can(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "start", lambda: None)
    monkeypatch.setattr(engine, "stop", lambda: None)
    monkeypatch.setattr(serving_module, "Engine", lambda *_, **__: engine)
    profile = with_faq(make_profile("demo", "en-US"), RETURNS)
    before = Serving()
    before.engine = engine
    before.refresh_changed()

    with_faq(profile, SHIPPING)
    monkeypatch.setattr(serving_module, "START_TEXTS", 0)  # whatever is new is the worker's
    started = Serving()
    started.start()
    try:
        assert list(started.bundle(profile.pk).index.by_key) == ["returns"]
        assert started.bundle(profile.pk).revision == serving_module.NO_REVISION
    finally:
        started.stop()


def test_an_edit_of_the_profile_changes_synonyms_and_thresholds_without_embedding(
    serving: Serving, profile: LocaleProfile, embedded: list[str]
) -> None:
    serving.refresh_changed()
    embedded.clear()
    before = serving.bundle(profile.pk)
    profile.synonyms, profile.max_wrong_percent = {"shipping": ["haulage"]}, 2
    services.profile_store(profile=profile, actor="test")
    answer = answer_to("How much is haulage?", serving, profile)
    after = serving.bundle(profile.pk)
    assert answer.sources[0].key == "shipping"
    assert after.ranker == Ranker.allowing(2)
    assert after.ranker.answer_from > before.ranker.answer_from
    assert embedded == []
