"""The encoder's engine, as the settings choose it."""

import logging
from pathlib import Path

from django.conf import settings

from chatbot.engine import weights
from chatbot.engine.runtime import Engine

logger = logging.getLogger(__name__)


def start_engine() -> tuple[Engine, Path]:
    """Load the encoder and start its engine; return it with the encoder's folder. Raises WeightsError."""
    folder = weights.prepare(
        settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
    )
    engine = Engine(
        folder,
        precision=settings.ENCODER_PRECISION,
        threads=settings.ENCODER_THREADS,
        batch_tokens=settings.ENCODER_BATCH_TOKENS,
        queue_texts=settings.ENCODER_QUEUE_TEXTS,
        cache_entries=settings.QUERY_CACHE_ENTRIES,
    )
    engine.start()
    encoder = engine.encoder
    logger.info(
        "Encoder %s on %s, %s, %d threads", engine.version, encoder.device, encoder.precision, encoder.threads
    )
    return engine, folder
