"""Reads a FAQ file in any supported format into rows, with every error named."""

from collections.abc import Collection, Iterator, Mapping

from .headers import find_header, repeated, resolve
from .locales import LocaleMatcher
from .model import Column, FileRefused, ParsedFile, RowError, Sheet, header_name, shorten
from .opening import Contents, open_file
from .rows import RawRow, RowChecker


def parse(
    data: bytes,
    *,
    filename: str,
    locale: str | None,
    locales: Collection[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> ParsedFile:
    """Every row of a FAQ file, and every error in it.

    `locale` is what rows without a locale of their own are in; `locales` are the tenant's (None: any).
    `mapping` says which field a header stands for where recognition does not know it ("" leaves the
    column out); `encoding` settles one that was reported as ambiguous.
    Raises FileRefused, with a code and data, for a file that cannot be read at all.
    """
    matcher = LocaleMatcher(locales, locale)
    default = matcher.default
    if locale is not None and default is None:
        raise FileRefused("unknown_locale", value=shorten(locale), allowed=", ".join(matcher.allowed or ()))
    tags = [default] if default else matcher.allowed or ()
    languages = {tag.split("-")[0] for tag in tags}
    contents = open_file(data, filename=filename, languages=languages, encoding=encoding)
    if default is None and contents.locale:
        default = matcher.resolve(contents.locale)
    return _understand(contents, matcher, default, mapping)


def _understand(
    contents: Contents, matcher: LocaleMatcher, default: str | None, mapping: Mapping[str, str] | None
) -> ParsedFile:
    checker = RowChecker(matcher=matcher, locale=default)
    warnings, columns, missing = list(contents.warnings), list[Column](), set[str]()
    read_any = False
    for sheet in contents.sheets:
        warnings.extend(sheet.warnings)
        checker.errors.extend(sheet.errors)
        header_row, found = _columns(sheet, mapping, warnings)
        columns.extend(found)
        fields = {column.field for column in found}
        sheet_locale = matcher.resolve_sheet(sheet.name)
        if "question" not in fields:
            _report_unread(sheet, sheet_locale, checker.errors, warnings)
            continue
        read_any = True
        if "locale" not in fields and sheet_locale is None and default is None:
            missing.add("locale")
            continue
        _report_repeated(sheet.name, header_row, found, checker.errors)
        for raw in _raw_rows(sheet, header_row, found, sheet_locale, checker.errors):
            checker.check(raw)
    if not read_any and any(sheet.rows or sheet.records for sheet in contents.sheets):
        missing.add("question")
    order = {sheet.name: position for position, sheet in enumerate(contents.sheets)}
    checker.errors.sort(key=lambda error: (order.get(error.sheet, -1), error.row))
    return ParsedFile(
        format=contents.format,
        encoding=contents.encoding,
        encoding_candidates=contents.encoding_candidates,
        delimiter=contents.delimiter,
        columns=tuple(columns),
        missing=tuple(sorted(missing)),
        rows=() if missing else checker.finish(),
        errors=() if missing else tuple(checker.errors),
        warnings=(*warnings, *checker.warnings),
        proposed=contents.proposed,
    )


def _columns(
    sheet: Sheet, mapping: Mapping[str, str] | None, warnings: list[RowError]
) -> tuple[int, list[Column]]:
    """The number of the header row (0 if rows name their own fields) and what its cells stand for."""
    if not sheet.is_grid:
        keys = dict.fromkeys(str(key) for _, record in sheet.records for key in record)
        return 0, resolve(sheet.name, keys, mapping)
    if not sheet.rows:
        return 0, []
    place, columns = find_header(sheet, mapping)
    if place:
        first, cells = sheet.rows[0]
        title = next(filter(None, map(str.strip, cells)))
        data = {"count": place, "header_row": sheet.rows[place][0]}
        warnings.append(
            RowError(sheet=sheet.name, row=first, value=shorten(title), code="rows_above_header", data=data)
        )
    return sheet.rows[place][0], columns


def _report_unread(
    sheet: Sheet, sheet_locale: str | None, errors: list[RowError], warnings: list[RowError]
) -> None:
    """A sheet without a question column: an error where its name says it holds a locale's FAQ."""
    if sheet.name and (sheet.rows or sheet.records):
        (errors if sheet_locale else warnings).append(
            RowError(sheet=sheet.name, code="sheet_without_question")
        )


def _report_repeated(sheet: str, row: int, columns: list[Column], errors: list[RowError]) -> None:
    for first, later in repeated(columns):
        data = {"field": str(later.field), "first": first.header}
        errors.append(
            RowError(
                sheet=sheet,
                row=row,
                column=later.header,
                value=later.header,
                code="duplicate_header",
                data=data,
            )
        )


def _raw_rows(
    sheet: Sheet, header_row: int, columns: list[Column], sheet_locale: str | None, errors: list[RowError]
) -> Iterator[RawRow]:
    if not sheet.is_grid:
        fields = {column.header: column.field for column in columns}
        for number, record in sheet.records:
            values = [(name := header_name(str(key)), fields[name], value) for key, value in record.items()]
            yield RawRow(
                sheet=sheet.name, row=number, sheet_locale=sheet_locale, values=values, is_grid=False
            )
        return
    named = [(column.header, column.field) for column in columns]
    for number, cells in sheet.rows:
        if number <= header_row:
            continue
        if len(cells) > len(named) or (len(cells) < len(named) and sheet.fixed_width):
            extra = [cell for cell in cells[len(named) :] if cell.strip()]
            if extra or len(cells) < len(named):
                errors.append(
                    RowError(sheet=sheet.name, row=number, value=shorten(extra[0] if extra else ""),
                             code="ragged_row", data={"expected": len(named), "found": len(cells)})
                )  # fmt: skip
                continue
        values = [(header, field, cell) for (header, field), cell in zip(named, cells, strict=False)]
        yield RawRow(sheet=sheet.name, row=number, sheet_locale=sheet_locale, values=values, is_grid=True)
