"""Running text, cut into sentences.

Sentences end by the rules of Unicode's text segmentation (UAX #29, section 5), held back where a point ends an
abbreviation, a number or an address, and inside links, code and brackets.
"""

import bisect
import functools
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).with_name("cues")

CLOSERS = "\"'”’»›)\\]）」』】*_~"
END = re.compile(rf"(?:(?<![.!?…؟।۔።])[.!?…؟।۔።]+[{CLOSERS}]*(?=\s)|[。！？｡]+[{CLOSERS}]*|[\r\n]+)\s*")
CJK_QUOTES = tuple("」』】）")
# Nothing ends inside these: code, links, pictures, addresses, emphasis, quotations and what stands in brackets.
WHOLE = re.compile(
    r"`[^`\n]{1,500}`|!?\[[^\]\n]{0,300}\]\([^)\n]{0,500}\)|<[^<>\n]{1,500}>|https?://[^\s<>]{0,500}[^\s<>.,;:!?]"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"
    r"|\*\*[^*\n]{1,500}\*\*|__[^_\n]{1,500}__|(?<!\w)\*[^*\n]{1,500}\*(?!\w)"
    r"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»"
    r"|「[^」\n]{1,300}」|『[^』\n]{1,300}』|\([^()\n]{1,300}\)|（[^（）\n]{1,300}）"
)
LAST_WORD = re.compile(r"(?:[^\W_]|[.·])+$")
FIRST_WORD = re.compile(r"[^\W\d_]*")
LONGEST_WORD = 40


def sentences(text: str) -> list[str]:
    """Split running text into sentences, each with the space behind it; joined, they are the text."""
    whole = [match.span() for match in WHOLE.finditer(text)]
    found, start = [], 0
    for match in END.finditer(text):
        end = match.end()
        if end < len(text) and _is_end(text, start, match, whole):
            found.append(text[start:end])
            start = end
    return [*found, text[start:]] if start < len(text) else found


def _is_end(text: str, start: int, match: re.Match[str], whole: Sequence[tuple[int, int]]) -> bool:
    """Say whether a sentence that began at `start` ends with a match of END."""
    seen = match[0].rstrip()
    stop = match.start() + len(seen)
    around = bisect.bisect_left(whole, (stop,)) - 1
    if around >= 0 and stop < whole[around][1]:
        return False
    following = text[match.end()]
    if not seen:
        return not following.islower()
    if seen.endswith(CJK_QUOTES) and stop == match.end():
        return False  # the quotation goes on as a part of the sentence
    if seen[0] not in ".!?…":
        return True
    if following.islower():
        return False
    begins = match.start() - start <= LONGEST_WORD
    before = text[max(start, match.start() - LONGEST_WORD) : match.start()]
    return seen[0] != "." or not _is_short(before, text[match.end() :][:LONGEST_WORD], begins=begins)


def _is_short(before: str, following: str, *, begins: bool) -> bool:
    """Say whether a point behind this text belongs to its last word: an abbreviation, an initial, a list's number.

    `begins`: the text is all of the sentence so far.
    """
    found = LAST_WORD.search(before)
    if not found:
        return False
    word = found[0].casefold().strip(".·")
    if word.isdecimal():
        # "1." at the beginning counts, "3. Mai" is a date; "in 2009." ends a sentence.
        is_marker = begins and not before[: found.start()].strip()
        return is_marker or FIRST_WORD.findall(following)[0].casefold() in words("counted")
    if before[: found.start()].endswith(("/", "@", "-", "_")):
        return False
    is_initial = len(word.rpartition(".")[2]) == 1 and word.isascii()
    return is_initial or word in words("abbreviations")


@functools.cache
def words(kind: str) -> frozenset[str]:
    """Return every language's words of a kind: "abbreviations" (without the last point), or what is "counted"."""
    return frozenset(
        word
        for path in FOLDER.glob("*.toml")
        for word in tomllib.loads(path.read_text(encoding="utf-8")).get(kind, ())
    )
