"""XLSX and ODS as other programs write them; openpyxl is the independent reader and writer."""

import io
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from customers.faq_file.model import FaqRow
from customers.faq_file.writer import export

from .samples import ROWS, codes, read, zipped


def _saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _book(*rows: list[object], title: str = "Sheet1") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def test_a_workbook_from_another_program() -> None:
    book = _book(
        ["ID", "Question", "Answer", "Valid from", "Active", "Tags"],
        [7, "  How long? ", "Two\ndays", datetime(2026, 1, 31), True, 1.5],
        [],
        [
            "007",
            CellRichText("How ", TextBlock(InlineFont(b=True), "much"), "?"),
            0.1,
            date(1904, 2, 1),
            "nein",
            None,
        ],
    )
    parsed = read(_saved(book), "faq.xlsx")
    assert parsed.errors == ()
    first, second = parsed.rows
    assert (first.id, first.question, first.answer, first.row) == ("7", "How long?", "Two\ndays", 2)
    assert (first.valid_from, first.active, first.tags) == (date(2026, 1, 31), True, ("1.5",))
    assert (second.id, second.question, second.answer, second.row) == ("007", "How much?", "0.1", 4)
    assert (second.valid_from, second.active) == (date(1904, 2, 1), False)


def test_the_1904_calendar() -> None:
    book = _book(["Question", "Valid from"], ["q", datetime(2026, 1, 31)])
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert read(_saved(book), "faq.xlsx").rows[0].valid_from == date(2026, 1, 31)


def test_a_sheet_for_each_locale() -> None:
    book = _book(["Question", "Answer"], ["How long?", "Two days"], title="en-US")
    for name, rows in {
        "zh_cn": [["问题", "答案"], ["可以退货吗？", "可以"]],
        "de": [["Frage", "Antwort"], ["Wie lange?", "Zwei Tage"]],
        "Notes": [["Ask Kim about this"]],
        "ja-JP": [["Shitsumon"], ["?"]],
    }.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book["zh_cn"].sheet_state = "hidden"
    parsed = read(_saved(book), "faq.xlsx", locales=["en-US", "zh-CN", "de-DE", "ja-JP"])
    assert [(row.sheet, row.locale, row.row) for row in parsed.rows] == [
        ("en-US", "en-US", 2), ("zh_cn", "zh-CN", 2), ("de", "de-DE", 2),
    ]  # fmt: skip
    assert [(error.sheet, error.code) for error in parsed.errors] == [("ja-JP", "sheet_without_question")]
    assert [(warning.sheet, warning.code) for warning in parsed.warnings] == [
        ("Notes", "sheet_without_question")
    ]


def test_formulas_and_error_cells_are_reported_and_never_evaluated() -> None:
    book = _book(
        ["Question", "Answer", "Internal"],
        ["q1", '=HYPERLINK("https://example.org")', "=1+1"],
        ["q2", "#REF!", None],
        ["q3", "fine", "=2+2"],
    )
    book.active["B3"].data_type = "e"
    parsed = read(_saved(book), "faq.xlsx")
    assert codes(parsed) == [(2, "Answer", "formula"), (3, "Answer", "cell_error")]
    assert parsed.errors[0].value == '=HYPERLINK("https://example.org")'
    assert [row.question for row in parsed.rows] == ["q3"]


def test_merged_cells_belong_to_the_first_and_are_reported() -> None:
    book = _book(["Question", "Answer", "Category"], ["q1", "a1", "Shipping"], ["q2", "a2", None])
    book.active.merge_cells("C2:C3")
    parsed = read(_saved(book), "faq.xlsx")
    assert [row.category for row in parsed.rows] == ["Shipping", ""]
    assert [(warning.row, warning.code, warning.data["range"]) for warning in parsed.warnings] == [
        (2, "merged_cells", "C2:C3")
    ]


def test_text_typed_as_text_is_exact_for_openpyxl_too() -> None:
    texts = ["=1+1", "+1", "-x", "@a", "'=b", "'c", "a\nb", "  ".join("xy"), "<&>\"'", "\U0001f600"]
    rows = [FaqRow(id=str(number), locale="en-US", question=text) for number, text in enumerate(texts)]
    sheet = openpyxl.load_workbook(io.BytesIO(export(rows, format="xlsx")))["en-US"]
    cells = [sheet.cell(number, 3) for number in range(2, len(texts) + 2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.quotePrefix for cell in cells[:4]] == [True] * 4
    # Only the text that itself looks guarded carries a further apostrophe.
    assert [cell.value for cell in cells] == [*texts[:4], "''=b", *texts[5:]]


def test_right_to_left_sheets() -> None:
    book = openpyxl.load_workbook(io.BytesIO(export(ROWS, format="xlsx")))
    assert book.sheetnames == ["en-US", "ar-SA", "ja-JP"]
    assert [bool(sheet.sheet_view.rightToLeft) for sheet in book] == [False, True, False]


_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def _foreign_book(rows: str, strings: str = "") -> bytes:
    """Strict markup, prefixed names, unusual part names: producers differ in all of these."""
    return zipped(
        {
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="a" Target="/xl/book.xml"'
            f' Type="{_RELATIONS}/officeDocument"/></Relationships>',
            "xl/book.xml": f'<x:workbook xmlns:x="{_MAIN}" xmlns:r="{_RELATIONS}"><x:sheets>'
            '<x:sheet name="FAQ" sheetId="1" r:id="b"/></x:sheets></x:workbook>',
            "xl/_rels/book.xml.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="b" Target="s.xml"'
            f' Type="{_RELATIONS}/worksheet"/><Relationship Id="c" Target="t.xml"'
            f' Type="{_RELATIONS}/sharedStrings"/></Relationships>',
            "xl/t.xml": f'<x:sst xmlns:x="{_MAIN}">{strings}</x:sst>',
            "xl/s.xml": f'<x:worksheet xmlns:x="{_MAIN}"><x:sheetData><x:row>'
            '<x:c t="inlineStr"><x:is><x:t>Question</x:t></x:is></x:c><x:c t="str"><x:v>Answer</x:v></x:c></x:row>'
            f"{rows}</x:sheetData></x:worksheet>",
        }
    )


def test_strict_and_prefixed_markup_without_cell_references() -> None:
    data = _foreign_book('<x:row><x:c t="str"><x:v>q</x:v></x:c><x:c><x:v>1.0</x:v></x:c></x:row>')
    assert [(row.question, row.answer, row.row) for row in read(data, "faq.xlsx").rows] == [("q", "1", 2)]


def test_shared_strings_with_phonetic_guides_and_escapes() -> None:
    data = _foreign_book(
        '<x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row>'
        '<x:row><x:c t="s"><x:v>99</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row>',
        '<x:si><x:r><x:t>東</x:t></x:r><x:r><x:t>京</x:t></x:r><x:rPh sb="0" eb="2"><x:t>'
        "トウキョウ</x:t></x:rPh></x:si>"
        "<x:si><x:t>_x0041__x005F_x0042_</x:t></x:si>",
    )
    parsed = read(data, "faq.xlsx")
    assert [(row.question, row.answer) for row in parsed.rows] == [("東京", "A_x0042_")]
    assert codes(parsed) == [(3, "Question", "cell_error")]


def _ods(body: str) -> bytes:
    namespaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content {namespaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="de-DE">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        }
    )


def _row(*cells: str) -> str:
    return "<table:table-row>" + "".join(cells) + "</table:table-row>"


def _cell(text: str, attributes: str = 'office:value-type="string"') -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def test_ods_as_libreoffice_writes_it() -> None:
    header = _row(_cell("Frage"), _cell("Antwort"), _cell("Gültig ab"), _cell("Aktiv"), _cell("ID"))
    first = _row(
        _cell(
            "Wie <text:span>lange</text:span><office:annotation><text:p>note</text:p></office:annotation>?"
        ),
        '<table:table-cell office:value-type="string"><text:p>a <text:s text:c="2"/>b</text:p>'
        "<text:p/><text:p>c<text:tab/>"
        "d\n  e</text:p></table:table-cell>",
        _cell("31.01.26", 'office:value-type="date" office:date-value="2026-01-31"'),
        _cell("FALSCH", 'office:value-type="boolean" office:boolean-value="false"'),
        _cell("1.234,00", 'office:value-type="float" office:value="1234"'),
    )
    gap = '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    second = _row(_cell("Warum?"), '<table:table-cell table:number-columns-repeated="2"/>', _cell("ja"))
    end = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'
    parsed = read(_ods(header + first + gap + second + end), "faq.ods", locale=None)
    assert parsed.errors == ()
    row, last = parsed.rows
    assert (row.question, row.answer, row.valid_from) == ("Wie lange?", "a   b\n\nc\td e", date(2026, 1, 31))
    assert (row.active, row.id, row.locale, row.row) == (False, "1234", "de-DE", 2)
    assert (last.row, last.active) == (6, True)


def test_ods_formulas_and_merged_cells() -> None:
    formula = _cell("3", 'table:formula="of:=1+2" office:value-type="float" office:value="3"')
    merged = _cell(
        "q2", 'office:value-type="string" table:number-columns-spanned="2" table:number-rows-spanned="1"'
    )
    parsed = read(
        _ods(
            _row(_cell("Frage"), _cell("Antwort"))
            + _row(_cell("q1"), formula)
            + _row(merged, "<table:covered-table-cell/>")
        ),
        "faq.ods",
    )
    assert [(error.row, error.code, error.value) for error in parsed.errors] == [(2, "formula", "=1+2")]
    assert [(warning.row, warning.code) for warning in parsed.warnings] == [(3, "merged_cells")]


@pytest.mark.parametrize("form", ["xlsx", "ods"])
def test_the_same_rows_are_the_same_bytes(form: str) -> None:
    assert export(ROWS, format=form) == export(ROWS, format=form)
