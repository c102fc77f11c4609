"""An edit in the admin is soon what the chat answers, without a restart."""

import asyncio
import re
import time

from chatbot.bench.server import RunningServer
from tests.flows.browser import page
from tests.flows.client import chat
from tests.flows.conftest import ADMIN_PASSWORD

# A fraction of a second on an idle machine; how long exactly is not a test's business.
PATIENCE_SECONDS = 60.0
QUESTION = "Do you lend telescopes for the perseid nights?"
ANSWER = "Yes: two telescopes can be borrowed at the Portland store."


async def test_a_new_question_in_the_admin_is_answered_without_a_restart(server: RunningServer) -> None:
    async with page() as opened, chat(server.port) as visitor:
        await visitor.hello()
        assert "telescopes can be borrowed" not in (await visitor.ask(QUESTION))["text"]

        await opened.goto(f"{server.url}/admin/login/?next=/admin/customers/faqentry/")
        await opened.locator("input[name=username]").fill("admin")
        await opened.locator("input[name=password]").fill(ADMIN_PASSWORD)
        await opened.locator("button[type=submit], input[type=submit]").first.click()
        await opened.goto(f"{server.url}/admin/customers/faqentry/add/")
        choice = opened.locator("select[name=profile] option", has_text="en-US").first
        profile = await choice.get_attribute("value")
        await opened.locator("select[name=profile]").select_option(value=profile)
        await opened.locator("[name=key]").fill("telescope-loan")
        await opened.locator("[name=question]").fill(QUESTION)
        await opened.locator("[name=answer]").fill(ANSWER)
        await opened.locator("button[name=_save], input[name=_save]").first.click()
        await opened.wait_for_url(re.compile(r"/admin/customers/faqentry/(\?.*)?$"))

        deadline = time.monotonic() + PATIENCE_SECONDS
        while "telescopes can be borrowed" not in (await visitor.ask(QUESTION))["text"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
