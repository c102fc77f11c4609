"""The logged-in client, and the real model serving what the test stored."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.customers.conftest import login as login


@pytest.fixture(scope="session")
def engine(model_folder: Path) -> Iterator[object]:
    from chatbot.engine.runtime import Engine

    engine = Engine(model_folder, precision="fp32", threads=1)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def detector() -> object:
    from chatbot.answering.language import Detector

    return Detector()


@pytest.fixture
def serve(engine: object, detector: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Serve every active profile as it is stored now, as the web process does; nothing is left of it afterwards."""
    from chatbot.serving import serving

    monkeypatch.setattr(serving, "engine", engine)
    monkeypatch.setattr(serving, "detector", detector)
    monkeypatch.setattr(serving, "_bundles", {})
    monkeypatch.setattr(serving, "_tenants", {})
    monkeypatch.setattr(serving, "_days", {})
    return serving.refresh_changed
