"""How far a free reply bears out what its question asks for: nothing beside it is said, nothing of it is left out."""

from collections.abc import Iterator, Sequence

from chatbot.answering.composition.conditions import cues_for
from chatbot.answering.composition.core import Asked, Core
from chatbot.answering.composition.text import SENTENCE
from chatbot.answering.events import EXTRACTIVE, Said
from chatbot.answering.guard.evidence import content, covered, is_known_word, stems_of
from chatbot.answering.guard.facts import facts_of
from chatbot.answering.guard.folding import fold, same
from chatbot.answering.guard.guard import OK
from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.answering.guard.polarity import NEGATION, signature

# Verdicts on what is true: it is not what was asked for, or only a part of what it rests on.
ASIDE, PARTIAL = "aside", "partial"
# The least share of an approved unit's words that what is said of it has, more where it negates; and the least share of
# a question's words that the evidence of a yes or no has.
BORNE, NEGATED = 0.6, 0.9
NAMED = 2 / 3


class Coverage:
    """Tells which units of a core are borne out by the sentences that were shown."""

    def __init__(self, core: Core, *, question: str, locale: str) -> None:
        self._core = core
        self._lexicon = lexicon_for(locale)
        self._cues = cues_for(self._lexicon.language)
        self._question = content(question, self._lexicon)
        self._named = stems_of(self._question, self._lexicon)

    def verdict(self, said: Said, shown: Sequence[Said]) -> str:
        """Judge a sentence that the guard has passed: OK, ASIDE or PARTIAL."""
        rested = [one for one in self._core.asked if _rests_on(said, one)]
        if not rested:
            return ASIDE
        together = [*shown, said]
        return OK if any(self._is_borne(one, together) for one in rested) else PARTIAL

    def may_answer(self, said: Said) -> bool:
        """Say whether a sentence may open with yes or no: it rests on what is asked for most, which names it."""
        first = max(self._core.asked, key=lambda one: one.relevance)
        if not _rests_on(said, first):
            return False
        stems = stems_of(content(said.evidence, self._lexicon), self._lexicon)
        return covered(self._question, stems, self._lexicon) >= NAMED

    def before(self, said: Said, shown: Sequence[Said]) -> list[Said]:
        """Return the approved units that a sentence refers back to and that nothing shown bears out."""
        if not (self._cues.anaphora.match(said.sentence) or self._cues.contrast.match(said.sentence)):
            return []
        places = sorted({place for one in self._core.asked if _rests_on(said, one) for place in one.after})
        missing = [self._core.asked[place] for place in places]
        return list(_approved([one for one in missing if not self._is_borne(one, [*shown, said])], shown))

    def rest(self, shown: Sequence[Said]) -> list[Said]:
        """Return the approved units that nothing shown bears out, as they are said behind it."""
        missing = [one for one in self._core.asked if not self._is_borne(one, shown)]
        needed = {
            (one.source, place)
            for one in missing
            if one.unit.may_be_chosen
            for place in (*one.unit.headings, one.unit.leads)
        }
        found = [one for one in missing if one.unit.may_be_chosen or (one.source, one.unit.place) in needed]
        return list(_approved(found, shown))

    def wanted(self, shown: Sequence[Said]) -> str:
        """Return the approved unit that is asked for most of those that nothing shown bears out, if any."""
        missing = [
            one for one in self._core.asked if one.unit.may_be_chosen and not self._is_borne(one, shown)
        ]
        return max(missing, key=lambda one: one.relevance).unit.text if missing else ""

    def _is_borne(self, one: Asked, shown: Sequence[Said]) -> bool:
        """Say whether sentences say what a unit says: most of its words, and all of its facts.

        What is not so must keep nearly all, and what the question names: "not by phone" is no "not at all".
        """
        found = [said for said in shown if said.shown and _rests_on(said, one)]
        if not found:
            return False
        text = " ".join(said.sentence for said in found)
        words = content(one.unit.text, self._lexicon)
        stems = stems_of(content(text, self._lexicon), self._lexicon)
        is_negated = bool(signature(fold(one.unit.text), self._lexicon)[NEGATION])
        if covered(words, stems, self._lexicon) < (NEGATED if is_negated else BORNE):
            return False
        if is_negated:
            named = [word for word in words if is_known_word(word, self._named, self._lexicon)]
            if covered(named, stems, self._lexicon) < 1:
                return False
        stated = facts_of(text, self._lexicon)
        return all(
            any(other.claims & fact.grounds for other in stated)
            for fact in facts_of(one.unit.text, self._lexicon)
            if fact.is_claim
        )


def _rests_on(said: Said, one: Asked) -> bool:
    evidence, unit = same(said.evidence), same(one.unit.text)
    return bool(evidence) and bool(unit) and (unit in evidence or evidence in unit)


def _approved(missing: Sequence[Asked], shown: Sequence[Said]) -> Iterator[Said]:
    """Yield units as they stand in the record; lists, tables and headings begin on lines of their own."""
    before: Asked | None = None
    for one in missing:
        text = one.unit.markdown.strip()
        is_block = one.unit.kind != SENTENCE
        if is_block and before is not None and before.unit.block == one.unit.block:
            text = f"\n{text}"
        elif (is_block and (shown or before)) or (before is not None and before.unit.kind != SENTENCE):
            text = f"\n\n{text}"
        before = one
        yield Said(
            sentence=text, level=EXTRACTIVE, evidence=one.unit.text, verdict=OK, shown=True, support=1.0
        )
