"""Embedding speed and fidelity against sentence-transformers in fp32, in the same run on the same texts."""

import csv
import random

import numpy as np
from django.conf import settings

from chatbot.bench import figures
from chatbot.engine import weights
from chatbot.engine.encoder import Encoder
from customers.demo.load import FOLDER

BATCH_TEXTS = 256
ROUNDS = 5
SINGLE_TEXTS = 40


def texts() -> list[str]:
    """Return the demo's questions of all locales, shuffled with a fixed seed."""
    found = []
    for path in sorted((FOLDER / "faq").glob("*.csv")):
        with path.open(newline="") as file:
            found += [row["question"] for row in csv.DictReader(file)]
    # A fixed shuffle, not a secret.
    random.Random(0).shuffle(found)  # noqa: S311
    return found


def run() -> dict[str, object]:
    """Return throughput on 256 short questions, latency of one, and the cosine to fp32."""
    from sentence_transformers import SentenceTransformer

    folder = weights.prepare(
        settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
    )
    encoder = Encoder(folder, precision=settings.ENCODER_PRECISION, threads=settings.ENCODER_THREADS)
    baseline = SentenceTransformer(str(folder), device=str(encoder.device))
    questions = texts()
    batch, single = questions[:BATCH_TEXTS], questions[BATCH_TEXTS : BATCH_TEXTS + SINGLE_TEXTS]

    def ours(group: list[str]) -> np.ndarray:
        return encoder.encode(group, kind="query", batch_tokens=settings.ENCODER_BATCH_TOKENS)

    def theirs(group: list[str]) -> np.ndarray:
        return baseline.encode(group, prompt_name="query", normalize_embeddings=True, batch_size=64)

    batch_ours, batch_theirs, batch_ratio = figures.paired(
        lambda: ours(batch), lambda: theirs(batch), rounds=ROUNDS
    )
    one_ours, one_theirs, one_ratio = figures.paired(
        lambda: [ours([text]) for text in single], lambda: [theirs([text]) for text in single], rounds=ROUNDS
    )
    cosines = (ours(batch) * theirs(batch)).sum(axis=1)
    return {
        "device": str(encoder.device),
        "precision": encoder.precision,
        "threads": encoder.threads,
        "texts_per_s": round(BATCH_TEXTS / batch_ours, 1),
        "baseline_texts_per_s": round(BATCH_TEXTS / batch_theirs, 1),
        "throughput_ratio": round(batch_ratio, 2),
        "single_ms": round(one_ours / SINGLE_TEXTS * 1000, 2),
        "baseline_single_ms": round(one_theirs / SINGLE_TEXTS * 1000, 2),
        "single_ratio": round(one_ratio, 2),
        "cosine_to_fp32_min": round(float(cosines.min()), 5),
        "cosine_to_fp32_mean": round(float(cosines.mean()), 5),
    }
