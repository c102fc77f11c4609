"""HTML to an outline of headings with the Markdown below each; nothing is fetched or run.

The tokenizer is a single expression that never looks past the next "<", because `html.parser` takes
quadratic time on unclosed constructs and raises AssertionError on others (CVE-2025-6069).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from .markdown_text import escape_text, safe_link, tidy

_HEADINGS = {f"h{level}": level for level in range(1, 7)} | {"summary": 7, "dt": 7}
_RAW = frozenset({"script", "style", "title", "textarea"})
_SKIPPED = frozenset({"template", "noscript", "svg", "nav", "iframe", "object"})
_BLOCKS = frozenset(
    (
        *("p", "div", "section", "article", "main", "header", "footer", "ul", "ol", "dl", "dd", "details"),
        *("table", "tr", "blockquote", "figure", "form", "pre", "body", "li"),
    )
)
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<tag>[A-Za-z][A-Za-z0-9-]*)(?P<attributes>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>"
    r"|(?P<comment><!--)|(?P<declaration><[!?/][^<>]*>)|(?P<text>[^<]+|<)"
)
_ATTRIBUTE = re.compile(r"([A-Za-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_MAX_LIST_DEPTH = 10


@dataclass(kw_only=True)
class Part:
    """A heading (level 0: none yet) and the Markdown pieces below it."""

    level: int
    line: int
    heading: str = ""
    pieces: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        return tidy("".join(self.pieces))


@dataclass(frozen=True, kw_only=True)
class _Token:
    line: int
    text: str = ""
    tag: str = ""
    is_end: bool = False
    attributes: str = ""

    def attribute(self, name: str) -> str:
        for found in _ATTRIBUTE.finditer(self.attributes):
            if found[1].lower() == name:
                return unescape(next(filter(None, found.groups()[1:]), ""))
        return ""


def read_outline(html: str) -> tuple[list[Part], str]:
    """The page's headings, each with what is below it, and the language that `<html lang>` declares."""
    outline = _Outline()
    for token in _tokens(html):
        if not token.tag:
            outline.add_text(token.text)
        elif token.is_end:
            outline.end(token.tag)
        else:
            outline.start(token)
    return outline.parts, outline.language


def _tokens(html: str) -> Iterator[_Token]:
    position, line, ends = 0, 1, dict[str, bool]()
    while position < len(html):
        match = _TOKEN.match(html, position)
        assert match is not None  # its last alternative takes any character
        end = match.end()
        tag = (match["tag"] or "").lower()
        if match["text"]:
            yield _Token(line=line, text=unescape(match["text"]))
        elif tag:
            yield _Token(line=line, tag=tag, is_end=bool(match["close"]), attributes=match["attributes"])
        closing = "-->" if match["comment"] else f"</{tag}" if tag in _RAW and not match["close"] else ""
        if closing and ends.get(closing, True):
            found = html.find(closing, end)
            # What is never closed is looked for once, or a page full of it would take quadratic time.
            ends[closing] = found >= 0
            end = found + (3 if match["comment"] else 0) if found >= 0 else end
        line += html.count("\n", position, end)
        position = end


class _Outline:
    """Collects parts from tokens."""

    def __init__(self) -> None:
        self.parts = [Part(level=0, line=1)]
        self.language = ""
        self._skipped = 0
        self._heading = ""
        self._lists: list[int] = []
        self._links: list[str] = []

    def start(self, token: _Token) -> None:
        tag = token.tag
        if tag == "html":
            self.language = token.attribute("lang")
        elif tag in _SKIPPED:
            self._skipped += 1
        elif self._skipped:
            return
        elif tag in _HEADINGS:
            self._heading = tag
            self.parts.append(Part(level=_HEADINGS[tag], line=token.line))
        elif not self._heading or tag in _BLOCKS:
            # A heading holds no blocks: one that was never closed ends here.
            self._heading = ""
            self._start_markup(token)

    def _start_markup(self, token: _Token) -> None:
        tag = token.tag
        if tag in ("ul", "ol"):
            self._break("\n" if self._lists else "\n\n")
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            self._start_item()
        elif tag == "br":
            self._add("\\\n" if self._has_line() else "")
        elif tag in ("td", "th"):
            self._add(" | " if self._has_line() else "")
        elif tag in _BLOCKS or tag == "hr":
            self._break("\n" if self._lists or tag == "tr" else "\n\n")
        elif tag in _MARKS:
            self._add(_MARKS[tag])
        elif tag == "a":
            link = safe_link(token.attribute("href"))
            self._links.append(link)
            self._add("[" if link else "")

    def _start_item(self) -> None:
        if self._has_line():
            self._add("\n")
        number = self._lists[-1] if self._lists else 0
        self._add("   " * (min(len(self._lists), _MAX_LIST_DEPTH) - 1) + (f"{number}. " if number else "- "))
        if number:
            self._lists[-1] = number + 1

    def end(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped = max(self._skipped - 1, 0)
        elif self._skipped:
            return
        elif tag == self._heading:
            self._heading = ""
        elif not self._heading:
            self._end_markup(tag)

    def _end_markup(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            if self._lists:
                self._lists.pop()
            self._break("\n" if self._lists else "\n\n")
        elif tag in _MARKS:
            self._add(_MARKS[tag])
        elif tag == "a" and self._links:
            link = self._links.pop()
            self._add(f"]({link})" if link else "")
        elif tag in _BLOCKS and tag not in ("tr", "li"):
            self._break("\n" if self._lists else "\n\n")

    def add_text(self, data: str) -> None:
        if self._skipped:
            return
        text = _SPACE.sub(" ", data)
        part = self.parts[-1]
        if self._heading:
            part.heading += text
            return
        if not part.pieces or part.pieces[-1].endswith((" ", "\n")):
            text = text.removeprefix(" ")
        self._add(escape_text(text, at_line_start=not self._has_line()))

    def _has_line(self) -> bool:
        pieces = self.parts[-1].pieces
        return bool(pieces) and not pieces[-1].endswith("\n")

    def _add(self, text: str) -> None:
        if text:
            self.parts[-1].pieces.append(text)

    def _break(self, text: str) -> None:
        if self.parts[-1].pieces:
            self._add(text)
