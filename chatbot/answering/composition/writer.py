"""Writing freely, under the guard: a generator's reply is cut into sentences as it streams, and each is judged.

It writes from the approved units that the question asks for, where they answer it at all. A refused sentence is tried
once more, from its own evidence alone or from what is asked for; then the writer finishes what it has shown with the
approved units that are missing, or gives up where it has shown nothing, and the caller says the approved text instead.
What has been shown stays.
"""

import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from chatbot.answering.composition.conditions import cues_for
from chatbot.answering.composition.core import Core, core_of
from chatbot.answering.composition.coverage import ASIDE, Coverage
from chatbot.answering.composition.prompt import Prompt, cleared, prompt_for
from chatbot.answering.composition.stream import Unfit, Unknown
from chatbot.answering.composition.text import SENTENCE, sentences, units_of
from chatbot.answering.events import EXTRACTIVE, Said
from chatbot.answering.guard.evidence import is_question
from chatbot.answering.guard.folding import bare
from chatbot.answering.guard.guard import OK, Guard
from chatbot.answering.guard.lexicon import Lexicon, lexicon_for
from chatbot.answering.guard.polarity import without_answer
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle, ComposingEncoder
from customers.culture import Manners, language_of

TRIES = 2
SENTENCES_MAX = 8
# Of a text that a question may be about, so much is read; and for so long somebody may wait for that.
READ_MOST = 500
LIKELIHOOD_SECONDS = 2.0
# Where a reply of a model that goes on and on may end.
STOPS = ("\n\n", "\nQ:", "\nA:", "\n- ")
FINAL = tuple('.!?…。！？؟।)）」』"”:：*')


class TextGenerator(Protocol):
    """What writing needs of a generator; see `chatbot.engine.generator.generator.Generator`."""

    @property
    def version(self) -> str: ...

    def render(self, prompt: Prompt) -> str: ...

    def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]: ...

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]: ...


class Writer:
    """Replies in a generator's words as far as the guard passes them."""

    def __init__(
        self,
        generator: TextGenerator,
        *,
        detector: Detector | None,
        max_tokens: int,
        seconds: float,
        is_guarded: bool = True,
    ) -> None:
        """`max_tokens` and `seconds` bound one reply; not `is_guarded` shows every sentence, whatever its verdict."""
        self._generator = generator
        self._detector = detector
        self._max_tokens = max_tokens
        self._seconds = seconds
        self._is_guarded = is_guarded

    @property
    def version(self) -> str:
        """Return the generator's version."""
        return self._generator.version

    async def write(
        self, question: str, sources: Sequence[str], *, bundle: Bundle, encoder: ComposingEncoder
    ) -> AsyncGenerator[Said, None]:
        """Yield every sentence with its verdict, a shown one as soon as it has passed.

        Raises Unfit (Unknown where the reply is that the sources do not say) and EngineError.
        """
        async with aclosing(
            self.reply(question, sources, manners=bundle.manners, encoder=encoder)
        ) as written:
            async for said in written:
                yield said

    async def reply(
        self, question: str, sources: Sequence[str], *, manners: Manners, encoder: ComposingEncoder | None
    ) -> AsyncGenerator[Said, None]:
        """Do what `write` does for a persona's manners alone.

        Without an encoder nearness in meaning is not judged, nor what is asked for.
        """
        core = await self._core(question, sources, locale=manners.locale, encoder=encoder)
        prompt = prompt_for(manners, sources=core.sources if core else sources, question=question)
        guard = Guard(
            sources=sources,
            question=question,
            locale=manners.locale,
            encoder=encoder,
            forbidden=manners.forbidden_claims,
            prompt_text=prompt.text,
            detector=self._detector,
            phrases=manners.connectives,
        )
        coverage = Coverage(core, question=question, locale=manners.locale) if core else None
        writing = _Reply(self, prompt, guard, coverage)
        async with aclosing(writing.write()) as written:
            async for said in written:
                yield said
        for said in _companions(writing.shown, sources, language=language_of(manners.locale)):
            yield said

    async def _core(
        self, question: str, sources: Sequence[str], *, locale: str, encoder: ComposingEncoder | None
    ) -> Core | None:
        """Return what the reply must bear out; None where that is not judged. Raises Unfit, EngineError."""
        if encoder is None or not self._is_guarded:
            return None
        core = await core_of(question, sources, locale=locale, encoder=encoder)
        if core is None:
            raise Unfit("The sources are too long, or say nothing by themselves.")
        if not core.is_answered:
            raise Unknown("The sources hardly name what is asked.")
        return core

    async def likelihoods(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return for each text how likely the question is asked where that is what is known: mean log-probabilities.

        Raises EngineError, soon where the generator has too much to do.
        """
        pairs = [(f" {text[:READ_MOST]}\nQuestion:", f" {question}") for text in texts]
        return await self._generator.likelihoods(
            "Answer:", pairs, deadline=time.monotonic() + min(self._seconds, LIKELIHOOD_SECONDS)
        )

    def generated(self, prompt: Prompt, *, prefix: str, deadline: float) -> AsyncIterator[str]:
        """Start to generate the reply to a prompt, going on after `prefix`."""
        text = self._generator.render(prompt)
        return self._generator.generate(
            text, max_tokens=self._max_tokens, stop=STOPS, prefix=prefix, deadline=deadline
        )

    @property
    def is_guarded(self) -> bool:
        """Say whether refused sentences stay unseen."""
        return self._is_guarded

    def deadline(self) -> float:
        """Return until when, in `time.monotonic()`, a reply that begins now may take."""
        return time.monotonic() + self._seconds


class _Reply:
    """One reply as it is written."""

    def __init__(self, writer: Writer, prompt: Prompt, guard: Guard, coverage: Coverage | None) -> None:
        self.shown: list[Said] = []
        self._writer = writer
        self._prompt = prompt
        self._guard = guard
        self._coverage = coverage
        self._lexicon: Lexicon = lexicon_for(prompt.locale)
        self._deadline = writer.deadline()

    async def write(self) -> AsyncGenerator[Said, None]:
        """Yield sentences until the reply is complete. Raises Unfit, EngineError."""
        try:
            async with aclosing(self._freely()) as written:
                async for said in written:
                    yield said
        except Unfit:
            if not self.shown or self._coverage is None:
                raise
        for said in self._coverage.rest(self.shown) if self._coverage else ():
            self.shown.append(said)
            yield said

    async def _freely(self) -> AsyncGenerator[Said, None]:
        """Yield the generator's sentences as far as they pass. Raises Unfit, EngineError."""
        prompt, begun, tries = self._prompt, "", TRIES
        while True:
            refused: Said | None = None
            async with aclosing(self._sentences(prompt, begun)) as written:
                async for sentence in written:
                    said = await self._judged(sentence)
                    if said.verdict == "repeated":
                        return
                    for one in self._before(said):
                        self.shown.append(one)
                        yield one
                    yield said
                    if not said.shown:
                        refused = said
                        break
                    self.shown.append(said)
                    begun, tries = "", TRIES
                    if len(self.shown) >= SENTENCES_MAX:
                        return
            if refused is None:
                break
            evidence = self._evidence(refused)
            tries -= 1
            if not tries or not evidence:
                raise Unfit(f"A sentence failed the guard twice ({refused.verdict}).")
            prompt, begun = _narrowed(self._prompt, evidence), opening(evidence)
        if not self.shown:
            raise Unknown("The generator wrote nothing.")

    async def _judged(self, sentence: str) -> Said:
        before = [one.sentence for one in self.shown]
        said = await self._guard.check(sentence, before)
        if self._coverage is not None and said.verdict != "repeated":
            plain = without_answer(sentence, self._lexicon)
            if plain and plain != sentence and not (said.shown and self._coverage.may_answer(said)):
                # The rest may well be true, and be what was asked for.
                said = await self._guard.check(plain, before)
            if said.shown:
                verdict = self._coverage.verdict(said, self.shown)
                said = replace(said, verdict=verdict, shown=verdict == OK)
        if self._writer.is_guarded or said.verdict == "repeated":
            return said
        return replace(said, shown=True)

    def _before(self, said: Said) -> list[Said]:
        """Return the approved units without which a sentence that is shown is not understood."""
        return self._coverage.before(said, self.shown) if self._coverage and said.shown else []

    def _evidence(self, refused: Said) -> str:
        """Return the approved text from which a refused sentence is tried again; empty for none."""
        if self._coverage is None:
            return refused.evidence
        return self._coverage.wanted(self.shown) if refused.verdict == ASIDE else refused.evidence

    async def _sentences(self, prompt: Prompt, begun: str) -> AsyncGenerator[str, None]:
        """Yield the sentences that follow what is shown, each when it is complete. Raises Unknown.

        `begun` is how the first of them begins.
        """
        prefix = " ".join([*(one.sentence for one in self.shown), begun]).strip()
        written, given = begun, 0
        async with aclosing(
            _closable(self._writer.generated(prompt, prefix=prefix, deadline=self._deadline))
        ) as pieces:
            async for piece in pieces:
                written += piece
                (*complete, _open) = sentences(written[given:]) or [""]
                for sentence in complete:
                    given += len(sentence)
                    if sentence.strip():
                        yield self._known(sentence)
        last = written[given:].strip()
        # What the limit of tokens cut off is no sentence; a reply without a final point may be one.
        if last and (last.endswith(FINAL) or not (self.shown or given)):
            yield self._known(last)

    def _known(self, sentence: str) -> str:
        if not self.shown and is_unknown(sentence, self._prompt):
            raise Unknown("The generator replied that the sources do not say.")
        return cleared(sentence) or sentence


def is_unknown(reply: str, prompt: Prompt) -> bool:
    """Say whether a reply is the mark of what is not known, or nothing."""
    return bare(reply).startswith(bare(prompt.unknown)) or not bare(reply)


def opening(evidence: str) -> str:
    """Return how an approved sentence begins: a model that refuses to say it right says it so, once led there."""
    statements = [one for one in sentences(evidence) if not is_question(one)]
    first = next(iter(statements), "")
    words = first.split()
    if len(words) > 2:
        return " ".join(words[: max(1, len(words) // 3)])
    return first.strip()[: max(1, len(first) // 3)]


def _narrowed(prompt: Prompt, evidence: str) -> Prompt:
    """Return a prompt with nothing but the approved sentences that a refused one should have rested on."""
    return Prompt(
        instructions=prompt.instructions,
        examples=prompt.examples,
        sources=(cleared(evidence),),
        question=prompt.question,
        locale=prompt.locale,
        unknown=prompt.unknown,
    )


def _companions(shown: Sequence[Said], sources: Sequence[str], *, language: str) -> list[Said]:
    """Return the approved sentences that take something back of what a shown one rests on, and were left out."""
    contrast = cues_for(language).contrast
    told = " ".join(f"{one.evidence} {one.sentence}" for one in shown)
    found: list[Said] = []
    for source in sources:
        units = [unit for unit in units_of(source) if unit.kind == SENTENCE]
        for before, unit in itertools.pairwise(units):
            if (
                before.block == unit.block
                and before.text in told
                and unit.text not in told
                and contrast.match(unit.text)
            ):
                told += unit.text
                found.append(
                    Said(
                        sentence=unit.text,
                        level=EXTRACTIVE,
                        evidence=unit.text,
                        verdict=OK,
                        shown=True,
                        support=1.0,
                    )
                )
    return found


async def _closable(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Make an iterator one that ends the generator's work when it is closed."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
