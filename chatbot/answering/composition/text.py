"""An approved answer, taken apart into the smallest pieces that may be shown alone.

A unit is a sentence, a list item or a table row, exactly as it stands in the Markdown; all units of an answer, joined,
are the answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbot.answering.composition.sentences import sentences as sentences

SENTENCE, ITEM, ROW = "sentence", "item", "row"
# What only comes along with others: headings, the header of a table, code and pictures.
HEADING, HEADER, BLOCK = "heading", "header", "block"
QUOTE, RULE = "quote", "rule"

LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MARKER = re.compile(r"\s*(?:[-*+•]|\(?\d{1,3}[.)、．]|[①-⑳])\s+")
STEP = re.compile(r"\s*(?:\(?(\d{1,3})[.)、．]\s|[①-⑳])\s*\S")
LEAD_ENDS = (":", "：", "︰")
BOLD_LINE = re.compile(r"\s*(?:\*\*[^*\n]+\*\*|__[^_\n]+__)[:：]?\s*")
LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
MARKS = re.compile(r"\*{1,3}|__|~~|`+|^\s{0,3}#{1,6}\s+|^\s*>\s?|<(?=https?://)|\\(?=[^\w\s])", re.MULTILINE)
PICTURE = re.compile(r"\s*(?:!\[[^\]\n]*\]\([^)\n]*\)\s*)+")
BOLD_LEVEL = 7


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A piece of an answer: `markdown` as it stands there, with the space behind it, `text` without marks.

    `leads` is the place of the unit that it cannot be understood without: the line before its list, the item above it,
    the header of its table. `headings` are the places of the headings above it, `section` the number of the part of
    the answer between two headings. `block` numbers paragraphs, lists and tables; `steps` is the number of its ordered
    list, -1 outside one.
    """

    place: int
    kind: str
    text: str
    markdown: str
    block: int
    section: int = 0
    heading: str = ""
    headings: tuple[int, ...] = ()
    leads: int | None = None
    steps: int = -1

    @property
    def may_be_chosen(self) -> bool:
        """Say whether the unit says something by itself."""
        return self.kind in (SENTENCE, ITEM, ROW)


def units_of(answer: str) -> tuple[Unit, ...]:
    """Return an answer's units in their order; their Markdown, joined, is the answer."""
    reader = _Reader(answer)
    reader.read()
    return tuple(reader.units)


def plain(markdown: str) -> str:
    """Return what a reader sees of a piece of Markdown, on one line."""
    without_marker = MARKER.sub("", markdown, count=1) if MARKER.match(markdown) else markdown
    return " ".join(MARKS.sub("", LINK.sub(r"\1", without_marker)).split())


class _Reader:
    """Reads one answer from its first line to its last."""

    def __init__(self, answer: str) -> None:
        self.units: list[Unit] = []
        self._lines = LINES.findall(answer)
        self._block = self._section = 0
        self._run = 0
        self._step = 0
        self._headings: list[tuple[int, int]] = []
        self._columns: list[str] = []
        self._item_leads: dict[int, int | None] = {}
        # The unit whose words introduce what comes next.
        self._lead: int | None = None

    def read(self) -> None:
        """Cut the answer at the lines where something begins, and name what began there."""
        starts: dict[int, _Start] = {}
        for start in _starts(_markdown.parse("".join(self._lines))):
            starts.setdefault(start.line, start)
        ordered = sorted(starts.values(), key=lambda start: start.line)
        if not ordered and self._lines:
            ordered = [_Start(line=0, kind=BLOCK)]
        for number, start in enumerate(ordered):
            first = start.line if number else 0
            last = ordered[number + 1].line if number + 1 < len(ordered) else len(self._lines)
            self._take(start, "".join(self._lines[first:last]))

    def _take(self, start: "_Start", markdown: str) -> None:
        if start.begins_block:
            self._block += 1
            if self.units and self.units[-1].kind in (HEADER, ROW):
                self._lead = None
        start = _seen_as(start, markdown)
        match start.kind:
            case "heading":
                self._open_section(start, markdown)
            case "sentence" | "quote":
                self._add_sentences([markdown] if start.kind == QUOTE else sentences(markdown))
            case "item":
                self._add_item(start, markdown)
            case "header" | "row":
                self._add_row(start.kind, markdown)
            case _:
                self._add(BLOCK, markdown, leads=None if start.kind == RULE else self._before())
                self._lead = None

    def _add_sentences(self, found: Sequence[str]) -> None:
        """Add a paragraph; one that ends like that introduces the next block."""
        self._step = 0
        for sentence in found:
            self._add(SENTENCE, sentence, leads=self._lead, steps=self._written_step(sentence))
            self._lead = None
        if found and self.units[-1].text.endswith(LEAD_ENDS):
            self._lead = len(self.units) - 1

    def _add_row(self, kind: str, markdown: str) -> None:
        if kind == ROW:
            self._add(ROW, markdown, leads=self._lead, text=self._row_text(markdown))
            return
        self._columns = _cells(markdown)
        self._add(HEADER, markdown, leads=self._lead)
        self._lead = len(self.units) - 1

    def _open_section(self, start: "_Start", markdown: str) -> None:
        while self._headings and self._headings[-1][0] >= start.level:
            self._headings.pop()
        self._section += 1
        self._add(HEADING, markdown)
        self._headings.append((start.level, len(self.units) - 1))
        self._lead = None

    def _add_item(self, start: "_Start", markdown: str) -> None:
        if start.depth == 1 and start.begins_block:
            self._run += 1
            self._item_leads = {1: self._lead}
            self._lead = None
        leads = self._item_leads.get(start.depth)
        self._add(ITEM, markdown, leads=leads, steps=self._run if start.is_step else -1)
        self._item_leads[start.depth + 1] = len(self.units) - 1

    def _written_step(self, sentence: str) -> int:
        """Number the list that a step belongs to, where a paragraph counts its steps in running text."""
        found = STEP.match(sentence)
        if not found:
            return -1
        number = int(found[1] or 1)
        if not self._step or number < self._step:
            self._run += 1
        self._step = number
        return self._run

    def _before(self) -> int | None:
        """Return the place of the unit before, that code or a picture belongs to, where there is one."""
        return len(self.units) - 1 if self.units and self.units[-1].kind != HEADING else None

    def _row_text(self, markdown: str) -> str:
        cells = _cells(markdown)
        named = [
            f"{name}: {cell}" if name else cell for name, cell in zip(self._columns, cells, strict=False)
        ]
        return ", ".join([*named, *cells[len(named) :]])

    def _add(
        self, kind: str, markdown: str, *, leads: int | None = None, text: str | None = None, steps: int = -1
    ) -> None:
        above = tuple(place for _level, place in self._headings)
        self.units.append(
            Unit(
                place=len(self.units),
                kind=kind,
                text=plain(markdown) if text is None else text,
                markdown=markdown,
                block=self._block,
                section=self._section,
                heading=" · ".join(self.units[place].text for place in above),
                headings=above if kind != HEADING else (),
                leads=leads,
                steps=steps,
            )
        )


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What begins at a line: `level` of a heading, `depth` of an item and whether its list is ordered."""

    line: int
    kind: str
    level: int = 0
    depth: int = 0
    is_step: bool = False
    begins_block: bool = True


def _seen_as(start: _Start, markdown: str) -> _Start:
    """Return what a paragraph is in truth: a line in bold heads what follows (with a colon, it leads to the next block
    alone), a picture says nothing by itself.
    """
    if start.kind == SENTENCE and BOLD_LINE.fullmatch(markdown) and not plain(markdown).endswith(LEAD_ENDS):
        return replace(start, kind=HEADING, level=BOLD_LEVEL)
    if start.kind == SENTENCE and PICTURE.fullmatch(markdown):
        return replace(start, kind=BLOCK)
    return start


def _starts(tokens: Sequence[Token]) -> Iterator[_Start]:
    """Find where units begin: nothing inside quotations, and inside lists nothing but their items."""
    lists: list[bool] = []
    quotes = 0
    in_head = False
    begins = False
    for token in tokens:
        line = token.map[0] if token.map else 0
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                begins = not lists
                lists.append(token.type == "ordered_list_open")
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "blockquote_open":
                if not lists and not quotes:
                    yield _Start(line=line, kind=QUOTE)
                quotes += 1
            case "blockquote_close":
                quotes -= 1
            case "list_item_open" if not quotes:
                yield _Start(line=line, kind=ITEM, depth=len(lists), is_step=any(lists), begins_block=begins)
                begins = False
            case "thead_open" | "thead_close":
                in_head = token.type == "thead_open"
            case _ if not lists and not quotes:
                yield from _leaf(token, line, in_head)


def _leaf(token: Token, line: int, in_head: bool) -> Iterator[_Start]:
    match token.type:
        case "heading_open":
            yield _Start(line=line, kind=HEADING, level=int(token.tag[1:]))
        case "paragraph_open":
            yield _Start(line=line, kind=SENTENCE)
        case "tr_open":
            yield _Start(line=line, kind=HEADER if in_head else ROW, begins_block=in_head)
        case "fence" | "code_block" | "html_block":
            yield _Start(line=line, kind=BLOCK)
        case "hr":
            yield _Start(line=line, kind=RULE)


def _cells(row: str) -> list[str]:
    """Return what the cells of a table's row say."""
    (line, *_delimiter) = row.splitlines() or [""]
    return [plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
