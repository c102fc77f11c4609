"""How answers are put into words, measured with the real encoder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.answering.composition.prompt import Prompt
from chatbot.answering.composition.writer import Writer
from chatbot.answering.events import Answer, Composition, Said
from chatbot.answering.language import Detector
from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.exam.lane import Lane
from chatbot.learning.dataset import Dataset, LabelledQuery
from chatbot.learning.evaluate_generation import Metered, Shown, bundle_of, evaluate_generation, figures

LONG = (
    "You can return any item within 30 days of delivery, as long as it is unused and in its box. "
    "Print the label from your account and hand the parcel in at any post office in the country. "
    "We refund the money to the card that you paid with, which takes five working days after the parcel arrives. "
    "Shipping costs are not refunded unless the item was damaged when it reached you. "
    "Gift cards and opened cosmetics cannot be returned at all, for reasons of hygiene and of the law."
)
ENTRIES = (
    Entry(key="returns", questions=("How do I return an item?", "send something back"), answer=LONG),
    Entry(key="hours", questions=("When are you open?", "opening hours"), answer="From 9 to 6."),
    Entry(key="invoice", questions=("Where is my invoice?", "get a receipt"), answer="In your account."),
)
QUERIES = ("When are you open?", "Can I return opened cosmetics?", "who is the king of France")


@pytest.fixture(scope="module")
def lane(model_folder: Path) -> Lane:
    return Lane(Encoder(model_folder, precision="fp32", threads=1))


def dataset(*queries: str) -> Dataset:
    asked = tuple(LabelledQuery(key=str(n), text=text, relevant={}) for n, text in enumerate(queries))
    return Dataset(name="shop", locale="en-US", entries=ENTRIES, queries=asked)


class Told:
    version = "told@1"

    def render(self, prompt: Prompt) -> str:
        return prompt.question

    async def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]:
        for piece in ("Opened cosmetics can be", " returned within", " 90 days."):
            yield piece

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        return [0.0 for _ in pairs]


def evaluate(lane: Lane, *, level: str, writer: Writer | None = None) -> list[Shown]:
    data = dataset(*QUERIES)
    bundle = bundle_of(data, lane=lane, level=level, may_generate=level == "generative")
    # Sure of itself enough to answer all but what is out of scope.
    bundle = replace(bundle, ranker=replace(bundle.ranker, answer_from=0.2, clarify_from=0.1))
    return asyncio.run(
        evaluate_generation(data, bundle=bundle, lane=lane, detector=Detector(), writer=writer)
    )


def test_verbatim_shows_what_was_approved(lane: Lane) -> None:
    shown = evaluate(lane, level="verbatim")
    assert [one.query for one in shown] == list(QUERIES[:2])
    found = figures(shown)
    assert (found["shown"], found["verbatim"], found["generated"]) == (2, 2, 0)
    assert (found["unsupported"], found["wrong_language"], found["length_ratio"]) == (0, 0, 1.0)
    assert found["support_mean"] == 1.0
    assert found["tokens_per_s"] is None
    assert found["first_token_ms_p50"] <= found["total_ms_p50"]


def test_extractive_is_shorter_and_still_supported(lane: Lane) -> None:
    shown = evaluate(lane, level="extractive")
    found = figures(shown)
    assert (found["verbatim"], found["extractive"], found["generated"]) == (1, 1, 1)
    (narrow,) = (one for one in shown if one.is_composed)
    assert "cosmetics cannot be returned" in narrow.answer.text
    assert len(narrow.answer.text) < len(LONG)
    assert (found["unsupported"], found["unsupported_before_guard"]) == (0, 0)


def test_what_the_guard_keeps_back_is_counted(lane: Lane) -> None:
    told = Metered(Told())
    writer = Writer(told, detector=Detector(), max_tokens=50, seconds=30)
    found = figures(evaluate(lane, level="generative", writer=writer), tokens_per_s=told.rate)
    assert found["unsupported_before_guard"] >= 1
    assert (found["unsupported"], found["wrong_language"]) == (0, 0)
    assert found["tokens_per_s"] > 0


def test_what_is_shown_without_a_source_is_counted(lane: Lane) -> None:
    """The figures come from asking the guard anew, not from what the composition says of itself."""
    told = Metered(Told())
    writer = Writer(told, detector=Detector(), max_tokens=50, seconds=30, is_guarded=False)
    found = figures(evaluate(lane, level="generative", writer=writer), tokens_per_s=told.rate)
    assert found["unsupported"] == 1
    assert found["generated"] == 1


def test_figures_of_nothing_are_empty() -> None:
    found = figures([])
    assert found["shown"] == 0
    assert [found[name] for name in ("support_mean", "length_ratio", "total_ms_p50", "tokens_per_s")] == [
        None
    ] * 4


def test_each_figure_counts_what_it_says() -> None:
    refused = Said(sentence="x", level="generated", evidence="", verdict="number", shown=False)
    approved = Said(sentence="y", level="extractive", evidence="y", verdict="ok", shown=True, support=1.0)
    answer = Answer(
        outcome="answered",
        text="ab",
        lang="en-US",
        model="m",
        composed="extractive",
        composition=Composition(level="extractive", why="failed_guard", said=(refused, approved)),
    )
    one = Shown(
        query="q", answer=answer, approved="abcd", unsupported=(refused,), supports=(1.0, 0.5),
        is_wrong_language=True, first_ms=10, total_ms=20,
    )  # fmt: skip
    assert figures([one, replace(one, is_wrong_language=False, total_ms=40)], tokens_per_s=12.345) == {
        "shown": 2,
        "verbatim": 0,
        "extractive": 2,
        "generated": 2,
        "unsupported": 2,
        "unsupported_before_guard": 2,
        "wrong_language": 1,
        "support_mean": 0.75,
        "length_ratio": 0.5,
        "first_token_ms_p50": 10,
        "total_ms_p50": 30,
        "tokens_per_s": 12.35,
    }
