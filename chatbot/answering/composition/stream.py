"""An answer as the visitor gets it: composed at the lowest level that serves, streamed alike at all three.

Nothing that was streamed is taken back: approved sentences are shown as they are, free ones once the guard has passed
them; where the generator gives up, what it has shown is finished with the approved sentences that are still missing.
"""

import datetime as dt
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from chatbot.answering import events
from chatbot.answering.composition import wording
from chatbot.answering.composition.extractive import Extract, Reader, extract, joined
from chatbot.answering.composition.level import Facts, as_approved, length_of, level_of, may_have_parts
from chatbot.answering.composition.suggestions import suggestions
from chatbot.answering.composition.text import Unit, sentences, units_of
from chatbot.answering.events import Answer, Composition, Delta, Question, Said, Source
from chatbot.answering.pipeline import Bundle, ComposingEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.errors import (
    EngineError,
    EngineFailed,
    EngineOverloaded,
    GeneratorBusy,
    GeneratorFailed,
    GeneratorLate,
)
from chatbot.engine.index import Entry

logger = logging.getLogger(__name__)

Part = tuple[Unit, ...]


class Unfit(Exception):
    """The generator wrote nothing that the guard would pass; what was said before stays said."""


class Unknown(Unfit):
    """The sources do not answer the question, as far as can be told; nothing was shown."""


class Writer(Protocol):
    """Who writes freely: yields every sentence with the guard's verdict, a shown one as soon as it has passed.

    Raises Unfit and EngineError.
    """

    @property
    def version(self) -> str: ...

    def write(
        self, question: str, sources: Sequence[str], *, bundle: Bundle, encoder: ComposingEncoder
    ) -> AsyncGenerator[Said, None]: ...

    async def likelihoods(self, question: str, texts: Sequence[str]) -> list[float]: ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be said where it is approved: a level, why that one, a text, and the units that it is made of.

    `sources` are the parts that free text may rest on, one of each source; `parts` are their units.
    """

    level: str
    why: str
    text: str
    sources: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(unit for part in self.parts for unit in part)


async def compose(
    decided: Answer,
    *,
    question: Question,
    bundle: Bundle,
    encoder: ComposingEncoder,
    writer: Writer | None = None,
    is_busy: bool = False,
    is_foreign: bool = False,
) -> AsyncGenerator[Delta | Answer, None]:
    """Yield an answer's text piece by piece, then the whole `Answer`; what is no answer comes as it was decided.

    `bundle` is the one that the answer is from; `is_busy` says why there is no writer. No failure of an engine is
    raised: the approved text is said then.
    """
    if decided.outcome != events.ANSWERED:
        is_smalltalk = decided.outcome == events.SMALLTALK
        composition = Composition(level=events.VERBATIM, why="smalltalk") if is_smalltalk else None
        yield replace(decided, composition=composition)
        return
    plan = await _plan(
        decided,
        question,
        bundle=bundle,
        encoder=encoder,
        writer=writer,
        is_busy=is_busy,
        is_foreign=is_foreign,
    )
    if plan.level == events.GENERATED and writer is not None:
        spoken = _freely(decided, question, plan, bundle=bundle, encoder=encoder, writer=writer)
    else:
        spoken = _as_approved(decided, plan)
    async with aclosing(spoken):
        async for item in spoken:
            if isinstance(item, Answer):
                offered = await _offered(
                    decided, question, bundle=bundle, encoder=encoder, is_foreign=is_foreign
                )
                yield replace(item, suggestions=offered)
            else:
                yield item


# ---------------------------------------------------------------- what will be said


async def _plan(
    decided: Answer,
    question: Question,
    *,
    bundle: Bundle,
    encoder: ComposingEncoder,
    writer: Writer | None,
    is_busy: bool,
    is_foreign: bool,
) -> Plan:
    """Choose the level and the approved text that is said at it, or falls back on."""
    index = bundle.index
    keys = [source.key for source in decided.sources]
    entries = [index.entries[index.by_key[key]] for key in keys if key in index.by_key]
    facts = Facts(
        is_pressed=bool(question.chosen_key),
        is_foreign=is_foreign or len(entries) < len(keys),
        is_wording=index.has_wording(prepare(question.text)),
        is_repeated=any(key in turn.answered for turn in question.history for key in keys),
        sources=len(entries),
        length=max((length_of(entry.answer) for entry in entries), default=0),
        highest=bundle.manners.highest_level,
        may_generate=bundle.may_generate,
        has_generator=writer is not None,
        is_busy=is_busy,
    )
    if why := as_approved(facts):
        return Plan(level=events.VERBATIM, why=why, text=decided.text)
    try:
        parts = await _parts(decided, question, entries, facts, bundle=bundle, encoder=encoder, reader=writer)
    except EngineError as error:
        logger.warning("An answer is said as approved, for no part of it could be found: %r", error)
        return Plan(level=events.VERBATIM, why="busy", text=decided.text)
    level, why = level_of(replace(facts, has_extract=any(parts)))
    if level == events.VERBATIM:
        return Plan(level=level, why=why, text=decided.text)
    return _put_together(decided, entries, parts, level=level, why=why, question=question, bundle=bundle)


async def _parts(
    decided: Answer,
    question: Question,
    entries: Sequence[Entry],
    facts: Facts,
    *,
    bundle: Bundle,
    encoder: ComposingEncoder,
    reader: Reader | None,
) -> list[Extract | None]:
    """Return the part of each source that is asked for, None for all of it. Raises EngineError."""
    read = [trace.read_as for trace in decided.traces]
    is_each_read = len(entries) > 1 and len(read) == len(entries)
    asked = read if is_each_read else [question.text] * len(entries)
    return [
        await extract(
            text,
            entry,
            locale=bundle.manners.locale,
            encoder=encoder,
            reader=reader,
            must_be_narrow=not facts.is_repeated,
        )
        if may_have_parts(replace(facts, length=length_of(entry.answer)))
        else None
        for text, entry in zip(asked, entries, strict=True)
    ]


def _put_together(
    decided: Answer,
    entries: Sequence[Entry],
    parts: Sequence[Extract | None],
    *,
    level: str,
    why: str,
    question: Question,
    bundle: Bundle,
) -> Plan:
    """Join the parts of the sources; one part may be opened and closed in the persona's words."""
    pairs = list(zip(entries, parts, strict=True))
    texts = [part.text if part else entry.answer.strip() for entry, part in pairs]
    units = tuple(tuple(part.units if part else units_of(entry.answer)) for entry, part in pairs)
    manners = bundle.manners
    if len(texts) > 1:
        text = wording.together(
            texts, questions=[entry.questions[0] for entry in entries], connectives=manners.connectives
        )
    else:
        text = texts[0]
    if level == events.EXTRACTIVE and not any(parts):
        return Plan(level=events.VERBATIM, why=why, text=text)
    if not question.history:
        text = wording.opened(manners.softener(why), text)
        text = wording.closed(text, manners.closing(dt.datetime.now(dt.UTC)))
    return Plan(level=level, why=why, text=text, sources=tuple(texts), parts=units)


# ---------------------------------------------------------------- saying it


async def _as_approved(decided: Answer, plan: Plan) -> AsyncGenerator[Delta | Answer, None]:
    for piece in sentences(plan.text):
        yield Delta(text=piece)
    level = events.EXTRACTIVE if plan.units else events.VERBATIM
    composition = Composition(level=level, why=plan.why, said=_said(plan.units))
    yield replace(decided, text=plan.text, composed=level, composition=composition)


async def _freely(
    decided: Answer,
    question: Question,
    plan: Plan,
    *,
    bundle: Bundle,
    encoder: ComposingEncoder,
    writer: Writer,
) -> AsyncGenerator[Delta | Answer, None]:
    """Let the generator write; what it leaves out, or has not said when it gives up, is said as approved."""
    said: list[Said] = []
    shown, why, level = "", plan.why, events.GENERATED
    try:
        async with aclosing(
            writer.write(question.text, plan.sources, bundle=bundle, encoder=encoder)
        ) as written:
            async for one in written:
                said.append(one)
                if one.shown:
                    piece = wording.after(shown, one.sentence)
                    shown += piece
                    yield Delta(text=piece)
        rest = _unanswered(plan, said)
    except (Unfit, EngineError) as error:
        logger.info("The generator gave up: %r", error)
        why = _why(error)
        level = events.GENERATED if shown else events.EXTRACTIVE
        rest = _missing(plan, said) if shown else list(plan.parts)
    for piece in sentences(_finish(rest) if shown else plan.text):
        shown += piece
        yield Delta(text=piece)
    said += _said([unit for part in rest for unit in part])
    composition = Composition(level=level, why=why, said=tuple(said), generator=writer.version)
    yield replace(decided, text=shown, composed=level, composition=composition)


def _why(error: Exception) -> str:
    """Return the reason code of what ended free writing."""
    match error:
        case Unknown():
            return "unknown"
        case Unfit():
            return "failed_guard"
        case GeneratorBusy() | EngineOverloaded():
            return "busy"
        case GeneratorLate():
            return "deadline"
        case GeneratorFailed() | EngineFailed():
            return "failed"
    return "no_generator"


def _missing(plan: Plan, said: Sequence[Said]) -> list[Part]:
    """Return the approved units that nothing shown rests on, source by source."""
    evidence = " ".join(one.evidence for one in said if one.shown)
    return [tuple(unit for unit in part if unit.text not in evidence) for part in plan.parts]


def _unanswered(plan: Plan, said: Sequence[Said]) -> list[Part]:
    """Return the sources of several that nothing shown rests on: of two questions, both get their answer."""
    if len(plan.parts) == 1:
        return []
    evidence = [one.evidence for one in said if one.shown and one.evidence]
    return [
        part
        for part in plan.parts
        if not any(unit.text in one or one in unit.markdown for unit in part for one in evidence)
    ]


def _finish(rest: Sequence[Part]) -> str:
    """Return what is approved and missing as what is shown goes on, each source's on a line of its own."""
    return "".join(f"\n\n{joined(part)}" for part in rest if part)


def _said(units: Sequence[Unit]) -> tuple[Said, ...]:
    """Return approved units as they stand in the record: each is its own evidence."""
    return tuple(
        Said(
            sentence=unit.text,
            level=events.EXTRACTIVE,
            evidence=unit.text,
            verdict="ok",
            shown=True,
            support=1.0,
        )
        for unit in units
    )


async def _offered(
    decided: Answer, question: Question, *, bundle: Bundle, encoder: ComposingEncoder, is_foreign: bool
) -> tuple[Source, ...]:
    """Return what may be asked next; nothing below an answer that may not be understood."""
    if is_foreign:
        return ()
    try:
        return await suggestions(decided, question, bundle=bundle, encoder=encoder)
    except EngineError as error:
        logger.warning("Only what the entry names is suggested: %r", error)
        return decided.suggestions
