"""Writing in another language than the page's, in a real Chromium: the answer, the offer to go on, and going on."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from chatbot.bench.server import RunningServer
from tests.flows.browser import page


async def ask(opened: Page, text: str) -> Locator:
    """Send a message and return the row of its answer."""
    messages = opened.locator(".messages > li:not(.day)")
    before = await messages.count()
    await opened.locator("textarea").fill(text)
    await opened.locator("textarea").press("Enter")
    await expect(messages).to_have_count(before + 2)
    return messages.nth(before + 1)


async def look(opened: Page, name: str) -> None:
    """Keep a picture where KEFU_SHOTS names a folder, and see that nothing is wider than the page."""
    assert await opened.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    if folder := os.environ.get("KEFU_SHOTS"):
        await opened.wait_for_timeout(500)
        await opened.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_spanish_on_the_english_page_is_answered_and_goes_on_in_spanish(
    server: RunningServer, phone: bool
) -> None:
    async with page(phone=phone, dark=phone) as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        answer = await ask(opened, "¿Cómo le hago para devolver una lámpara?")
        bubble, button = answer.locator(".bubble"), answer.locator("button.go-on")
        await expect(bubble).to_have_attribute("lang", "es-MX")
        await expect(bubble).to_contain_text("devoluciones")
        await expect(answer.locator(".badge-language")).to_have_text("Español")
        await expect(button).to_have_attribute("lang", "es-MX")
        await expect(button).to_contain_text("español")
        await look(opened, f"spanish-in-english-{phone}")
        await opened.locator("textarea").fill("otra cosa")
        await button.click()
        await opened.wait_for_url("**/demo/es-MX/")
        await expect(opened.locator("html")).to_have_attribute("lang", "es-MX")
        # The conversation came along, and what had been typed.
        messages = opened.locator(".messages > li:not(.day)")
        await expect(messages).to_have_count(2)
        await expect(messages.nth(1).locator(".bubble")).to_contain_text("devoluciones")
        await expect(messages.nth(1).locator("button.go-on")).to_have_count(0)
        await expect(opened.locator("textarea")).to_have_value("otra cosa")
        home = await ask(opened, "¿Puedo pagar en el OXXO?")
        await expect(home.locator(".bubble")).to_have_attribute("lang", "es-MX")
        await expect(home.locator(".badge-language, button.go-on")).to_have_count(0)
        await look(opened, f"gone-on-in-spanish-{phone}")


async def test_arabic_on_an_english_page_reads_from_the_right(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        answer = await ask(opened, "كم سعر الشحن؟")
        for part in (answer.locator(".bubble"), answer.locator("button.go-on")):
            await expect(part).to_have_attribute("dir", "rtl")
            await expect(part).to_have_attribute("lang", "ar-SA")
        await expect(opened.locator("html")).to_have_attribute("dir", "ltr")
        assert await answer.locator(".bubble").evaluate("node => getComputedStyle(node).direction") == "rtl"
        await look(opened, "arabic-in-english")


async def test_english_on_an_arabic_page_reads_from_the_left(server: RunningServer) -> None:
    async with page(locale="ar-SA", phone=True) as opened:
        await opened.goto(f"{server.url}/demo/ar-SA/")
        answer = await ask(opened, "How do I delete my account?")
        await expect(answer.locator(".bubble")).to_have_attribute("dir", "ltr")
        await expect(answer.locator("button.go-on")).to_have_attribute("lang", "en-US")
        await look(opened, "english-in-arabic")


async def test_only_the_last_answer_offers_to_go_on(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        first = await ask(opened, "退款一般几天能到账？")
        await expect(first.locator("button.go-on")).to_be_visible()
        second = await ask(opened, "Where is my order?")
        await expect(first.locator("button.go-on")).to_be_hidden()
        await expect(second.locator("button.go-on")).to_have_count(0)
        await expect(second.locator(".bubble")).to_have_attribute("lang", "en-US")


async def test_a_language_that_is_not_offered_is_declined_in_the_pages(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        answer = await ask(opened, "Scusate, quanto costa la spedizione di una libreria?")
        await expect(answer).to_have_attribute("data-outcome", "declined")
        await expect(answer.locator(".bubble")).to_have_attribute("lang", "en-US")
        await expect(answer.locator(".bubble")).to_contain_text("pick another language")
        await expect(answer.locator("button.go-on")).to_have_count(0)


async def test_an_answer_in_another_language_says_so_where_the_profile_allows_it(
    server: RunningServer,
) -> None:
    async with page(locale="hi-IN") as opened:
        await opened.goto(f"{server.url}/demo/hi-IN/")
        # No locale speaks Italian; one next to it knows PayPal.
        answer = await ask(opened, "Posso pagare con PayPal?")
        note, bubble = answer.locator(".bubble .note"), answer.locator(".bubble")
        await expect(note).to_have_attribute("lang", "hi-IN")
        await expect(bubble).to_contain_text("PayPal")
        await expect(bubble).not_to_have_attribute("lang", "hi-IN")
        await expect(answer.locator(".badge-language")).to_be_visible()
        await expect(answer.locator("button.go-on")).to_have_count(0)
        await look(opened, "foreign-in-hindi")
