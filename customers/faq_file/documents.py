"""Markdown, HTML and DOCX whose headings are questions: proposed rows for a person to look over."""

import io
from dataclasses import dataclass, field

import mammoth  # type: ignore[import-untyped]
from markdown_it import MarkdownIt

from .html_text import HtmlOutline
from .model import FileRefused, RowError, Sheet, shorten
from .packages import open_package, scan

HEADERS = ["question", "answer", "category"]


@dataclass(kw_only=True)
class Section:
    """A heading and the text under it, up to the next heading; level 0 is the text before any."""

    level: int
    heading: str
    row: int
    body: list[str] = field(default_factory=list)


def read_markdown(text: str) -> Sheet:
    """One row per heading; the answer is the Markdown below it as written. Rows are line numbers."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).parse(text)
    marks: list[tuple[int, int, int, str]] = []
    for position, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            start, end = token.map
            marks.append((start, end, int(token.tag[1:]), tokens[position + 1].content))
    first = marks[0][0] if marks else len(lines)
    sections = [Section(level=0, heading="", row=1, body=["\n".join(lines[:first])])]
    for position, (start, end, level, heading) in enumerate(marks):
        until = marks[position + 1][0] if position + 1 < len(marks) else len(lines)
        sections.append(
            Section(level=level, heading=heading, row=start + 1, body=["\n".join(lines[end:until])])
        )
    return outline(sections)


def read_html(text: str) -> tuple[Sheet, str | None]:
    """One row per heading, `summary` or `dt`, and the language the page declares, if any."""
    page = HtmlOutline()
    page.feed(text)
    page.close()
    sections = [
        Section(level=part.level, heading=part.heading, row=part.line, body=[part.markdown()])
        for part in page.parts
    ]
    return outline(sections), page.language


def read_docx(data: bytes) -> Sheet:
    """One row per heading of a Word document; rows count its headings.

    Raises FileRefused `broken_document`, and what `open_package` and `scan` raise.
    """
    archive = open_package(data)
    for name in archive.namelist():
        if name.endswith((".xml", ".rels")):
            scan(archive, name)
    try:
        # Pictures would become data URIs; an answer has no use for them.
        converted = mammoth.convert_to_html(
            io.BytesIO(data), convert_image=mammoth.images.img_element(lambda image: {})
        ).value
    except (KeyError, ValueError, AttributeError, IndexError, TypeError, OSError, RecursionError) as error:
        raise FileRefused("broken_document") from error
    page = HtmlOutline()
    page.feed(converted)
    page.close()
    sections = [
        Section(level=part.level, heading=part.heading, row=row, body=[part.markdown()])
        for row, part in enumerate(page.parts)
    ]
    return outline(sections)


def outline(sections: list[Section]) -> Sheet:
    """Headings without a deeper heading below them are questions; the others name a category.

    Text that belongs to no question is reported rather than dropped in silence.
    """
    sheet = Sheet(fixed_width=True)
    sheet.add_row(0, HEADERS)
    parents: list[Section] = []
    for position, section in enumerate(sections):
        body = "\n\n".join(section.body).strip()
        while parents and parents[-1].level >= section.level:
            parents.pop()
        following = sections[position + 1] if position + 1 < len(sections) else None
        is_parent = section.level == 0 or (following is not None and following.level > section.level)
        if is_parent and not (body and section.heading.rstrip().endswith(("?", "？", "؟"))):
            if body:
                sheet.warnings.append(
                    RowError(row=section.row, value=shorten(body), code="text_without_question")
                )
        elif section.heading.strip():
            category = parents[-1].heading if parents else ""
            sheet.add_row(section.row, [section.heading, body, category])
        if section.level:
            parents.append(section)
    if len(sheet.rows) == 1:
        raise FileRefused("no_headings")
    return sheet
