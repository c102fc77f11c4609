"""Writes ODS workbooks whose cells are all text."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from .tabs import Tab

_MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = re.compile("\t|^ +| +$|  +")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_ods(tabs: Sequence[Tab]) -> bytes:
    """A workbook with one table per tab; a cell typed as a string is never run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # The format wants the type first and unpacked, so that it can be read off the file's start.
        _add(archive, "mimetype", _MIMETYPE, zipfile.ZIP_STORED)
        _add(
            archive,
            "META-INF/manifest.xml",
            f'{_DECLARATION}<manifest:manifest xmlns:manifest="{_NAMESPACE}:manifest:1.0"'
            f' manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:media-type="{_MIMETYPE}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
        )
        _add(archive, "content.xml", "".join(_content(tabs)))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, text: str, method: int = zipfile.ZIP_DEFLATED) -> None:
    # A fixed date makes the same rows the same bytes.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = method
    archive.writestr(entry, text)


def _content(tabs: Sequence[Tab]) -> Iterator[str]:
    yield (
        f'{_DECLARATION}<office:document-content xmlns:office="{_NAMESPACE}:office:1.0"'
        f' xmlns:table="{_NAMESPACE}:table:1.0" xmlns:text="{_NAMESPACE}:text:1.0"'
        f' xmlns:style="{_NAMESPACE}:style:1.0" xmlns:fo="{_NAMESPACE}:xsl-fo-compatible:1.0"'
        ' office:version="1.3"><office:automatic-styles>'
        '<style:style style:name="rtl" style:family="table">'
        '<style:table-properties style:writing-mode="rl-tb"/></style:style>'
        "</office:automatic-styles><office:body><office:spreadsheet>"
    )
    for tab in tabs:
        style = ' table:style-name="rtl"' if tab.right_to_left else ""
        yield f"<table:table table:name={_quoted(tab.name)}{style}>"
        yield f'<table:table-column table:number-columns-repeated="{max(map(len, tab.rows), default=1) or 1}"/>'
        for cells in tab.rows:
            yield "<table:table-row>"
            for cell in cells:
                yield _cell(cell)
            yield "</table:table-row>" if cells else "<table:table-cell/></table:table-row>"
        yield "</table:table>"
    yield "</office:spreadsheet></office:body></office:document-content>"


def _cell(text: str) -> str:
    if not text:
        return "<table:table-cell/>"
    lines = "".join(f"<text:p>{_paragraph(line)}</text:p>" for line in text.split("\n"))
    return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


def _paragraph(line: str) -> str:
    """A line with the spaces that ODF would collapse written as elements."""
    return _SPACES.sub(_explicit, escape(line))


def _explicit(match: re.Match[str]) -> str:
    return "<text:tab/>" if match[0] == "\t" else f'<text:s text:c="{len(match[0])}"/>'


def _quoted(text: str) -> str:
    return '"' + escape(text, {'"': "&quot;"}) + '"'
