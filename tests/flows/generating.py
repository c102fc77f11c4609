"""A real server whose generator may write in some locales, and what its answers were made of."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings

from chatbot import postgres
from chatbot.bench.server import RunningServer, running_server
from tests.flows.conftest import ADMIN_PASSWORD
from tests.flows.generating_server import FAULT, STEPS

LOCALES = ("en-US", "ar-SA", "de-DE", "ja-JP")
LOADED, WAIT_SECONDS = "chatbot.generation: Generator ", 120.0
ENVIRONMENT = {
    "KEFU_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "MESSAGES_PER_MINUTE": "600",
    "CONVERSATIONS_PER_MINUTE": "6000",
    "LOG_LEVEL": "INFO",
    # Eight replies are written together, one may wait.
    "GENERATOR_QUEUE": "1",
    "GENERATOR_DEADLINE_SECONDS": "10",
}


class GeneratingServer:
    """A server whose bundled generator is loaded and has, for its database, passed the exams of LOCALES."""

    def __init__(self, server: RunningServer) -> None:
        self.running = server
        self.port = server.port
        self.url = server.url
        self._folder = server.var_dir

    def manage(self, *command: str) -> str:
        """Run a Python program beside the server, on its database; returns what it printed."""
        environment = os.environ | ENVIRONMENT | {"KEFU_VAR_DIR": str(self._folder), "LOG_LEVEL": "ERROR"}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    def log(self) -> str:
        return (self._folder / "serve.log").read_text()

    def break_generator(self, how: str) -> None:
        """Have something go wrong in the generator's next step; `mend` ends it where it lasts."""
        (self._folder / FAULT).write_text(how)

    def mend(self) -> None:
        (self._folder / FAULT).unlink(missing_ok=True)

    def steps(self) -> int:
        """Return how many steps the model has made."""
        path = self._folder / STEPS
        return int(path.read_text() or 0) if path.exists() else 0

    async def until_writing(self) -> None:
        """Wait until the model makes a step."""
        before = self.steps()
        async with asyncio.timeout(WAIT_SECONDS):
            while self.steps() == before:
                await asyncio.sleep(0.02)

    async def is_at_rest(self) -> bool:
        """Say whether the model makes no step for as long as the slowest takes, beginning after the one it is in."""
        await asyncio.sleep(1.5)
        before = self.steps()
        await asyncio.sleep(1.5)
        return self.steps() == before

    def composition(self, conversation: str, seq: int) -> dict[str, Any]:
        """Return how a stored answer was put into words."""
        query = "SELECT composition FROM chatbot_event WHERE conversation_id = %s AND seq = %s"
        with psycopg.connect(postgres.local_url(self._folder)) as connection:
            row = connection.execute(query, [conversation, seq]).fetchone()
        assert row is not None
        return dict(row[0])

    def answers(self, conversation: str) -> list[tuple[int, str]]:
        """Return the stored answers of a conversation: what each replies to, and its outcome."""
        query = "SELECT reply_to, outcome FROM chatbot_event WHERE conversation_id = %s AND role = 'bot' ORDER BY seq"
        with psycopg.connect(postgres.local_url(self._folder)) as connection:
            return [(int(row[0]), str(row[1])) for row in connection.execute(query, [conversation])]


@contextmanager
def generating_server() -> Iterator[GeneratingServer]:
    """Serve the demo with a generator that may write, and that can be made to fail, until the block ends."""
    with running_server(environment=ENVIRONMENT, program=("-m", "tests.flows.generating_server")) as running:
        server = GeneratingServer(running)
        server.manage("-m", "tests.flows.passed_exams", *LOCALES)
        asyncio.run(_loaded(server))
        yield server


async def _loaded(server: GeneratingServer) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while LOADED not in server.log():
            await asyncio.sleep(0.2)
