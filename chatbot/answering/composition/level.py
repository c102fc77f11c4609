"""Which level an answer gets: the lowest that serves, never above what the profile allows."""

import unicodedata
from dataclasses import dataclass

from chatbot.answering import events

# An approved answer up to this length is short enough to be read whole.
SHORT = 400
# Of an answer that was shown before, a part may be asked for where it is at least this long.
SHORTEST_WITH_PARTS = 160
LEVELS = (events.VERBATIM, "extractive", "generative")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about an answer before it is put into words.

    `length` is the longest source's (see `length_of`); `is_wording`: the message is one of the questions as approved;
    `is_repeated`: the source was shown before in the conversation; `has_extract`: a part of a source stands out;
    `highest` is the profile's level; `may_generate`: the generator has passed here; `has_generator`: it is loaded.
    """

    is_smalltalk: bool = False
    is_pressed: bool = False
    is_foreign: bool = False
    is_wording: bool = False
    is_repeated: bool = False
    has_extract: bool = False
    sources: int = 1
    length: int = 0
    highest: str = "generative"
    may_generate: bool = False
    has_generator: bool = False
    is_busy: bool = False


def length_of(text: str) -> int:
    """Return how long a text is to read: its characters; one that is a syllable or a word by itself counts twice."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def as_approved(facts: Facts) -> str:
    """Return why an answer is said word for word whatever its text, or nothing where that depends on the text."""
    reasons = (
        (facts.is_smalltalk, "smalltalk"),
        (facts.is_pressed, "pressed"),
        (facts.is_foreign, "foreign"),
        (facts.is_wording and facts.sources == 1, "whole"),
        (facts.highest == events.VERBATIM, "not_allowed"),
    )
    return next((why for holds, why in reasons if holds), "")


def may_have_parts(facts: Facts) -> bool:
    """Say whether it is worth looking for the part of a source that is asked for."""
    return facts.length > (SHORTEST_WITH_PARTS if facts.is_repeated else SHORT)


def level_of(facts: Facts) -> tuple[str, str]:
    """Return the level of an answer and the reason: verbatim where one text serves, else the highest that may."""
    if why := as_approved(facts):
        return events.VERBATIM, why
    if facts.sources > 1:
        reason = "joined"
    elif facts.has_extract:
        reason = "part" if facts.is_repeated else "narrow"
    else:
        return events.VERBATIM, "whole" if facts.length > SHORT else "short"
    if facts.highest != LEVELS[-1]:
        return events.EXTRACTIVE, reason
    if not facts.may_generate:
        return events.EXTRACTIVE, reason
    if facts.is_busy:
        return events.EXTRACTIVE, "busy"
    return (events.GENERATED, "passed") if facts.has_generator else (events.EXTRACTIVE, "no_generator")
