"""The chat page in a real Chromium, against the real server."""

import pytest
from playwright.async_api import Page, expect

from chatbot.bench.server import RunningServer
from tests.flows.browser import page


async def ask(opened: Page, text: str) -> None:
    await opened.locator("textarea").fill(text)
    await opened.locator("textarea").press("Enter")


@pytest.mark.parametrize(
    ("locale", "question", "expected", "direction"),
    [
        ("zh-CN", "可以用支付宝付款吗？", "支付宝", "ltr"),
        ("es-MX", "¿puedo pagar en el OXXO?", "OXXO", "ltr"),
        ("ar-SA", "كيف أدفع ببطاقة مدى؟", "مدى", "rtl"),
    ],
)
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_asking_in_a_browser_gets_the_localized_answer(
    server: RunningServer, locale: str, question: str, expected: str, direction: str, phone: bool
) -> None:
    async with page(locale=locale, phone=phone, dark=phone) as opened:
        # The browser's language alone leads to the locale.
        await opened.goto(server.url)
        assert opened.url.endswith(f"/demo/{locale}/")
        html = opened.locator("html")
        await expect(html).to_have_attribute("lang", locale)
        await expect(html).to_have_attribute("dir", direction)
        await ask(opened, question)
        messages = opened.locator(".messages > li:not(.day)")
        await expect(messages).to_have_count(2)
        await expect(messages.nth(1)).to_contain_text(expected)
        overflow = await opened.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0


async def test_a_reload_keeps_the_conversation(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        await ask(opened, "Do you ship to Canada?")
        messages = opened.locator(".messages > li:not(.day)")
        await expect(messages).to_have_count(2)
        await expect(messages.nth(1)).to_contain_text("freight forwarder")
        await opened.reload()
        await expect(messages).to_have_count(2)
        await expect(messages.nth(0)).to_contain_text("Do you ship to Canada?")
        await expect(messages.nth(1)).to_contain_text("freight forwarder")


async def test_a_lost_line_is_mended_and_the_question_sent_once(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        messages = opened.locator(".messages > li:not(.day)")
        await ask(opened, "Where is my order?")
        await expect(messages).to_have_count(2)
        await opened.context.set_offline(True)
        await ask(opened, "How do I use a gift card?")
        await opened.wait_for_timeout(500)
        await opened.context.set_offline(False)
        await expect(messages).to_have_count(4)
        await opened.reload()
        await expect(messages).to_have_count(4)


async def test_enter_during_composition_does_not_send(server: RunningServer) -> None:
    async with page(locale="ja-JP") as opened:
        await opened.goto(f"{server.url}/demo/ja-JP/")
        field = opened.locator("textarea")
        await field.fill("へんぴん")
        await field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
        await opened.wait_for_timeout(300)
        await expect(opened.locator(".messages > li:not(.day)")).to_have_count(0)
        await expect(field).to_have_value("へんぴん")


async def test_the_locale_menu_leads_to_the_other_locale(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        await opened.locator("details.menu summary").click()
        await opened.locator("a[hreflang=ar-SA]").click()
        await expect(opened.locator("html")).to_have_attribute("dir", "rtl")


async def test_a_visitors_markup_is_shown_as_text(server: RunningServer) -> None:
    async with page() as opened:
        await opened.goto(f"{server.url}/demo/en-US/")
        await ask(opened, "<img src=x onerror=alert(1)> shipping cost?")
        messages = opened.locator(".messages > li:not(.day)")
        await expect(messages).to_have_count(2)
        await expect(messages.first).to_contain_text("<img src=x")
        await expect(messages.first.locator("img")).to_have_count(0)
