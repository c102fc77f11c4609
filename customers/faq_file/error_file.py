"""The uploaded file again, with a column that says what is wrong with each row."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from .documents import HEADERS
from .headers import ERRORS, display_headers, find_header, recognise
from .model import DOCUMENT_FORMATS, RowError, Sheet
from .opening import open_file
from .tabs import Tab
from .text import guard, guard_quoted, unguard
from .writer import CONTENT_TYPES, is_right_to_left, write_objects, write_table, write_workbook

_Sentences = dict[tuple[str, int], list[str]]


@dataclass(frozen=True, kw_only=True)
class ErrorFile:
    """A file for download."""

    data: bytes
    filename: str
    content_type: str


def with_error_column(
    data: bytes,
    *,
    filename: str,
    errors: Iterable[RowError],
    sentence: Callable[[RowError], str],
    header_locale: str = "en",
    mapping: Mapping[str, str] | None = None,
    languages: Collection[str] = (),
    encoding: str | None = None,
) -> ErrorFile:
    """The same rows in the same order and format, each with its errors as sentences.

    Every other cell stays as it was (a formula as its text); an error column from an earlier round is
    written over, and any is ignored on import, so the file can be corrected and uploaded as it is. A
    document of headings comes back as a workbook of the rows it was read as. `mapping` as
    in `parse`; `languages` and `encoding` as in `open_file`, whose FileRefused it raises.
    """
    contents = open_file(data, filename=filename, languages=languages, encoding=encoding)
    sentences: _Sentences = defaultdict(list)
    for error in errors:
        sentences[error.sheet, error.row].append(sentence(error))
    sheets, format_name = contents.sheets, contents.format
    if format_name in DOCUMENT_FORMATS:
        sheets, sentences = _tabulated(sheets, sentences)
        format_name = "xlsx"
    header = display_headers(header_locale)[ERRORS]
    if format_name in ("csv", "tsv"):
        table = _table(sheets[0], sentences, header, guard, mapping)[0] if sheets else []
        written = write_table(table, contents.delimiter or ",")
    elif format_name in ("xlsx", "ods"):
        tabs = []
        for position, sheet in enumerate(sheets, 1):
            rows, header_row = _table(sheet, sentences, header, guard_quoted, mapping)
            name = sheet.name or f"Sheet {position}"
            tabs.append(
                Tab(name=name, rows=rows, header_row=header_row, right_to_left=is_right_to_left(name))
            )
        written = write_workbook(tabs, format_name)
    else:
        written = _write_objects(sheets, sentences, header, format_name)
    return ErrorFile(
        data=written,
        filename=f"{PurePath(filename).stem}-errors.{format_name}",
        content_type=CONTENT_TYPES[format_name],
    )


def _tabulated(sheets: list[Sheet], sentences: _Sentences) -> tuple[list[Sheet], _Sentences]:
    """A document's rows as a table, and the sentences moved to where its rows then stand."""
    tables: list[Sheet] = []
    moved: _Sentences = {("", 0): sentences.get(("", 0), [])}
    for sheet in sheets:
        rows = [(1, list(HEADERS))]
        for place, (number, record) in enumerate(sheet.records, 2):
            rows.append((place, [str(record[name]) for name in HEADERS]))
            moved["", place] = sentences.get(("", number), [])
        tables.append(Sheet(rows=rows))
    return tables, moved


def _table(
    sheet: Sheet,
    sentences: _Sentences,
    header: str,
    guard: Callable[[str], str],
    mapping: Mapping[str, str] | None,
) -> tuple[list[list[str]], int]:
    """The sheet's rows at their own row numbers with the error column last, and the header row's number."""
    if not sheet.rows:
        return [[header]], 1
    header_row, cells = sheet.rows[find_header(sheet, mapping)[0]]
    column = next((at for at, cell in enumerate(cells) if recognise(cell) == ERRORS), None)
    width = max(len(cells) for _, cells in sheet.rows)
    column = width if column is None else column
    pending = [text for row in {0, header_row} for text in sentences.get((sheet.name, row), [])]
    table: list[list[str]] = []
    for number, cells in sheet.rows:
        table.extend([] for _ in range(number - len(table) - 1))
        said = header if number == header_row else ""
        if number > header_row:
            said = "\n".join([*pending, *sentences.get((sheet.name, number), [])])
            pending = []
        line = [*(_safe(cell, guard) for cell in cells), *[""] * (max(width, column + 1) - len(cells))]
        line[column] = guard(said)
        table.append(line)
    return table, header_row


def _safe(cell: str, guard: Callable[[str], str]) -> str:
    """A cell that reads as before but does not run; one that is guarded already stays as it is."""
    return str(cell) if unguard(cell) != cell else guard(str(cell))


def _write_objects(sheets: list[Sheet], sentences: _Sentences, header: str, format_name: str) -> bytes:
    lists: dict[str, list[dict[str, object]]] = {}
    for sheet in sheets:
        rows = {number: dict(record) for number, record in sheet.records}
        rows |= {number: {"text": text} for number, text in sheet.unread}
        for number, record in rows.items():
            for key in [key for key in record if recognise(str(key)) == ERRORS]:
                del record[key]
            said = sentences.get((sheet.name, number))
            if said:
                record[header] = said
        lists[sheet.name] = [rows[number] for number in sorted(rows)]
    only = next(iter(lists.values()), [])
    return write_objects(only if len(lists) < 2 else lists, format_name)
