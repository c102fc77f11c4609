"""ODS workbooks: the text of their cells (OASIS OpenDocument 1.3, parts 2 and 3)."""

import re
import zipfile

from . import model
from .model import Budget, FileRefused, Formula, RowError, Sheet, header_name
from .packages import scan
from .xlsx_read import number_text

_WHITESPACE = re.compile("[ \t\r\n]+")
_LAST_ROW = 1_048_576
_SKIPPED = frozenset({"annotation", "note", "ruby-text", "tracked-changes"})
_CELLS = frozenset({"table-cell", "covered-table-cell"})


class _Manifest:
    """Looks for encrypted parts."""

    encrypted = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.encrypted |= name == "encryption-data"

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


class _Paragraphs:
    """The text of one cell: white space collapsed as ODF part 3, 6.1.2 says, explicit spaces kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._parts: list[str] = []
        self._after_space = True

    def begin(self) -> None:
        self._parts, self._after_space = [], True

    def add(self, data: str) -> None:
        data = _WHITESPACE.sub(" ", data)
        if self._after_space:
            data = data.removeprefix(" ")
        if data:
            self._parts.append(data)
            self._after_space = data.endswith(" ")

    def insert(self, data: str) -> None:
        self._parts.append(data)
        self._after_space = False

    def finish(self) -> None:
        line = "".join(self._parts)
        self.lines.append(line[:-1] if self._after_space and line.endswith(" ") else line)


class _Content:
    """Every table of content.xml."""

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self._budget = Budget()
        self._row = self._row_repeat = self._repeat = self._tables = self._skipped = self._paragraph = 0
        self._values: list[str] = []
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._text = _Paragraphs()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped or name in _SKIPPED:
            self._skipped += 1
        elif name == "p" or name == "h":
            self._paragraph += 1
            if self._paragraph == 1:
                self._text.begin()
        elif name in _CELLS:
            self._cell = attributes if name == "table-cell" else {"covered": "true", **attributes}
            self._text = _Paragraphs()
        elif name == "s" and self._paragraph:
            spaces = min(_count(attributes.get("c")), model.CELL_LIMIT + 1)
            self._budget.spend_characters(spaces)
            self._text.insert(" " * spaces)
        elif name == "tab" and self._paragraph:
            self._text.insert("\t")
        elif name == "line-break" and self._paragraph:
            self._text.insert("\n")
        elif name == "table-row":
            self._values, self._column = [], 0
            self._row_repeat = _count(attributes.get("number-rows-repeated"))
        elif name == "table":
            self._start_table(attributes)

    def _start_table(self, attributes: dict[str, str]) -> None:
        self._tables += 1
        if self._tables == 1:
            self._row = 0
            self.sheets.append(Sheet(name=header_name(attributes.get("name", "")), budget=self._budget))
            if len(self.sheets) > model.MAX_SHEETS:
                raise FileRefused("too_many_sheets", limit=model.MAX_SHEETS, count=len(self.sheets))

    def text(self, data: str) -> None:
        if self._paragraph and not self._skipped:
            self._text.add(data)

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif name == "p" or name == "h":
            self._paragraph -= 1
            if self._paragraph == 0:
                self._text.finish()
        elif name in _CELLS:
            self._end_cell()
        elif name == "table-row":
            self._end_row()
        elif name == "table":
            self._tables -= 1

    def _end_cell(self) -> None:
        cell, self._cell = self._cell or {}, None
        repeat = _count(cell.get("number-columns-repeated"))
        value = "" if "covered" in cell else _value(cell, self._text.lines)
        if value:
            last = self._column + repeat
            if last > model.MAX_COLUMNS:
                raise FileRefused("too_many_columns", limit=model.MAX_COLUMNS, count=last)
            self._values.extend([""] * (self._column - len(self._values)))
            self._values.extend([value] * repeat)
        columns, rows = (_count(cell.get(f"number-{side}-spanned")) for side in ("columns", "rows"))
        if (columns > 1 or rows > 1) and self.sheets:
            sheet = self.sheets[-1]
            self._budget.spend_merged()
            data = {"range": f"{rows} × {columns}"}
            sheet.warnings.append(
                RowError(sheet=sheet.name, row=self._row + 1, code="merged_cells", data=data)
            )
        self._column += repeat

    def _end_row(self) -> None:
        if any(map(str.strip, self._values)) and self.sheets:
            if self._row + self._row_repeat > _LAST_ROW:
                raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
            for number in range(self._row_repeat):
                self.sheets[-1].add_row(self._row + number + 1, self._values)
        self._row += self._row_repeat


def read_ods(archive: zipfile.ZipFile) -> list[Sheet]:
    """Every table of a workbook.

    Formulas are kept as such, merged cells are reported, numbers, dates and truth values are read from
    their stored value rather than from their display. Raises FileRefused `encrypted`, `broken_workbook`,
    `too_many_sheets`, and what `scan` raises.
    """
    names = set(archive.namelist())
    if "META-INF/manifest.xml" in names:
        manifest = _Manifest()
        scan(archive, "META-INF/manifest.xml", manifest)
        if manifest.encrypted:
            raise FileRefused("encrypted")
    if "content.xml" not in names:
        raise FileRefused("broken_workbook")
    content = _Content()
    scan(archive, "content.xml", content)
    return content.sheets


def _count(raw: str | None) -> int:
    """A repeat or span attribute: at least 1, and no more than any sheet has."""
    return min(max(int(raw), 1), 2 * _LAST_ROW) if raw and raw.isdecimal() and len(raw) < 10 else 1


def _value(cell: dict[str, str], lines: list[str]) -> str:
    if cell.get("formula"):
        return Formula("=" + cell["formula"].partition("=")[2])
    match cell.get("value-type"):
        case "float" | "currency" | "percentage":
            return number_text(cell.get("value", ""))
        case "date":
            return cell.get("date-value", "").removesuffix("T00:00:00")
        case "boolean":
            return cell.get("boolean-value", "")
    return "\n".join(lines) if lines else cell.get("string-value", "")
