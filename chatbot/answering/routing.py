"""Whose FAQ answers a message: that of the page's locale, or of another of the tenant's, where it is in its language.

`pipeline` knows one FAQ and no languages; this decides which one it is given. An answer of another locale is either
wholly that locale's, and going on there is offered, or it is marked as foreign, where the profile allows that at all.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from chatbot.answering import abroad, compose, events, pipeline
from chatbot.answering.composition import stream
from chatbot.answering.composition.stream import Writer
from chatbot.answering.events import Answer, Delta, Question, Turn
from chatbot.answering.language import UNDETERMINED
from chatbot.answering.pipeline import Bundle, ComposingEncoder, QueryEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.errors import GeneratorBusy
from customers.culture import best_locale, language_of

# Who writes freely for a profile, if anybody. Raises GeneratorBusy.
WriterFor = Callable[[Bundle], Writer | None]


def nobody(_bundle: Bundle) -> None:
    """Write for no bundle: answers are composed of approved sentences."""


class LanguageDetector(Protocol):
    """What routing needs of `language.Detector`."""

    def detect(self, text: str, *, home: str, offered: Sequence[str]) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Route:
    """Whose FAQ answers: `bundle`; `language` is the message's as far as it is known, `is_served` whether anyone's."""

    bundle: Bundle
    language: str = ""
    is_served: bool = True


async def answer(
    question: Question,
    *,
    home: Bundle,
    others: Sequence[Bundle],
    encoder: ComposingEncoder,
    detector: LanguageDetector,
    writer_for: WriterFor = nobody,
) -> AsyncGenerator[Delta | Answer, None]:
    """Yield an answer's text piece by piece, then the whole `Answer`. Raises EngineError."""
    decided = await decide(question, home=home, others=others, encoder=encoder, detector=detector)
    async with aclosing(
        speak(decided, question, home=home, others=others, encoder=encoder, writer_for=writer_for)
    ) as spoken:
        async for item in spoken:
            yield item


async def speak(
    decided: Answer,
    question: Question,
    *,
    home: Bundle,
    others: Sequence[Bundle],
    encoder: ComposingEncoder,
    writer_for: WriterFor = nobody,
) -> AsyncGenerator[Delta | Answer, None]:
    """Yield what was decided, put into words: its text piece by piece, then the whole `Answer`.

    `home` and `others` are the bundles that it was decided with; `writer_for` gives who writes freely for the one that
    speaks.
    """
    bundle = next((one for one in (home, *others) if one.manners.locale == decided.lang), home)
    writer, is_busy = None, False
    try:
        writer = writer_for(bundle)
    except GeneratorBusy:
        is_busy = True
    # What another locale answers for this one is not in the language that the visitor is spoken to in.
    is_foreign = decided.lang != home.manners.locale and decided.switch != decided.lang
    composed = stream.compose(
        decided,
        question=question,
        bundle=bundle,
        encoder=encoder,
        writer=writer,
        is_busy=is_busy,
        is_foreign=is_foreign,
    )
    async with aclosing(composed):
        async for item in composed:
            yield item


async def decide(
    question: Question,
    *,
    home: Bundle,
    others: Sequence[Bundle],
    encoder: QueryEncoder,
    detector: LanguageDetector,
) -> Answer:
    """Find what to say to a message on `home`'s page; `others` are the tenant's other locales. Raises EngineError."""
    route = find(question, home=home, others=others, detector=detector)
    host = route.bundle.manners
    chosen = await pipeline.decide(question, bundle=route.bundle, encoder=encoder)
    if not route.is_served:
        chosen = _decline(chosen, home)
    if chosen.outcome == events.DECLINED and _may_go_abroad(chosen, route.bundle):
        bundles = [bundle for bundle in (home, *others) if bundle is not route.bundle or not route.is_served]
        found = await abroad.search(question, host=host, bundles=bundles, encoder=encoder)
        chosen = replace(found, traces=(*chosen.traces, *found.traces)) if found else chosen
    switch = chosen.switch or (host.locale if route.bundle is not home else "")
    traces = tuple(replace(trace, language=route.language) for trace in chosen.traces)
    return replace(chosen, switch=switch, traces=traces)


def find(question: Question, *, home: Bundle, others: Sequence[Bundle], detector: LanguageDetector) -> Route:
    """Return whose FAQ answers a message."""
    if question.chosen_key:
        named = question.chosen_key
        offers = [turn.lang for turn in question.history if named in (*turn.offered, *turn.answered)]
        lang = offers[-1] if offers else ""
        return Route(bundle=offering(question.chosen_key, lang=lang, home=home, others=others) or home)
    by_locale = {bundle.manners.locale: bundle for bundle in (home, *others)}
    before = _gone_on(question.history[-1:], home=home)
    own = language_of(home.manners.locale)
    offered = [language_of(locale) for locale in by_locale]
    language = detector.detect(question.text, home=own, offered=offered)
    if not language:
        return Route(bundle=by_locale.get(before, home))
    if language == own or home.index.has_wording(prepare(question.text)):
        return Route(bundle=home, language=own)
    if language not in offered:
        known = "" if language == UNDETERMINED else language
        return Route(bundle=home, language=known, is_served=False)
    locales = [bundle.manners.locale for bundle in others if language_of(bundle.manners.locale) == language]
    locale = before if before in locales else best_locale([language], locales, locales[0])
    return Route(bundle=by_locale[locale], language=language)


def offering(key: str, *, lang: str, home: Bundle, others: Sequence[Bundle]) -> Bundle | None:
    """Return the bundle of a suggestion that a message in locale `lang` made, or else the page's; None if it is gone.

    `lang` is empty where no message made it: nothing but what was offered is answered from another locale.
    """
    having = [bundle for bundle in (home, *others) if key in bundle.index.by_key]
    return next(
        (one for locale in (lang, home.manners.locale) for one in having if one.manners.locale == locale),
        None,
    )


def _gone_on(last: Sequence[Turn], *, home: Bundle) -> str:
    """Return the other locale that the exchange before was in and that was offered, if it was."""
    return last[0].switch if last and last[0].switch != home.manners.locale else ""


def _decline(chosen: Answer, home: Bundle) -> Answer:
    """Say that the message's language is not spoken here; how sure its answer would be stays known."""
    phrase = "foreign_question" if home.manners.phrase("foreign_question") else "decline"
    declined = compose.decline(
        manners=home.manners, model=home.version, confidence=chosen.confidence, phrase=phrase
    )
    return replace(declined, traces=chosen.traces)


def _may_go_abroad(declined: Answer, host: Bundle) -> bool:
    """Say whether other languages may answer; what asked nothing (emoji, a bare "yes") has no confidence."""
    is_said = host.manners.foreign_answers and host.manners.phrase("foreign_answer")
    return bool(is_said) and (declined.confidence is not None or not len(host.index))
