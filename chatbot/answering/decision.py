"""From one message to what is said to it: its readings, ranked and joined, and the outcome that they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatbot.answering import compose, dialogue, events
from chatbot.answering.dialogue import Readings
from chatbot.answering.events import Answer, Question, Trace
from chatbot.answering.rank import OFFERED, Candidate
from chatbot.answering.retrieve import has_words, prepare, readings, search
from chatbot.answering.trace import trace
from chatbot.answering.utterance import cues_for, holds, understand
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Signals
from customers.culture import language_of

if TYPE_CHECKING:
    from chatbot.answering.pipeline import Bundle, QueryEncoder

CHOICES = OFFERED
TOPIC_CANDIDATES = 8
TOPIC_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A text as it was searched for, and its candidates, best first."""

    text: str
    candidates: list[Candidate]
    signals: Signals

    @property
    def probability(self) -> float:
        """Return the probability that the best candidate answers, 0 without one."""
        return self.candidates[0].probability if self.candidates else 0.0


async def rank_all(
    texts: Sequence[str], *, bundle: "Bundle", encoder: "QueryEncoder", are_fragments: bool = False
) -> list[Ranked]:
    """Rank several texts, each in its surest reading; all are embedded in one batch.

    What fragments are near to by themselves says little, for they are parts of what was said before.
    """
    ranker = replace(bundle.ranker, doubts=False) if are_fragments else bundle.ranker
    read = [readings(text, bundle.index) for text in texts]
    different = list(dict.fromkeys(reading for of_one in read for reading in of_one))
    if len(different) == 1:
        vectors: Sequence[Vectors] = [await encoder.embed_query(different[0], upper=bundle.upper)]
    else:
        vectors = list(await encoder.embed_queries(different, upper=bundle.upper))
    found = {
        reading: search(bundle.index, reading, vector, tokenize=encoder.tokens)
        for reading, vector in zip(different, vectors, strict=True)
    }
    ranked = []
    for of_one in read:
        place, candidates = ranker.surest([found[reading] for reading in of_one])
        text = of_one[place]
        ranked.append(Ranked(text=text, candidates=candidates, signals=found[text]))
    return ranked


def _of(best: Ranked, ranked: Ranked) -> float:
    """Return what a ranking gives to the best candidate of another."""
    entry = best.candidates[0].entry
    return next((one.probability for one in ranked.candidates if one.entry == entry), 0.0)


class Decision:
    """One message on its way to an answer."""

    def __init__(self, question: Question, *, bundle: "Bundle", encoder: "QueryEncoder") -> None:
        """`question` is decided with what `bundle` holds, its texts embedded by `encoder`."""
        self._question, self._bundle, self._encoder = question, bundle, encoder
        self._cues = cues_for(language_of(bundle.manners.locale))
        self._said = understand(question.text, self._cues)
        self._context = dialogue.context_of(question.history, self._cues, self._title)

    @property
    def _leans(self) -> bool:
        """Say whether the message leans on what was said before."""
        return (
            self._context is not None and dialogue.ellipsis(self._said, unanswered=True) >= dialogue.PLAUSIBLE
        )

    async def make(self) -> Answer:
        """Return the answer. Raises EngineError."""
        by_key = self._bundle.index.by_key
        if self._question.chosen_key in by_key:
            return self._point([self._question.chosen_key])
        if not has_words(self._question.text):
            return self._decline(None, phrase="only_symbols")
        if pointed := dialogue.picked(self._said, self._context):
            return self._point(pointed)
        if self._said.is_bare and (self._said.affirms or self._said.denies or self._said.other):
            return await self._bare()
        return await self._read()

    def _point(self, keys: Sequence[str]) -> Answer:
        """Answer what was pointed at, or ask which, where it may be several."""
        entries = [self._bundle.index.by_key[key] for key in keys]
        if len(entries) > 1:
            choices = [self._bundle.source(entry, 1 / len(entries)) for entry in entries[:CHOICES]]
            return compose.clarify(choices, manners=self._bundle.manners, model=self._bundle.version)
        return self._approved([Candidate(entry=entries[0], matched=0, score=0.0, probability=1.0)])

    async def _bare(self) -> Answer:
        """Answer a message that is only yes or no: it speaks of the exchange before, or of nothing."""
        (alone,) = await self._rank([self._said.text])
        if alone.signals.verbatim.any():
            return self._outcome(alone)
        without = dialogue.rejected(self._said, self._context)
        if self._context is not None and without:
            (asked,) = await self._rank([self._context.asked])
            return self._ask_back(self._pooled(asked, share=0.0, without=without))
        if self._context is not None and self._said.affirms and self._context.outcome == events.DECLINED:
            (offer,) = await self._rank([self._bundle.manners.phrase("decline")])
            if offer.probability >= self._bundle.ranker.answer_from:
                return self._outcome(offer)
        return self._decline(None, phrase="only_symbols", ranked=alone)

    async def _read(self) -> Answer:
        """Answer a message that has content of its own."""
        said, context = self._said, self._context
        if self._bundle.index.has_wording(said.text):
            return self._outcome((await self._rank([said.text]))[0])
        lines = self._lines()
        share = dialogue.ellipsis(said) if context else 0.0
        along = self._along() if share >= dialogue.PLAUSIBLE else []
        pairs = dialogue.pairs(self._question.text, self._cues)
        halves = dialogue.halves(self._question.text, self._cues)
        texts = [said.content, *lines, *along, *(part for pair in (*pairs, *halves) for part in pair)]
        ranked = dict(zip(texts, await self._rank(texts), strict=True))
        whole = ranked[said.content]
        for left, right in (*pairs, *halves):
            about = None if (left, right) in pairs else whole
            if two := self._two(ranked[left], ranked[right], about=about):
                return two
        alone = self._surest(whole, [ranked[text] for text in lines])
        if context is None:
            topic = self._topic(alone)
            return self._ask_back(topic) if topic else self._outcome(alone)
        if alone.probability < self._bundle.ranker.answer_from:
            share = dialogue.ellipsis(said, unanswered=True)
            if share >= dialogue.PLAUSIBLE and not along:
                along = self._along()
                ranked |= dict(zip(along, await self._rank(along), strict=True))
        return self._outcome(self._in_context(alone, [ranked[text] for text in along], share))

    # ---------------------------------------------------------------- readings

    def _lines(self) -> list[str]:
        """Return the parts of a message, each of which may be the question: the lines of a burst, or sentences."""
        parts = [part for part in map(prepare, self._question.text.split("\n")) if has_words(part)]
        return [*(parts if len(parts) > 1 else []), *dialogue.amended(self._said, self._cues)]

    def _along(self) -> list[str]:
        """Return the content behind the question before it, and that question alone."""
        assert self._context is not None
        return [prepare(f"{self._context.asked} {self._said.content}"), prepare(self._context.asked)]

    def _topic(self, alone: Ranked) -> Ranked | None:
        """Return the entries that a message only names the topic of: a word or two that several of them hold.

        Those that are unlikely must hold it in the question that is shown.
        """
        if not dialogue.may_name_topic(self._said):
            return None
        entries = self._bundle.index.entries
        about = [
            candidate
            for candidate in alone.candidates[:TOPIC_CANDIDATES]
            if not self._is_smalltalk(candidate)
            and any(
                holds(question, self._said.content)
                for question in entries[candidate.entry].questions[
                    : None if candidate.probability >= TOPIC_SHARE else 1
                ]
            )
        ]
        return replace(alone, candidates=about) if len(about) > 1 else None

    def _title(self, key: str) -> str:
        entry = self._bundle.index.by_key.get(key)
        return "" if entry is None else self._bundle.index.entries[entry].questions[0]

    def _surest(self, whole: Ranked, parts: Sequence[Ranked]) -> Ranked:
        """Return the surest of the whole and its parts; small talk only if there is nothing else.

        Where the whole and a part are both answered, though differently, what both hold likely counts.
        """
        read = [
            one for one in (whole, *parts) if one.candidates and not self._is_smalltalk(one.candidates[0])
        ]
        if not read:
            return max((whole, *parts), key=lambda one: one.probability)
        surest = max(read, key=lambda one: one.probability)
        if whole not in read or whole.probability < self._bundle.ranker.answer_from:
            return surest
        return max(
            (whole, surest),
            key=lambda one: _of(one, whole) * max(_of(one, part) for part in parts or [whole]),
        )

    def _in_context(self, alone: Ranked, along: Sequence[Ranked], share: float) -> Ranked:
        """Join the message's own ranking with the one along with the question before."""
        assert self._context is not None
        lean = dialogue.leaning(self._said, self._context, share)
        if not along and not any(lean.values()):
            return alone
        joined = self._pooled(alone, along, share=share, lean=lean)
        if self._said.corrects or joined.probability >= alone.probability:
            return joined
        # The exchange before may change what is meant, but not make what was clear on its own unclear.
        answers = alone.probability >= self._bundle.ranker.answer_from
        is_other = joined.candidates[0].entry != alone.candidates[0].entry
        depends = self._said.follows and self._said.refers
        ranker = self._bundle.ranker
        needed = ranker.clarify_from if depends else ranker.answer_from
        return joined if answers and is_other and joined.probability >= needed else alone

    def _pooled(
        self,
        alone: Ranked,
        along: Sequence[Ranked] = (),
        *,
        share: float,
        lean: Mapping[str, float] | None = None,
        without: Sequence[str] = (),
    ) -> Ranked:
        """Join rankings; what was searched for is the question before along with the message, where that was read."""
        entries = self._bundle.index.entries
        rankings = [alone, *along]
        found_by = [{entries[c.entry].key: c.probability for c in one.candidates} for one in rankings]
        found = {entries[c.entry].key: c for one in reversed(rankings[:2]) for c in one.candidates}
        joined = dialogue.pool(
            Readings(
                alone=found_by[0], along=found_by[1] if along else {}, before=found_by[2] if along else {}
            ),
            share=share,
            lean=lean or {},
            without=without,
            is_dependent=self._said.corrects or (self._said.follows and self._said.refers),
        )
        candidates = [replace(found[key], probability=share) for key, share in joined.items()]
        return replace(along[0] if along else alone, candidates=candidates)

    async def _rank(self, texts: Sequence[str]) -> list[Ranked]:
        different = list(dict.fromkeys(texts))
        if not different:
            return []
        found = await rank_all(
            different, bundle=self._bundle, encoder=self._encoder, are_fragments=self._leans
        )
        known = dict(zip(different, found, strict=True))
        return [known[text] for text in texts]

    # ---------------------------------------------------------------- outcomes

    def _two(self, left: Ranked, right: Ranked, *, about: Ranked | None) -> Answer | None:
        """Answer two questions in one message, where each is one for sure, and a given whole is about just these."""
        pair = [one.candidates[0] for one in (left, right) if one.candidates]
        if len({candidate.entry for candidate in pair}) < 2 or any(map(self._is_smalltalk, pair)):
            return None
        if min(candidate.probability for candidate in pair) < self._bundle.ranker.answer_from:
            return None
        if about and {one.entry for one in about.candidates[:2]} != {one.entry for one in pair}:
            return None
        return self._approved(pair, traces=(self._trace(left), self._trace(right)))

    def _outcome(self, ranked: Ranked) -> Answer:
        """Answer, ask back or decline, as the ranker decides."""
        outcome = self._bundle.ranker.outcome(ranked.candidates)
        if outcome == events.ANSWERED:
            return self._approved(ranked.candidates[:1], traces=(self._trace(ranked),))
        # Within a conversation little is out of scope: there, what is likeliest is enough to ask about.
        if self._context is None and not self._bundle.ranker.may_ask(self._serious(ranked)):
            return self._decline(ranked.probability if ranked.candidates else None, ranked=ranked)
        return self._ask_back(ranked)

    def _ask_back(self, ranked: Ranked) -> Answer:
        """Ask which of the best candidates is meant, never small talk; decline without any."""
        serious = self._serious(ranked)[:CHOICES]
        if not serious or serious[0].probability < self._bundle.ranker.clarify_from:
            return self._decline(ranked.probability if ranked.candidates else None, ranked=ranked)
        choices = [self._bundle.source(one.entry, one.probability) for one in serious]
        asked = compose.clarify(choices, manners=self._bundle.manners, model=self._bundle.version)
        return replace(asked, traces=(self._trace(ranked),))

    def _approved(self, found: Sequence[Candidate], traces: tuple[Trace, ...] = ()) -> Answer:
        """Answer with the entries' approved texts, offering their follow-ups."""
        entries = [self._bundle.index.entries[one.entry] for one in found]
        keys = {entry.key for entry in entries}
        following = dict.fromkeys(key for entry in entries for key in entry.follow_ups if key not in keys)
        return compose.approved(
            entries,
            sources=[self._bundle.source(one.entry, one.probability) for one in found],
            suggestions=self._bundle.offered(tuple(following))[:CHOICES],
            lang=self._bundle.manners.locale,
            model=self._bundle.version,
            traces=traces,
        )

    def _decline(
        self, confidence: float | None, *, phrase: str = "decline", ranked: Ranked | None = None
    ) -> Answer:
        declined = compose.decline(
            manners=self._bundle.manners, model=self._bundle.version, confidence=confidence, phrase=phrase
        )
        return replace(declined, traces=(self._trace(ranked),) if ranked else ())

    def _serious(self, ranked: Ranked) -> list[Candidate]:
        """Return the candidates without small talk, each as likely as it is if the message is none."""
        serious = [one for one in ranked.candidates if not self._is_smalltalk(one)]
        smalltalk = sum(one.probability for one in ranked.candidates if self._is_smalltalk(one))
        return [replace(one, probability=one.probability / max(1 - smalltalk, 1e-12)) for one in serious]

    def _is_smalltalk(self, candidate: Candidate) -> bool:
        return self._bundle.index.entries[candidate.entry].category == compose.SMALLTALK

    def _trace(self, ranked: Ranked) -> Trace:
        return trace(
            ranked.candidates,
            ranked.signals,
            read_as=ranked.text,
            index=self._bundle.index,
            ranker=self._bundle.ranker,
            locale=self._bundle.manners.locale,
            revision=self._bundle.revision,
        )
