"""CSV and TSV: from decoded text to rows of cells."""

import csv
import io
import re
from collections.abc import Iterator

from . import model
from .headers import recognise
from .model import FileRefused, RowError, Sheet, shorten

_DELIMITERS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?(?:\r\n|\r|\n|$)', re.IGNORECASE)
_SAMPLE = 65_536
_LAST_ROW = 1_048_576
_END = "\x00end of file\x00"


def detect_delimiter(text: str, preferred: str) -> str:
    """The delimiter under which the most fields are recognised, then the one that splits most evenly."""
    sample = text[:_SAMPLE]
    best, best_score = preferred, (0, 0.0, False)
    for delimiter in _DELIMITERS:
        rows = [row for row in _rows(sample, delimiter) if row][:50]
        if not rows:
            continue
        known = max(len({recognise(cell) for cell in row} - {None}) for row in rows[:10])
        widths = [len(row) for row in rows]
        even = widths.count(widths[0]) / len(widths) if widths[0] > 1 else 0.0
        score = (known, even, delimiter == preferred)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def read_table(text: str, *, preferred: str) -> tuple[Sheet, str]:
    """The rows of a CSV or TSV file, numbered as a spreadsheet program would, and its delimiter.

    Quotes, embedded line breaks and cells of any size are kept. A quote that is never closed is
    reported, because everything after it ends up in one cell. Raises FileRefused `too_many_rows`,
    `too_many_columns`.
    """
    start = 0
    sep_line = _SEP_LINE.match(text)
    if sep_line:
        delimiter = sep_line["delimiter"]
        text, start = text[sep_line.end() :], 1
    else:
        delimiter = detect_delimiter(text, preferred)
    sheet = Sheet(fixed_width=True)
    number = start
    for number, cells in enumerate(_rows(text, delimiter), start + 1):
        if number > _LAST_ROW:
            raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
        if cells and cells[-1].endswith(_END):
            cells[-1] = cells[-1].removesuffix(_END).removesuffix("\n")
            sheet.errors.append(RowError(row=number, value=shorten(cells[-1]), code="unclosed_quote"))
        if any(map(str.strip, cells)):
            sheet.add_row(number, cells)
    return sheet, delimiter


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Rows of the table; when a quote stays open, the last cell ends with the end mark."""
    # The csv module cuts off at 131,072 characters unless told; the file size bounds a cell already.
    csv.field_size_limit(max(csv.field_size_limit(), 4 * model.MAX_FILE_BYTES))
    ended = False

    def lines() -> Iterator[str]:
        nonlocal ended
        yield from io.StringIO(text if text.endswith(("\n", "\r")) else text + "\n", newline="")
        ended = True
        yield _END

    for row in csv.reader(lines(), delimiter=delimiter):
        if not (ended and row == [_END]):
            yield row
