"""The sentence for each thing that can be wrong with a FAQ file: what it is, and what to do next."""

from django.template.defaultfilters import filesizeformat
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from customers.faq_file.model import FileRefused, RowError

_BYTES = ("size", "limit")

ROW_SENTENCES = {
    "missing_question": _("The question is missing. Write one, or delete the row."),
    "missing_locale": _(
        "The row has no locale. Fill in the locale column, or upload the file for one locale."
    ),
    "too_long": _("The text has {length} characters and the limit is {limit}. Shorten it."),
    "too_many": _("There are {count} of them and the limit is {limit}. Remove some."),
    "cell_too_long": _("The cell has {length} characters; a spreadsheet cell holds {limit}. Shorten it."),
    "control_character": _("The text contains the invisible control character {character}. Remove it."),
    "damaged_text": _(
        "The text contains “�”: some characters were damaged before or while the file was saved. "
        "Type them again, and save the file as UTF-8."
    ),
    "unknown_locale": _("“{value}” is none of your locales. Use one of these: {allowed}."),
    "bad_locale": _("“{value}” is not a locale tag. Write it like de-DE."),
    "bad_id": _("The id “{value}” contains a comma, a semicolon or a line break. Remove it."),
    "bad_date": _("“{value}” is not a date that reads only one way. Write it like 2026-01-31."),
    "bad_date_range": _("“{value}” is before the first day, {start}. Correct one of the two dates."),
    "bad_boolean": _("“{value}” is neither yes nor no. Write yes or no."),
    "duplicate_id": _("The id “{value}” is already used in row {row}. Give each row of a locale its own id."),
    "duplicate_id_in_sheet": _(
        "The id “{value}” is already used in row {row} of the sheet “{sheet}”. Give each row of a locale its own id."
    ),
    "duplicate_question": _(
        "Row {row} asks the same question. Merge the two rows, or word them differently."
    ),
    "duplicate_question_in_sheet": _(
        "Row {row} of the sheet “{sheet}” asks the same question. Merge the two rows, or word them differently."
    ),
    "duplicate_header": _(
        "The columns “{first}” and “{value}” both say {field}. Rename or delete one of them."
    ),
    "duplicate_key": _("The row gives “{key}” twice. Keep one of them."),
    "ragged_row": _(
        "The row has {found} cells and the header {expected}. Look for a missing or unquoted separator in it."
    ),
    "unclosed_quote": _(
        "A quotation mark opened in this row is never closed, so everything after it was read as one cell. Close it."
    ),
    "formula": _("The cell holds the formula {value}, which is not run here. Paste its result as text."),
    "cell_error": _("The cell shows the spreadsheet error {value}. Replace it with text."),
    "not_text": _("“{value}” ({kind}) stands where text is expected. Write it as text."),
    "not_an_object": _("“{value}” is not a row. Write each row as an object with a question."),
    "broken_json_line": _("The line is not valid JSON at character {position} ({reason}). Correct it."),
    "too_deep_line": _("The line nests brackets too deeply to be a row. Correct it."),
    "merged_cells": _(
        "The cells {range} are merged. Their text counts for the first of them only; the others are empty."
    ),
    "rows_above_header": _(
        "“{value}” stands above the column headers, which were found in row {header_row}. Ignored."
    ),
    "sheet_without_question": _("The sheet “{sheet}” has no question column, so none of its rows were read."),
    "text_without_question": _("The text “{value}” belongs to no question, so it was left out."),
    "wrong_extension": _("The file is named {value}, but its content is {format}. It was read as {format}."),
}

REFUSALS = {
    "empty_file": _(
        "The file is empty, as an export without any FAQ is. Choose a file with at least one question."
    ),
    "too_large": _("The file has {size} and the limit is {limit}. Split it into smaller files."),
    "too_many_rows": _("The file has more than {limit} rows. Split it into smaller files."),
    "too_many_columns": _("The file has {count} columns and the limit is {limit}. Delete the unused ones."),
    "too_many_cells": _("The file has more than {limit} cells. Split it into smaller files."),
    "too_many_sheets": _(
        "The workbook has {count} sheets and the limit is {limit}. Split it into several files."
    ),
    "too_much_text": _("The file holds more than {limit} characters of text. Split it into smaller files."),
    "too_many_merged": _("The workbook has more than {limit} merged ranges. Unmerge its cells."),
    "document_too_long": _(
        "The document has {count} characters and the limit is {limit}. Split it into several."
    ),
    "too_many_values": _("The file has more than {limit} values. Split it into smaller files."),
    "too_deep": _(
        "The {format} in the file is nested too deeply to be a FAQ. Export it again as a plain list."
    ),
    "unsupported_format": _(
        "This is a {format} file, which cannot be read. "
        "Upload CSV, TSV, XLSX, ODS, JSON, JSONL, YAML, Markdown, HTML or DOCX."
    ),
    "old_office": _("This is a file of an old Office version. Save it as XLSX or DOCX and upload that."),
    "encrypted": _("The file is protected by a password. Remove the password and upload it again."),
    "broken_zip": _("The file is damaged and cannot be unpacked. Save it again and upload that."),
    "zip_bomb": _(
        "The file unpacks to far more than a FAQ needs, so it was not opened. Save it again as CSV."
    ),
    "too_demanding": _(
        "Reading the file took more memory or time than a FAQ needs. Save it again as CSV, or split it."
    ),
    "xml_doctype": _(
        "The file declares XML entities ({part}), which no office program writes. It was not opened."
    ),
    "broken_xml": _(
        "The file is damaged in line {line} of {part} ({reason}). Save it again and upload that."
    ),
    "broken_workbook": _("The file is not a complete workbook. Save it again and upload that."),
    "broken_document": _("The document is damaged and cannot be read. Save it again and upload that."),
    "broken_json": _(
        "The file is not valid JSON: line {line}, character {column} ({reason}). Correct it there."
    ),
    "broken_yaml": _(
        "The file is not valid YAML: line {line}, character {column} ({reason}). Correct it there."
    ),
    "yaml_alias": _("Line {line} refers to another part of the file (*). Write the text out instead."),
    "yaml_tag": _("Line {line} has the tag {tag}, which is not allowed. Remove it."),
    "not_rows": _("The file holds no list of questions. Write it as a list of objects with a question each."),
    "no_headings": _(
        "The document has no headings. Format each question as a heading and put its answer below."
    ),
    "unknown_encoding": _("The encoding “{encoding}” is not supported. Choose one from the list."),
    "unknown_locale": _("“{value}” is none of your locales. Use one of these: {allowed}."),
    "bad_mapping": _("The column “{header}” cannot be read as “{field}”. Choose one of the fields offered."),
}


def error_sentence(error: RowError) -> str:
    """What is wrong with a cell, row or sheet, in the active language. Raises KeyError for an unknown code."""
    code, data = error.code, dict(error.data)
    if code in ("duplicate_id", "duplicate_question") and data["sheet"] != error.sheet:
        code += "_in_sheet"
    return str(format_lazy(ROW_SENTENCES[code], **{"value": error.value, "sheet": error.sheet, **data}))


def refusal_sentence(refusal: FileRefused) -> str:
    """Why a file was not read, in the active language. Raises KeyError for an unknown code."""
    data: dict[str, str | int] = dict(refusal.data)
    if refusal.code == "too_large":
        data.update({name: filesizeformat(data[name]) for name in _BYTES})
    return str(format_lazy(REFUSALS[refusal.code], **data))
