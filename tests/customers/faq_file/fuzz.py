"""Throws damaged and hostile files at the reader: `python -m tests.customers.faq_file.fuzz SECONDS [SEED]`.

Nothing but a ParsedFile or FileRefused may come out of `parse`, and nothing but bytes or FileRefused out
of `with_error_column`; every error must have its sentence data. How long the slowest file took is shown.
"""

import random
import sys
import time
from dataclasses import dataclass

from customers.faq_file.error_file import with_error_column
from customers.faq_file.model import FORMATS, FileRefused
from customers.faq_file.reader import parse
from customers.faq_file.writer import export

from .samples import ROWS, unzipped, zipped

_TOKENS = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"=1+1",
    b"[", b"{", b"]",
    b"}", b":", b"- ", b"&a ", b"*a", b"!!python/object:os.system ", b"NaN", b"1e999", b"\\ud800", b"<",
    b"<!DOCTYPE x>",
    b"<f>1</f>", b"&#0;", b"&amp;", b"]]>", b'r="A1048577"', b'r="XFD1"', b's="99999999"', b't="s"', b"<v>-1</v>",
    b'number-rows-repeated="99999999"', b'number-columns-repeated="x"', b"# ", b"question", b"\xd8\x00",
    b"\x81\x30\x81\x30",
    "٣".encode(), "１".encode(), b"9" * 400, b"<!--", b"-->", b"<![", b'<a x="', b"<h2>", b"[" * 400, b"%",
]  # fmt: skip
_MARKDOWN = b"# Shop\n\nintro\n\n## Can I return it?\n\nYes, *sure*.\n\n```\n# no heading\n```\n\nHours\n-----\n9-18\n"
_HTML = (
    b"<html lang=de><body><h1>FAQ</h1><details><summary>Kann ich?</summary><p>Ja <b>klar</b><ul><li>a<li>b</ul>"
    b"</details><dl><dt>Wann?<dd>Um <a href='https://example.org/'>neun</a></dl></body></html>"
)
_DOCX = zipped(
    {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r" Target="word/document.xml" Type="http://schemas.openxmlformats.org/officeDocument/'
        '2006/relationships/officeDocument"/></Relationships>',
        "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Can I?</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>Yes.</w:t></w:r></w:p></w:body></w:document>",
    }
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of the fuzzer saw; `crashes` has the seed-independent file and the exception of each."""

    executions: int
    parsed: int
    refused: int
    slowest: float
    crashes: list[tuple[str, bytes, str]]


def fuzz(*, seed: int, executions: int = 0, seconds: float = 0.0) -> Outcome:
    """Runs until either bound is reached."""
    chance = random.Random(seed)
    corpus = [(f"faq.{name}", export(ROWS, format=name, header_locale="ja")) for name in FORMATS]
    corpus += [("faq.md", _MARKDOWN), ("faq.html", _HTML), ("faq.docx", _DOCX)]
    corpus += [
        ("faq.csv", export(ROWS, format="csv")[3:].decode().encode(name, "replace"))
        for name in ("cp932", "utf-16")
    ]
    names = [name for name, _ in corpus] + ["faq.xls", "faq", "faq.txt"]
    count = parsed = refused = 0
    slowest, crashes, end = 0.0, list[tuple[str, bytes, str]](), time.monotonic() + seconds
    while count < executions or (seconds and time.monotonic() < end):
        count += 1
        name, data = chance.choice(corpus)
        data = (
            _mutate_zip(chance, data)
            if data[:2] == b"PK" and chance.random() < 0.8
            else _mutate(chance, data)
        )
        name = chance.choice(names) if chance.random() < 0.1 else name
        began = time.process_time()
        try:
            _run(name, data, chance)
            parsed += 1
        except FileRefused:
            refused += 1
        except Exception as error:  # noqa: BLE001 - finding these is the point
            crashes.append((name, data, f"{type(error).__name__}: {error}"))
        slowest = max(slowest, time.process_time() - began)
    return Outcome(executions=count, parsed=parsed, refused=refused, slowest=slowest, crashes=crashes)


def _run(name: str, data: bytes, chance: random.Random) -> None:
    locales = chance.choice([None, ["en-US", "ar-SA", "ja-JP"]])
    encoding = chance.choice([None, None, None, "gb18030", "windows-1252", "utf-16"])
    found = parse(
        data, filename=name, locale=chance.choice([None, "en-US"]), locales=locales, encoding=encoding
    )
    # What was accepted can be written and read again unchanged.
    form = chance.choice(FORMATS)
    if found.rows:
        again = parse(export(found.rows, format=form), filename=f"faq.{form}", locale=None)
        assert again.rows == found.rows, f"round trip through {form}"
    if not found.needs_encoding:
        with_error_column(
            data, filename=name, errors=found.errors, sentence=lambda e: e.code, encoding=encoding
        )


def _mutate_zip(chance: random.Random, data: bytes) -> bytes:
    parts = unzipped(data)
    name = chance.choice(list(parts))
    if chance.random() < 0.05:
        del parts[name]
    else:
        parts[name] = _mutate(chance, parts[name])
    return zipped(dict(parts))


def _mutate(chance: random.Random, data: bytes) -> bytes:
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(6):
            case 0 if at < len(result):
                result[at] = chance.randrange(256)
            case 1:
                del result[at : at + chance.randint(1, 30)]
            case 2 | 3:
                result[at:at] = chance.choice(_TOKENS)
            case 4:
                start = chance.randrange(len(result) + 1)
                result[at:at] = result[start : start + chance.randint(1, 200)]
            case _ if chance.random() < 0.1:
                del result[at:]
    return bytes(result)


if __name__ == "__main__":
    outcome = fuzz(seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0, seconds=float(sys.argv[1]))
    for crash in outcome.crashes[:20]:
        print(crash)
    print(
        f"{outcome.executions} executions, {outcome.parsed} parsed, {outcome.refused} refused, "
        f"slowest {outcome.slowest:.2f} s, {len(outcome.crashes)} crashes"
    )
