"""XLSX workbooks: the text of their cells, and what a FAQ cannot take (ECMA-376 part 1, chapter 18)."""

import posixpath
import re
import zipfile
from datetime import date, timedelta

from . import model
from .model import BadCell, Budget, FileRefused, Formula, RowError, Sheet, header_name
from .packages import scan

_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9]\d{0,6})", re.ASCII)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MOST_ELEMENTS = 100_000
"""Styles, sheets or relations; Excel stops at 65,490 styles."""
_LAST_ROW = 1_048_576
_DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_FORMAT_LITERALS = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', re.IGNORECASE)


class _Elements:
    """Collects the attributes of the elements with certain names, in order."""

    def __init__(self, *names: str) -> None:
        self.found: list[tuple[str, dict[str, str]]] = []
        self._names = frozenset(names)
        self.inside: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in self._names:
            if len(self.found) >= _MOST_ELEMENTS:
                raise FileRefused("broken_workbook")
            self.found.append((name, {**attributes, "parent": self.inside[-1] if self.inside else ""}))
        self.inside.append(name)

    def end(self, name: str) -> None:
        self.inside.pop()

    def text(self, data: str) -> None:
        pass


class _SharedStrings:
    """The workbook's table of texts; phonetic guides (rPh) are not part of them."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._parts: list[str] = []
        self._phonetic = 0
        self._in_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self._parts = []
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t":
            self._in_text = not self._phonetic

    def end(self, name: str) -> None:
        if name == "si":
            if len(self.strings) >= model.MAX_CELLS:
                raise FileRefused("too_many_cells", limit=model.MAX_CELLS)
            self.strings.append(unescape("".join(self._parts)))
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "t":
            self._in_text = False

    def text(self, data: str) -> None:
        if self._in_text:
            self._parts.append(data)


class _Worksheet:
    """One worksheet's cells, as rows of text."""

    def __init__(self, sheet: Sheet, strings: list[str], dates: frozenset[int], epoch: date) -> None:
        self.sheet = sheet
        self._strings, self._dates, self._epoch = strings, dates, epoch
        self._row = self._column = 0
        self._values: list[str] = []
        self._type = self._style = ""
        self._formula = self._keep = False
        self._phonetic = 0
        self._parts: list[str] = []
        self._formula_parts: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            self._keep = not self._phonetic
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._phonetic += 1
        elif name == "row":
            number = attributes.get("r", "")
            self._row = int(number) if number.isdecimal() and len(number) < 8 else self._row + 1
            self._column, self._values = 0, []
        elif name == "mergeCell":
            self.sheet.budget.spend_merged()
            merged = {"range": attributes.get("ref", "")[:30]}
            place = _REFERENCE.match(merged["range"])
            row = int(place[2]) if place else 0
            self.sheet.warnings.append(
                RowError(sheet=self.sheet.name, row=row, code="merged_cells", data=merged)
            )

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = _REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = column_number(place[1]) if place else self._column + 1
        self._type, self._style = attributes.get("t", ""), attributes.get("s", "")
        self._formula = self._keep = False
        self._parts, self._formula_parts = [], []

    def text(self, data: str) -> None:
        if self._keep:
            self._parts.append(data)
        elif self._formula:
            self._formula_parts.append(data)

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._keep = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c":
            value = self._value()
            if value:
                self._place(value)
        elif name == "row" and any(map(str.strip, self._values)):
            if self._row > _LAST_ROW:
                raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
            self.sheet.add_row(self._row, self._values)

    def _place(self, value: str) -> None:
        column = self._column
        if column > model.MAX_COLUMNS:
            raise FileRefused("too_many_columns", limit=model.MAX_COLUMNS, count=column)
        self._values.extend([""] * (column - len(self._values)))
        self._values[column - 1] = value

    def _value(self) -> str:
        raw = "".join(self._parts)
        if self._formula:
            return Formula("=" + "".join(self._formula_parts).strip())
        match self._type:
            case "s":
                known = raw.isdecimal() and int(raw[:9]) < len(self._strings)
                return self._strings[int(raw)] if known else BadCell(f"#{raw[:20]}")
            case "inlineStr" | "str":
                return unescape(raw)
            case "e":
                return BadCell(raw)
            case "b":
                return {"1": "true", "0": "false"}.get(raw.strip(), raw)
            case "d":
                return raw.removesuffix("T00:00:00")
        if self._style.isdecimal() and len(self._style) < 7 and int(self._style) in self._dates:
            return date_text(raw, self._epoch)
        return number_text(raw)


def read_xlsx(archive: zipfile.ZipFile) -> list[Sheet]:
    """Every worksheet of a workbook, hidden ones included.

    Formulas and error values are kept as such, merged ranges are reported, dates become ISO text.
    Raises FileRefused `broken_workbook`, `too_many_sheets`, and what `scan` raises.
    """
    names = set(archive.namelist())
    main = next((target for kind, target in _relations(archive, "", names) if kind == "officeDocument"), "")
    main = main if main in names else "xl/workbook.xml"
    if main not in names:
        raise FileRefused("broken_workbook")
    book = _Elements("sheet", "workbookPr")
    scan(archive, main, book)
    targets = dict(_sheet_targets(archive, main, names))
    shared = _SharedStrings()
    for kind, target in _relations(archive, main, names):
        if kind == "sharedStrings" and target in names:
            scan(archive, target, shared)
    early = any(found.get("date1904") in ("1", "true") for name, found in book.found if name == "workbookPr")
    epoch = date(1904, 1, 1) if early else date(1899, 12, 30)
    dates = _date_styles(archive, main, names)
    listed = [found for name, found in book.found if name == "sheet"]
    if len(listed) > model.MAX_SHEETS:
        raise FileRefused("too_many_sheets", limit=model.MAX_SHEETS, count=len(listed))
    sheets, budget = [], Budget()
    for found in listed:
        part = targets.get(found.get("id", ""))
        if part:
            sheet = Sheet(name=header_name(found.get("name", "")), budget=budget)
            scan(archive, part, _Worksheet(sheet, shared.strings, dates, epoch))
            sheets.append(sheet)
    return sheets


def _relations(archive: zipfile.ZipFile, part: str, names: set[str]) -> list[tuple[str, str]]:
    return [(kind, target) for _, kind, target in _all_relations(archive, part, names)]


def _all_relations(archive: zipfile.ZipFile, part: str, names: set[str]) -> list[tuple[str, str, str]]:
    """(id, kind, target part) of everything a part refers to inside the package."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", name + ".rels")
    if path not in names:
        return []
    relations = _Elements("Relationship")
    scan(archive, path, relations)
    result = []
    for _, found in relations.found:
        if found.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, found.get("Target", ""))).lstrip("/")
            result.append((found.get("Id", ""), posixpath.basename(found.get("Type", "")), target))
    return result


def _sheet_targets(archive: zipfile.ZipFile, main: str, names: set[str]) -> list[tuple[str, str]]:
    return [
        (number, target)
        for number, kind, target in _all_relations(archive, main, names)
        if kind == "worksheet" and target in names
    ]


def _date_styles(archive: zipfile.ZipFile, main: str, names: set[str]) -> frozenset[int]:
    """The cell styles whose number format shows a date."""
    target = next((target for kind, target in _relations(archive, main, names) if kind == "styles"), "")
    if target not in names:
        return frozenset()
    styles = _Elements("numFmt", "xf")
    scan(archive, target, styles)
    custom = {
        found.get("numFmtId", ""): re.search(
            "[ymdhs]", _FORMAT_LITERALS.sub("", found.get("formatCode", "")[:255]), re.I
        )
        for name, found in styles.found
        if name == "numFmt"
    }
    formats = [
        found.get("numFmtId", "")
        for name, found in styles.found
        if name == "xf" and found["parent"] == "cellXfs"
    ]
    return frozenset(
        style
        for style, number in enumerate(formats)
        if (custom[number] if number in custom else number.isdecimal() and int(number[:9]) in _DATE_FORMATS)
    )


def unescape(text: str) -> str:
    """Text with `_x000D_` and its like resolved (ECMA-376 part 1, 22.9.2.19)."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def column_number(letters: str) -> int:
    """A -> 1, Z -> 26, AA -> 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def number_text(raw: str) -> str:
    """A stored number as a person would write it: 12.0 -> 12, 0.10000000000000001 -> 0.1."""
    raw = raw.strip()
    try:
        value = float(raw)
    except ValueError:
        return raw
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def date_text(raw: str, epoch: date) -> str:
    """A serial day number as ISO text, with the time only where there is one."""
    try:
        days, seconds = divmod(round(float(raw) * 86_400), 86_400)
        # Excel counts a 29 February 1900 that never was.
        day = epoch + timedelta(days=days + (0 < days < 60 and epoch.year == 1899))
    except (ValueError, OverflowError):
        return raw
    hours, minutes = divmod(seconds // 60, 60)
    return f"{day.isoformat()} {hours:02}:{minutes:02}:{seconds % 60:02}" if seconds else day.isoformat()
