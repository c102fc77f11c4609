"""What a sentence states as a fact: numbers, money, dates, times, addresses, codes and names, normalised by locale.

A fact is borne out by a source that states the same in any form: ３日, 3日 and 三日; 1.234,50 € and € 1.234,5.
"""

import functools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from chatbot.answering.guard.folding import bare, normal
from chatbot.answering.guard.lexicon import Lexicon
from chatbot.answering.guard.moments import moments
from chatbot.answering.guard.quantities import Quantity, is_claim, quantities

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", re.ASCII)
URL = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]\"'，。、）」』|*]{1,500}"
    r"|(?<![\w@.])(?:[a-z0-9-]{2,63}\.)+(?:com|net|org|info|shop|store|example|io|co|app|[a-z]{2})(?![\w.-]*@)\b(?:/[^\s<>()\[\]\"'，。、）」』|*]{0,300})?",
    re.IGNORECASE | re.ASCII,
)
PHONE = re.compile(
    r"(?<![\w.])(?<!\d,)(?:\+|\(\+?)?\d(?:[\d]|[\s()./-]{1,2}(?=[\d(]))*\d(?![\d.,]\d)", re.ASCII
)
PHONE_DIGITS = 7
PLAIN_DIGITS = 9
SAME_ENDING = 9
CODE = re.compile(
    r"(?<![A-Za-z0-9\u00c0-\u024f@./])[A-Za-z0-9]+(?:[-_/][A-Za-z0-9]+)*(?![A-Za-z0-9\u00c0-\u024f])"
)
# Letters and digits that are joined and still no code: 2nd, 100x200, 18h30.
NO_CODE = re.compile(r"\d+(?:st|nd|rd|th|er|re|e|h|h\d+|x\d+|k|am|pm|o|a|s)", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z0-9\u00c0-\u024f&+]*(?:[.'-][A-Za-z0-9\u00c0-\u024f]+)*")
KATAKANA = re.compile(r"[ァ-ヴー]{2,}")
# After these a capital letter begins a sentence.
BEGINS = re.compile(r"(?:^|[.!?:;…¿¡|]|\n|[-–—•]\s|\d[.)])[\s\"'(*\[]*$")
CASED = {"en", "es", "fr", "pt", "de"}
STEM = 4
PART = 5


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A fact at `start` of a text: it is borne out by a source whose grounds hold one of its `claims`.

    `group` is what else could stand in its place, a unit or a kind; empty for what is not counted.
    """

    kind: str
    text: str
    start: int
    end: int
    claims: frozenset[str]
    grounds: frozenset[str]
    group: str = ""
    is_claim: bool = True


def facts_of(text: str, lexicon: Lexicon) -> tuple[Fact, ...]:
    """Return the facts of a text, names aside, in their order."""
    reader = _Reader(normal(text), lexicon)
    reader.read()
    return tuple(sorted(reader.found, key=lambda fact: fact.start))


class _Reader:
    """Takes the kinds from a text one after the other, each from what those before left."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.found: list[Fact] = []
        self._text = text
        self._lexicon = lexicon

    def read(self) -> None:
        for match in EMAIL.finditer(self._text):
            self._take("email", match.start(), match.end(), {f"email:{match[0].casefold()}"})
        for match in URL.finditer(self._text):
            address = _address(match[0])
            domain = address.partition("/")[0]
            self._take(
                "url", match.start(), match.end(), {f"url:{address}"}, {f"url:{address}", f"url:{domain}"}
            )
        for moment in moments(self._text, self._lexicon):
            group = next(iter(moment.claims)).partition(":")[0]
            self._take("date", moment.start, moment.end, moment.claims, moment.grounds, group=group)
        for match in PHONE.finditer(self._text):
            self._take_phone(match)
        for match in CODE.finditer(self._text):
            if is_code(match[0], self._lexicon):
                self._take("code", match.start(), match.end(), {f"code:{_compact(match[0])}"})
        for one in quantities(self._text, self._lexicon):
            claims, grounds = _keys(one)
            kind = "money" if one.is_money else "number"
            self._take(kind, one.start, one.end, claims, grounds, group=one.unit, is_claim=is_claim(one))

    def _take_phone(self, match: re.Match[str]) -> None:
        digits = re.sub(r"\D", "", match[0])
        separators = len(re.findall(r"[\s()./-]+", match[0]))
        is_number = re.fullmatch(r"\d{1,3}(?:[ .,]\d{2,3})+", match[0])
        looks = match[0][0] in "+(0" or separators >= 2 or (not separators and len(digits) >= PLAIN_DIGITS)
        if (
            len(digits) >= PHONE_DIGITS
            and looks
            and not (is_number and match[0][0] != "0" and separators < 3)
        ):
            self._take("phone", match.start(), match.end(), {f"phone:{digits.lstrip('0')[-SAME_ENDING:]}"})

    def _take(
        self,
        kind: str,
        start: int,
        end: int,
        claims: Collection[str],
        grounds: Collection[str] | None = None,
        *,
        group: str = "",
        is_claim: bool = True,
    ) -> None:
        self.found.append(
            Fact(
                kind=kind,
                text=self._text[start:end],
                start=start,
                end=end,
                claims=frozenset(claims),
                grounds=frozenset(claims if grounds is None else grounds),
                group=group,
                is_claim=is_claim,
            )
        )
        # What is left keeps its places; the sign is in no pattern.
        self._text = self._text[:start] + "\x1a" * (end - start) + self._text[end:]


def is_code(token: str, lexicon: Lexicon) -> bool:
    """Say whether a token is an order number, a coupon or a model: letters and digits mixed, or hyphened capitals."""
    has_digit = any(character.isdigit() for character in token)
    if not has_digit or token.isdigit() or not any(character.isalpha() for character in token):
        return False
    parts = re.split(r"[-_/]", token)
    if len(parts) > 1 and all(part.isdigit() or part.isalpha() for part in parts):
        return all(part.isdigit() or (part.isupper() and len(part) > 1) for part in parts)
    if NO_CODE.fullmatch(token):
        return False
    measured = re.fullmatch(r"\d+([A-Za-z]+)", parts[0])
    return not (measured and len(parts) == 1 and (measured[1].casefold() in _unit_names(lexicon)))


@functools.lru_cache(maxsize=64)
def _unit_names(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(phrase.rstrip("*") for phrase in (*lexicon.units, *lexicon.money))


def _keys(one: Quantity) -> tuple[set[str], set[str]]:
    """Return what a quantity claims and what it bears out; a bare number bears out any unit, as in a table."""
    value = _plain(one.value)
    if not one.unit:
        return {f"number:{value}"}, {f"number:{value}", f"number:{value}|"}
    return {f"number:{value}|{one.unit}", f"number:{value}|"}, {
        f"number:{value}",
        f"number:{value}|{one.unit}",
    }


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _address(url: str) -> str:
    return re.sub(r"^https?://|^www\.", "", url.casefold()).removeprefix("www.").rstrip("/.,;:!?*_~")


def _compact(code: str) -> str:
    return re.sub(r"[-_/]", "", code).casefold()


def names_of(text: str, lexicon: Lexicon) -> Iterator[str]:
    """Yield what may be a proper name: capitals inside a sentence, Latin words in other scripts, katakana words."""
    plain = EMAIL.sub(" ", URL.sub(" ", normal(text)))
    if lexicon.language not in CASED:
        for match in LATIN.finditer(plain):
            if len(match[0]) > 1 and not _is_measure(plain, match, lexicon):
                yield match[0]
        if lexicon.language == "ja":
            yield from KATAKANA.findall(plain)
        return
    for match in WORD.finditer(plain):
        word = match[0]
        is_acronym = len(word) > 1 and word.isupper()
        if is_acronym or (word[0].isupper() and not BEGINS.search(plain, 0, match.start())):
            yield word


def _is_measure(text: str, match: re.Match[str], lexicon: Lexicon) -> bool:
    """Say whether a Latin word is the unit of a number or a part of a code."""
    before = text[: match.start()].rstrip()[-1:]
    return before.isdigit() and (match.start() == 0 or match[0].casefold() in _unit_names(lexicon))


@dataclass(frozen=True, kw_only=True)
class Known:
    """The words of the sources, by which names are borne out."""

    words: frozenset[str]
    text: str

    def holds(self, name: str, lexicon: Lexicon) -> bool:
        """Say whether a name stands in the sources, inflected or as a part of a compound."""
        folded = bare(name)
        if (
            not folded
            or folded in lexicon.function
            or folded in lexicon.common
            or name.casefold() in lexicon.common
        ):
            return True
        if KATAKANA.fullmatch(name):
            return folded in self.text or any(part in self.text for part in _halves(folded))
        return all(self._holds_word(part, lexicon) for part in folded.split())

    def _holds_word(self, word: str, lexicon: Lexicon) -> bool:
        if word in self.words or word in lexicon.function or len(word) < 2:
            return True
        if lexicon.language not in CASED or len(word) < STEM:
            return False
        stem = word[: max(STEM, len(word) - 2)]
        if any(known.startswith(stem) and abs(len(known) - len(word)) <= 3 for known in self.words):
            return True
        if lexicon.language != "de" or len(word) < PART:
            return False
        # German joins nouns: Rücksendung and Rücksendeetikett.
        return any((word in known or (len(known) >= PART and known in word)) for known in self.words)


def _halves(word: str) -> tuple[str, ...]:
    """Return nothing for a simple katakana word; long vowels are written or left out at the end."""
    return (word.rstrip("ー"),) if word.endswith("ー") and len(word) > 3 else ()


def known_words(texts: Collection[str]) -> Known:
    """Collect the words of approved texts, with the parts of hyphened ones."""
    joined = " ".join(bare(text) for text in texts)
    latin = {word for text in texts for match in LATIN.findall(normal(text)) for word in bare(match).split()}
    return Known(words=frozenset(joined.split()) | latin, text=joined)
