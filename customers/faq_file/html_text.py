"""HTML to an outline of headings with the Markdown below each; nothing is fetched or run."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_HEADINGS = {f"h{level}": level for level in range(1, 7)} | {"summary": 7, "dt": 7}
_SKIPPED = frozenset({"script", "style", "title", "template", "noscript", "svg", "nav", "iframe", "object"})
_BLOCKS = frozenset(
    (
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "ul",
        "ol",
        "dl",
        "dd",
        "details",
        "table",
        "tr",
        "blockquote",
        "figure",
        "form",
        "pre",
    )
)
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_SPECIAL = re.compile(r"([\\`*_\[\]<>])")
_LINE_START = re.compile(r"(?m)^(\s*)([-+#]|\d+(?=[.)]))")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|tel:|/|#)[^\s<>()]*", re.IGNORECASE)
_MAX_LIST_DEPTH = 10


@dataclass(kw_only=True)
class Part:
    """A heading (level 0: none yet) and the Markdown pieces below it."""

    level: int
    line: int
    heading: str = ""
    pieces: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        text = "".join(self.pieces)
        text = "\n".join(line.rstrip() for line in text.split("\n"))
        return re.sub(r"\n{3,}", "\n\n", text).strip()


class HtmlOutline(HTMLParser):
    """Feed it a page; `parts` is the outline and `language` what `<html lang>` says."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts = [Part(level=0, line=1)]
        self.language: str | None = None
        self._skipped = 0
        self._heading: str | None = None
        self._lists: list[int | None] = []
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = dict(attrs).get("lang")
        if tag in _SKIPPED:
            self._skipped += 1
        if self._skipped:
            return
        if tag in _HEADINGS:
            self._heading = tag
            self.parts.append(Part(level=_HEADINGS[tag], line=self.getpos()[0]))
        elif self._heading is None or tag in _BLOCKS:
            # A heading holds no blocks: one that was never closed ends here.
            self._heading = None
            self._start_markup(tag, dict(attrs))

    def _start_markup(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag in ("ul", "ol"):
            self._break("\n" if self._lists else "\n\n")
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._start_item()
        elif tag == "br":
            self._add("\\\n" if self._has_line() else "")
        elif tag == "hr":
            self._break("\n\n")
        elif tag in ("td", "th"):
            self._add(" | " if self._has_line() else "")
        elif tag == "tr":
            self._break("\n")
        elif tag in _BLOCKS:
            self._break("\n" if self._lists else "\n\n")
        elif tag in _MARKS:
            self._add(_MARKS[tag])
        elif tag == "a":
            link = _SAFE_LINK.fullmatch((attributes.get("href") or "").strip())
            self._links.append(link[0] if link else "")
            self._add("[" if link else "")

    def _start_item(self) -> None:
        if self._has_line():
            self._add("\n")
        depth = min(len(self._lists), _MAX_LIST_DEPTH)
        number = self._lists[-1] if self._lists else None
        self._add("  " * max(depth - 1, 0) + ("- " if number is None else f"{number}. "))
        if number is not None:
            self._lists[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped = max(self._skipped - 1, 0)
        elif self._skipped:
            return
        elif tag == self._heading:
            self._heading = None
        elif self._heading is None:
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
        elif tag in _BLOCKS and tag != "tr":
            self._break("\n" if self._lists else "\n\n")

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        text = _SPACE.sub(" ", data)
        if self._heading is not None:
            self.parts[-1].heading += text
            return
        pieces = self.parts[-1].pieces
        if not pieces or pieces[-1].endswith((" ", "\n")):
            text = text.removeprefix(" ")
        text = _SPECIAL.sub(r"\\\1", text)
        self._add(text if self._has_line() else _LINE_START.sub(_escape_line_start, text))

    def _has_line(self) -> bool:
        pieces = self.parts[-1].pieces
        return bool(pieces) and not pieces[-1].endswith("\n")

    def _add(self, text: str) -> None:
        if text:
            self.parts[-1].pieces.append(text)

    def _break(self, text: str) -> None:
        if self.parts[-1].pieces:
            self._add(text)


def _escape_line_start(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}"
