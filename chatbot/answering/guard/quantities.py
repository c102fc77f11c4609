"""Quantities in a text: numbers in digits or words of any script, with their unit or currency.

Separators are those of the locale in CLDR: 1.234,50 in German is 1,234.50 in English and ١٬٢٣٤٫٥٠ in Arabic.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from chatbot.answering.guard.lexicon import ONE, Lexicon, name_of

DIGITS = re.compile(
    r"(?<![\d.,])(?<![A-Za-z\u00c0-\u024f])(?:\d{1,3}(?: \d{3})+(?:[.,٫]\d+)?(?!\d)|\d+(?:[.,٬٫]\d+)*)"
    r"(?:\s?/\s?\d+(?![\d/]))?"
)
HAN = re.compile(r"(?<!第)(?!百分)[〇零一二三四五六七八九十百千万萬两兩]+")
# Words that are written with numerals and count nothing.
HAN_IDIOM = re.compile(
    r"十分(?![钟鐘間])|千万(?!元)|万一|一[些般起旦定直样樣]|统一|唯一|第一|三方|四[周処]|一(?:部|度|切|律)"
)
# "일" at the end is the unit day, not the number one: 삼일.
HANGUL = re.compile(r"(?<![가-힣])[일이삼사오육칠팔구십백천만]{1,7}(?=\s?[^\s일]|\s?일)")
PERCENT_BEFORE = re.compile(r"百分之\s*$")
# Word numbers from here on are hardly ever anything but a number.
LARGE_WORD = Decimal(13)
# Korean syllables that begin many words: 이내, 일부, 만료.
AMBIGUOUS = {"일", "이", "만", "천"}
TIMES = {"minute", "hour", "day", "business_day", "week", "month", "year"}
_HAN_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2, "兩": 2}
_HANGUL_DIGITS = {c: i for i, c in enumerate("영일이삼사오육칠팔구")}
_PLACES = {"十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000}
_MYRIADS = {"万", "萬", "만"}


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number from `start` to `end` of a text; `unit` is empty for a bare one, `is_money` where that is a currency.

    `is_word` says that it is written in letters, so that it may be no number at all.
    """

    start: int
    end: int
    value: Decimal
    unit: str = ""
    is_money: bool = False
    is_word: bool = False


def quantities(text: str, lexicon: Lexicon) -> list[Quantity]:
    """Return the quantities of a `normal` text in their order."""
    found = sorted(_plain_numbers(text, lexicon), key=lambda one: (one.start, -one.end))
    alone: list[Quantity] = []
    for one in found:
        if not alone or one.start >= alone[-1].end:
            alone.append(_measured(one, text, lexicon))
    return _in_ranges(alone, text, lexicon)


def _plain_numbers(text: str, lexicon: Lexicon) -> Iterator[Quantity]:
    for match in DIGITS.finditer(text):
        value = parse_number(match[0], lexicon)
        if value is not None:
            yield Quantity(start=match.start(), end=match.end(), value=value)
    yield from _words(text, lexicon)
    if lexicon.language in ("zh", "ja"):
        idioms = [match.span() for match in HAN_IDIOM.finditer(text)]
        for match in HAN.finditer(text):
            if not any(left < match.end() and match.start() < right for left, right in idioms):
                yield from _numeral(match, _HAN_DIGITS, text, lexicon)
    elif lexicon.language == "ko":
        for match in HANGUL.finditer(text):
            yield from _numeral(match, _HANGUL_DIGITS, text, lexicon)


def _words(text: str, lexicon: Lexicon) -> Iterator[Quantity]:
    """Find numbers and amounts that are written as words."""
    if lexicon.amount:
        for match in lexicon.amount.finditer(text):
            amount, unit = lexicon.amounts[(match["phrase"] if lexicon.spaced else match[0]).casefold()]
            yield Quantity(
                start=match.start(),
                end=match.end(),
                value=amount,
                unit=unit,
                is_word=True,
                is_money=unit.isupper(),
            )
    if lexicon.number:
        for match in lexicon.number.finditer(text):
            value = lexicon.numbers.get(" ".join(match["phrase"].casefold().split()))
            if value is not None:
                yield Quantity(start=match.start("phrase"), end=match.end(), value=value, is_word=True)


def _numeral(match: re.Match[str], digits: dict[str, int], text: str, lexicon: Lexicon) -> Iterator[Quantity]:
    """Read a numeral; one character, or a syllable of Korean, is one only where a unit follows."""
    is_measured = lexicon.unit.match(text, match.end()) or lexicon.currency.match(text, match.end())
    may_stand_alone = digits is _HAN_DIGITS and len(match[0]) > 1
    if match[0] in AMBIGUOUS or not (is_measured or may_stand_alone):
        return
    value = read_numeral(match[0], digits)
    if value is not None:
        yield Quantity(start=match.start(), end=match.end(), value=Decimal(value), is_word=True)


def read_numeral(text: str, digits: dict[str, int]) -> int | None:
    """Return the value of a Chinese, Japanese or Sino-Korean numeral, or None for what is none."""
    if len(text) > 1 and all(character in digits for character in text):
        return int("".join(str(digits[character]) for character in text))
    total = section = digit = 0
    for character in text:
        if character in digits:
            digit = digits[character]
        elif character in _PLACES:
            section += (digit or 1) * _PLACES[character]
            digit = 0
        elif character in _MYRIADS:
            total = (total + section + digit or 1) * 10_000
            section = digit = 0
        else:
            return None
    return total + section + digit


def parse_number(text: str, lexicon: Lexicon) -> Decimal | None:
    """Return the value of digits with the locale's separators; what cannot be in its form is read the other way."""
    if "/" in text:
        above, below = (int(part) for part in re.findall(r"\d+", text)[-2:])
        return Decimal(above) / below if below and "." not in text and "," not in text else None
    compact = text.replace(" ", "")
    signs = [sign for sign in compact if not sign.isdigit()]
    if not signs:
        return Decimal(compact)
    last = signs[-1]
    head, _, tail = compact.rpartition(last)
    if len(set(signs)) == 1:
        is_group = last in _group_signs(lexicon) or len(signs) > 1
        grouped = (
            is_group and len(tail) == 3 and 1 <= len(head.split(last)[0]) <= 3 and not head.startswith("0")
        )
        if grouped:
            return Decimal(compact.replace(last, ""))
        if len(signs) > 1:
            return None
    elif signs.count(last) > 1:
        return None
    whole = re.sub(r"\D", "", head)
    try:
        return Decimal(f"{whole}.{tail}").normalize()
    except InvalidOperation:
        return None


def _group_signs(lexicon: Lexicon) -> set[str]:
    symbols = lexicon.cldr.number_symbols
    (table,) = [symbols.get(lexicon.cldr.default_numbering_system) or symbols["latn"]]
    return {str(table["group"]), "٬"}


def _measured(one: Quantity, text: str, lexicon: Lexicon) -> Quantity:
    """Add what stands around a number: a multiplier, a unit, a currency."""
    if one.unit:
        return one
    if lexicon.multiplier and (match := lexicon.multiplier.match(text, one.end)):
        factor = lexicon.multipliers[match["phrase"].casefold()]
        if not one.is_word or factor != one.value:
            one = replace(one, value=one.value * factor, end=match.end())
    if PERCENT_BEFORE.search(text, 0, one.start):
        return replace(one, unit="percent")
    before = _before(text, one.start, lexicon)
    if before:
        return replace(one, unit=before, is_money=True)
    money = lexicon.currency.match(text, one.end)
    unit = lexicon.unit.match(text, one.end)
    if money and (not unit or money.end() >= unit.end()):
        return replace(one, end=money.end(), unit=name_of(money["phrase"], lexicon.money), is_money=True)
    if unit:
        return replace(one, end=unit.end(), unit=name_of(unit["phrase"], lexicon.units))
    return one


def _before(text: str, start: int, lexicon: Lexicon) -> str:
    """Return the currency whose sign or code stands right before a number."""
    head = text[max(0, start - 12) : start]
    for match in lexicon.currency.finditer(head):
        behind = head[match.end() :]
        is_word = (
            match["phrase"][0].isalpha()
            and match.start("phrase")
            and head[match.start("phrase") - 1].isalpha()
        )
        if not behind.strip() and len(behind) < 2 and not is_word and not _ends_number(head[: match.start()]):
            return name_of(match["phrase"], lexicon.money)
    return ""


def _ends_number(text: str) -> bool:
    return text.rstrip()[-1:].isdigit()


def _in_ranges(found: list[Quantity], text: str, lexicon: Lexicon) -> list[Quantity]:
    """Give the bare end of a range the unit of its other end: "3 to 5 days", "$5-10"."""
    for place in range(len(found) - 2, -1, -1):
        here, following = found[place], found[place + 1]
        if not here.unit and following.unit and lexicon.range.fullmatch(text, here.end, following.start):
            found[place] = replace(here, unit=following.unit, is_money=following.is_money)
    for place in range(1, len(found)):
        before, here = found[place - 1], found[place]
        if before.is_money and not here.unit and lexicon.range.fullmatch(text, before.end, here.start):
            found[place] = replace(here, unit=before.unit, is_money=True)
    return found


def is_claim(one: Quantity) -> bool:
    """Say whether a quantity states an amount; words may be articles, pronouns or parts of others."""
    if not one.is_word:
        return True
    if one.value == ONE:
        return one.unit in TIMES
    return bool(one.unit) or one.value >= LARGE_WORD


def without_quantities(text: str, lexicon: Lexicon) -> str:
    """Return a `normal` text without its quantities and what joins the ends of ranges."""
    found = quantities(text, lexicon)
    rest, end = "", 0
    for place, one in enumerate(found):
        between = text[end : one.start]
        joins = place > 0 and lexicon.range.fullmatch(between)
        rest += " " if joins else between + " "
        end = one.end
    return rest + text[end:]
