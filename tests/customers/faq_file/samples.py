"""Rows and files that several tests start from."""

import io
import zipfile
from collections.abc import Mapping
from datetime import date

from customers.faq_file.model import FaqRow, ParsedFile
from customers.faq_file.reader import parse

ROWS = (
    FaqRow(
        id="returns",
        locale="en-US",
        question="Can I return an item?",
        alternates=("How do returns work?", "=send it back", "'-quoted"),
        answer="- within 30 days\n- with the receipt\n\n_x000D_ \t **Thanks!**  \nBye",
        category="Returns",
        tags=("returns", "'=money"),
        follow_ups=("hours",),
        valid_from=date(2026, 1, 31),
        valid_until=date(2026, 12, 31),
    ),
    FaqRow(
        id="hours",
        locale="en-US",
        question='"When", are you; open?',
        answer="9–18\u2028\U0001f600",
        active=False,
    ),
    FaqRow(id="returns", locale="ar-SA", question="\u200fهل يمكنني إرجاع منتج؟", answer="نعم، خلال 30 يومًا."),
    FaqRow(
        id="007", locale="ja-JP", question="返品はできますか？", alternates=("返品したい",), answer="＝はい"
    ),
)


def read(text: str | bytes, name: str = "faq.csv", **options: object) -> ParsedFile:
    """Parses a file given as text, for en-US unless told otherwise."""
    data = text.encode() if isinstance(text, str) else text
    return parse(data, filename=name, **{"locale": "en-US", **options})  # type: ignore[arg-type]


def codes(parsed: ParsedFile) -> list[tuple[int, str, str]]:
    """(row, column, code) of every error."""
    return [(error.row, error.column, error.code) for error in parsed.errors]


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive with these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """The parts of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
