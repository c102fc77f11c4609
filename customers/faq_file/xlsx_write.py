"""Writes XLSX workbooks whose cells are all text, so that nothing in them is run or reformatted."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from .tabs import Tab

_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FORMULA_START = re.compile("[=+\\-@＝＋－＠]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_HEADER_STYLE, _PLAIN_STYLE, _QUOTED_STYLE = 1, 2, 3
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1">'
    '<alignment vertical="top" wrapText="1"/></xf>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1"'
    ' applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def write_xlsx(tabs: Sequence[Tab]) -> bytes:
    """A workbook with one worksheet per tab.

    Every cell is an inline string in the Text format, and one that starts like a formula carries
    quotePrefix, Excel's own mark for text that only looks like one.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        numbers = range(1, len(tabs) + 1)
        _add(archive, "[Content_Types].xml", _content_types(numbers))
        _add(
            archive,
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
            f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        _add(archive, "xl/workbook.xml", _workbook(tabs))
        _add(archive, "xl/_rels/workbook.xml.rels", _workbook_relations(numbers))
        _add(archive, "xl/styles.xml", _STYLES)
        for number, tab in zip(numbers, tabs, strict=True):
            _add(archive, f"xl/worksheets/sheet{number}.xml", "".join(_worksheet(tab)))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, xml: str) -> None:
    # A fixed date makes the same rows the same bytes.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, _DECLARATION + xml)


def _content_types(numbers: Sequence[int]) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}.worksheet+xml"/>'
        for number in numbers
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{sheets}</Types>'
    )


def _workbook(tabs: Sequence[Tab]) -> str:
    sheets = "".join(
        f'<sheet name="{_attribute(tab.name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, tab in enumerate(tabs, 1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'


def _workbook_relations(numbers: Sequence[int]) -> str:
    sheets = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships">{sheets}'
        f'<Relationship Id="rId{len(numbers) + 1}" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        "</Relationships>"
    )


def _worksheet(tab: Tab) -> Iterator[str]:
    direction = ' rightToLeft="1"' if tab.right_to_left else ""
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(tab.widths, 1)
    )
    columns = f"<cols>{widths}</cols>" if widths else ""
    yield (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"{direction}>'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<sheetFormatPr defaultRowHeight="15"/>{columns}<sheetData>'
    )
    names = [_column_name(number) for number in range(1, max(map(len, tab.rows), default=0) + 1)]
    for number, cells in enumerate(tab.rows, 1):
        if not cells:
            continue
        yield f'<row r="{number}">'
        for name, cell in zip(names, cells, strict=False):
            if cell:
                style = _HEADER_STYLE if number == tab.header_row else _PLAIN_STYLE
                style = _QUOTED_STYLE if _FORMULA_START.match(cell) else style
                yield (
                    f'<c r="{name}{number}" s="{style}" t="inlineStr"><is>'
                    f'<t xml:space="preserve">{_text(cell)}</t></is></c>'
                )
        yield "</row>"
    yield "</sheetData></worksheet>"


def _text(text: str) -> str:
    """Text as XML, with what would read as an `_x000D_` escape escaped itself."""
    return escape(_ESCAPED.sub("_x005F_", text) if "_x" in text else text)


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _column_name(number: int) -> str:
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name
