"""DOCX documents as an outline of headings with the Markdown below each (ECMA-376 part 1, chapter 17)."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from .markdown_text import escape_text, safe_link, tidy
from .packages import scan

_MAIN = "word/document.xml"
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_SKIPPED = frozenset({"Fallback", "pPrChange", "rPrChange", "del", "moveFrom"})
_OFF = frozenset({"0", "false", "off", "none"})
_MAX_LIST_DEPTH = 10
_INDENT = "   "
"""Nests below both "- " and "1. "."""


@dataclass(kw_only=True)
class Heading:
    """A heading (level 0: none yet) and the Markdown below it."""

    level: int
    text: str = ""
    blocks: list[str] = field(default_factory=list)
    tight: list[bool] = field(default_factory=list)
    """Whether a block belongs to the same list or table as the one before."""

    def markdown(self) -> str:
        joined = [
            ("\n" if tight and place else "\n\n") + block
            for place, (block, tight) in enumerate(zip(self.blocks, self.tight, strict=True))
        ]
        return tidy("".join(joined))


def read_headings(archive: zipfile.ZipFile) -> list[Heading]:
    """The document's headings, the first of level 0. Raises what `scan` raises."""
    names = set(archive.namelist())
    styles, numbering, links = _Styles(), _Numbering(), _Links()
    for part, handler in (
        ("word/styles.xml", styles),
        ("word/numbering.xml", numbering),
        (posixpath.join("word/_rels", "document.xml.rels"), links),
    ):
        if part in names:
            scan(archive, part, handler)
    body = _Body(styles, numbering, links.targets)
    scan(archive, _MAIN, body)
    return body.headings


class _Styles:
    """The outline level and the list of each paragraph style, its own or inherited."""

    def __init__(self) -> None:
        self._levels: dict[str, int] = {}
        self._lists: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._current = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if name == "style":
            self._current = attributes.get("styleId", "")
        elif name == "name" and (match := _HEADING.fullmatch(value)):
            self._levels[self._current] = int(match[1])
        elif name == "outlineLvl":
            self._levels.setdefault(self._current, outline_level(value))
        elif name == "basedOn":
            self._parents[self._current] = value
        elif name == "numId":
            self._lists[self._current] = value

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass

    def level(self, style: str) -> int:
        """1 to 9, or 0 for body text."""
        return next((self._levels[name] for name in self._line(style) if name in self._levels), 0)

    def number(self, style: str) -> str:
        """The id of the list that paragraphs of the style belong to, or ""."""
        return next((self._lists[name] for name in self._line(style) if name in self._lists), "")

    def _line(self, style: str) -> Iterator[str]:
        """The style and those it is based on; a file may make them a circle."""
        for _ in range(20):
            yield style
            style = self._parents.get(style, "")


class _Numbering:
    """Which list levels count and which have bullets."""

    def __init__(self) -> None:
        self._bullets: set[tuple[str, str]] = set()
        self._lists: dict[str, str] = {}
        self._abstract = self._level = self._number = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if name == "abstractNum":
            self._abstract = attributes.get("abstractNumId", "")
        elif name == "lvl":
            self._level = attributes.get("ilvl", "")
        elif name == "numFmt" and value == "bullet":
            self._bullets.add((self._abstract, self._level))
        elif name == "num":
            self._number = attributes.get("numId", "")
        elif name == "abstractNumId":
            self._lists[self._number] = value

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass

    def marker(self, number: str, level: str) -> str:
        return "1. " if number in self._lists and (self._lists[number], level) not in self._bullets else "- "


class _Links:
    """Targets of hyperlinks by relationship id."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Type", "").endswith("/hyperlink"):
            self.targets[attributes.get("Id", "")] = safe_link(attributes.get("Target", ""))

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


@dataclass(kw_only=True)
class _Paragraph:
    style: str = ""
    level: int = 0
    number: str = ""
    depth: str = "0"
    runs: list[tuple[str, str, str]] = field(default_factory=list)
    """(text, Markdown mark, link)."""


class _Body:
    """The paragraphs of the document."""

    def __init__(self, styles: _Styles, numbering: _Numbering, links: dict[str, str]) -> None:
        self.headings = [Heading(level=0)]
        self._styles, self._numbering, self._links = styles, numbering, links
        self._open: list[_Paragraph] = []
        self._cells: list[list[list[str]]] = []
        self._skipped = 0
        self._reads = False
        self._bold = self._italic = False
        self._link = ""
        self._last_kind = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped or name in _SKIPPED:
            self._skipped += 1
            return
        value = attributes.get("val", "")
        match name:
            case "p":
                self._open.append(_Paragraph())
            case "tr":
                self._cells.append([])
            case "tc" if self._cells:
                self._cells[-1].append([])
            case "r":
                self._bold = self._italic = False
            case "b" | "i":
                self._set_mark(name, is_on=value not in _OFF)
            case "hyperlink":
                self._link = self._links.get(attributes.get("id", ""), "")
            case _ if self._open:
                self._start_in_paragraph(name, value)

    def _start_in_paragraph(self, name: str, value: str) -> None:
        paragraph = self._open[-1]
        match name:
            case "t":
                self._reads = True
            case "tab" | "ptab":
                self._add(" ")
            case "br" | "cr":
                self._add("\n")
            case "noBreakHyphen":
                self._add("\u2011")
            case "pStyle":
                paragraph.style = value
            case "outlineLvl":
                paragraph.level = outline_level(value)
            case "numId":
                paragraph.number = value
            case "ilvl":
                paragraph.depth = value

    def _set_mark(self, name: str, *, is_on: bool) -> None:
        if name == "b":
            self._bold = is_on
        else:
            self._italic = is_on

    def text(self, data: str) -> None:
        if self._reads:
            self._add(data)

    def _add(self, text: str) -> None:
        mark = ("**" if self._bold else "") + ("*" if self._italic else "")
        self._open[-1].runs.append((text, mark, self._link))

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif name == "t":
            self._reads = False
        elif name == "hyperlink":
            self._link = ""
        elif name == "p" and self._open:
            self._finish(self._open.pop())
        elif name == "tr" and self._cells:
            cells = (" ".join(filter(None, cell)) for cell in self._cells.pop())
            self._add_block(" | ".join(cells), kind="table")

    def _finish(self, paragraph: _Paragraph) -> None:
        plain = "".join(text for text, _, _ in paragraph.runs)
        level = paragraph.level or self._styles.level(paragraph.style)
        if self._cells:
            if self._cells[-1]:
                self._cells[-1][-1].append(_markdown(paragraph.runs).strip())
        elif level and plain.strip():
            self.headings.append(Heading(level=level, text=plain))
        elif (number := paragraph.number or self._styles.number(paragraph.style)) not in ("", "0"):
            depth = int(paragraph.depth) if paragraph.depth.isdecimal() and len(paragraph.depth) < 3 else 0
            marker = self._numbering.marker(number, paragraph.depth)
            indent = _INDENT * min(depth, _MAX_LIST_DEPTH)
            self._add_block(indent + marker + _markdown(paragraph.runs), kind="list")
        else:
            self._add_block(_markdown(paragraph.runs), kind="")

    def _add_block(self, text: str, *, kind: str) -> None:
        if text.strip():
            heading = self.headings[-1]
            heading.tight.append(kind != "" and kind == self._last_kind)
            heading.blocks.append(text)
            self._last_kind = kind


def outline_level(value: str) -> int:
    """An outlineLvl of 0 to 8 as a heading level of 1 to 9; 9 means body text."""
    return int(value) + 1 if value.isdecimal() and len(value) == 1 and value != "9" else 0


def _markdown(runs: list[tuple[str, str, str]]) -> str:
    """The runs of one paragraph, equal neighbours joined, with marks around words and not around spaces."""
    result = ""
    for (mark, link), group in groupby(runs, key=lambda run: run[1:]):
        text = "".join(run[0] for run in group)
        core = text.strip()
        if not core:
            result += text
            continue
        before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
        marked = mark + escape_text(core, at_line_start=not result and not mark and not link) + mark[::-1]
        result += before + (f"[{marked}]({link})" if link else marked) + after
    return result.replace("\n", "\\\n")
