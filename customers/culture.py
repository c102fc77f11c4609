"""What a locale implies, from CLDR (through Babel): names, direction, times of day.

Everything a tenant may decide for itself is in its `LocaleProfile`; this module only knows languages.
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from babel import Locale, UnknownLocaleError

from customers.faq_file.locales import normalise_tag

PHRASES = (
    "ai_disclosure",
    "decline",
    "clarify",
    "foreign_question",
    "foreign_answer",
    "failed",
    "stopped",
    "handoff",
    "after_hours",
    "only_symbols",
    "legal_notice",
)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_locale(tag: str) -> Locale | None:
    """Return CLDR's locale for a BCP 47 tag, or None when there is none."""
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return None


def canonical_locale(tag: str) -> str | None:
    """Return the tag in BCP 47's recommended case ("zh_cn" -> "zh-CN"), or None when CLDR does not know it."""
    canonical = normalise_tag(tag)
    return canonical if canonical and parse_locale(canonical) else None


def language_of(tag: str) -> str:
    """Return the language subtag: "zh" for "zh-CN"."""
    return tag.split("-", 1)[0].lower()


def direction_of(tag: str) -> str:
    """Return "rtl" or "ltr"."""
    locale = parse_locale(tag)
    return "rtl" if locale is not None and locale.text_direction == "rtl" else "ltr"


def endonym_of(tag: str) -> str:
    """Return the locale's name in its own language: "Deutsch (Deutschland)"."""
    locale = parse_locale(tag)
    name = locale.get_display_name() if locale else None
    return name[:1].upper() + name[1:] if name else tag


def language_endonym(tag: str) -> str:
    """Return the name of the locale's language in itself, as it stands in a sentence: "español"."""
    locale = parse_locale(tag)
    return str(locale.get_language_name() or tag) if locale else tag


def best_locale(wanted: Sequence[str], offered: Sequence[str], default: str) -> str:
    """Pick the offered locale that fits the wanted tags best, in their order.

    An exact tag wins, then the same language (RFC 4647 lookup, extended to sibling regions: a Spanish
    speaker from Chile is better served in es-MX than in English). Among siblings the one in the same script
    wins, then the default.
    """
    by_tag = {tag.lower(): tag for tag in offered}
    for tag in wanted:
        if exact := by_tag.get(tag.lower().replace("_", "-")):
            return exact
        same_language = [other for other in offered if language_of(other) == language_of(tag)]
        if same_language:
            return max(
                same_language, key=lambda other: (_script_of(other) == _script_of(tag), other == default)
            )
    return default


def _script_of(tag: str) -> str | None:
    locale = parse_locale(tag)
    return locale.script if locale is not None else None


def django_language(tag: str, available: Iterable[str]) -> str:
    """Return the interface language for a locale: "ja" for "ja-JP", "zh-hans" for "zh-CN"; "en" if none."""
    languages = {code.lower() for code in available}
    locale = parse_locale(tag)
    script = ""
    if locale is not None and language_of(tag) == "zh":
        script = "zh-hant" if locale.territory in {"TW", "HK", "MO"} or locale.script == "Hant" else "zh-hans"
    for candidate in (tag.lower(), script, language_of(tag)):
        if candidate in languages:
            return candidate
    regional = sorted(code for code in languages if language_of(code) == language_of(tag))
    return regional[0] if regional else "en"


def time_of_day(moment: dt.datetime, time_zone: str) -> str:
    """Return "morning", "afternoon" or "evening" for an aware moment, in the given IANA zone."""
    hour = moment.astimezone(zoneinfo.ZoneInfo(time_zone)).hour
    if 4 <= hour < 11:
        return "morning"
    return "afternoon" if 11 <= hour < 18 else "evening"


def is_open(
    moment: dt.datetime, *, time_zone: str, hours: Mapping[str, Sequence[str]], holidays: Iterable[dt.date]
) -> bool:
    """Say whether the human team is there: `hours` maps "mon".."sun" to spans like "09:00-18:00"."""
    local = moment.astimezone(zoneinfo.ZoneInfo(time_zone))
    if local.date() in set(holidays):
        return False
    clock = local.strftime("%H:%M")
    for span in hours.get(WEEKDAYS[local.weekday()], ()):
        start, _, end = span.partition("-")
        if start <= clock < end:
            return True
    return False


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a profile speaks, as answering needs it: a snapshot that does not change under a running answer.

    `highest_level` is a `customers.models.Level`, `formality` a `Formality`; the first of the `connectives` joins
    answers. `softeners` and `closings` are texts by occasion.
    """

    locale: str
    brand: str
    persona_name: str
    persona_role: str
    time_zone: str
    phrases: Mapping[str, str]
    greetings: Mapping[str, str]
    suggestions: tuple[str, ...]
    foreign_answers: bool = False
    max_wrong_percent: int = 10
    highest_level: str = "generative"
    formality: str = "neutral"
    connectives: tuple[str, ...] = ()
    forbidden_claims: tuple[str, ...] = ()
    softeners: Mapping[str, str] = field(default_factory=dict)
    closings: Mapping[str, str] = field(default_factory=dict)

    def phrase(self, name: str) -> str:
        """Return one of `PHRASES` in the persona's words, or empty where the profile has none."""
        return str(self.phrases.get(name, ""))

    def greeting(self, moment: dt.datetime) -> str:
        """Return the first greeting for this time of day in the profile's zone."""
        return str(self.greetings.get(time_of_day(moment, self.time_zone), ""))

    def softener(self, occasion: str) -> str:
        """Return what opens an answer composed for an occasion ("narrow", "joined", "part"), often nothing."""
        return str(self.softeners.get(occasion) or self.softeners.get("answer", ""))

    def closing(self, moment: dt.datetime) -> str:
        """Return what closes an answer composed at this time of day in the profile's zone, often nothing."""
        return str(self.closings.get(time_of_day(moment, self.time_zone)) or self.closings.get("answer", ""))
