"""Opens a file: tells its format from its content, and brings it into sheets."""

import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import PurePath

from . import documents, model, objects, tables
from .encoding import Decoded, decode
from .model import EncodingCandidate, FileRefused, RowError, Sheet
from .ods_read import read_ods
from .packages import UNREADABLE, open_package
from .xlsx_read import read_xlsx
from .yaml_read import read_yaml

_EXTENSIONS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".ods": "ods",
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".yaml": "yaml", ".yml": "yaml",
    ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".docx": "docx",
}  # fmt: skip
_ALIKE = ({"csv", "tsv"}, {"json", "jsonl"})
_FOREIGN = {
    b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR", b"MZ\x90": "Windows program", b"\x7fELF": "program",
    b"SQLite format 3": "SQLite", b"{\\rtf": "RTF", b"<?xml": "XML",
}  # fmt: skip
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_CONTROL = bytes((*range(8), *range(14, 27), 28, 29, 30, 31))
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A file opened: its sheets, and how it was read."""

    format: str
    sheets: list[Sheet]
    encoding: str = ""
    encoding_candidates: tuple[EncodingCandidate, ...] = ()
    delimiter: str = ""
    warnings: tuple[RowError, ...] = ()
    locale: str | None = None
    """The language an HTML page declares."""
    proposed: bool = False


def open_file(
    data: bytes, *, filename: str, languages: Collection[str] = (), encoding: str | None = None
) -> Contents:
    """The sheets of a file, whatever its name says it is.

    `languages` are primary subtags that help to tell encodings apart; where they stay open there are no
    sheets yet. Raises FileRefused for a file that cannot be opened.
    """
    if len(data) > model.MAX_FILE_BYTES:
        raise FileRefused("too_large", size=len(data), limit=model.MAX_FILE_BYTES)
    if not data.strip():
        raise FileRefused("empty_file")
    extension = PurePath(filename).suffix.lower()
    named = _EXTENSIONS.get(extension, "")
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        contents = _open_package(data)
    else:
        contents = _open_text(data, named, languages, encoding)
    if named and named != contents.format and not any({named, contents.format} <= alike for alike in _ALIKE):
        warning = RowError(code="wrong_extension", value=extension, data={"format": contents.format})
        contents = replace(contents, warnings=(*contents.warnings, warning))
    return contents


def _open_package(data: bytes) -> Contents:
    archive = open_package(data)
    names = archive.namelist()
    if any(name.startswith("word/") for name in names):
        return Contents(format="docx", sheets=[documents.read_docx(archive)], proposed=True)
    if "xl/workbook.bin" in names:
        raise FileRefused("unsupported_format", format="XLSB")
    if any(name.startswith("xl/") for name in names):
        return Contents(format="xlsx", sheets=_filled(read_xlsx(archive)))
    if "content.xml" in names:
        kind = _mimetype(archive)
        if kind and "spreadsheet" not in kind:
            raise FileRefused("unsupported_format", format=kind)
        return Contents(format="ods", sheets=_filled(read_ods(archive)))
    raise FileRefused("unsupported_format", format="ZIP")


def _mimetype(archive: zipfile.ZipFile) -> str:
    if "mimetype" not in archive.namelist():
        return ""
    try:
        return archive.read("mimetype")[:100].decode("ascii", "replace")
    except UNREADABLE as error:
        raise FileRefused("broken_zip") from error


def _filled(sheets: list[Sheet]) -> list[Sheet]:
    if not any(sheet.rows for sheet in sheets):
        raise FileRefused("empty_file")
    return sheets


def _open_text(data: bytes, named: str, languages: Collection[str], encoding: str | None) -> Contents:
    _refuse_foreign(data)
    declared = _CHARSET.search(data[:2048]) if named == "html" else None
    decoded = decode(
        data,
        encoding=encoding,
        declared=declared[1].decode("ascii") if declared else None,
        languages=languages,
    )
    # With two or four bytes a character any byte may occur; what counts is then the text.
    is_wide = decoded.encoding.startswith(("utf-16", "utf-32"))
    _refuse_binary(decoded.text.encode(errors="replace") if is_wide else data)
    if decoded.candidates:
        return Contents(format=named or "csv", sheets=[], encoding_candidates=decoded.candidates)
    if not decoded.text.strip():
        raise FileRefused("empty_file")
    return _read_text(_tell(decoded.text, named), decoded)


def _refuse_foreign(data: bytes) -> None:
    if data.startswith(_COMPOUND):
        raise FileRefused("encrypted" if _ENCRYPTED_STREAM in data else "old_office")
    for magic, name in _FOREIGN.items():
        if data.startswith(magic):
            raise FileRefused("unsupported_format", format=name)


def _refuse_binary(sample: bytes) -> None:
    controls = len(sample) - len(sample.translate(None, _CONTROL))
    if controls > max(10, len(sample) / 50):
        raise FileRefused("unsupported_format", format="binary")


def _tell(text: str, named: str) -> str:
    """The format of a text: what it visibly is, and otherwise what its name says."""
    start = text[:2_000].lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        return "html"
    if named in ("yaml", "markdown", "html"):
        return named
    if re.match(r'\[\s*[{\]]|\{\s*["}]', start) or named in ("json", "jsonl"):
        return _tell_json(text, named)
    return named if named in ("csv", "tsv") else "csv"


def _tell_json(text: str, named: str) -> str:
    """Lines of objects are JSONL; one value over the whole file is JSON."""
    first, _, rest = text.lstrip().partition("\n")
    first = first.strip()
    if first.startswith("{") and first.endswith("}") and (named == "jsonl" or rest.strip()):
        return "jsonl"
    return "json" if first.startswith(("[", "{")) or named == "json" else "jsonl"


def _read_text(format_name: str, decoded: Decoded) -> Contents:
    text, delimiter, locale = decoded.text, "", None
    match format_name:
        case "json":
            sheets = objects.read_json(text)
        case "jsonl":
            sheets = [objects.read_jsonl(text)]
        case "yaml":
            sheets = read_yaml(text)
        case "markdown":
            sheets = [documents.read_markdown(text)]
        case "html":
            sheet, locale = documents.read_html(text)
            sheets = [sheet]
        case _:
            sheet, delimiter = tables.read_table(text, preferred="\t" if format_name == "tsv" else ",")
            sheets = [sheet]
    return Contents(
        format=format_name, sheets=sheets, encoding=decoded.encoding, delimiter=delimiter, locale=locale,
        proposed=format_name in model.DOCUMENT_FORMATS,
    )  # fmt: skip
