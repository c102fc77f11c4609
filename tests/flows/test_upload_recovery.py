"""What becomes of an upload when processes die at the worst moment, and when two admins are at it at once.

A lock that the test holds on a table keeps the process in question in the very step at which it is to die.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from chatbot import postgres
from chatbot.bench.server import RunningServer, running_server, wait_until_healthy
from chatbot.serving import EDIT_TEXTS
from customers.faq_file.model import FaqRow
from customers.faq_file.writer import export
from tests.flows.client import chat
from tests.flows.conftest import ADMIN_PASSWORD
from tests.flows.uploading import (
    MAKE_SUPERUSER,
    MAKE_TENANTS,
    admin,
    apply,
    checked,
    database,
    environment_of,
    in_django,
    press_apply,
    send,
    stored,
    sums,
    until_live,
    upload,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# More texts than a node embeds itself, so that the worker's job is needed.
ROWS = EDIT_TEXTS
RECOVERY_SECONDS = 180.0
MANAGE = settings.BASE_DIR / "manage.py"
OPTIONS = ("--no-demo",)
TENANT, LOCALE = "doomed", "de-DE"
ENTRIES, ROWS_OF_UPLOADS, VECTORS = "customers_faqentry", "customers_faquploadrow", "chatbot_questionvector"


@dataclass
class Doomed:
    """A server of which no process is safe."""

    server: RunningServer

    def kill_worker(self) -> None:
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        next(child for child in children if "worker" in child.cmdline()).kill()

    def end_postgres(self, how: signal.Signals) -> None:
        """Have Postgres stop or die; its keeper starts it again."""
        os.kill(int((self.server.var_dir / "postgres" / "postmaster.pid").read_text().split()[0]), how)

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()

    def start(self) -> None:
        path = self.server.var_dir / "again.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(MANAGE), "serve", "--port", str(self.server.port), *OPTIONS],
                env=environment_of(self.server),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.server = replace(self.server, process=process)
        wait_until_healthy(process, self.server.port, path)


@pytest.fixture(scope="module")
def doomed() -> Iterator[Doomed]:
    environment = {"KEFU_ADMIN_PASSWORD": ADMIN_PASSWORD}
    with running_server(environment=environment, options=OPTIONS) as running:
        in_django(running, MAKE_TENANTS, {TENANT: LOCALE})
        made = Doomed(running)
        yield made
        if made.server.process.poll() is None:
            made.server.process.send_signal(signal.SIGTERM)
            made.server.process.wait(60)


def file_of(folder: Path, topic: str, *, rows: int = ROWS, model: int = 7) -> Path:
    path = folder / f"{topic}-{model}.csv"
    path.write_bytes(
        export(
            [
                FaqRow(
                    id=f"{topic}-{number}",
                    locale=LOCALE,
                    question=f"Wofür ist der Artikel {topic} mit der Nummer {number}?",
                    answer=f"Der Artikel {topic} {number} ist für den Garten, Modell {number * model}.",
                )
                for number in range(rows)
            ],
            format="csv",
        )
    )
    return path


def stored_of(server: RunningServer, topic: str) -> list[FaqRow]:
    rows = stored(server, tenant=TENANT, locale=LOCALE)
    return [row for key, row in rows.items() if key.startswith(f"{topic}-")]


async def answer(server: RunningServer, topic: str) -> str:
    async with chat(server.port, tenant=TENANT, locale=LOCALE) as visitor:
        await visitor.hello()
        asked = await visitor.ask(f"Wofür ist der Artikel {topic} mit der Nummer 11?")
        text: str = asked["text"]
        return text


@contextmanager
def holding(server: RunningServer, table: str) -> Iterator[psycopg.Connection]:
    """Keep everybody else from writing to a table; reading stays possible. Postgres may die inside."""
    connected = psycopg.connect(postgres.local_url(server.var_dir))
    try:
        connected.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield connected
    finally:
        connected.close()


def until_waiting(server: RunningServer, *, count: int = 1) -> None:
    """Return when so many sessions wait for a lock."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    with database(server) as connected:
        while True:
            row = connected.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if row is not None and row[0] >= count:
                return
            assert time.monotonic() < deadline, "nobody waits for the lock"
            time.sleep(0.05)


async def until_held(server: RunningServer, *, count: int = 1) -> None:
    await asyncio.to_thread(until_waiting, server, count=count)


# ---------------------------------------------------------------- processes that die


async def test_vectors_are_finished_after_their_worker_was_killed(doomed: Doomed, tmp_path: Path) -> None:
    server = doomed.server
    async with admin(server) as opened:
        assert await upload(opened, server, file_of(tmp_path, "Harke"), LOCALE, tenant=TENANT) == "ready"
        with holding(server, VECTORS):
            await apply(opened)
            await until_held(server)
            await opened.reload()
            assert await opened.locator("[data-locale]").get_attribute("data-state") == "working"
            assert len(stored_of(server, "Harke")) == ROWS
            assert "Modell 77" not in await answer(server, "Harke")
            doomed.kill_worker()
        await until_live(opened, seconds=RECOVERY_SECONDS)
    assert "Harke 11 ist für den Garten, Modell 77." in await answer(server, "Harke")


async def test_a_check_is_finished_after_postgres_was_restarted(doomed: Doomed, tmp_path: Path) -> None:
    server = doomed.server
    async with admin(server, tolerant=True) as opened:
        with holding(server, ROWS_OF_UPLOADS):
            await send(opened, server, file_of(tmp_path, "Rechen"), LOCALE, tenant=TENANT)
            await until_held(server)
            await opened.get_by_text("Storing the preview.").wait_for()
            doomed.end_postgres(signal.SIGINT)
        assert await checked(opened, seconds=RECOVERY_SECONDS) == "ready"
        assert (await sums(opened))["new"] == ROWS
        # The comparison comes too, which the check enqueues.
        await opened.locator("[data-part=progress]").wait_for(state="hidden", timeout=RECOVERY_SECONDS * 1000)
        await opened.reload()
        assert await opened.get_attribute("[data-upload]", "data-stage") == "ready:1"
    assert stored_of(server, "Rechen") == []


async def test_vectors_are_finished_after_postgres_crashed(doomed: Doomed, tmp_path: Path) -> None:
    server = doomed.server
    async with admin(server, tolerant=True) as opened:
        assert await upload(opened, server, file_of(tmp_path, "Spaten"), LOCALE, tenant=TENANT) == "ready"
        with holding(server, VECTORS):
            await apply(opened)
            await until_held(server)
            doomed.end_postgres(signal.SIGKILL)
        await until_live(opened, seconds=RECOVERY_SECONDS)
    assert len(stored_of(server, "Spaten")) == ROWS
    assert "Spaten 11 ist für den Garten, Modell 77." in await answer(server, "Spaten")


async def test_a_server_killed_while_it_applies_has_applied_nothing(doomed: Doomed, tmp_path: Path) -> None:
    async with admin(doomed.server, tolerant=True) as opened:
        assert (
            await upload(opened, doomed.server, file_of(tmp_path, "Schaufel"), LOCALE, tenant=TENANT)
            == "ready"
        )
        address = opened.url
        with holding(doomed.server, ENTRIES):
            await opened.locator("button[value=apply]").click(no_wait_after=True)
            await until_held(doomed.server)
            doomed.kill()
        doomed.start()
        await opened.goto(address)
        assert await checked(opened) == "ready"
        assert stored_of(doomed.server, "Schaufel") == []
        # Killed again between applying and the vectors.
        with holding(doomed.server, VECTORS):
            await apply(opened)
            await until_held(doomed.server)
            doomed.kill()
        doomed.start()
        await opened.goto(address)
        await until_live(opened, seconds=RECOVERY_SECONDS)
    assert len(stored_of(doomed.server, "Schaufel")) == ROWS
    assert "Schaufel 11 ist für den Garten, Modell 77." in await answer(doomed.server, "Schaufel")


# ---------------------------------------------------------------- two admins at once


@pytest.fixture(scope="module")
def mia(doomed: Doomed) -> str:
    """Make a second superuser."""
    name = "mia"
    in_django(doomed.server, MAKE_SUPERUSER, {"name": name, "password": ADMIN_PASSWORD})
    return name


async def test_two_admins_apply_the_same_upload_at_once(doomed: Doomed, mia: str, tmp_path: Path) -> None:
    server = doomed.server
    async with admin(server) as one, admin(server, user=mia) as two:
        assert await upload(one, server, file_of(tmp_path, "Sense", rows=3), LOCALE, tenant=TENANT) == "ready"
        await two.goto(one.url)
        with holding(server, ENTRIES):
            pressed = asyncio.gather(press_apply(one), press_apply(two))
            await until_held(server, count=2)
        await pressed
        said = [await each.locator("body").inner_text() for each in (one, two)]
        loser = next(text for text in said if "Nothing was done" in text)
        assert "admin applied this upload already" in loser or f"{mia} applied this upload already" in loser
        assert sum("Nothing was done" in text for text in said) == 1
        await until_live(one)
        await until_live(two)
        await one.locator("button[value=revert]").click()
        await until_live(one)
    assert stored_of(server, "Sense") == []


@pytest.mark.parametrize("overlapping", [True, False], ids=["the same rows", "other rows"])
async def test_two_admins_apply_two_uploads_to_one_locale_at_once(
    doomed: Doomed, mia: str, tmp_path: Path, overlapping: bool
) -> None:
    server = doomed.server
    files = (
        file_of(tmp_path, "Hacke", rows=3),
        file_of(tmp_path, "Hacke" if overlapping else "Beil", rows=3, model=13),
    )
    async with admin(server) as one, admin(server, user=mia) as two:
        for each, path in zip((one, two), files, strict=True):
            assert await upload(each, server, path, LOCALE, tenant=TENANT) == "ready"
        with holding(server, ENTRIES):
            pressed = asyncio.gather(press_apply(one), press_apply(two))
            await until_held(server, count=2)
        await pressed
        states = []
        for each in (one, two):
            said = await each.locator("body").inner_text()
            states.append(await checked(each))
            assert ("Nothing was applied: 3 of these FAQs were changed" in said) == (states[-1] == "ready")
        if not overlapping:
            assert states == ["applied", "applied"]
            assert len(stored_of(server, "Hacke")) == len(stored_of(server, "Beil")) == 3
        else:
            assert sorted(states) == ["applied", "ready"]
            model = (7, 13)[states.index("applied")]
            assert {row.answer.split()[-1] for row in stored_of(server, "Hacke")} == {
                f"{number * model}." for number in range(3)
            }
        for each, state in zip((one, two), states, strict=True):
            if state == "applied":
                await until_live(each)
                await each.locator("button[value=revert]").click()
                await until_live(each)
    assert stored_of(server, "Hacke") == stored_of(server, "Beil") == []
