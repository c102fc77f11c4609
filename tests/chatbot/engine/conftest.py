"""The real encoder, loaded once."""

from pathlib import Path

import pytest

from chatbot.engine import weights
from chatbot.engine.encoder import Encoder


@pytest.fixture(scope="session")
def model_folder() -> Path:
    from django.conf import settings

    return weights.prepare(None, settings.MODEL_DIR)


@pytest.fixture(scope="session")
def encoder(model_folder: Path) -> Encoder:
    return Encoder(model_folder, precision="fp32")
