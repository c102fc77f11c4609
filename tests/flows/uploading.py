"""Uploading an FAQ file through the real admin in a real browser, and what a server then has stored."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from playwright.async_api import Page

from chatbot import postgres
from chatbot.bench.server import RunningServer
from customers.faq_file.model import FaqRow
from tests.flows.browser import page
from tests.flows.conftest import ADMIN_PASSWORD

PATIENCE_SECONDS = 60.0
DEMO = "Tidepine"
FILE_NAMES_LOCALES = "the file names the locales"
MAKE_TENANTS = """
from customers import services
from customers.defaults import profile_defaults
for slug, locale in argument.items():
    tenant = services.tenant_ensure(slug=slug, name=slug, default_locale=locale, actor="test")
    services.profile_save(tenant=tenant, draft=profile_defaults(locale=locale, brand=slug), actor="test")
"""
DROP_TENANTS = """
from customers.models import Tenant
Tenant.objects.filter(slug__in=argument).delete()
"""
MAKE_SUPERUSER = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser(argument["name"], password=argument["password"])
"""


def in_django(server: RunningServer, script: str, argument: object) -> None:
    """Run a script beside a server, on its database, in a process of its own."""
    start = "import json, sys\nimport django\ndjango.setup()\nargument = json.loads(sys.argv[1])\n"
    subprocess.run(
        [sys.executable, "-c", start + script, json.dumps(argument)],
        env=environment_of(server),
        cwd=settings.BASE_DIR,
        check=True,
    )


def environment_of(server: RunningServer) -> Mapping[str, str]:
    """Return the environment of a process that is to share a server's folder and database."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return env | {"KEFU_VAR_DIR": str(server.var_dir), "DJANGO_SETTINGS_MODULE": "chatbot.settings"}


@asynccontextmanager
async def admin(server: RunningServer, *, user: str = "admin", **how: str | bool) -> AsyncIterator[Page]:
    """Open the admin as one of its superusers."""
    async with page(**how) as opened:  # type: ignore[arg-type]
        await opened.goto(f"{server.url}/admin/login/")
        await opened.fill("[name=username]", user)
        await opened.fill("[name=password]", ADMIN_PASSWORD)
        await opened.press("[name=password]", "Enter")
        await opened.wait_for_url("**/admin/")
        yield opened


async def send(opened: Page, server: RunningServer, path: Path, target: str, *, tenant: str = DEMO) -> None:
    """Fill in the form and press the button; `target` is a locale, or other words of the choice."""
    await opened.goto(f"{server.url}/admin/customers/faqupload/add/")
    option = opened.locator("#id_target option", has_text=f"{tenant} · {target}").first
    await opened.select_option("#id_target", value=await option.get_attribute("value"))
    await opened.set_input_files("#id_file", path)
    await opened.locator("form[enctype] button[type=submit]").click(timeout=PATIENCE_SECONDS * 1000)


async def upload(opened: Page, server: RunningServer, path: Path, target: str, *, tenant: str = DEMO) -> str:
    """Upload a file; returns the state that checking it ends in."""
    await send(opened, server, path, target, tenant=tenant)
    return await checked(opened)


async def checked(opened: Page, *, seconds: float = PATIENCE_SECONDS) -> str:
    """Wait on an upload's page until it is checked; returns its state."""
    await opened.locator("[data-upload]:not([data-stage^=checking])").wait_for(timeout=seconds * 1000)
    await opened.wait_for_load_state()  # the page is sent anew when it is checked
    stage = await opened.locator("[data-upload]").get_attribute("data-stage")
    assert stage is not None
    return stage.partition(":")[0]


async def apply(opened: Page, *, retire: bool = False) -> None:
    """Apply the upload whose page is open."""
    if retire:
        await opened.check("[name=retire]")
    await opened.locator("button[value=apply]").click()
    await opened.locator("[data-upload][data-stage^=applied]").wait_for()
    await opened.wait_for_load_state()


async def press_apply(opened: Page) -> None:
    """Press the button, and wait for the page that comes, whatever it says."""
    async with opened.expect_navigation():
        await opened.locator("button[value=apply]").click()


async def revert(opened: Page) -> None:
    """Take the upload back whose page is open."""
    await opened.locator("button[value=revert]").click()
    await opened.locator("[data-upload][data-stage^=reverted]").wait_for()
    await opened.wait_for_load_state()


async def until_live(opened: Page, *, seconds: float = PATIENCE_SECONDS) -> list[str]:
    """Wait on an applied upload's page until every locale is live; returns the states seen on the way."""
    seen: list[str] = []
    deadline = time.monotonic() + seconds
    while True:
        states = await opened.locator("[data-locale]").evaluate_all(
            "lines => lines.map(line => line.dataset.state)"
        )
        seen += [state for state in states if state not in seen]
        if states and set(states) == {"live"}:
            return seen
        assert time.monotonic() < deadline, f"not live: {states}"
        await asyncio.sleep(0.1)


async def sums(opened: Page) -> dict[str, int]:
    """Return the counts on an upload's page by their words."""
    lines = await opened.locator(".up-sums li").all_inner_texts()
    return {
        name: int(count.replace(",", "")) for count, _space, name in (line.partition(" ") for line in lines)
    }


def number_of(opened: Page) -> int:
    """Return the id of the upload whose page is open."""
    return int(opened.url.partition("?")[0].rstrip("/").split("/")[-2])


def database(server: RunningServer) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to a server's own Postgres."""
    return psycopg.connect(postgres.local_url(server.var_dir), autocommit=True)


def stored(server: RunningServer, *, tenant: str, locale: str) -> dict[str, FaqRow]:
    """Return the FAQ entries of one locale by id."""
    with database(server) as connected:
        rows = connected.execute(
            """
            SELECT e.key, array(SELECT q.text FROM customers_faqquestion q WHERE q.entry_id = e.id ORDER BY q.position),
                e.answer, e.category, e.tags, e.follow_ups, e.valid_from, e.valid_until, e.is_active
            FROM customers_faqentry e JOIN customers_localeprofile p ON p.id = e.profile_id
            JOIN customers_tenant t ON t.id = p.tenant_id WHERE t.slug = %s AND p.locale = %s
            """,
            [tenant, locale],
        ).fetchall()
    found = {}
    for key, questions, answer, category, tags, follow_ups, valid_from, valid_until, active in rows:
        found[key] = FaqRow(
            id=key, locale=locale, question=questions[0], alternates=tuple(questions[1:]), answer=answer,
            category=category, tags=tuple(tags), follow_ups=tuple(follow_ups), valid_from=valid_from,
            valid_until=valid_until, active=active,
        )  # fmt: skip
    return found
