"""Writes FAQ rows to files that import again to exactly the same rows."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import yaml
from babel import Locale, UnknownLocaleError

from . import model
from .examples import example_rows
from .headers import display_headers
from .locales import normalise_tag
from .model import FIELDS, FORMATS, FaqRow
from .ods_write import write_ods
from .tabs import Tab
from .text import guard, guard_quoted
from .xlsx_write import write_xlsx

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "yaml": "application/yaml",
}
_WIDTHS = {"question": 45, "alternates": 45, "answer": 70, "category": 18, "tags": 18, "follow_ups": 18}
_SHEET_NAME_LIMIT = 31


def export(rows: Iterable[FaqRow], *, format: str, header_locale: str = "en") -> bytes:  # noqa: A002
    """The rows as a file in one of `FORMATS`, headers in the language of `header_locale`.

    A workbook gets one sheet per locale where the rows come grouped by locale. Raises ValueError for
    another format.
    """
    rows = list(rows)
    if format in ("csv", "tsv"):
        return write_table(_grid(rows, header_locale, guard), "," if format == "csv" else "\t")
    if format in ("xlsx", "ods"):
        return write_workbook(_tabs(rows, header_locale), format)
    if format in FORMATS:
        return write_objects([_record(row) for row in rows], format)
    raise ValueError(f"cannot export to {format!r}; use one of {', '.join(FORMATS)}")


def template(*, format: str, locale: str) -> bytes:  # noqa: A002
    """A file to start from: headers in the locale's language and two example rows.

    Raises ValueError for a format that is not in `FORMATS` or a locale that is no BCP 47 tag.
    """
    tag = normalise_tag(locale)
    if tag is None:
        raise ValueError(f"{locale!r} is not a BCP 47 tag; write it like de-DE")
    return export(example_rows(tag), format=format, header_locale=tag)


def write_table(table: Iterable[Sequence[str]], delimiter: str) -> bytes:
    """Rows of cells as CSV. With the byte order mark Excel reads UTF-8 as UTF-8."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(table)
    return out.getvalue().encode("utf-8-sig")


def write_workbook(tabs: Sequence[Tab], format: str) -> bytes:  # noqa: A002
    return write_xlsx(tabs) if format == "xlsx" else write_ods(tabs)


def write_objects(value: Sequence[object] | dict[str, list[dict[str, object]]], format: str) -> bytes:  # noqa: A002
    """Rows as JSON, JSONL or YAML, in UTF-8, readable as they stand."""
    # A lone surrogate, which only a file's own \\u escape brings in, goes out as that escape again.
    if format == "jsonl":
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in value)
        return lines.encode(errors="backslashreplace")
    if format == "json":
        return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")
    dumped: str = yaml.dump(value, Dumper=_dumper(), allow_unicode=True, sort_keys=False, width=2**30)
    return dumped.encode()


def is_right_to_left(locale: str) -> bool:
    """Whether CLDR says the locale is written from right to left."""
    try:
        return Locale.parse(locale, sep="-").character_order == "right-to-left"
    except (UnknownLocaleError, ValueError):
        return False


def _record(row: FaqRow) -> dict[str, object]:
    return {
        "id": row.id,
        "locale": row.locale,
        "question": row.question,
        "alternates": list(row.alternates),
        "answer": row.answer,
        "category": row.category,
        "tags": list(row.tags),
        "follow_ups": list(row.follow_ups),
        "valid_from": row.valid_from and row.valid_from.isoformat(),
        "valid_until": row.valid_until and row.valid_until.isoformat(),
        "active": row.active,
    }


def _grid(rows: Sequence[FaqRow], header_locale: str, guard: Callable[[str], str]) -> list[list[str]]:
    """A header and one list of cells per row; alternates that one cell cannot hold take further columns."""
    chunks = [_chunks(row.alternates) for row in rows]
    width = max(map(len, chunks), default=1)
    names = display_headers(header_locale)
    header: list[str] = []
    for field in FIELDS:
        header.append(names[field])
        if field == "alternates":
            header.extend(f"{names[field]} {number}" for number in range(2, width + 1))
    table = [header]
    for row, parts in zip(rows, chunks, strict=True):
        cells = [
            row.id, row.locale, row.question, *parts, *[""] * (width - len(parts)), row.answer, row.category,
            ", ".join(row.tags), ", ".join(row.follow_ups),
            row.valid_from.isoformat() if row.valid_from else "",
            row.valid_until.isoformat() if row.valid_until else "",
            "true" if row.active else "false",
        ]  # fmt: skip
        table.append([guard(cell) for cell in cells])
    return table


def _chunks(alternates: Sequence[str]) -> list[str]:
    """The alternates one per line, in as few cells as the cell limit allows, at least one."""
    chunks, lines, size = [], list[str](), 0
    for text in alternates:
        length = model.units(text) + 1
        if lines and size + length >= model.CELL_LIMIT:
            chunks.append("\n".join(lines))
            lines, size = [], 0
        lines.append(text)
        size += length
    return [*chunks, "\n".join(lines)]


def _tabs(rows: Sequence[FaqRow], header_locale: str) -> list[Tab]:
    groups = [(locale, list(group)) for locale, group in groupby(rows, key=lambda row: row.locale)]
    names = [locale for locale, _ in groups]
    # Sheets keep the order of rows only while each locale's rows stand together.
    if not groups or len(set(names)) < len(names) or max(map(len, names)) > _SHEET_NAME_LIMIT:
        groups = [("FAQ", list(rows))]
    tabs = []
    for name, group in groups:
        table = _grid(group, header_locale, guard_quoted)
        extra = len(table[0]) - len(FIELDS)
        widths = [
            _WIDTHS.get(field, 12) for field in FIELDS for _ in range(1 + extra * (field == "alternates"))
        ]
        tabs.append(Tab(name=name, rows=table, widths=widths, right_to_left=is_right_to_left(name)))
    return tabs


def _dumper() -> type:
    """A safe YAML dumper that writes text of several lines as a block."""
    base: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: type = type("_FaqDumper", (base,), {})
    yaml.add_representer(str, _represent_text, Dumper=dumper)
    return dumper


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
