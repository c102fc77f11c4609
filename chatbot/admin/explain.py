"""Why the assistant answered as it did: what it read, what it found, what each sign counted for, what followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from chatbot.admin.composition_words import CompositionShown, composition_shown
from chatbot.admin.explain_links import Asked, Links
from chatbot.admin.marking import Part, marked
from chatbot.answering import events
from chatbot.answering.retrieve import has_words, lexical
from chatbot.engine.runtime import Engine
from chatbot.models import Event
from customers import culture

CANDIDATES_SHOWN = 5
# What counts for less than this is rounding.
NEGLIGIBLE = 0.005
SIGNAL_LABELS: Mapping[str, str | Promise] = {
    "question": gettext_lazy("Nearest wording"),
    "prototype": gettext_lazy("All its wordings"),
    "passage": gettext_lazy("Question with answer"),
    "words": gettext_lazy("Shared words"),
    "characters": gettext_lazy("Similar spelling"),
}


@dataclass(frozen=True, kw_only=True)
class SignalShown:
    """One signal of a candidate: its value, what it adds to the score, and its share (0 to 100) of what counted."""

    label: str
    value: float | None
    adds: str
    share: int
    lowers: bool


@dataclass(frozen=True, kw_only=True)
class CandidateShown:
    """One candidate; `probability` counts from 0 to 100, `matched` is the wording of it that is nearest.

    An address is empty where there is nothing to go to, or the user may not.
    """

    key: str
    question: str
    matched: Sequence[Part]
    probability: int
    signals: Sequence[SignalShown]
    url: str
    alternate_url: str
    test_url: str
    is_draft: bool
    is_gone: bool
    is_retired: bool


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where the outcomes begin on the scale of probability, all from 0 to 100."""

    clarify_from: int
    answer_from: int
    best: int | None

    @property
    def clarify_width(self) -> int:
        return max(0, self.answer_from - self.clarify_from)

    @property
    def answer_width(self) -> int:
        return 100 - self.answer_from


@dataclass(frozen=True, kw_only=True)
class Found:
    """One search: how the message was read, in whose FAQ it was looked for, and what was there.

    `title` tells it from the others, where a message has several.
    """

    title: str
    reading: str
    read: Sequence[Part]
    language: str
    locale: str
    direction: str
    revision: int
    live_revision: int | None
    scale: Scale
    candidates: Sequence[CandidateShown]


@dataclass(frozen=True, kw_only=True)
class Why:
    """An explanation as it is shown; `nothing` says in a sentence why there is nothing more to show.

    `test_url` leads to the test question that asks just this, where there is one.
    """

    outcome: str
    outcome_label: str
    confidence: int | None
    lang: str
    model: str
    switch: str
    nothing: str
    composition: CompositionShown | None
    found: Sequence[Found]
    alternate_url: str
    new_url: str
    decline_url: str
    test_url: str
    try_url: str


def explain(asked: Asked, *, engine: Engine | None, may_change: bool) -> Why:
    """Put an answer's traces into what a page can show; three queries. Without the engine no words are marked."""
    links = Links(asked, may_change=may_change)
    return Why(
        outcome=asked.outcome,
        outcome_label=str(Event.Outcome(asked.outcome).label),
        confidence=None if asked.confidence is None else _percent(asked.confidence),
        lang=asked.lang,
        model=asked.model,
        switch=language_name(asked.switch) if asked.switch else "",
        nothing="" if asked.traces else _nothing(asked),
        composition=composition_shown(asked.composition),
        found=[
            _found(trace, asked, links, engine, title=title)
            for trace, title in zip(asked.traces, _titles(asked.traces), strict=True)
        ],
        alternate_url=links.alternate(""),
        new_url=links.new(),
        decline_url=links.test(""),
        test_url=links.known_test(),
        try_url=links.try_again(),
    )


def language_name(tag: str) -> str:
    """Return a language's or locale's name in the language of the page."""
    locale = culture.parse_locale(tag)
    here = culture.parse_locale(get_language() or "en")
    return (locale.get_display_name(here) if locale and here else None) or tag


def _nothing(asked: Asked) -> str:
    """Say why an answer has no traces."""
    if asked.chosen_key:
        return _("The visitor pressed a suggested question, so nothing had to be looked for.")
    if asked.confidence == 1:
        return _("The visitor pointed at a question that had been offered, so nothing had to be looked for.")
    if asked.outcome == events.FAILED:
        return _("Answering failed before anything was found. The server's log has the details.")
    if asked.outcome == events.STOPPED:
        return _("The visitor stopped the answer before it was found.")
    if not has_words(asked.text):
        return _("The message has no words, so nothing was looked for.")
    return _("No explanation was kept with this answer. Ask the question again to see one.")


def _titles(traces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what each search was for: a question among several in a message, or the FAQ of another locale."""
    if len(traces) < 2:
        return [""] * len(traces)
    if len({trace["read_as"] for trace in traces}) < len(traces):
        return [language_name(trace["locale"]) for trace in traces]
    return [
        _("Question %(number)s of %(count)s") % {"number": number, "count": len(traces)}
        for number in range(1, len(traces) + 1)
    ]


def _found(
    trace: Mapping[str, Any], asked: Asked, links: Links, engine: Engine | None, *, title: str
) -> Found:
    candidates = trace["candidates"][:CANDIDATES_SHOWN]
    best = candidates[0] if candidates else None
    profile = links.profiles.get(trace["locale"])
    read: str = trace["read_as"]
    return Found(
        title=title,
        reading=_reading(read, asked),
        read=marked(read, best["matched"] if best else "", engine),
        language=language_name(trace["language"]) if trace["language"] else "",
        locale=trace["locale"],
        direction=culture.direction_of(trace["locale"]),
        revision=trace["revision"],
        live_revision=profile.faq_revision if profile else None,
        scale=Scale(
            clarify_from=_percent(trace["clarify_from"]),
            answer_from=_percent(trace["answer_from"]),
            best=_percent(best["probability"]) if best else None,
        ),
        candidates=[_candidate(it, trace["locale"], read, asked, links, engine) for it in candidates],
    )


def _reading(read: str, asked: Asked) -> str:
    """Say how what was searched for came from what was written."""
    mine, text, whole = lexical(read), lexical(asked.text), lexical(" ".join([*asked.joined, asked.text]))
    if mine == text:
        return _("The message by itself")
    if mine == whole:
        return _("Together with the messages just before it")
    if mine in whole:
        return _("A part of what was written, by itself")
    return _("Together with what was said before")


def _candidate(
    it: Mapping[str, Any], locale: str, read: str, asked: Asked, links: Links, engine: Engine | None
) -> CandidateShown:
    key: str = it["key"]
    _pk, is_active = links.entries.get((locale, key), (None, False))
    is_draft, exists = key == asked.draft, (locale, key) in links.entries
    return CandidateShown(
        key=key,
        question=it["question"],
        matched=marked(it["matched"], read, engine),
        probability=_percent(it["probability"]),
        signals=_signals(it),
        url=links.edit(locale, key),
        alternate_url=links.alternate(key, locale=locale) if exists and not is_draft else "",
        test_url=links.test(key, locale=locale) if exists else "",
        is_draft=is_draft,
        is_gone=not exists and not is_draft,
        is_retired=exists and not is_active and not is_draft,
    )


def _signals(it: Mapping[str, Any]) -> list[SignalShown]:
    """Return what a candidate's score is made of, what counted for most first."""
    counted: dict[str, tuple[float | None, float]] = {
        str(SIGNAL_LABELS.get(name, name)): (value, adds) for name, (value, adds) in it["signals"].items()
    }
    rest = it["score"] - sum(adds for _value, adds in counted.values())
    if rest > NEGLIGIBLE:
        counted[_("Word for word an approved question")] = (None, rest)
    whole = sum(abs(adds) for _value, adds in counted.values()) or 1.0
    return [
        SignalShown(
            label=label,
            value=value,
            adds=f"{'−' if adds < 0 else '+'}{number_format(abs(adds), 2)}",
            share=_percent(abs(adds) / whole),
            lowers=adds < 0,
        )
        for label, (value, adds) in sorted(counted.items(), key=lambda item: -abs(item[1][1]))
    ]


def _percent(share: float) -> int:
    return max(0, min(100, round(100 * share)))
