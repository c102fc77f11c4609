"""The weights, and the database threads of asynchronous tests."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chatbot.engine import weights

DATABASE_THREADS = 4


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of the real encoder."""
    from django.conf import settings

    return weights.prepare(None, settings.MODEL_DIR)


@pytest.fixture
def another_connection(db: None) -> Iterator[psycopg.Connection]:
    """A second session on the test's database, as another node would have."""
    from django.db import connection

    at = connection.settings_dict
    with psycopg.connect(
        dbname=at["NAME"],
        user=at["USER"],
        password=at["PASSWORD"],
        host=at["HOST"],
        port=at["PORT"] or None,
        autocommit=True,
    ) as other:
        yield other


@pytest.fixture
def database_threads(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads for `in_database` whose connections end with the test: an open one would keep its database."""
    from django.db import connections

    from chatbot import database

    meeting = threading.Barrier(DATABASE_THREADS)

    def close() -> None:
        meeting.wait(60)
        connections.close_all()

    with ThreadPoolExecutor(DATABASE_THREADS) as executor:
        monkeypatch.setattr(database, "_executor", executor)
        yield
        for closed in [executor.submit(close) for _ in range(DATABASE_THREADS)]:
            closed.result(60)
