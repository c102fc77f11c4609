"""Checks one row after another and keeps every error found."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from . import model
from .headers import ERRORS, LIST_FIELDS
from .locales import LocaleMatcher
from .model import BadCell, FaqRow, Formula, RowError, shorten
from .text import (
    clean,
    forbidden_character,
    has_separator,
    question_key,
    single_line,
    split_lines,
    split_names,
    unguard,
)
from .values import derive_id, parse_boolean, parse_date


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One row as read: where it stands, and (header, field, value) for each of its cells."""

    sheet: str
    row: int
    sheet_locale: str | None
    values: list[tuple[str, str | None, object]]
    is_grid: bool


@dataclass(frozen=True, kw_only=True)
class _Entry:
    header: str
    text: str


class RowChecker:
    """Turns raw rows into `FaqRow`s; `finish` gives the good ones, `errors` what is wrong with the rest."""

    def __init__(self, *, matcher: LocaleMatcher, locale: str | None) -> None:
        self.rows: list[FaqRow] = []
        self.errors: list[RowError] = []
        self.warnings: list[RowError] = []
        self._matcher = matcher
        self._locale = locale
        self._ids: dict[tuple[str, str], tuple[str, int]] = {}
        self._questions: dict[tuple[str, str], tuple[str, int]] = {}
        self._raw: RawRow

    def check(self, raw: RawRow) -> None:
        """Checks every cell of the row, then the row against those before it."""
        self._raw = raw
        before = len(self.errors)
        single: dict[str, _Entry] = {}
        lists: dict[str, list[_Entry]] = {name: [] for name in LIST_FIELDS}
        for header, field, value in raw.values:
            if field is None or field == ERRORS:
                continue
            for text in self._texts(header, field, value):
                if field in lists:
                    lists[field].append(_Entry(header=header, text=text))
                elif text and field not in single:
                    single[field] = _Entry(header=header, text=text)
        row = self._row(single, lists)
        if "question" not in single:
            self._report_missing(before)
        elif row.locale:
            self._check_unique(row, single)
        if len(self.errors) == before:
            self.rows.append(row)

    def _row(self, single: dict[str, _Entry], lists: dict[str, list[_Entry]]) -> FaqRow:
        """The row that the entries make, every one of them checked."""
        locale = self._check_locale(single.get("locale"))
        given_id = self._check_id(single.get("id"))
        question = self._check_text(single.get("question"), model.QUESTION_LIMIT)
        valid_from, valid_until = self._check_dates(single.get("valid_from"), single.get("valid_until"))
        return FaqRow(
            id=given_id or derive_id(locale, question),
            locale=locale,
            question=question,
            alternates=self._check_list(lists["alternates"], model.ALTERNATE_LIMIT, model.ALTERNATES_LIMIT),
            answer=self._check_text(single.get("answer"), model.ANSWER_LIMIT),
            category=self._check_text(single.get("category"), model.NAME_LIMIT),
            tags=self._check_list(lists["tags"], model.NAME_LIMIT, model.NAMES_LIMIT),
            follow_ups=self._check_list(lists["follow_ups"], model.NAME_LIMIT, model.NAMES_LIMIT),
            valid_from=valid_from,
            valid_until=valid_until,
            active=self._check_active(single.get("active")),
            sheet=self._raw.sheet,
            row=self._raw.row,
            id_derived=not given_id,
        )

    def finish(self) -> tuple[FaqRow, ...]:
        """The good rows; a derived id that another row was given outright gets a suffix."""
        return tuple(
            replace(row, id=f"{row.id}-2") if row.id_derived and (row.locale, row.id) in self._ids else row
            for row in self.rows
        )

    def _report_missing(self, before: int) -> None:
        """A question that is there but could not be read has its own error already."""
        header = next((header for header, field, _ in self._raw.values if field == "question"), "")
        if all(error.column != header for error in self.errors[before:]):
            self._report("missing_question", header)

    def _report(self, code: str, header: str, value: object = "", **data: str | int) -> None:
        self.errors.append(self._finding(code, header, value, **data))

    def _finding(self, code: str, header: str, value: object, **data: str | int) -> RowError:
        return RowError(
            sheet=self._raw.sheet,
            row=self._raw.row,
            column=header,
            value=shorten(value),
            code=code,
            data=data,
        )

    def _texts(self, header: str, field: str, value: object) -> Iterable[str]:
        """The texts in one cell, normalised, without any that cannot be stored."""
        if value is None or value == "":
            return ()
        if isinstance(value, list):
            if field not in LIST_FIELDS:
                self._report("not_text", header, value, kind="list")
                return ()
            items = [item for item in value if item is not None]
        else:
            items = [value]
        texts: list[str] = []
        for item in items:
            text = self._readable(header, item)
            if text is not None:
                texts.extend(_split(field, text, in_list=isinstance(value, list)))
        return texts

    def _readable(self, header: str, value: object) -> str | None:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            self._report("not_text", header, value, kind=type(value).__name__)
            return None
        if type(value) is not str:
            code = {Formula: "formula", BadCell: "cell_error"}[type(value)]
            self._report(code, header, value)
            return None
        length = model.units(value) if self._raw.is_grid and len(value) > model.CELL_LIMIT // 2 else 0
        if length > model.CELL_LIMIT:
            self._report("cell_too_long", header, value, limit=model.CELL_LIMIT, length=length)
            return None
        character = forbidden_character(value)
        if character:
            self._report("control_character", header, value, character=character)
            return None
        if "\ufffd" in value:
            self._report("damaged_text", header, value)
            return None
        return unguard(clean(value)) if self._raw.is_grid else value

    def _check_text(self, entry: _Entry | None, limit: int) -> str:
        if entry is None:
            return ""
        text = entry.text
        if len(text) > limit:
            self._report("too_long", entry.header, text, limit=limit, length=len(text))
            return text[:limit]
        if len(text) > model.CELL_LIMIT // 2 and model.units(text) > model.CELL_LIMIT:
            self._report(
                "cell_too_long", entry.header, text, limit=model.CELL_LIMIT, length=model.units(text)
            )
        return text

    def _check_list(self, entries: list[_Entry], limit: int, most: int) -> tuple[str, ...]:
        if len(entries) > most:
            self._report("too_many", entries[most].header, entries[most].text, limit=most, count=len(entries))
        for entry in entries[:most]:
            self._check_text(entry, limit)
        return tuple(entry.text for entry in entries)

    def _check_locale(self, entry: _Entry | None) -> str:
        """The row's locale; empty, and reported, where it has none."""
        if entry is None:
            locale = self._raw.sheet_locale or self._locale
            if locale is None:
                self._report("missing_locale", "")
            return locale or ""
        locale = self._matcher.resolve(entry.text)
        if locale is None and self._matcher.allowed:
            self._report("unknown_locale", entry.header, entry.text, allowed=", ".join(self._matcher.allowed))
        elif locale is None:
            self._report("bad_locale", entry.header, entry.text)
        return locale or ""

    def _check_id(self, entry: _Entry | None) -> str:
        text = self._check_text(entry, model.NAME_LIMIT)
        if entry is not None and has_separator(text):
            self._report("bad_id", entry.header, text)
        return text

    def _check_dates(self, start: _Entry | None, end: _Entry | None) -> tuple[date | None, date | None]:
        found: list[date | None] = []
        for entry in (start, end):
            parsed = parse_date(entry.text) if entry else None
            if entry and parsed is None:
                self._report("bad_date", entry.header, entry.text)
            found.append(parsed)
        first, last = found
        if end and first and last and last < first:
            self._report("bad_date_range", end.header, end.text, start=first.isoformat())
        return first, last

    def _check_active(self, entry: _Entry | None) -> bool:
        if entry is None:
            return True
        active = parse_boolean(entry.text[: model.NAME_LIMIT])
        if active is None:
            self._report("bad_boolean", entry.header, entry.text)
        return bool(active)

    def _check_unique(self, row: FaqRow, single: dict[str, _Entry]) -> None:
        """The first row keeps the id; a later one is an error that names it.

        The same question under two ids is only a warning: two answers may be meant, and a person decides.
        """
        place = (row.sheet, row.row)
        if "id" in single:
            earlier = self._ids.get((row.locale, row.id))
            if earlier:
                self._report("duplicate_id", single["id"].header, row.id, sheet=earlier[0], row=earlier[1])
            self._ids.setdefault((row.locale, row.id), place)
        key = (row.locale, question_key(row.question))
        earlier = self._questions.get(key)
        if earlier:
            found = self.errors if row.id_derived else self.warnings
            found.append(
                self._finding(
                    "duplicate_question",
                    single["question"].header,
                    row.question,
                    sheet=earlier[0],
                    row=earlier[1],
                )
            )
        self._questions.setdefault(key, place)


def _split(field: str, text: str, *, in_list: bool) -> list[str]:
    if field in ("question", "answer"):
        return [clean(text)]
    if field == "alternates" and not in_list:
        return split_lines(text)
    if field in ("tags", "follow_ups"):
        return split_names(text)
    line = single_line(text)
    return [line] if line or not in_list else []
