"""A large FAQ's index, built in a process of its own: the real encoder, process and Postgres."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from chatbot import index_apart, index_builder
from chatbot.answering import background
from chatbot.engine.runtime import Engine
from chatbot.engine.stored_index import StoredEntries
from chatbot.models import QuestionVector
from chatbot.serving import NO_REVISION, Serving
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = 3
RETURNS = FaqDraft(
    key="returns", questions=("Can I return an item?", "send something back"), answer="Yes, within 30 days."
)
SHIPPING = FaqDraft(key="shipping", questions=("How much is shipping?", "Porto?"), answer="It is free.")
GIFTS = FaqDraft(key="gifts", questions=("Are there gift cards?",), answer="Yes.")


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[Engine]:
    engine = Engine(model_folder, precision="fp32", threads=1)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> LocaleProfile:
    monkeypatch.setattr(index_builder, "LARGE_QUESTIONS", LARGE)
    return make_profile("demo", "en-US")


@pytest.fixture
def node(engine: Engine, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A node whose refreshes are called one by one."""
    monkeypatch.setattr(engine, "stop", lambda: None)
    serving = Serving()
    serving.engine = engine
    serving.use_apart(model_folder)
    yield serving
    serving.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240  # the process gives way to everybody
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refresh(node: Serving) -> None:
    """Refresh until nothing is being built."""

    def is_done() -> bool:
        node.refresh_changed()
        return not node._is_building()

    until(is_done)
    node.refresh_changed()


def put(profile: LocaleProfile, *drafts: FaqDraft) -> None:
    services.faq_import(profile=profile, drafts=drafts, actor="test")


def test_a_large_faq_is_built_apart_and_answers_the_same(
    node: Serving, profile: LocaleProfile, engine: Engine
) -> None:
    put(profile, RETURNS, SHIPPING)
    refresh(node)
    bundle = node.bundle(profile.pk)
    assert isinstance(bundle.index.entries, StoredEntries)
    assert bundle.revision == LocaleProfile.objects.get(pk=profile.pk).faq_revision
    assert QuestionVector.objects.count() == 6  # four questions and two passages, embedded by this process

    alone = Serving()
    alone.engine = engine
    alone.refresh_changed()
    here = alone.bundle(profile.pk).index
    assert not isinstance(here.entries, StoredEntries)
    vector = engine.embed_bulk(["what does shipping cost"], "query", upper=engine.base).result()[0]
    tokens = engine.tokens(["what does shipping cost"])[0]
    found, same = (index.search(vector, tokens, text="shipping") for index in (bundle.index, here))
    for name in ("entry", "question", "prototype", "passage", "words", "characters"):
        assert np.allclose(getattr(found, name), getattr(same, name), atol=1e-5)
    assert found.background == pytest.approx(same.background, abs=1e-5)


def test_both_know_what_is_off_topic(node: Serving, profile: LocaleProfile, engine: Engine) -> None:
    put(profile, RETURNS)
    refresh(node)
    here = node.bundle(profile.pk).index
    put(profile, SHIPPING)
    refresh(node)
    apart = node.bundle(profile.pk).index
    assert isinstance(apart.entries, StoredEntries)
    text = background.texts()[0]
    vector = engine.embed_bulk([text], "query", upper=engine.base).result()[0]
    for index in (here, apart):
        found = index.search(vector, engine.tokens([text])[0], text=f"{text} amazon")
        assert found.background > 0.5
        assert found.nearer > 0.1
        assert found.elsewhere


def test_the_old_index_serves_meanwhile(node: Serving, profile: LocaleProfile) -> None:
    put(profile, RETURNS)
    refresh(node)
    assert not isinstance(node.bundle(profile.pk).index.entries, StoredEntries)  # it is small
    put(profile, SHIPPING)
    LocaleProfile.objects.filter(pk=profile.pk).update(brand="Neu")
    node.refresh_changed()
    assert node._is_building()
    assert list(node.bundle(profile.pk).index.by_key) == ["returns"]
    assert node.bundle(profile.pk).manners.brand == "Neu"
    refresh(node)
    assert list(node.bundle(profile.pk).index.by_key) == ["returns", "shipping"]


def test_an_edit_while_an_index_is_built_comes_next(node: Serving, profile: LocaleProfile) -> None:
    put(profile, RETURNS, SHIPPING)
    node.refresh_changed()
    put(profile, GIFTS)
    refresh(node)
    assert "gifts" in node.bundle(profile.pk).index.by_key


def test_what_was_built_before_the_faq_became_small_is_not_served(
    node: Serving, profile: LocaleProfile
) -> None:
    put(profile, RETURNS, SHIPPING)
    node.refresh_changed()
    services.faq_entries_delete(entries=FaqEntry.objects.filter(key="shipping"), actor="test")
    node.refresh_changed()
    assert list(node.bundle(profile.pk).index.by_key) == ["returns"]
    until(lambda: not node._is_building() or (node._apart is not None and node._apart.look()))
    put(profile, SHIPPING)
    node.refresh_changed()  # an index with both is there, of a time before
    assert list(node.bundle(profile.pk).index.by_key) == ["returns"]
    refresh(node)
    assert list(node.bundle(profile.pk).index.by_key) == ["returns", "shipping"]


def test_too_much_to_embed_is_left_to_the_worker(
    node: Serving, profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(profile, RETURNS, SHIPPING)
    refresh(node)
    monkeypatch.setattr(Serving, "_patience", lambda self: 0)
    put(profile, GIFTS)
    refresh(node)
    assert "gifts" not in node.bundle(profile.pk).index.by_key
    assert profile.pk in node._waiting

    starting = Serving()
    starting.engine, starting._apart = node.engine, node._apart
    refresh(starting)
    assert list(starting.bundle(profile.pk).index.by_key) == ["returns", "shipping"]
    assert starting.bundle(profile.pk).revision == NO_REVISION


def test_a_process_that_dies_costs_nothing_but_time(
    node: Serving, profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(profile, RETURNS)
    refresh(node)
    put(profile, SHIPPING)
    monkeypatch.setattr(index_apart, "RETRY_SECONDS", 0.5)
    node.refresh_changed()
    assert node._apart is not None
    assert node._apart._running is not None
    os.kill(node._apart._running._child.pid, signal.SIGKILL)
    until(lambda: node._apart is not None and node._apart.look())
    node.refresh_changed()
    assert not node._is_building()  # not again at once
    assert list(node.bundle(profile.pk).index.by_key) == ["returns"]
    time.sleep(0.5)
    refresh(node)
    assert list(node.bundle(profile.pk).index.by_key) == ["returns", "shipping"]


def test_nothing_is_left_open(node: Serving, profile: LocaleProfile) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    put(profile, RETURNS, SHIPPING)
    refresh(node)
    before = open_files()
    for answer in ("a", "b"):
        put(profile, FaqDraft(key="shipping", questions=SHIPPING.questions, answer=answer))
        refresh(node)
    assert node.bundle(profile.pk).index.entries[1].answer == "b"
    assert open_files() <= before
    put(profile, GIFTS)
    node.refresh_changed()
    node.stop()  # ends the process
    assert not node._is_building()
