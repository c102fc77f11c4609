"""An FAQ file on its way through the admin: uploaded, settled, looked at, applied, answered from, reverted."""

import dataclasses
import re
from pathlib import Path

import pytest
from playwright.async_api import Page

from chatbot.bench.server import RunningServer
from customers.demo.load import FOLDER
from customers.faq_file.model import FaqRow
from customers.faq_file.reader import parse
from customers.faq_file.writer import export
from tests.flows.client import Chat, chat
from tests.flows.uploading import (
    FILE_NAMES_LOCALES,
    admin,
    apply,
    checked,
    revert,
    stored,
    sums,
    until_live,
    upload,
)

pytestmark = pytest.mark.browser

# A question and an answer that the demo does not have, and a word for what becomes of an answer that it has.
RENTAL = {
    "fr-FR": ("Peut-on louer un kayak chez vous ?", "Oui, un kayak coûte **douze euros** par jour.", "kayak"),
    "ja-JP": ("カヤックのレンタルはできますか？", "はい、カヤックは一日**千二百円**です。", "カヤック"),
    "hi-IN": ("क्या आप कयाक किराए पर देते हैं?", "हाँ, कयाक का किराया प्रतिदिन **बारह सौ रुपये** है।", "कयाक"),
}


def demo(locale: str) -> list[FaqRow]:
    path = FOLDER / "faq" / f"{locale}.csv"
    return list(parse(path.read_bytes(), filename=path.name, locale=locale).rows)


async def answer(visitor: Chat, question: str) -> str:
    text: str = (await visitor.ask(question))["text"]
    return text


async def words(opened: Page, name: str) -> list[str]:
    return [text.strip() for text in await opened.locator(name).all_inner_texts()]


async def shown(opened: Page, which: str) -> None:
    """Have the rows of one kind alone shown."""
    await opened.locator(f"a[href='?show={which}']").click()
    await opened.wait_for_url(re.compile(rf"\?show={which}$"))


@pytest.mark.parametrize(("form", "locale"), [("csv", "fr-FR"), ("xlsx", "ja-JP"), ("json", "hi-IN")])
async def test_a_file_goes_live_and_back(
    server: RunningServer, tmp_path: Path, form: str, locale: str
) -> None:
    """The demo's own FAQ, written by the exporter, with one row more, one changed and one taken out."""
    question, reply, extra = RENTAL[locale]
    changed, dropped, *rest = demo(locale)
    path = tmp_path / f"faq.{form}"
    file = [
        dataclasses.replace(changed, answer=f"{changed.answer} {extra}"),
        *rest,
        FaqRow(id="kayak-rental", locale=locale, question=question, answer=reply),
    ]
    path.write_bytes(export(file, format=form, header_locale=locale))
    before = stored(server, tenant="demo", locale=locale)
    async with admin(server) as opened, chat(server.port, locale=locale) as visitor:
        await visitor.hello()
        assert await answer(visitor, question) != reply
        assert await answer(visitor, changed.question) == changed.answer
        assert await answer(visitor, dropped.question) == dropped.answer
        assert await upload(opened, server, path, locale) == "ready"
        assert await sums(opened) == {
            "new": 1, "changed": 1, "unchanged": len(rest), "missing from the file": 1, "errors": 0
        }  # fmt: skip
        await shown(opened, "new")
        assert await opened.locator(".up-rows").get_by_text(question).first.is_visible()
        await shown(opened, "changed")
        assert (await words(opened, "ins"), await words(opened, "del")) == ([extra], [])
        await shown(opened, "missing")
        assert await opened.locator(".up-rows").get_by_text(dropped.question).is_visible()
        assert not await opened.is_checked("[name=retire]")
        assert stored(server, tenant="demo", locale=locale) == before

        await apply(opened, retire=True)
        await until_live(opened)
        assert await answer(visitor, question) == reply
        assert await answer(visitor, changed.question) == f"{changed.answer} {extra}"
        assert await answer(visitor, dropped.question) != dropped.answer
        live = stored(server, tenant="demo", locale=locale)
        assert {key: row for key, row in live.items() if row.active} == {row.id: row for row in file}

        await revert(opened)
        await until_live(opened)
        assert await answer(visitor, question) != reply
        assert await answer(visitor, changed.question) == changed.answer
        assert await answer(visitor, dropped.question) == dropped.answer
        assert stored(server, tenant="demo", locale=locale) == before


async def test_a_change_is_shown_word_by_word_on_a_phone(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    entry = next(iter(stored(server, tenant="demo", locale="de-DE").values()))
    first, _space, rest = entry.answer.partition(" ")
    path.write_bytes(export([dataclasses.replace(entry, answer=f"Kurz: {rest}")], format="csv"))
    async with admin(server, dark=True, phone=True) as opened:
        assert await upload(opened, server, path, "de-DE") == "ready"
        assert (await words(opened, "del"), await words(opened, "ins")) == ([first], ["Kurz:"])
        await shown(opened, "missing")
        assert await opened.locator(".up-rows > li").count() == 25
        width = await opened.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert width <= 0


async def test_open_points_are_settled_on_the_way(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "alt.csv"
    path.write_bytes("Kundensatz,Unser Satz\nÄrger mit Größe?,Schön – naïve\n".encode("cp1252"))
    async with admin(server) as opened:
        assert await upload(opened, server, path, FILE_NAMES_LOCALES) == "needs_encoding"
        await opened.locator("label", has_text="Ärger mit Größe?,Schön – naïve").first.click()
        await opened.get_by_role("button", name="Read it like this").click()
        assert await checked(opened) == "needs_mapping"
        await opened.get_by_label("Kundensatz").select_option("question")
        await opened.get_by_label("Unser Satz").select_option("answer")
        await opened.get_by_label("Locale of all rows").select_option("de-DE")
        await opened.get_by_role("button", name="Check with these columns").click()
        assert await checked(opened) == "ready"
        assert await opened.get_by_text("Ärger mit Größe?").first.is_visible()


async def test_errors_are_listed_and_downloaded_with_the_file(server: RunningServer, tmp_path: Path) -> None:
    """In the language of the admin who reads them; the good row can be applied alone."""
    path = tmp_path / "faults.csv"
    path.write_text("id,question,answer\na,,x\n\"b,c\",Frage eins?,y\nd,=cmd|'/c calc'!A1,z\n")
    async with admin(server, locale="de-DE") as opened:
        assert await upload(opened, server, path, "de-DE") == "invalid"
        rows = await opened.locator("tbody tr").all_inner_texts()
        assert [row.split("\t")[:2] for row in rows] == [["Zeile 2", "question"], ["Zeile 3", "id"]]
        assert "Die Frage fehlt" in rows[0]
        async with opened.expect_download() as started:
            await opened.locator("a[href$='/errors/']").click()
        download = await started.value
        await download.save_as(tmp_path / "back.csv")
        lines = (tmp_path / "back.csv").read_text(encoding="utf-8-sig").splitlines()
        assert len(lines) == 4
        assert "Die Frage fehlt" in lines[1]
        assert "b,c" in lines[2]
        assert lines[3].endswith(",z,")


async def test_a_document_becomes_proposals(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "hilfe.md"
    path.write_text("# Pflege\n\n## Wie pflege ich ein Kanu?\n\nMit **Öl**.\n\n## Impressum\n\nTidepine\n")
    async with admin(server) as opened:
        assert await upload(opened, server, path, "de-DE") == "ready"
        await opened.get_by_label("Question").first.fill("Wie pflege ich mein Kanu aus Holz?")
        await opened.get_by_label("Take over").nth(1).uncheck()
        await opened.get_by_role("button", name="Save these proposals").click()
        await shown(opened, "new")
        assert await opened.get_by_text("Wie pflege ich mein Kanu aus Holz?").first.is_visible()
        counts = await sums(opened)
        assert (counts["new"], counts["left out"]) == (1, 1)
        await apply(opened)
        await until_live(opened)
        await revert(opened)
