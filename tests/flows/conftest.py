"""One real server for the whole run: `manage.py serve` with real weights and a Postgres of its own."""

from collections.abc import Iterator

import pytest

from chatbot.bench.server import RunningServer, running_server

ADMIN_PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    environment = {
        "KEFU_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "MESSAGES_PER_MINUTE": "600",
        "CONVERSATIONS_PER_MINUTE": "6000",
    }
    with running_server(environment=environment) as running:
        yield running
