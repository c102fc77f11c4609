"""JSON and JSONL: from decoded text to one mapping per row."""

import io
import json
from collections.abc import Iterable, Sequence

from . import model
from .model import FileRefused, RowError, Sheet, header_name, shorten

_ROW_LISTS = ("rows", "faq", "faqs", "items", "entries", "data", "questions")
_MARKS = "[{,:"
_MAX_MARKS = 4_000_000
_LAST_LINE = 1_048_576
_MAX_DEPTH = 20


class NotANumber(float):
    """NaN or an infinity, which JSON does not have; reported where it stands."""


class Repeated(dict[str, object]):
    """An object in which `key` occurs more than once; `pairs` has every occurrence where they are known."""

    key = ""
    pairs: Sequence[tuple[str, object]] = ()

    def as_text(self) -> str:
        pairs = (f"{json.dumps(key)}: {_as_text(value)}" for key, value in self.pairs or self.items())
        return "{" + ", ".join(pairs) + "}"


def read_json(text: str) -> list[Sheet]:
    """One sheet of rows, or one per locale when the file maps locale tags to lists of rows.

    Raises FileRefused `broken_json`, `too_deep`, `too_many_values`, `not_rows`.
    """
    _refuse_too_many_values(text)
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise FileRefused("broken_json", line=error.lineno, column=error.colno, reason=error.msg) from error
    except RecursionError as error:
        raise FileRefused("too_deep", format="JSON") from error
    return sheets_of(value)


def sheets_of(value: object) -> list[Sheet]:
    """The sheets in a decoded JSON or YAML document. Raises FileRefused `not_rows`."""
    if isinstance(value, list):
        return [_sheet("", enumerate(value, 1))]
    if isinstance(value, dict):
        for name in _ROW_LISTS:
            if isinstance(value.get(name), list):
                return [_sheet("", enumerate(value[name], 1))]
        if value and all(isinstance(rows, list) for rows in value.values()):
            if len(value) > model.MAX_SHEETS:
                raise FileRefused("too_many_sheets", limit=model.MAX_SHEETS, count=len(value))
            return [_sheet(header_name(name), enumerate(rows, 1)) for name, rows in value.items()]
        if "question" in value:
            return [_sheet("", [(1, value)])]
    raise FileRefused("not_rows")


def read_jsonl(text: str) -> Sheet:
    """One row per line; a line that is not valid JSON is a row error and the next one is read."""
    _refuse_too_many_values(text)
    sheet = Sheet(is_grid=False)
    values: list[tuple[int, object]] = []
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if number > _LAST_LINE:
            raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
        line = line.rstrip("\r\n")
        if not line.strip():
            continue
        try:
            values.append((number, _decode(line)))
        except json.JSONDecodeError as error:
            data: dict[str, str | int] = {"position": error.pos + 1, "reason": error.msg}
            sheet.errors.append(RowError(row=number, value=shorten(line), code="broken_json_line", data=data))
            sheet.unread.append((number, line))
        except RecursionError:
            sheet.errors.append(RowError(row=number, value=shorten(line), code="too_deep_line"))
            sheet.unread.append((number, line))
        if len(values) + len(sheet.errors) > model.MAX_ROWS:
            raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
    rows = _sheet("", values)
    rows.errors.extend(sheet.errors)
    rows.unread.extend(sheet.unread)
    return rows


def _sheet(name: str, values: Iterable[tuple[int, object]]) -> Sheet:
    sheet = Sheet(name=name, is_grid=False)
    keys: set[str] = set()
    for number, value in values:
        if len(sheet.records) >= model.MAX_ROWS:
            raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
        if _is_deep(value):
            sheet.errors.append(RowError(sheet=name, row=number, value=shorten(value), code="too_deep_line"))
            sheet.unread.append((number, shorten(value)))
        elif isinstance(value, Repeated):
            repeated = {"key": shorten(value.key)}
            sheet.errors.append(RowError(sheet=name, row=number, code="duplicate_key", data=repeated))
            sheet.unread.append((number, value.as_text()))
        elif isinstance(value, dict):
            sheet.records.append((number, value))
            keys.update(value)
            if len(keys) > model.MAX_COLUMNS:
                raise FileRefused("too_many_columns", limit=model.MAX_COLUMNS, count=len(keys))
        else:
            sheet.errors.append(RowError(sheet=name, row=number, value=shorten(value), code="not_an_object"))
            sheet.unread.append((number, _as_text(value)))
    return sheet


def _as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_deep(value: object) -> bool:
    """Whether a value nests further than any row does, and so further than it can be shown or written."""
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        inner = [item for item in level if isinstance(item, list | dict)]
        if not inner:
            return False
        level = [part for item in inner for part in (item.values() if isinstance(item, dict) else item)]
    return True


def _decode(text: str) -> object:
    # Numbers stay as written: an id of 007 or 1.10 is a name, not a quantity.
    return json.loads(
        text, parse_int=str, parse_float=str, parse_constant=NotANumber, object_pairs_hook=_object
    )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    repeated = Repeated(result)
    repeated.pairs = pairs
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
        seen.add(key)
    return repeated


def _refuse_too_many_values(text: str) -> None:
    # Each bracket or comma may become an object of 50 bytes or more, so memory is bounded beforehand.
    if sum(map(text.count, _MARKS)) > _MAX_MARKS:
        raise FileRefused("too_many_values", limit=_MAX_MARKS)
