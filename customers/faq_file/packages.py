"""Office files are zip archives of XML: what is checked before and while anything inside is read."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Protocol
from xml.parsers import expat

from .model import FileRefused

MAX_ENTRIES = 5_000
MAX_UNPACKED_BYTES = 150_000_000
MAX_RATIO = 200
"""Unpacked to packed size of one entry; a sheet of a million equal cells stays below 100."""
_RATIO_FREE_BYTES = 5_000_000
_MAX_DEPTH = 200
_CHUNK = 1 << 16
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError,
)  # fmt: skip
"""What zipfile raises for archives it cannot make sense of."""


class Handler(Protocol):
    """Receives one XML part as it is read; names come without their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


def open_package(data: bytes) -> zipfile.ZipFile:
    """The archive, once its directory shows nothing that would unpack without bound.

    Raises FileRefused `broken_zip`, `encrypted`, `zip_bomb`.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except UNREADABLE as error:
        raise FileRefused("broken_zip") from error
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES:
        raise FileRefused("zip_bomb", entries=len(entries), limit=MAX_ENTRIES)
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused("zip_bomb", size=unpacked, limit=MAX_UNPACKED_BYTES)
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise FileRefused("encrypted")
        if entry.file_size > max(_RATIO_FREE_BYTES, MAX_RATIO * entry.compress_size):
            raise FileRefused("zip_bomb", size=entry.file_size, limit=MAX_RATIO * entry.compress_size)
    return archive


def scan(archive: zipfile.ZipFile, part: str, handler: Handler | None = None) -> None:
    """Reads one XML part from start to end, handing it to `handler` piece by piece.

    A DOCTYPE is refused where it stands, and with it every entity bomb and external reference (the
    rule of defusedxml's `forbid_dtd`, here on expat itself because its pure Python parser takes ten
    times as long). Raises FileRefused `broken_zip`, `broken_xml`, `xml_doctype`, `too_deep`.
    """
    parser = _parser(part, handler)
    try:
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileRefused(
            "broken_xml", part=part, line=error.lineno, reason=expat.ErrorString(error.code)
        ) from error
    except (LookupError, *UNREADABLE) as error:
        raise FileRefused("broken_zip") from error


def _parser(part: str, handler: Handler | None) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0
    on_start: Callable[[str, dict[str, str]], None] = (
        handler.start if handler else lambda name, attributes: None
    )
    on_end: Callable[[str], None] = handler.end if handler else lambda name: None

    def refuse_doctype(*_: object) -> None:
        raise FileRefused("xml_doctype", part=part)

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise FileRefused("too_deep", format="XML")
        on_start(
            local(tag),
            {local(name): value for name, value in attributes.items()} if attributes else attributes,
        )

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        on_end(local(tag))

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    if handler:
        parser.CharacterDataHandler = handler.text
    return parser


def local(name: str) -> str:
    """A name without its namespace: strict and transitional OOXML differ in nothing else here."""
    return name.rpartition(" ")[2]
