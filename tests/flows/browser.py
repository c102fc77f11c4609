"""A real Chromium for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright, expect

CHROMIUM = "/usr/bin/chromium"
# Without these, a browser in a closed network spends its time on refused connections of its own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"
PATIENCE_MS = 60_000  # for whatever is waited for, on a busy machine


@asynccontextmanager
async def page(
    *, locale: str = "en-US", phone: bool = False, dark: bool = False, tolerant: bool = False
) -> AsyncIterator[Page]:
    """Open a page; anything that the browser reports as an error fails the test, unless `tolerant`."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            context = await browser.new_context(
                locale=locale,
                viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
                color_scheme="dark" if dark else "light",
            )
            context.set_default_timeout(PATIENCE_MS)
            opened = await context.new_page()
            problems: list[str] = []
            opened.on("pageerror", lambda error: problems.append(str(error)))
            opened.on(
                "console", lambda message: problems.append(message.text) if message.type == "error" else None
            )
            yield opened
            # What a test brought about itself by taking the browser offline is no fault of the page.
            assert tolerant or [problem for problem in problems if OFFLINE not in problem] == []
        finally:
            await browser.close()
