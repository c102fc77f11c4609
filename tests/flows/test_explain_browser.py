"""From an answer that was not good to one that is, and to the test that keeps it so, in a real Chromium."""

import pytest
from playwright.async_api import Page, expect

from chatbot.bench.server import RunningServer
from tests.flows.test_faq_screens_browser import admin, fits

pytestmark = pytest.mark.browser
ASKED = "zibbly wobbly plastic thingamajig redeeming"


async def ask(opened: Page, server: RunningServer) -> str:
    """Ask in a chat of its own; returns the answer's text."""
    await opened.evaluate("localStorage.clear()")
    await opened.goto(f"{server.url}/demo/en-US/")
    messages = opened.locator(".messages > .message")
    await opened.locator("textarea").fill(ASKED)
    await opened.locator("textarea").press("Enter")
    await expect(messages).to_have_count(2)
    await expect(messages.last.locator(".bubble.prose")).to_be_visible()
    return await messages.last.inner_text()


async def explain_newest(opened: Page, server: RunningServer) -> None:
    """Open the explanation of the newest answer to the question."""
    await opened.goto(f"{server.url}/admin/chatbot/conversation/?q=zibbly")
    await opened.locator("#result_list tbody tr a").first.click()
    await opened.get_by_role("link", name="Why this answer?").last.click()
    await expect(opened.locator(".kn-why")).to_be_visible()


async def test_an_answer_is_explained_mended_and_kept(server: RunningServer) -> None:
    async with admin(server) as opened:
        assert "gift card" not in (await ask(opened, server)).lower()
        await explain_newest(opened, server)
        await expect(opened.locator(".kn-why")).to_contain_text("The message by itself")
        await expect(
            opened.locator(".kn-candidates > li").first.locator(".kn-signals tbody tr")
        ).not_to_have_count(0)
        await expect(opened.locator(".kn-scale")).to_contain_text("Answers from")

        await opened.get_by_role("link", name="Add the question to another FAQ").click()
        await expect(opened.locator("[name=text]")).to_have_value(ASKED)
        await opened.fill("[name=key]", "gift-card-use")
        await opened.get_by_role("button", name="Add", exact=True).click()
        await expect(opened.locator(".kn-why")).to_be_visible()
        await expect(opened.locator("body")).to_contain_text("Added to “gift-card-use”")
        await expect(opened.locator(".kn-badge", has_text="The FAQ has changed since")).to_be_visible()

        for _attempt in range(10):
            if "gift card" in (await ask(opened, server)).lower():
                break
            await opened.wait_for_timeout(500)
        else:
            pytest.fail("the added question was never answered")
        await explain_newest(opened, server)
        best = opened.locator(".kn-candidates > li").first
        await expect(best).to_contain_text("gift-card-use")
        await expect(best.locator("mark").first).to_have_text(ASKED)
        await expect(best).to_contain_text("Word for word an approved question")

        await best.get_by_role("link", name="Save as a test question").click()
        await expect(opened.locator("[name=text]")).to_have_value(ASKED)
        await expect(opened.locator("[name=expected_keys]")).to_have_value("gift-card-use")
        await opened.locator("[name=_save]").click()
        await opened.wait_for_url("**/testquestion/")

        await opened.get_by_role("link", name="Test runs").first.click()
        await opened.locator(".kn-suites > li", has_text="en-US").get_by_role("button", name="Run").click()
        await expect(opened.locator(".kn-figures")).to_be_visible()
        result = opened.locator(".kn-result", has_text=ASKED)
        await expect(result).to_contain_text("Right")
        await result.get_by_role("link").click()
        await expect(opened.locator(".kn-why")).to_contain_text("gift-card-use")
        await opened.get_by_role("link", name="Back to the test run").click()
        await expect(opened.locator(".kn-figures")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "ar-SA"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_screens_fit_in_either_direction(server: RunningServer, locale: str, phone: bool) -> None:
    async with admin(server, locale=locale, phone=phone, dark=phone) as opened:
        await opened.goto(f"{server.url}/admin/knowledge/try/?tenant=demo&locale=en-US&q=send+it+back")
        await expect(opened.locator(".kn-scale")).to_be_visible()
        await fits(opened)
        await opened.goto(
            await opened.locator("a[href*='/knowledge/alternate/']").first.evaluate("link => link.href")
        )
        await expect(opened.locator(".kn-plan")).to_be_visible()
        await fits(opened)
        await opened.goto(f"{server.url}/admin/knowledge/suites/")
        await expect(opened.locator(".kn-suites > li")).to_have_count(10)
        await fits(opened)
