"""Text from a document as Markdown that reads back as exactly that text."""

import re

_SPECIAL = re.compile(r"([\\`*_\[\]<>])")
_LINE_START = re.compile(r"(\s*)([-+#]|\d{1,9}(?=[.)]))")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|tel:|/|#)[^\s<>()]*", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def escape_text(text: str, *, at_line_start: bool) -> str:
    """Text whose characters mean nothing to Markdown."""
    text = _SPECIAL.sub(r"\\\1", text)
    match = _LINE_START.match(text) if at_line_start else None
    if match is None:
        return text
    split = match.end(2) if match[2].isdigit() else match.start(2)
    return f"{text[:split]}\\{text[split:]}"


def safe_link(target: str) -> str:
    """The target of a link that may be offered to a customer, or ""."""
    match = _SAFE_LINK.fullmatch(target.strip())
    return match[0] if match else ""


def tidy(text: str) -> str:
    """Lines without trailing white space, paragraphs one blank line apart."""
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
