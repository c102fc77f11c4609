"""What the guard knows of a language: words for numbers, units and currencies, and cues of polarity (cues/*.toml)."""

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel import Locale
from babel.numbers import get_currency_symbol, get_territory_currencies

from chatbot.answering.guard.folding import LETTER, bare, fold, normal
from customers.culture import language_of, parse_locale

FOLDER = Path(__file__).with_name("cues")
SHARED = "und"
# Amounts of one are articles as often as numbers.
ONE = Decimal(1)


@dataclass(frozen=True, kw_only=True)
class Opposites:
    """Two groups of phrases that contradict each other."""

    left: re.Pattern[str]
    right: re.Pattern[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lexicon:
    """A language's data, compiled; patterns match folded text, those of numbers also `normal` text.

    `amounts` maps a word to what it counts: "fortnight" to (2, "week"). `units` and `money` map a phrase to its name.
    """

    language: str
    cldr: Locale
    spaced: bool
    function: frozenset[str]
    common: frozenset[str]
    yes: re.Pattern[str] | None
    no: re.Pattern[str] | None
    idioms: re.Pattern[str] | None
    separators: re.Pattern[str] | None
    cues: Mapping[str, re.Pattern[str]]
    opposites: tuple[Opposites, ...]
    numbers: Mapping[str, Decimal]
    number: re.Pattern[str] | None
    amounts: Mapping[str, tuple[Decimal, str]]
    amount: re.Pattern[str] | None
    multipliers: Mapping[str, Decimal]
    multiplier: re.Pattern[str] | None
    units: Mapping[str, str]
    unit: re.Pattern[str]
    money: Mapping[str, str]
    currency: re.Pattern[str]
    range: re.Pattern[str]
    morning: re.Pattern[str] | None
    evening: re.Pattern[str] | None
    hour: str
    minute: str


@functools.lru_cache(maxsize=64)
def lexicon_for(locale: str) -> Lexicon:
    """Return the lexicon of a BCP 47 tag; a language without a file of its own gets English's symbols and no cues."""
    language = language_of(locale)
    cldr = parse_locale(locale) or Locale.parse("en")
    path = FOLDER / f"{language}.toml"
    data: dict[str, Any] = _read(path) if path.exists() else {"spaced": True}
    shared = _read(FOLDER / f"{SHARED}.toml")
    spaced: bool = data["spaced"]
    clock: dict[str, list[str]] = data.get("clock", {})
    numbers = dict.fromkeys(map(_kept, data.get("articles", ())), ONE) | _numbers(data.get("numbers", {}))
    amounts = {normal(word).casefold(): _amount(text) for word, text in data.get("amounts", {}).items()}
    multipliers = {fold(word): Decimal(str(by)) for word, by in data.get("multipliers", {}).items()}
    units = _named(shared["units"], data.get("units", {}))
    money = {
        phrase: _currency(name, phrase, cldr)
        for phrase, name in _named(shared["money"], data.get("money", {})).items()
    }
    return Lexicon(
        language=language,
        cldr=cldr,
        spaced=spaced,
        function=_words(data.get("function", "")),
        common=_words(data.get("common", "")),
        yes=opening(data.get("yes", ())),
        no=opening(data.get("no", ())),
        idioms=phrases(data.get("idioms", ()), spaced=spaced),
        separators=phrases(data.get("separators", ()), spaced=spaced),
        cues={
            name: pattern
            for name, words in data.get("cues", {}).items()
            if (pattern := phrases(words, spaced=spaced)) is not None
        },
        opposites=tuple(_opposites(pair, spaced) for pair in data.get("opposites", ())),
        numbers=numbers,
        number=phrases(numbers, spaced=spaced or language == "ko"),
        amounts=amounts,
        amount=phrases(amounts, spaced=spaced),
        multipliers=multipliers,
        multiplier=_following(multipliers, gap=r"\s?"),
        units=units,
        unit=_following(units, gap=r"\s?[-']?\s?") or re.compile(r"(?!)"),
        money=money,
        currency=_following(money, gap=r"\s?") or re.compile(r"(?!)"),
        range=_range(data.get("ranges", ())),
        morning=phrases(clock.get("am", ()), spaced=spaced),
        evening=phrases(clock.get("pm", ()), spaced=spaced),
        hour=_either(clock.get("hour", ())),
        minute=_either(clock.get("minute", ())),
    )


@functools.cache
def self_talk() -> tuple[str, ...]:
    """Return phrases, folded, in which a model speaks of itself, in any language."""
    return tuple(_kept(phrase) for phrase in _read(FOLDER / f"{SHARED}.toml")["self_talk"])


@functools.cache
def orders() -> tuple[str, ...]:
    """Return phrases, folded, with which a text gives orders to a model, in any language."""
    return tuple(_kept(phrase) for phrase in _read(FOLDER / f"{SHARED}.toml")["orders"])


def phrases(words: Iterable[str], *, spaced: bool) -> re.Pattern[str] | None:
    """Return a pattern of whole phrases, the longest first, where `*` stands for the rest of a word; None for none.

    In languages that write no spaces, and in Korean, which joins particles to words, a phrase may stand inside a word.
    """
    ordered = sorted({fold(word) if spaced else _kept(word) for word in words}, key=len, reverse=True)
    if not ordered:
        return None
    either = "|".join(re.escape(word).replace(r"\*", f"{LETTER}*").replace(r"\ ", r"\s+") for word in ordered)
    if not spaced:
        return re.compile(f"(?:{either})", re.IGNORECASE)
    return re.compile(
        rf"(?<!{LETTER})(?:[وف](?=[\u0600-\u06ff]))?(?P<phrase>{either})(?!{LETTER})", re.IGNORECASE
    )


def opening(words: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of words with which a reply begins, or None for none."""
    ordered = sorted({_kept(word) for word in words}, key=len, reverse=True)
    if not ordered:
        return None
    either = "|".join(re.escape(word) for word in ordered)
    return re.compile(rf"[^\w]*(?:{either})(?!{LETTER})", re.IGNORECASE)


def _kept(word: str) -> str:
    """Fold a phrase whose spaces count."""
    return normal(word).casefold()


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _words(text: str) -> frozenset[str]:
    """Return words in both forms in which they are looked up, with and without accents."""
    return frozenset(fold(text).split()) | frozenset(bare(text).split())


def _numbers(table: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the words of a language's numbers, those that are made of a ten and a one included."""
    ones = [_kept(word) for word in table.get("ones", "").split()]
    tens = [_kept(word) for word in table.get("tens", "").split()]
    found = {word: Decimal(value) for value, word in enumerate(ones)}
    found |= {word: Decimal(10 * value) for value, word in enumerate(tens, start=3)}
    twenty = ones[20:21]
    more = {_kept(word): Decimal(str(value)) for word, value in table.get("more", {}).items()}
    if compose := table.get("compose"):
        for ten in (*twenty, *tens):
            for one in range(1, 10):
                word = _kept(compose.format(tens=ten, one="ein" if ones[one] == "eins" else ones[one]))
                found.setdefault(word, found[ten] + one)
                found.setdefault(word.replace("-", " "), found[ten] + one)
    return found | more


def _amount(text: str) -> tuple[Decimal, str]:
    value, _, unit = text.partition(" ")
    return Decimal(value), unit


def _named(*tables: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {_kept(phrase): name for table in tables for name, words in table.items() for phrase in words}


def _currency(name: str, phrase: str, cldr: Locale) -> str:
    """Return the ISO 4217 code of a currency's word; a sign of several currencies is the one it stands for here."""
    if name != "local":
        return name
    own = get_territory_currencies(cldr.territory)[:1] if cldr.territory else []
    for code in (*own, "USD", "CNY", "JPY"):
        if normal(get_currency_symbol(code, locale=cldr)) == phrase:
            return code
    return own[0] if own and phrase.isalpha() else phrase


def _opposites(pair: Mapping[str, Sequence[str]], spaced: bool) -> Opposites:
    left, right = phrases(pair["a"], spaced=spaced), phrases(pair["b"], spaced=spaced)
    if left is None or right is None:
        raise ValueError(f"A pair of opposites has an empty side: {pair}. Write phrases on both sides.")
    return Opposites(left=left, right=right)


def _following(table: Mapping[str, object], *, gap: str) -> re.Pattern[str] | None:
    """Return a pattern of what may stand right behind a number (match) or right before one (search at the end)."""
    if not table:
        return None
    ordered = sorted(table, key=len, reverse=True)
    either = "|".join(
        re.escape(phrase).replace(r"\*", f"{LETTER}*").replace(r"\ ", r"\s+") + _boundary(phrase)
        for phrase in ordered
    )
    return re.compile(rf"{gap}(?P<phrase>{either})", re.IGNORECASE)


def _boundary(phrase: str) -> str:
    """Return what must not follow a phrase: letters of its own script, where that has spaces between words."""
    last = phrase[-1]
    if not last.isalpha() and not "\u0900" <= last <= "\u097f":
        return ""
    if last.isascii() or last < "\u0250":
        return "(?![A-Za-z\u00c0-\u024f])"
    return f"(?!{LETTER})" if last < "\u0980" else ""


def _range(words: Sequence[str]) -> re.Pattern[str]:
    signs = r"[-–—~/×x、]|\.{2,3}"
    either = "|".join(re.escape(_kept(word)) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"\s*(?:{signs}{'|' + either if either else ''})\s*", re.IGNORECASE)


def _either(words: Sequence[str]) -> str:
    return "|".join(re.escape(_kept(word)) for word in sorted(words, key=len, reverse=True)) or r"(?!)"


def name_of(phrase: str, table: Mapping[str, str]) -> str:
    """Return the name under which a matched phrase is listed, where some entries end in `*`."""
    folded = " ".join(phrase.casefold().split())
    if folded in table:
        return table[folded]
    stems = [stem for stem in table if stem.endswith("*") and folded.startswith(stem[:-1])]
    return table[max(stems, key=len)] if stems else folded
