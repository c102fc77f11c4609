"""A thousand questions while versions go live: none fails, and none is answered by a mixture of two."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.db import connection

from chatbot.answering.events import Question
from chatbot.answering.pipeline import Bundle, decide
from chatbot.engine.encoder import Encoder
from chatbot.engine.runtime import Engine
from chatbot.models import LiveVersion, ModelVersion
from chatbot.serving import Serving
from customers import services
from customers.models import LocaleProfile
from customers.services import FaqDraft
from tests.chatbot import trainings
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

SWAPS, QUESTIONS, AT_ONCE = 20, 1000, 16
# Twenty versions of 28 MB each are loaded; a leak would keep them.
MEMORY_MB = 140
FAQ = tuple(
    FaqDraft(
        key=f"thing-{thing}",
        questions=(f"Where is my {thing}?", f"{thing} lost"),
        answer=f"The {thing} is here.",
    )
    for thing in ("parcel", "invoice", "voucher", "ring", "password", "lamp", "refund", "coat")
)
TEXTS = tuple(
    f"{start} {entry.questions[1]} {end}"
    for entry in FAQ
    for start in ("I think I have my", "oh no, my", "please help:")
    for end in ("today", "since Monday")
)


@pytest.fixture
def profile() -> LocaleProfile:
    profile = make_profile("demo", "en-US")
    services.faq_import(profile=profile, drafts=FAQ, actor="test")
    return profile


@pytest.fixture
def serving(model_folder: Path) -> Iterator[Serving]:
    serving = Serving()
    # Nothing is remembered between two questions, so each is embedded by the version that answers it.
    serving.engine = Engine(model_folder, precision="fp32", threads=1, cache_entries=0)
    serving.engine.start()
    yield serving
    serving.engine.stop()


def tuned_version(profile: LocaleProfile, encoder: Encoder, *, by: float) -> ModelVersion:
    return trainings.version_of(profile, encoder.version, weights=trainings.tuned(encoder, by=by))


def make_live(serving: Serving, profile: LocaleProfile, version: ModelVersion | None) -> Bundle:
    LiveVersion.objects.update_or_create(profile=profile, defaults={"version": version})
    serving.refresh_changed()
    return serving.bundle(profile.pk)


async def confidence(text: str, bundle: Bundle, engine: Engine) -> tuple[str, float]:
    """Return who answers a question, and how surely."""
    answer = await decide(Question(text=text), bundle=bundle, encoder=engine)
    assert answer.confidence is not None
    return answer.model, answer.confidence


async def ask_all(serving: Serving, profile: LocaleProfile, engine: Engine) -> list[tuple[str, str, float]]:
    """Ask everything, some at once, each with the bundle that it leases when it begins."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> tuple[str, str, float]:
        text = TEXTS[number % len(TEXTS)]
        async with gate:
            return text, *await confidence(text, serving.bundle(profile.pk), engine)

    return list(await asyncio.gather(*(ask(number) for number in range(QUESTIONS))))


def during_swaps(
    serving: Serving, profile: LocaleProfile, versions: list[ModelVersion]
) -> tuple[list[str], list[tuple[str, str, float]]]:
    """Ask everything while the versions go live in turn; return what went live, and the answers."""
    swapped: list[str] = []

    def swap() -> None:
        try:
            for number in range(SWAPS):
                swapped.append(make_live(serving, profile, versions[number % 2]).version)
        finally:
            connection.close()

    swapping = threading.Thread(target=swap)
    swapping.start()
    answers = asyncio.run(ask_all(serving, profile, serving.running_engine()))
    swapping.join(timeout=120)
    return swapped, answers


def test_a_thousand_questions_during_twenty_swaps(serving: Serving, profile: LocaleProfile) -> None:
    engine = serving.running_engine()
    versions = [tuned_version(profile, engine.encoder, by=by) for by in (1.2, 0.8)]
    expected: dict[tuple[str, str], float] = {}
    for version in versions:
        bundle = make_live(serving, profile, version)
        assert bundle.version == version.name
        for text in TEXTS:
            model, sure = asyncio.run(confidence(text, bundle, engine))
            expected[model, text] = sure
    apart = [abs(expected[versions[0].name, text] - expected[versions[1].name, text]) for text in TEXTS]
    assert sorted(apart)[len(apart) // 2] > 0.01, "the versions cannot be told apart by their answers"
    # First so that the kernels of every shape of batch are there.
    during_swaps(serving, profile, versions)
    gc.collect()
    before = psutil.Process().memory_info().rss
    swapped, answers = during_swaps(serving, profile, versions)
    assert swapped == [versions[number % 2].name for number in range(SWAPS)]
    assert len(answers) == QUESTIONS
    assert {model for _, model, _ in answers} == {version.name for version in versions}
    assert [(text, model) for text, model, sure in answers if abs(sure - expected[model, text]) > 0.002] == []
    gc.collect()
    assert (psutil.Process().memory_info().rss - before) / 1e6 < MEMORY_MB
