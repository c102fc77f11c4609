"""What a FAQ file says once it is read: rows, errors, and the limits both are held to."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

FORMATS = ("csv", "tsv", "xlsx", "ods", "json", "jsonl", "yaml")
DOCUMENT_FORMATS = ("markdown", "html", "docx")
FIELDS = (
    "id", "locale", "question", "alternates", "answer", "category", "tags", "follow_ups",
    "valid_from", "valid_until", "active",
)  # fmt: skip

MAX_FILE_BYTES = 25_000_000
MAX_ROWS = 100_000
MAX_COLUMNS = 500
MAX_CELLS = 3_000_000
MAX_CHARACTERS = 100_000_000
MAX_MERGED = 10_000
MAX_SHEETS = 200
CELL_LIMIT = 32_767
"""UTF-16 units in one spreadsheet cell: what Excel and LibreOffice hold without cutting."""

QUESTION_LIMIT = 1_000
ALTERNATE_LIMIT = 1_000
ALTERNATES_LIMIT = 200
ANSWER_LIMIT = 20_000
NAME_LIMIT = 200
"""Characters in an id, a category or a tag."""
NAMES_LIMIT = 50
"""Tags, or follow-ups, in one row."""

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that no format can carry faithfully: controls, lone surrogates, U+FFFE and U+FFFF."""


@dataclass(frozen=True, kw_only=True)
class FaqRow:
    """One question with its answer, as accepted from a file or about to be written to one.

    Text is stored as the importer leaves it: line ends are LF, outer whitespace is gone, and everything
    but `question` and `answer` is a single line. Unicode is kept as written (no NFC, no NFKC).
    Two rows are equal when they say the same, wherever they were read.
    """

    id: str
    locale: str
    question: str
    alternates: tuple[str, ...] = ()
    answer: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    active: bool = True
    sheet: str = field(default="", compare=False)
    row: int = field(default=0, compare=False)
    id_derived: bool = field(default=False, compare=False)
    """The file gave no id, so it was derived from locale and question."""


@dataclass(frozen=True, kw_only=True)
class RowError:
    """One thing wrong with one cell, or with a whole row (`column` empty) or sheet (`row` 0).

    `row` counts from 1 as the spreadsheet shows it; `column` is the header as the file spells it;
    `value` is shortened for display; `code` and `data` choose and fill the sentence.
    """

    sheet: str = ""
    row: int = 0
    column: str = ""
    value: str = ""
    code: str
    data: Mapping[str, str | int] = field(default_factory=dict)


class FileRefused(Exception):
    """The file as a whole cannot be read; `code` and `data` choose and fill the sentence."""

    def __init__(self, code: str, **data: str | int) -> None:
        super().__init__(code, data)
        self.code = code
        self.data: Mapping[str, str | int] = data


@dataclass(frozen=True, kw_only=True)
class EncodingCandidate:
    """An encoding the bytes could be in, with the first differing lines as it reads them."""

    encoding: str
    preview: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """One header of a sheet and the field it was taken for; None when it was not recognised."""

    sheet: str
    header: str
    field: str | None


@dataclass(frozen=True, kw_only=True)
class ParsedFile:
    """Everything one reading of a file found.

    `rows` holds the rows without errors. `missing` names required fields that no header was recognised
    for; `encoding_candidates` is filled, and `rows` empty, when the encoding cannot be told from the
    bytes. `proposed` marks rows drawn from a document's headings, which a person should look over.
    """

    format: str
    encoding: str = ""
    encoding_candidates: tuple[EncodingCandidate, ...] = ()
    delimiter: str = ""
    columns: tuple[Column, ...] = ()
    missing: tuple[str, ...] = ()
    rows: tuple[FaqRow, ...] = ()
    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowError, ...] = ()
    proposed: bool = False

    @property
    def needs_encoding(self) -> bool:
        return bool(self.encoding_candidates)

    @property
    def needs_mapping(self) -> bool:
        return bool(self.missing)


@dataclass(kw_only=True)
class Budget:
    """How much more one file may bring, however its sheets share it.

    A few bytes of a packed workbook can name the same long text a million times.
    """

    cells: int = MAX_CELLS
    characters: int = MAX_CHARACTERS
    merged: int = MAX_MERGED

    def spend_characters(self, count: int) -> None:
        """Raises FileRefused `too_much_text`."""
        self.characters -= count
        if self.characters < 0:
            raise FileRefused("too_much_text", limit=MAX_CHARACTERS)

    def spend_merged(self) -> None:
        """Raises FileRefused `too_many_merged`."""
        self.merged -= 1
        if self.merged < 0:
            raise FileRefused("too_many_merged", limit=MAX_MERGED)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One sheet as read, before any column is understood.

    `grid` sheets (tables) carry rows of cells, the header among them; the others (JSON, YAML) carry one
    mapping per row. Cells are text; `Formula` and `BadCell` mark those that have no text to offer.
    """

    name: str = ""
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    records: list[tuple[int, Mapping[str, object]]] = field(default_factory=list)
    unread: list[tuple[int, str]] = field(default_factory=list)
    """Rows that are no mapping, as text."""
    is_grid: bool = True
    fixed_width: bool = False
    """Every row has as many cells as the header, so a shorter one is broken (CSV)."""
    errors: list[RowError] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)

    def add_row(self, number: int, cells: list[str]) -> None:
        """Appends a row of a grid.

        Raises FileRefused `too_many_rows`, `too_many_columns`, `too_many_cells`, `too_much_text`.
        """
        if len(self.rows) >= MAX_ROWS:
            raise FileRefused("too_many_rows", limit=MAX_ROWS)
        if len(cells) > MAX_COLUMNS:
            raise FileRefused("too_many_columns", limit=MAX_COLUMNS, count=len(cells))
        self.budget.cells -= len(cells)
        if self.budget.cells < 0:
            raise FileRefused("too_many_cells", limit=MAX_CELLS)
        self.budget.spend_characters(sum(map(len, cells)))
        self.rows.append((number, cells))


class Formula(str):
    """The formula of a spreadsheet cell, as text; it is reported and never evaluated."""


class BadCell(str):
    """A spreadsheet's error value such as #REF!, as text."""


def shorten(value: object, limit: int = 80) -> str:
    """The start of a value, fit to be shown and stored anywhere: what no text may contain reads as U+FFFD."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    return FORBIDDEN.sub("\ufffd", text if len(text) <= limit else text[: limit - 1] + "…")


def header_name(text: str) -> str:
    """A column header as errors, mappings and screens name it."""
    return shorten(text.strip(), NAME_LIMIT)


def units(text: str) -> int:
    """UTF-16 code units, which is what spreadsheet programs count."""
    return len(text) if text.isascii() else len(text) + sum(map("\uffff".__lt__, text))
