"""Files made to do harm, through the form of a running server: refused in words, nothing stored, no memory kept."""

import io
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import openpyxl
import psutil
import pytest
from django.utils import translation
from playwright.async_api import Page

from chatbot.bench.server import RunningServer
from customers.faq_errors import refusal_sentence
from customers.faq_file.model import MAX_FILE_BYTES, FaqRow, FileRefused
from customers.faq_file.writer import export
from customers.models import FaqUploadFinding
from customers.upload_texts import finding_sentence, upload_refusal_sentence
from tests.customers.faq_file.samples import unzipped, zipped
from tests.flows.uploading import admin, checked, database, number_of, send, stored, upload

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOCALE = "de-DE"
GROWTH_MAX_BYTES = 150_000_000
HEADER = "id,question,answer\n"
ROW = FaqRow(id="bosheit", locale=LOCALE, question="Eine Frage der Bosheit?", answer="Nein.")
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>'
)


def workbook(*rows: list[object], merged: str = "") -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if merged:
        book.active.merge_cells(merged)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zip_bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    return zipped(unzipped(export([ROW], format="xlsx")) | {"xl/worksheets/sheet2.xml": bytes(1_000_000_000)})


def lying_zip_bomb() -> bytes:
    """A directory that declares hundred bytes for what unpacks to a hundred megabytes."""
    data = bytearray(
        zipped(unzipped(export([ROW], format="xlsx")) | {"xl/workbook.xml": b"<a>" + bytes(100_000_000)})
    )
    entry = data.rindex(b"xl/workbook.xml") - 46
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    return bytes(data)


def xml_bomb() -> bytes:
    parts = unzipped(export([ROW], format="xlsx"))
    sheet = parts["xl/worksheets/sheet1.xml"].decode().replace("<worksheet", ENTITIES + "<worksheet", 1)
    return zipped(parts | {"xl/worksheets/sheet1.xml": sheet.encode()})


def encrypted() -> bytes:
    """What office programs write for a workbook with a password (MS-OFFCRYPTO): a compound file."""
    return (
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(3000) + "EncryptedPackage".encode("utf-16-le") + bytes(9000)
    )


def refused() -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and code of files that are not read at all."""
    yield "bombe.xlsx", zip_bomb(), "zip_bomb"
    yield "luege.xlsx", lying_zip_bomb(), "broken_zip"
    yield "entities.xlsx", xml_bomb(), "xml_doctype"
    yield "passwort.xlsx", encrypted(), "encrypted"
    yield "rechnung.csv", b"%PDF-1.7\n" + bytes(range(256)) * 100, "unsupported_format"
    yield "halb.xlsx", export([ROW], format="xlsx")[:2_000], "broken_zip"
    yield "offen.json", b'[{"question": "a"', "broken_json"
    yield "tief.json", b"[" * 1_000_000, "too_deep"
    yield "anker.yaml", b"- &a [x, x]\n- [*a, *a]\n", "yaml_alias"
    yield "befehl.yaml", b"- !!python/object/apply:os.system [id]\n", "yaml_tag"
    yield "leer.csv", b" \r\n\t", "empty_file"
    yield "zeilen.csv", HEADER.encode() + b"a,b,c\n" * 150_000, "too_many_rows"
    yield "spalten.csv", b",".join(b"x" for _ in range(10_000)), "too_many_columns"


def faulty() -> Iterator[tuple[str, bytes, Mapping[str, int]]]:
    """Yield name, content, and how often which code is found in files that are read, but not taken as they are."""
    yield "zelle.csv", f"{HEADER}a,Wie lang?,{'x' * 200_000}\n".encode(), {"cell_too_long": 1}
    formulas = workbook(
        ["id", "question", "answer"], ["a", "Was?", "=cmd|'/C calc'!A0"], ["b", "Wie?", "=1+1"]
    )
    yield "formel.xlsx", formulas, {"formula": 2}
    damaged = f"{HEADER}a,Größe?,gut\nb,Maße?,gut\nc,Fläche?,gut\n".encode() + b"d,Gr\xff?,x\n"
    yield "utf8.csv", damaged, {"damaged_text": 1}
    ragged = f'{HEADER}a,Wo?\nc,Was?,d,e,f\ng,"Wie?\n'
    yield "zacken.csv", ragged.encode(), {"ragged_row": 3, "unclosed_quote": 1}
    yield "doppelt.csv", b"id,question,Question,answer\na,b?,c?,d\n", {"duplicate_header": 1}
    merged = workbook(["id", "question", "answer"], ["a", "Was?", "x"], ["b", None, "y"], merged="B2:B3")
    yield "verbunden.xlsx", merged, {"missing_question": 1, "merged_cells": 1}
    yield "gleich.csv", f"{HEADER}a,Was?,x\na,Wie?,y\na,Wo?,z\n".encode(), {"duplicate_id": 2}
    yield "mappe.csv", export([ROW], format="xlsx"), {"wrong_extension": 1}


def memory_of(server: RunningServer) -> dict[str, int]:
    """Return the resident bytes of the web process and of the worker, with all their children."""
    web = psutil.Process(server.process.pid)
    worker = next(child for child in web.children(recursive=True) if "worker" in child.cmdline())
    return {
        "web": web.memory_info().rss,
        "worker": sum(it.memory_info().rss for it in (worker, *worker.children(recursive=True))),
    }


def kept_of(server: RunningServer, upload_id: int) -> tuple[int, int, int]:
    """Return how many files, rows and findings are kept of an upload."""
    with database(server) as connected:
        row = connected.execute(
            """
            SELECT (SELECT count(*) FROM customers_faquploadfile WHERE upload_id = %(id)s),
                (SELECT count(*) FROM customers_faquploadrow WHERE upload_id = %(id)s),
                (SELECT count(*) FROM customers_faquploadfinding WHERE upload_id = %(id)s)
            """,
            {"id": upload_id},
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def refusal_of(server: RunningServer, upload_id: int) -> tuple[str, str]:
    """Return the code of an upload's refusal, and its sentence in German."""
    with database(server) as connected:
        row = connected.execute(
            "SELECT report -> 'refusal' FROM customers_faqupload WHERE id = %s", [upload_id]
        ).fetchone()
    assert row is not None
    with translation.override("de"):
        return row[0]["code"], upload_refusal_sentence(row[0]["code"], row[0]["data"])


def findings_of(server: RunningServer, upload_id: int) -> list[tuple[str, str, str]]:
    """Return kind, code and German sentence of what was found wrong with an upload."""
    with database(server) as connected, translation.override("de"):
        rows = connected.execute(
            """
            SELECT kind, code, value, data FROM customers_faquploadfinding
            WHERE upload_id = %s AND kind IN ('error', 'note') ORDER BY kind, position
            """,
            [upload_id],
        ).fetchall()
        return [
            (kind, code, finding_sentence(FaqUploadFinding(kind=kind, code=code, value=value, data=data)))
            for kind, code, value, data in rows
        ]


def uploads_of(server: RunningServer) -> int:
    with database(server) as connected:
        row = connected.execute("SELECT count(*) FROM customers_faqupload").fetchone()
    assert row is not None
    return int(row[0])


async def is_refused(opened: Page, server: RunningServer, path: Path, code: str) -> None:
    await send(opened, server, path, LOCALE)
    assert await checked(opened) == "refused", path.name
    found, sentence = refusal_of(server, number_of(opened))
    assert found == code, path.name
    assert (await opened.locator("[role=alert]").inner_text()).strip() == sentence
    assert kept_of(server, number_of(opened)) == (0, 0, 0), path.name


async def is_faulted(opened: Page, server: RunningServer, path: Path, counts: Mapping[str, int]) -> None:
    await send(opened, server, path, LOCALE)
    assert await checked(opened) in ("invalid", "ready"), path.name
    found = findings_of(server, number_of(opened))
    assert Counter(code for _, code, _ in found) == counts, path.name
    for kind in {kind for kind, _, _ in found}:
        await opened.goto(f"{opened.url.partition('?')[0]}?show={kind}")
        shown = await opened.locator(".up-table").inner_text()
        assert [text for its, _, text in found if its == kind and text not in shown] == []
    await opened.locator("[data-part=progress]").wait_for(state="hidden", timeout=60_000)


async def is_turned_away(opened: Page, server: RunningServer, path: Path, sentence: str) -> None:
    """The form itself does not take it."""
    before = uploads_of(server)
    await send(opened, server, path, LOCALE)
    alert = opened.locator("[role=alert]")
    await alert.wait_for(timeout=60_000)
    assert (await alert.inner_text()).strip() == sentence
    assert uploads_of(server) == before


async def test_hostile_files_are_refused_in_words_and_leave_nothing_behind(
    server: RunningServer, tmp_path: Path
) -> None:
    before = stored(server, tenant="demo", locale=LOCALE)

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    huge = write("riesig.csv", HEADER.encode() + b"a,b,c\n" * 17_000_000)
    size = huge.stat().st_size
    with translation.override("de"):
        too_large = refusal_sentence(FileRefused("too_large", size=size, limit=MAX_FILE_BYTES))
        empty = refusal_sentence(FileRefused("empty_file"))

    async with admin(server, locale=LOCALE) as opened:
        # What the first file loads, the encoder of the worker above all, stays for good.
        assert await upload(opened, server, write("gut.csv", export([ROW], format="csv")), LOCALE) == "ready"
        await opened.locator("[data-part=progress]").wait_for(state="hidden", timeout=60_000)
        memory = memory_of(server)
        for name, data, code in refused():
            await is_refused(opened, server, write(name, data), code)
        for name, data, counts in faulty():
            await is_faulted(opened, server, write(name, data), counts)
        await is_turned_away(opened, server, huge, too_large)
        await is_turned_away(opened, server, write("nichts.csv", b""), empty)
        after = memory_of(server)
    print("resident bytes before and after:", memory, after)
    assert stored(server, tenant="demo", locale=LOCALE) == before
    assert all(after[name] - memory[name] < GROWTH_MAX_BYTES for name in memory)
