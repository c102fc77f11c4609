"""The whole path of a question, from its text to the decision, over large FAQs, beside plain cosine search.

The questions are put together from a fixed seed, and few of them are embedded: the vectors of the rest lie around
those, for embedding 100,000 texts takes many minutes and search takes as long over any vectors. The baseline is what
most do: sentence-transformers in fp32, and one matrix product.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from chatbot.answering import background
from chatbot.answering.events import Question
from chatbot.answering.pipeline import Bundle, decide
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import make_index
from chatbot.bench import figures
from chatbot.bench.embed import texts
from chatbot.engine import space, weights
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry
from chatbot.engine.runtime import Engine
from customers.culture import PHRASES, Manners

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SIZES = (10_000, 100_000)
QUESTIONS_PER_ENTRY = 5
ASKED = 60
SPREAD = 0.02
VECTORS = "of the demo's questions, scattered"
WAIT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """An FAQ of a size: its entries, unit vectors [questions, dim] and [entries, dim]."""

    entries: list[Entry]
    questions: Vectors
    passages: Vectors


def run() -> dict[str, object]:
    """Return p50 and p99 in ms per number of questions, the baseline's beside them, and the ratio of the medians."""
    from sentence_transformers import SentenceTransformer

    folder = weights.prepare(
        settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
    )
    # Without the cache of vectors, for every question is asked again and again.
    engine = Engine(
        folder, precision=settings.ENCODER_PRECISION, threads=settings.ENCODER_THREADS, cache_entries=0
    )
    baseline = SentenceTransformer(str(folder), device=str(engine.encoder.device))
    engine.start()
    try:
        known = texts()
        vectors = engine.embed_bulk(known, "query", upper=engine.base).result(timeout=WAIT_SECONDS)
        found: dict[str, object] = {"vectors": VECTORS, "threads": engine.encoder.threads}
        for size in SIZES:
            found |= _measure(synthetic(size, known, vectors), engine=engine, baseline=baseline)
        return found
    finally:
        engine.stop()


def synthetic(size: int, known: list[str], vectors: Vectors) -> Synthetic:
    """Make an FAQ of `size` questions from real ones and their unit vectors [known, dim]; the same every time."""
    draw = random.Random(0)  # noqa: S311
    scatter = np.random.default_rng(0)
    words = [text.split() for text in known]
    of = np.array([draw.randrange(len(known)) for _ in range(size // QUESTIONS_PER_ENTRY)])
    entries = [
        Entry(
            key=f"e{number}",
            questions=tuple(
                _mixed(words[topic], draw.choice(words), draw) for _ in range(QUESTIONS_PER_ENTRY)
            ),
            answer=" ".join([known[topic], *draw.choice(words), str(number)]),
        )
        for number, topic in enumerate(of.tolist())
    ]
    dim = vectors.shape[1]
    topics = space.unit(vectors[of] + SPREAD * scatter.normal(size=(len(of), dim)))
    around = np.repeat(topics, QUESTIONS_PER_ENTRY, axis=0)
    noise = (SPREAD * scatter.normal(size=around.shape)).astype(np.float32)
    return Synthetic(entries=entries, questions=space.unit(around + noise), passages=topics)


def _mixed(one: list[str], other: list[str], draw: random.Random) -> str:
    """Return a question with some words of another."""
    return " ".join([word for word in one if draw.random() < 0.8] + draw.sample(other, min(2, len(other))))


def _measure(faq: Synthetic, *, engine: Engine, baseline: "SentenceTransformer") -> dict[str, object]:
    """Ask in turn the served path and the baseline; both embed the same texts one by one."""
    size = len(faq.questions)
    bundle = Bundle(
        profile_id=0,
        revision=0,
        version=engine.version,
        upper=engine.base,
        index=make_index(
            faq.entries,
            questions=faq.questions,
            passages=faq.passages,
            tokenize=engine.tokens,
            background=background.vectors(
                lambda texts, kind: engine.embed_bulk(texts, kind, upper=engine.base).result(),
                version=engine.version,
                folder=settings.MODEL_DIR,
            ),
        ),
        ranker=Ranker.allowing(10),
        manners=_manners(),
    )
    ours: list[float] = []
    theirs: list[float] = []
    with asyncio.Runner() as runner:
        for text in _asked(faq):
            start = time.perf_counter()
            runner.run(decide(Question(text=text), bundle=bundle, encoder=engine))
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            _cosine(text, faq.questions, baseline)
            theirs.append(time.perf_counter() - start)
    half = len(ours) // 2
    ours, theirs = ours[half:], theirs[half:]
    name = f"{size // 1000}k"
    return {
        f"{name}_p50_ms": round(statistics.median(ours) * 1000, 2),
        f"{name}_p99_ms": round(figures.percentile(ours, 0.99) * 1000, 2),
        f"baseline_{name}_p50_ms": round(statistics.median(theirs) * 1000, 2),
        f"baseline_{name}_p99_ms": round(figures.percentile(theirs, 0.99) * 1000, 2),
        f"{name}_ratio": round(statistics.median(b / a for a, b in zip(ours, theirs, strict=True)), 2),
    }


def _asked(faq: Synthetic) -> Iterator[str]:
    """Yield questions near some of the FAQ's, each another; the first half only warms up."""
    draw = random.Random(1)  # noqa: S311
    for number in range(2 * ASKED):
        question = draw.choice(draw.choice(faq.entries).questions)
        yield f"{question} {number}"


def _cosine(text: str, questions: Vectors, baseline: "SentenceTransformer") -> int:
    """Return the question [questions, dim] that is nearest to a text."""
    vector = baseline.encode([text], prompt_name="query", normalize_embeddings=True)[0]
    return int(np.argmax(questions @ vector))


def _manners() -> Manners:
    return Manners(
        locale="en-US",
        brand="Brand",
        persona_name="Wren",
        persona_role="",
        time_zone="UTC",
        phrases={name: name for name in PHRASES},
        greetings={},
        suggestions=(),
    )
