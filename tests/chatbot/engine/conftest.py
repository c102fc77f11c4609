"""The real encoder, loaded once."""

from pathlib import Path

import pytest

from chatbot.engine.encoder import Encoder


@pytest.fixture(scope="session")
def encoder(model_folder: Path) -> Encoder:
    return Encoder(model_folder, precision="fp32")
