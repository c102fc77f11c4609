"""How an answer was put into words, in words: its level, why that one, and what the guard said to each sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, str | Promise]

LEVELS: Words = {
    "verbatim": _("Word for word as approved"),
    "extractive": _("Made of approved sentences"),
    "generated": _("In the model's own words"),
}
WHYS: Words = {
    "short": _("One short answer fits as it is."),
    "narrow": _("The answer is long and the question asks for a part of it."),
    "joined": _("Several answers were joined."),
    "part": _("It was asked for a part of the answer before."),
    "passed": _("The model has passed its exam in this language."),
    "pressed": _("The visitor pressed this question, so its whole answer is shown."),
    "foreign": _("The answer is another locale's, which is shown as it is."),
    "smalltalk": _("Small talk is always said as it was written."),
    "not_allowed": _("The locale profile allows nothing freer."),
    "no_pass": _("The model has not passed its exam in this language."),
    "no_generator": _("No language model is loaded."),
    "busy": _("The language model was busy."),
    "failed": _("The language model failed on this answer."),
    "failed_guard": _("A sentence of the model did not stand up to the check, twice."),
    "deadline": _("The language model took too long."),
    "whole": _("No part of the answer stood out."),
    "unknown": _("The sources do not seem to answer this."),
}
VERDICTS: Words = {
    "ok": _("supported"),
    "number": _("a number that is not in the sources"),
    "date": _("a date or time that is not in the sources"),
    "money": _("an amount that is not in the sources"),
    "unit": _("a unit that is not in the sources"),
    "url": _("an address that is not in the sources"),
    "email": _("an e-mail address that is not in the sources"),
    "phone": _("a phone number that is not in the sources"),
    "code": _("a code that is not in the sources"),
    "name": _("a name that is not in the sources"),
    "polarity": _("says yes where the sources say no, or the other way round"),
    "modality": _("loses or adds a condition"),
    "support": _("no source says this"),
    "language": _("in another language"),
    "leak": _("gives away what is not for visitors"),
    "forbidden": _("a claim that the profile forbids"),
    "repeated": _("said before"),
    "empty": _("says nothing"),
    "aside": _("true, but not what was asked for"),
    "partial": _("leaves out too much of what it rests on"),
}


@dataclass(frozen=True, kw_only=True)
class SentenceShown:
    """One sentence that was judged; `support` counts from 0 to 100, None where meaning was not measured."""

    text: str
    evidence: str
    level: str
    verdict: str
    is_ok: bool
    was_shown: bool
    support: int | None


@dataclass(frozen=True, kw_only=True)
class CompositionShown:
    """How an answer was composed; `generator` names the model that wrote, if one did."""

    level: str
    why: str
    generator: str
    sentences: Sequence[SentenceShown]


def composition_shown(composition: Mapping[str, Any] | None) -> CompositionShown | None:
    """Put an `events.Composition`, as JSON, into words; None stays None."""
    if not composition:
        return None
    return CompositionShown(
        level=word(LEVELS, composition["level"]),
        why=word(WHYS, composition["why"]),
        generator=composition["generator"],
        sentences=[sentence_shown(said) for said in composition["said"]],
    )


def sentence_shown(said: Mapping[str, Any]) -> SentenceShown:
    """Put an `events.Said`, as JSON, into words."""
    support = said["support"]
    return SentenceShown(
        text=said["sentence"],
        evidence=said["evidence"],
        level=word(LEVELS, said["level"]),
        verdict=word(VERDICTS, said["verdict"]),
        is_ok=said["verdict"] == "ok",
        was_shown=said["shown"],
        support=None if support is None else max(0, min(100, round(100 * support))),
    )


def word(words: Words, code: str) -> str:
    """Return a code in words; one that is not known here as it is."""
    return str(words.get(code, code))
