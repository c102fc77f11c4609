"""The encoder of a process that answers nobody: the background worker's, loaded when the first job needs it."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from django.conf import settings

from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.encoder import Encoder

# Texts per step: progress is told, and other jobs get their turn, after each.
STEP_TEXTS = 256

_loading = threading.Lock()
_encoding = threading.Lock()
_loaded: list[Encoder] = []


def encoder() -> Encoder:
    """Return this process's encoder, loading it the first time (seconds). Raises WeightsError."""
    # Here, so that only a process that encodes pays for torch.
    from chatbot.engine import weights

    with _loading:
        if not _loaded:
            folder = weights.prepare(
                settings.ENCODER_MODEL or None,
                settings.MODEL_DIR,
                pinned_sha256=settings.ENCODER_SHA256 or None,
            )
            _loaded.append(Encoder(folder, precision=settings.ENCODER_PRECISION, threads=1))
        return _loaded[0]


def embed(texts: Sequence[tuple[Kind, str]]) -> Iterator[tuple[list[int], Vectors]]:
    """Yield the places of some texts and their unit vectors [places, dim], until all were embedded.

    Texts of like length go together, so the places come in no order.
    """
    made = encoder()
    for kind in ("query", "passage"):
        places = sorted(
            (place for place, (its, _) in enumerate(texts) if its == kind), key=lambda at: len(texts[at][1])
        )
        for start in range(0, len(places), STEP_TEXTS):
            step = places[start : start + STEP_TEXTS]
            with _encoding:
                vectors = made.encode(
                    [texts[at][1] for at in step], kind=kind, batch_tokens=settings.ENCODER_BATCH_TOKENS
                )
            yield step, np.ascontiguousarray(vectors)


def tokenize(texts: list[str]) -> list[list[int]]:
    """Return the token ids of prepared texts, without prefix and special tokens."""
    return [found.ids for found in encoder().tokenizer.encode_batch(texts, add_special_tokens=False)]
