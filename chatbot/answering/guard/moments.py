"""Dates, weekdays and times of day in a text, by CLDR's names and orders (through Babel) and ISO 8601."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chatbot.answering.guard.folding import LETTER, normal
from chatbot.answering.guard.lexicon import Lexicon

ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
NUMERIC = re.compile(r"(?<![\d.,/-])(\d{1,4})([./-])(\d{1,2})\2(\d{2,4})(?![\d/-])")
# 2026年12月24日, 12월 24일
EAST_ASIAN = re.compile(
    r"(?:(\d{4})\s*[年년]\s*)?(?<!\d)(\d{1,2})\s*[月월](?![수요])\s*(?:(\d{1,2})\s*[日号號일])?"
)
CLOCK = r"(?<![\d:.,/-])(?P<hour>\d{1,2})(?:[:h](?P<minute>\d{2}))?"
NOON = 12
HOURS, MINUTES = 24, 60
LONG_YEAR = 4


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A date, weekday or time from `start` to `end` of a text: what it claims, and what it bears out as a source."""

    start: int
    end: int
    claims: frozenset[str]
    grounds: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Calendar:
    months: Mapping[str, int]
    dated: re.Pattern[str] | None
    weekdays: Mapping[str, int]
    weekday: re.Pattern[str]
    clock: re.Pattern[str]
    day_first: bool
    capitalised: bool


def moments(text: str, lexicon: Lexicon) -> list[Moment]:
    """Return the moments of a `normal` text."""
    calendar = _calendar(lexicon)
    found: list[Moment] = []
    for moment in _moments(text, calendar, lexicon):
        if not any(moment.start < other.end and other.start < moment.end for other in found):
            found.append(moment)
    return found


def _moments(text: str, calendar: _Calendar, lexicon: Lexicon) -> Iterator[Moment]:
    for match in ISO.finditer(text):
        yield _date(match, int(match[1]), int(match[2]), int(match[3]))
    for match in NUMERIC.finditer(text):
        yield from _numeric(match, calendar)
    for match in EAST_ASIAN.finditer(text):
        if 1 <= int(match[2]) <= NOON:
            yield _date(match, int(match[1] or 0), int(match[2]), int(match[3] or 0))
    if calendar.dated:
        for match in calendar.dated.finditer(text):
            yield from _named(match, calendar)
    for match in calendar.weekday.finditer(text):
        key = frozenset({f"weekday:{calendar.weekdays[match['name'].casefold()]}"})
        yield Moment(start=match.start(), end=match.end(), claims=key, grounds=key)
    for match in calendar.clock.finditer(text):
        yield from _time(match)


def _date(match: re.Match[str], year: int, month: int, day: int) -> Moment:
    grounds = {f"month:{month}"}
    if not day:
        claims = frozenset({f"month:{month}"})
    else:
        claims = frozenset({f"date:{month}-{day}" + (f"-{year}" if year else "")})
        grounds |= {f"date:{month}-{day}", *claims}
    return Moment(start=match.start(), end=match.end(), claims=claims, grounds=frozenset(grounds))


def _numeric(match: re.Match[str], calendar: _Calendar) -> Iterator[Moment]:
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == LONG_YEAR:
        year, month, day = first, second, third
    elif calendar.day_first:
        day, month, year = first, second, third
    else:
        month, day, year = first, second, third
    if month > NOON >= day:
        month, day = day, month
    if 1 <= month <= NOON and 1 <= day <= 31:
        yield _date(match, year + 2000 if year < 100 else year, month, day)


def _named(match: re.Match[str], calendar: _Calendar) -> Iterator[Moment]:
    name = match["name"]
    month = calendar.months[name.casefold().rstrip(".")]
    day = int(match["before"] or match["after"] or 0)
    if not day and (len(name) < 4 or (calendar.capitalised and name.islower())):
        # A short form alone, or "may" and "march", may be any word.
        if name[:1].isupper() and calendar.capitalised and match.start() > 0:
            yield _date(match, 0, month, 0)
        return
    if day <= 31:
        yield _date(match, int(match["year"] or 0), month, day)


def _time(match: re.Match[str]) -> Iterator[Moment]:
    groups = match.groupdict()
    has_mark = bool(groups["am1"] or groups["am2"]), bool(groups["pm1"] or groups["pm2"])
    if not (groups["minute"] or groups["word"] or any(has_mark)):
        return
    hour, minute = int(groups["hour"]), int(groups["minute"] or groups["past"] or 0)
    if hour > HOURS or minute >= MINUTES:
        return
    is_am, is_pm = has_mark
    if is_pm and hour < NOON:
        hour += NOON
    elif is_am and hour == NOON:
        hour = 0
    at = hour * MINUTES + minute
    claims, grounds = {f"time:{at}"}, {f"time:{at}"}
    half = f"half:{at % (NOON * MINUTES)}"
    if is_am or is_pm:
        grounds.add(half)
    elif hour <= NOON:
        claims.add(half)
        grounds |= {half, f"time:{at + NOON * MINUTES}"} if not groups["minute"] else {half}
    if groups["word"] and groups["minute"] is None and not minute and not any(has_mark):
        # Some languages write a span of hours as they write the hour of the day: 24 h.
        claims.add(f"number:{hour}|hour")
        grounds.add(f"number:{hour}|hour")
    yield Moment(start=match.start(), end=match.end(), claims=frozenset(claims), grounds=frozenset(grounds))


@functools.lru_cache(maxsize=64)
def _calendar(lexicon: Lexicon) -> _Calendar:
    cldr = lexicon.cldr
    months: dict[str, int] = {}
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in cldr.months[context][width].items():
                word = normal(str(name)).casefold().rstrip(".")
                if any(character.isalpha() for character in word) and not word[0].isdigit():
                    months.setdefault(word, number)
    east_asian = any(sign in str(cldr.months["format"]["wide"][1]) for sign in "月월")
    weekdays = _weekdays(lexicon)
    wide = str(cldr.months["format"]["wide"][1])
    return _Calendar(
        months=months,
        dated=None if east_asian or not months else _dated(months),
        weekdays=weekdays,
        weekday=_weekday(weekdays, spaced=lexicon.spaced and lexicon.language != "ko"),
        clock=_clock(lexicon),
        day_first=cldr.date_formats["short"].pattern.lower().find("d")
        < cldr.date_formats["short"].pattern.lower().find("m"),
        capitalised=wide[:1].isupper(),
    )


def _dated(months: Mapping[str, int]) -> re.Pattern[str]:
    either = "|".join(re.escape(name) for name in sorted(months, key=len, reverse=True))
    ordinal = r"(?:st|nd|rd|th|er|re|º|ª|\.|°)?"
    link = r"\s*(?:de\s+|of\s+|del\s+)?"
    year = rf"(?:,?{link}(?P<year>\d{{4}})(?!\d))?"
    return re.compile(
        rf"(?<!{LETTER})(?:(?<!\d)(?P<before>\d{{1,2}}){ordinal}{link})?(?<!{LETTER})(?P<name>{either})\.?(?!{LETTER})"
        rf"(?:\s+(?P<after>\d{{1,2}})(?!\d|\s?[:%]){ordinal}(?!\w))?{year}",
        re.IGNORECASE,
    )


def _weekdays(lexicon: Lexicon) -> dict[str, int]:
    names: dict[str, int] = {}
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in lexicon.cldr.days[context][width].items():
                word = normal(str(name)).casefold().rstrip(".")
                if width == "wide" or (not lexicon.spaced and len(word) > 1):
                    names.setdefault(word, number)
    for word, number in list(names.items()):
        # 月曜日 is also written 月曜, segunda-feira in a row of days segunda.
        if word.endswith(("曜日", "요일")):
            names.setdefault(word[:-1], number)
        if word.startswith("星期"):
            names.setdefault("礼拜" + word[2:], number)
    return names


def _weekday(names: Mapping[str, int], *, spaced: bool) -> re.Pattern[str]:
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not spaced:
        return re.compile(f"(?P<name>{either})", re.IGNORECASE)
    return re.compile(rf"(?<!{LETTER})[وبل]?(?P<name>{either})s?(?!{LETTER})", re.IGNORECASE)


def _clock(lexicon: Lexicon) -> re.Pattern[str]:
    am = lexicon.morning.pattern.replace("?P<phrase>", "?:") if lexicon.morning else r"(?!)"
    pm = lexicon.evening.pattern.replace("?P<phrase>", "?:") if lexicon.evening else r"(?!)"
    if lexicon.spaced:
        # A mark right behind the digits: 8pm.
        am, pm = (mark.replace(rf"(?<!{LETTER})", rf"(?<![^\W\d]{LETTER})", 1) for mark in (am, pm))
    minute = (
        rf"\s?(?P<past>\d{{1,2}})\s?(?:{lexicon.minute})" if lexicon.minute != "(?!)" else r"(?P<past>(?!))"
    )
    return re.compile(
        rf"(?:(?P<am1>{am})\s?|(?P<pm1>{pm})\s?)?{CLOCK}(?!\d)"
        rf"(?:\s?(?P<word>{lexicon.hour})(?![間间간])(?![a-z])(?:{minute})?)?"
        rf"(?:\s?(?P<am2>{am})|\s?(?P<pm2>{pm}))?",
        re.IGNORECASE,
    )
