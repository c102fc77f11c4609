"""Markdown, HTML and DOCX whose headings are questions: proposed rows for a person to look over."""

import zipfile
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt

from . import model
from .docx_read import read_headings
from .html_text import read_outline
from .model import FileRefused, RowError, Sheet, shorten

MAX_CHARACTERS = 1_000_000
"""In one Markdown or HTML document: some five hundred pages, and a few seconds at the worst."""
HEADERS = ("question", "answer", "category")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and the text under it, up to the next heading; level 0 is the text before any."""

    level: int
    heading: str
    row: int
    body: str = ""


def read_markdown(text: str) -> Sheet:
    """One row per heading; the answer is the Markdown below it as written. Rows are line numbers."""
    _refuse_too_long(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # Only headings matter here; without inline rules their text stays as written.
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).disable("inline").parse(text)
    marks: list[tuple[int, int, int, str]] = []
    for position, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            start, end = token.map
            marks.append((start, end, int(token.tag[1:]), tokens[position + 1].content))
    first = marks[0][0] if marks else len(lines)
    sections = [Section(level=0, heading="", row=1, body="\n".join(lines[:first]))]
    for position, (start, end, level, heading) in enumerate(marks):
        until = marks[position + 1][0] if position + 1 < len(marks) else len(lines)
        sections.append(
            Section(level=level, heading=heading, row=start + 1, body="\n".join(lines[end:until]))
        )
    return outline(sections)


def read_html(text: str) -> tuple[Sheet, str]:
    """One row per heading, `summary` or `dt`, and the language the page declares, if any."""
    _refuse_too_long(text)
    parts, language = read_outline(text)
    return outline(
        [Section(level=p.level, heading=p.heading, row=p.line, body=p.markdown()) for p in parts]
    ), language


def read_docx(archive: zipfile.ZipFile) -> Sheet:
    """One row per heading of a Word document; rows count its headings.

    Raises FileRefused `broken_document`, and what `scan` raises.
    """
    if "word/document.xml" not in archive.namelist():
        raise FileRefused("broken_document")
    return outline(
        [
            Section(level=heading.level, heading=heading.text, row=row, body=heading.markdown())
            for row, heading in enumerate(read_headings(archive))
        ]
    )


def _named(sections: list[Section]) -> list[Section]:
    """The sections with a heading; what stands under an empty one belongs to the one before."""
    named = sections[:1]
    bodies = [[section.body] for section in named]
    for section in sections[1:]:
        if section.heading.strip():
            named.append(section)
            bodies.append([section.body])
        else:
            bodies[-1].append(section.body)
    return [
        replace(section, body="\n\n".join(filter(None, body)))
        for section, body in zip(named, bodies, strict=True)
    ]


def _refuse_too_long(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise FileRefused("document_too_long", count=len(text), limit=MAX_CHARACTERS)


def outline(sections: list[Section]) -> Sheet:
    """Headings without a deeper heading below them are questions; the others name a category.

    Text that belongs to no question is reported rather than dropped in silence.
    """
    sheet = Sheet(is_grid=False)
    sections = _named(sections)
    parents: list[Section] = []
    for position, section in enumerate(sections):
        body = section.body.strip()
        while parents and parents[-1].level >= section.level:
            parents.pop()
        following = sections[position + 1] if position + 1 < len(sections) else None
        is_parent = section.level == 0 or (following is not None and following.level > section.level)
        if is_parent and not (body and section.heading.rstrip().endswith(("?", "？", "؟"))):
            if body:
                sheet.warnings.append(
                    RowError(row=section.row, value=shorten(body), code="text_without_question")
                )
        elif section.level:
            category = parents[-1].heading if parents else ""
            record = dict(zip(HEADERS, (section.heading, body, category), strict=True))
            sheet.records.append((section.row, record))
            if len(sheet.records) > model.MAX_ROWS:
                raise FileRefused("too_many_rows", limit=model.MAX_ROWS)
        if section.level:
            parents.append(section)
    if not sheet.records:
        raise FileRefused("no_headings")
    return sheet
