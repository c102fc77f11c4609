"""Which encoding a text file is in: told from evidence, or reported as open, never guessed.

A byte order mark or valid UTF-8 settles it. Otherwise each legacy encoding is tried and its reading
judged by what such text is made of: common characters for Chinese, Japanese and Korean, letters that
fit their words for the others, and column headers that turn out to be known words.
"""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from .encoding_data import CANONICAL, CODECS, FREQUENT, LATIN, LEGACY, OTHER_SCRIPTS, PUNCTUATION
from .headers import recognise
from .model import EncodingCandidate, FileRefused, shorten

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ASCII = bytes(range(128))
_SAMPLE_BYTES = 100_000
_DAMAGE = 0.02
"""Share of unreadable characters up to which a file counts as damaged rather than misread."""
_COMMON = 0.15
_FITTING = 0.9
_FEW = 6
"""Characters below which a reading in a language nobody mentioned proves nothing."""
_TAG_CELL = re.compile(rb"(?m)(?:^|[,;\t\"])([a-z]{2})[-_][A-Z]{2}(?=[,;\t\"\r\n])")
"""A locale tag filling a cell: ASCII in every encoding, and evidence of the language."""
_CELL_EDGES = re.compile(r"[,;\t|\"\r\n]+")


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """The text of a file; `candidates` are filled, and the text empty, when the encoding is open."""

    text: str
    encoding: str = ""
    candidates: tuple[EncodingCandidate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Reading:
    encoding: str
    sample: str
    score: float
    plausible: bool
    known_headers: int


def decode(
    data: bytes, *, encoding: str | None = None, declared: str | None = None, languages: Collection[str] = ()
) -> Decoded:
    """The text of a file, unreadable bytes as U+FFFD, and the encoding it was found to be in.

    `encoding` settles the question; what the file itself declared, and `languages` (primary subtags it
    may be in), count as evidence.
    Raises FileRefused `unknown_encoding` for a name that is not supported.
    """
    if encoding:
        name = CANONICAL.get(encoding.strip().lower())
        if name is None:
            raise FileRefused("unknown_encoding", encoding=shorten(encoding))
        return _decoded(data, name)
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _decoded(data, name)
    spoken = frozenset(languages) | {tag.decode().lower() for tag in _TAG_CELL.findall(data)}
    found = _decode_wide(data) or _decode_utf8(data)
    if found:
        return found
    declared = CANONICAL.get((declared or "").lower())
    reading = _read(_sample(data), declared, spoken) if declared in LEGACY else None
    return _decoded(data, reading.encoding) if reading and reading.plausible else _decode_legacy(data, spoken)


def _decoded(data: bytes, name: str) -> Decoded:
    text = data.decode(CODECS.get(name, name), "replace")
    return Decoded(text=text.removeprefix("\ufeff"), encoding=name)


def _decode_wide(data: bytes) -> Decoded | None:
    """UTF-16 without a mark shows in the zero bytes of its line ends, commas and Latin letters."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if even + odd < len(data) / 200 or max(even, odd) < 0.8 * (even + odd) or len(data) % 2:
        return None
    decoded = _decoded(data, "utf-16-le" if odd > even else "utf-16-be")
    return None if "\x00" in decoded.text or "\ufffd" in decoded.text else decoded


def _decode_utf8(data: bytes) -> Decoded | None:
    """UTF-8, also with a few broken bytes among many sound ones."""
    if b"\x1b$" in data and data.isascii():
        return _decoded(data, "iso-2022-jp")
    decoded = _decoded(data, "utf-8")
    broken = decoded.text.count("\ufffd") - data.count("\ufffd".encode())
    if broken:
        sound = len(decoded.text) - broken - (len(data) - len(data.translate(None, _ASCII)))
        if sound < 3 * broken:
            return None
    return decoded


def _decode_legacy(data: bytes, languages: frozenset[str]) -> Decoded:
    sample = _sample(data)
    readings: dict[str, _Reading] = {}
    for name in LEGACY:
        reading = _read(sample, name, languages)
        if reading is not None:
            earlier = readings.get(reading.sample)
            if earlier is None or reading.score > earlier.score:
                readings[reading.sample] = reading
    found = list(readings.values())
    plausible = [reading for reading in found if reading.plausible]
    chosen = _settle(plausible, languages)
    if chosen:
        return _decoded(data, chosen.encoding)
    shown = plausible or found
    shown.sort(key=lambda reading: (not languages & set(LEGACY[reading.encoding].split()), -reading.score))
    return Decoded(
        text="",
        candidates=tuple(
            EncodingCandidate(encoding=reading.encoding, preview=shorten(reading.sample, 240))
            for reading in shown
        ),
    )


def _sample(data: bytes) -> bytes:
    """The lines with anything beyond ASCII in them; no legacy encoding uses the line feed inside a character."""
    lines, size = [], 0
    for line in io.BytesIO(data):
        if not line.isascii():
            lines.append(line.rstrip(b"\r\n"))
            size += len(line)
            if size > _SAMPLE_BYTES:
                break
    return b"\n".join(lines)


def _read(sample: bytes, name: str, languages: frozenset[str]) -> _Reading | None:
    """The sample in one encoding with how well it reads; None if it does not decode."""
    text = sample.decode(CODECS.get(name, name), "replace")
    beyond = [char for char in text if char > "\x7f"]
    if not beyond or beyond.count("\ufffd") > _DAMAGE * len(beyond):
        return None
    if name in FREQUENT:
        frequent = FREQUENT[name]
        score = sum(char in frequent for char in beyond) / len(beyond)
        few = len(beyond) < _FEW and not languages & set(LEGACY[name].split())
        plausible = score >= _COMMON and not few
    else:
        score = _fit(text, beyond, name, languages)
        plausible = score >= _FITTING
    headers = _CELL_EDGES.split(text[:2_000])[:40]
    known = sum(not header.isascii() and recognise(header) is not None for header in headers)
    return _Reading(encoding=name, sample=text, score=score, plausible=plausible, known_headers=known)


def _fit(text: str, beyond: list[str], name: str, languages: frozenset[str]) -> float:
    """Share of the characters beyond ASCII that belong to one language and sit in their words as its do."""
    if name in OTHER_SCRIPTS:
        first, last, more = OTHER_SCRIPTS[name]
        right = sum(first <= ord(char) <= last or char in PUNCTUATION or char in more for char in beyond)
        return min(right / len(beyond), 1 - _misplaced(text, latin=False))
    spoken = LEGACY[name].split()
    alphabets = [LATIN[language] for language in (languages & set(spoken)) or spoken]
    right = max(
        sum(char.lower() in alphabet or char in PUNCTUATION or char in alphabet for char in beyond)
        for alphabet in alphabets
    )
    return min(right / len(beyond), 1 - _misplaced(text, latin=True))


def _misplaced(text: str, *, latin: bool) -> float:
    """Share of the letters beyond ASCII that break their word: a capital after a small letter, or the
    wrong company of ASCII letters (a Latin word is mostly ASCII; a Cyrillic or Arabic one has none)."""
    wrong = letters = 0
    for word in re.findall(r"[^\W\d_]+", text):
        beyond = sum(char > "\x7f" for char in word)
        if not beyond:
            continue
        letters += beyond
        mixed = beyond < len(word)
        broken = any(b > "\x7f" and a.islower() and b.isupper() for a, b in pairwise(word))
        if broken or (mixed and not latin) or (latin and beyond > 0.7 * len(word) and len(word) > 2):
            wrong += beyond
    return wrong / letters if letters else 0.0


def _settle(plausible: list[_Reading], languages: frozenset[str]) -> _Reading | None:
    """The one reading that the evidence leaves, if it leaves one."""
    if len(plausible) < 2:
        return plausible[0] if plausible else None
    plausible = sorted(plausible, key=lambda reading: -reading.known_headers)
    if plausible[0].known_headers > plausible[1].known_headers:
        return plausible[0]
    matching = [reading for reading in plausible if languages & set(LEGACY[reading.encoding].split())]
    if len(matching) == 1:
        return matching[0]
    eastern = sorted(
        (reading for reading in plausible if reading.encoding in FREQUENT), key=lambda r: -r.score
    )
    if len(eastern) > 1 and eastern[0].score > 3 * eastern[1].score and len(eastern[0].sample) > 24:
        return eastern[0]
    return None
