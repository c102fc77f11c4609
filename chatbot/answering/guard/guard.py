"""The guard: judges every sentence of an answer against the approved texts that it was made from."""

import re
from collections.abc import Sequence

from chatbot.answering.composition.text import sentences, units_of
from chatbot.answering.events import GENERATED, Said
from chatbot.answering.guard.attribution import is_substituted, miscopied, mismeasured, misplaced, restated
from chatbot.answering.guard.evidence import (
    Passage,
    content,
    ground_of,
    is_copy,
    is_question,
    nearest,
    passage_of,
    stems_of,
)
from chatbot.answering.guard.facts import CASED, Fact, known_words, names_of
from chatbot.answering.guard.folding import bare, same
from chatbot.answering.guard.language import is_in_language
from chatbot.answering.guard.leak import Leaks
from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.answering.guard.polarity import contradiction
from chatbot.answering.guard.support import GuardEncoder, bar_of, is_known, similarity
from chatbot.answering.language import Detector

OK = "ok"
# Something is missing between two commas.
GAP = re.compile(r"[,，、،]\s*[,，、،]|[,，、،]\s*$")


class Guard:
    """Judges the sentences of one answer. Everything about the sources is prepared once."""

    def __init__(
        self,
        *,
        sources: Sequence[str],
        question: str,
        locale: str,
        encoder: GuardEncoder | None,
        forbidden: Sequence[str] = (),
        prompt_text: str = "",
        detector: Detector | None = None,
        phrases: Sequence[str] = (),
    ) -> None:
        """Prepare for one answer.

        `sources` are approved answers in Markdown, `phrases` the profile's own words (connectives, softeners, closings,
        the decline), which may be said as they are; without an `encoder` nearness in meaning is not measured.
        """
        self._lexicon = lexicon_for(locale)
        self._locale = locale
        self._encoder = encoder
        self._detector = detector
        self._ground = ground_of(sources, self._lexicon)
        self._asked = known_words([question])
        self._known_stems = self._ground.stems | stems_of(content(question, self._lexicon), self._lexicon)
        self._leaks = Leaks(prompt=prompt_text, sources=[*sources, *phrases], forbidden=forbidden)
        self._phrases = sorted(
            {phrase.strip() for phrase in phrases if phrase.strip()}, key=len, reverse=True
        )
        self._bare_phrases = frozenset(bare(phrase) for phrase in self._phrases)

    async def check(
        self,
        sentence: str,
        said_before: Sequence[str] = (),
        *,
        level: str = GENERATED,
        in_place: bool = False,
    ) -> Said:
        """Judge one sentence; `shown` is whether it may be. Raises EngineError where the encoder fails.

        `in_place`: the sentence stands among those that it was approved with, so a list item has its introduction.
        """
        claim = self._without_phrases(sentence)
        if not bare(claim):
            return _said(sentence, level, OK if bare(sentence) else "empty")
        if self._is_repeated(claim, said_before):
            return _said(sentence, level, "repeated")
        if self._is_approved(claim) and (in_place or same(claim) not in self._ground.led):
            return _said(sentence, level, OK, evidence=claim.strip(), support=1.0)
        if self._leaks.leaks(claim):
            return _said(sentence, level, "leak")
        if self._leaks.forbidden(claim):
            return _said(sentence, level, "forbidden")
        if not is_in_language(
            claim, locale=self._locale, detector=self._detector, approved=self._ground.known.text
        ):
            return _said(sentence, level, "language")
        judged = _said(sentence, level, "empty")
        for part in sentences(_plain(claim)):
            judged = await self._judge(sentence, passage_of(part.strip(), self._lexicon), level)
            if judged.verdict != OK:
                break
        return judged

    async def _judge(self, sentence: str, said: Passage, level: str) -> Said:
        """Judge what a sentence says: its facts, names, polarity and support."""
        evidence = nearest(said, self._ground, self._lexicon)
        shown = " ".join(dict.fromkeys(passage.unit for passage in evidence))
        reason = self._unknown_fact(said) or self._unknown_name(said)
        reason = reason or self._wrong_fact(said, evidence)
        reason = reason or self._renamed(said, evidence) or contradiction(said, evidence, self._lexicon)
        if reason:
            return _said(sentence, level, reason, evidence=shown)
        if (
            not evidence
            or not said.tokens
            or (GAP.search(said.text) and not any(GAP.search(passage.text) for passage in evidence))
            or not is_known(said, self._ground.stems, self._known_stems, self._lexicon)
            or is_substituted(said, evidence, self._known_stems, self._lexicon)
        ):
            return _said(sentence, level, "support", evidence=shown)
        if self._encoder is None:
            return _said(sentence, level, OK, evidence=shown)
        near = await similarity(said, evidence, self._encoder)
        return _said(
            sentence,
            level,
            OK if near >= bar_of(self._lexicon).similarity else "support",
            evidence=shown,
            support=near,
        )

    def _without_phrases(self, sentence: str) -> str:
        """Return a sentence without the profile's own words at its beginning."""
        rest = sentence.strip()
        if bare(rest) in self._bare_phrases:
            return ""
        for phrase in self._phrases:
            if rest.startswith(phrase):
                return rest[len(phrase) :].lstrip()
        return rest

    def _is_approved(self, claim: str) -> bool:
        """Say whether a sentence is a whole unit of a source, or several of them."""
        whole = self._ground.whole
        if same(claim) in whole:
            return True
        units = [same(unit.text) for unit in units_of(claim)]
        if any(units) and all(unit in whole for unit in units if unit):
            return True
        return all(same(part) in whole for part in sentences(claim) if same(part))

    def _is_repeated(self, claim: str, said_before: Sequence[str]) -> bool:
        own = bare(claim)
        return len(own) > 1 and any(own == bare(earlier) for earlier in said_before)

    def _unknown_fact(self, said: Passage) -> str:
        """Return the kind of the first fact that no source bears out."""
        for fact in said.facts:
            if fact.is_claim and not self._is_borne(fact):
                return fact.kind
        return ""

    def _is_borne(self, fact: Fact) -> bool:
        return bool(fact.claims & self._ground.facts)

    def _wrong_fact(self, said: Passage, evidence: Sequence[Passage]) -> str:
        """Return the kind of a fact that the sources state, but not of this."""
        wrong = (
            (mismeasured(said, evidence[0]) if evidence else None)
            or miscopied(said, self._ground, self._lexicon)
            or misplaced(said, self._ground, self._lexicon)
            or restated(said, self._ground)
        )
        return wrong.kind if wrong else ""

    def _renamed(self, said: Passage, evidence: Sequence[Passage]) -> str:
        """Return "name" where a near copy of its evidence begins with a name that this does not have."""
        if not evidence or not is_copy(said, evidence[0], self._lexicon):
            return ""
        first = next(iter(bare(said.text).split()), "")
        is_new = not self._ground.known.holds(first, self._lexicon) and not self._asked.holds(
            first, self._lexicon
        )
        return "name" if is_new and self._lexicon.language in CASED else ""

    def _unknown_name(self, said: Passage) -> str:
        """Return "name" for one that the sources do not have; the question's may be said where nothing is claimed."""
        asks = is_question(said.text)
        for name in names_of(said.text, self._lexicon):
            if self._ground.known.holds(name, self._lexicon):
                continue
            if not (asks and self._asked.holds(name, self._lexicon)):
                return "name"
        return ""


async def audit(
    text: str,
    *,
    sources: Sequence[str],
    question: str,
    locale: str,
    encoder: GuardEncoder | None,
    forbidden: Sequence[str] = (),
    detector: Detector | None = None,
    phrases: Sequence[str] = (),
    level: str = GENERATED,
) -> tuple[Said, ...]:
    """Judge every sentence of a shown text, whichever way it was composed. Raises EngineError."""
    guard = Guard(
        sources=sources,
        question=question,
        locale=locale,
        encoder=encoder,
        forbidden=forbidden,
        detector=detector,
        phrases=phrases,
    )
    return tuple(
        [
            await guard.check(unit.markdown, level=level, in_place=True)
            for unit in units_of(text)
            if bare(unit.markdown)
        ]
    )


def _said(
    sentence: str, level: str, verdict: str, *, evidence: str = "", support: float | None = None
) -> Said:
    return Said(
        sentence=sentence.strip(),
        level=level,
        evidence=evidence,
        verdict=verdict,
        shown=verdict == OK,
        support=support,
    )


def _plain(markdown: str) -> str:
    """Return what a reader sees of a piece of Markdown, with the addresses of links behind their words."""
    units = units_of(markdown)
    return " ".join(unit.text for unit in units)
