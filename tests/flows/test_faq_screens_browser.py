"""The knowledge screens in a real Chromium against the real server, up to what the customer then sees."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from chatbot.bench.server import RunningServer
from tests.flows.browser import page
from tests.flows.conftest import ADMIN_PASSWORD

pytestmark = pytest.mark.browser
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
IMAGE = "https://img.tidepine.example/kettle.png"
ELSEWHERE = "https://evil.example/track.png"
ANSWER = f"""**Three** steps, see [the page](https://tidepine.example/zinc):

- first
- second

| size | price |
|---|---|
| S | $5 |

![A kettle]({IMAGE})

![Elsewhere]({ELSEWHERE})

<img src=x onerror="document.title='owned'">"""


@asynccontextmanager
async def admin(server: RunningServer, **how: bool | str) -> AsyncIterator[Page]:
    """Open the admin as its superuser."""
    async with page(**how) as opened:  # type: ignore[arg-type]
        await opened.goto(f"{server.url}/admin/login/")
        await opened.fill("[name=username]", "admin")
        await opened.fill("[name=password]", ADMIN_PASSWORD)
        await opened.press("[name=password]", "Enter")
        await opened.wait_for_url("**/admin/")
        yield opened


async def image(route: Route) -> None:
    await route.fulfill(body=PIXEL, content_type="image/png")


async def fits(opened: Page) -> None:
    overflow = await opened.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


async def test_a_rich_answer_from_the_editor_to_the_customer(server: RunningServer) -> None:
    async with admin(server) as opened:
        requested: list[str] = []
        opened.on("request", lambda request: requested.append(request.url))
        await opened.route("https://img.tidepine.example/**", image)
        await opened.goto(f"{server.url}/admin/customers/tenant/")
        await opened.get_by_role("link", name="Tidepine").first.click()
        await opened.fill("[name=image_hosts]", "https://img.tidepine.example/")
        await opened.locator("[name=_save]").click()

        await opened.goto(f"{server.url}/admin/customers/faqentry/?q=gift-card-use&locale=en-US")
        await opened.get_by_role("link", name="How do I use my gift card").first.click()
        await opened.fill("[name=question]", "What is the zinc polishing ritual?")
        await opened.fill("[name=answer]", ANSWER)
        await opened.fill("[name=follow_ups]", "shipping-cost, return-policy")
        seen = opened.frame_locator("[data-part=frame]")
        await expect(seen.locator(".bubble strong")).to_have_text("Three")
        await expect(seen.locator(".bubble td").first).to_have_text("S")
        await expect(seen.locator(".bubble img")).to_have_attribute("src", IMAGE)
        await expect(seen.locator(".choice")).to_have_count(2)
        await expect(seen.locator(".bubble-visitor")).to_have_text("What is the zinc polishing ritual?")
        await expect(opened.locator("[data-part=notes]")).to_contain_text(ELSEWHERE)
        preview = await seen.locator(".bubble.prose").inner_html()

        await opened.fill("[data-try] [name=text]", "zinc polishing ritual")
        await opened.press("[data-try] [name=text]", "Enter")
        best = opened.locator(".kn-candidates > li").first
        await expect(best).to_contain_text("What is the zinc polishing ritual?")
        await expect(best.locator("mark").first).to_be_visible()
        await expect(best.locator(".kn-signals tbody tr")).to_have_count(5)
        await opened.locator("[name=_save]").click()
        await opened.wait_for_url("**/faqentry/**")

        await opened.goto(f"{server.url}/demo/en-US/")
        messages = opened.locator(".messages > .message")
        for attempt in range(10):
            await opened.locator("textarea").fill("What is the zinc polishing ritual?")
            await opened.locator("textarea").press("Enter")
            await expect(messages).to_have_count(2 * attempt + 2)
            await expect(messages.last.locator(".bubble.prose")).to_be_visible()
            if "Three" in await messages.last.inner_text():
                break
            await opened.wait_for_timeout(500)
        bubble = messages.last.locator(".bubble.prose")
        assert await bubble.inner_html() == preview, "the preview is not what the customer sees"
        await expect(bubble.locator("img")).to_have_count(1)
        assert (
            await bubble.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
            == 1
        )
        assert ELSEWHERE not in requested
        assert await opened.title() != "owned"
        # A follow-up is a button, and asks.
        await expect(messages.last.locator(".choice")).to_have_count(2)
        asked = await messages.count()
        await messages.last.locator(".choice").first.click()
        await expect(messages).to_have_count(asked + 2)
        await expect(messages.nth(asked)).to_contain_text("How much does shipping cost?")


@pytest.mark.parametrize("locale", ["en-US", "ar-SA"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_screens_fit_in_either_direction(server: RunningServer, locale: str, phone: bool) -> None:
    async with admin(server, locale=locale, phone=phone, dark=phone) as opened:
        for address in (
            "knowledge/coverage/",
            "knowledge/topic/?tenant=demo&key=return-policy",
            "knowledge/search/?q=refund",
            "knowledge/try/",
            "customers/faqentry/export/",
            "customers/faqentry/1/change/",
        ):
            await opened.goto(f"{server.url}/admin/{address}")
            await expect(opened.locator("html")).to_have_attribute(
                "dir", "rtl" if locale == "ar-SA" else "ltr"
            )
            await expect(opened.locator(".kn, .kn-editor")).to_be_visible()
            await fits(opened)


async def test_the_matrix_is_walked_with_the_keyboard(server: RunningServer) -> None:
    async with admin(server) as opened:
        await opened.goto(f"{server.url}/admin/knowledge/coverage/")
        rows = opened.locator("[data-matrix] tbody tr")
        await rows.first.locator("a").first.focus()
        await opened.keyboard.press("ArrowDown")
        await opened.keyboard.press("ArrowRight")
        await expect(rows.nth(1).locator("td a").first).to_be_focused()
        await opened.keyboard.press("End")
        await expect(rows.nth(1).locator("td a").last).to_be_focused()
        assert await opened.locator("[data-matrix] a[tabindex='0']").count() == 1
        # The header and the topics stay in sight while the rest scrolls.
        top = await opened.locator("[data-matrix] thead th").first.bounding_box()
        await opened.locator(".kn-scroll").evaluate("frame => frame.scrollTo(0, 400)")
        assert await opened.locator("[data-matrix] thead th").first.bounding_box() == top


async def test_what_is_missing_is_created_beside_its_source(server: RunningServer) -> None:
    async with admin(server) as opened:
        await opened.goto(
            f"{server.url}/admin/knowledge/topic/?tenant=demo&key=assembly-help&locale=de-DE&locale=en-US"
        )
        await opened.get_by_role("link", name="Create here").click()
        await expect(opened.locator("[name=key]")).to_have_value("assembly-help")
        source = opened.locator("[data-part=source]")
        await expect(source).to_contain_text("I need help assembling my furniture")
        await expect(opened.frame_locator("[data-part=frame]").locator("html")).to_have_attribute(
            "lang", "de-DE"
        )
        await opened.fill("[name=question]", "Wie baue ich meine Möbel auf?")
        await opened.fill("[name=answer]", "Die Anleitung liegt bei.")
        await opened.locator("[name=_save]").click()
        await opened.wait_for_url("**/faqentry/")
        await opened.goto(f"{server.url}/admin/knowledge/topic/?tenant=demo&key=assembly-help&locale=de-DE")
        await expect(opened.locator(".kn-side")).to_contain_text("Wie baue ich meine Möbel auf?")


async def test_an_export_is_downloaded(server: RunningServer) -> None:
    async with admin(server) as opened:
        await opened.goto(f"{server.url}/admin/customers/faqentry/?category=shipping")
        await opened.get_by_role("link", name="Export").click()
        await opened.select_option("form:has([name=format]) [name=format] >> nth=0", "csv")
        async with opened.expect_download() as started:
            await opened.get_by_role("button", name="Download", exact=True).click()
        download = await started.value
        assert download.suggested_filename.startswith("demo-")
        text = (await download.path()).read_text("utf-8-sig")
        assert text.startswith("Id,") or text.lower().startswith("id,")
        assert "shipping-cost" in text
        assert "return-policy" not in {line.split(",")[0] for line in text.splitlines()}
