"""The encoder of a process that answers nobody: the background worker's, loaded when the first job needs it."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np
from django.conf import settings

from chatbot import versions
from chatbot.answering import background
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.encoder import Encoder
from chatbot.engine.upper import Upper
from chatbot.models import ModelVersion

# Texts per step: progress is told, and other jobs get their turn, after each.
STEP_TEXTS = 256

_loading, _loading_upper = threading.Lock(), threading.Lock()
_encoding = threading.Lock()
_loaded: list[Encoder] = []
# Tuned layers by the key of their vectors, the last used last.
_uppers: OrderedDict[str, Upper] = OrderedDict()
UPPERS_KEPT = 4


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


def key_of(version: ModelVersion | None) -> str:
    """Return the key under which a version's vectors are kept; None is the shipped model. Raises WeightsError."""
    return encoder().version if version is None else version.vectors_key


def upper_of(version: ModelVersion | None) -> Upper:
    """Return a version's upper layers; None is the shipped model. Raises WeightsError."""
    if version is None or not version.weights_sha256:
        return encoder().base
    with _loading_upper:
        if version.vectors_key not in _uppers:
            file = versions.load(version=version)
            assert file is not None
            _uppers[version.vectors_key] = encoder().upper(version.vectors_key, file)
        _uppers.move_to_end(version.vectors_key)
        while len(_uppers) > UPPERS_KEPT:
            _uppers.popitem(last=False)
        return _uppers[version.vectors_key]


def embed(
    texts: Sequence[tuple[Kind, str]], *, version: ModelVersion | None
) -> Iterator[tuple[list[int], Vectors]]:
    """Yield the places of some texts and their unit vectors [places, dim] by a version, until all were embedded.

    Texts of like length go together, so the places come in no order. Raises WeightsError.
    """
    made, upper = encoder(), upper_of(version)
    for kind in ("query", "passage"):
        places = sorted(
            (place for place, (its, _) in enumerate(texts) if its == kind), key=lambda at: len(texts[at][1])
        )
        for start in range(0, len(places), STEP_TEXTS):
            step = places[start : start + STEP_TEXTS]
            with _encoding:
                vectors = made.encode(
                    [texts[at][1] for at in step],
                    kind=kind,
                    upper=upper,
                    batch_tokens=settings.ENCODER_BATCH_TOKENS,
                )
            yield step, np.ascontiguousarray(vectors)


def off_topic(version: ModelVersion | None) -> Vectors:
    """Return the background's unit vectors [texts, dim] by a version. Raises WeightsError."""

    def made(texts: list[str], kind: Kind) -> Vectors:
        found = np.zeros((len(texts), encoder().dim), np.float32)
        for places, vectors in embed([(kind, text) for text in texts], version=version):
            found[places] = vectors
        return found

    return background.vectors(made, version=key_of(version), folder=settings.MODEL_DIR)


def tokenize(texts: list[str]) -> list[list[int]]:
    """Return the token ids of prepared texts, without prefix and special tokens."""
    return [found.ids for found in encoder().tokenizer.encode_batch(texts, add_special_tokens=False)]
