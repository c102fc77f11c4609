"""Whether what a sentence says is said of the right thing: sources that state a fact may state it of another."""

from collections.abc import Sequence

from chatbot.answering.guard.evidence import (
    USED,
    Ground,
    Passage,
    content,
    covered,
    is_copy,
    is_known_word,
    stem_of,
)
from chatbot.answering.guard.facts import Fact
from chatbot.answering.guard.lexicon import Lexicon

SUBSTITUTED = 0.6
# So much nearer the words around a fact must be to a clause with another one.
MARGIN = 0.25


def miscopied(said: Passage, ground: Ground, lexicon: Lexicon) -> Fact | None:
    """Return a fact of a sentence that is nearly a copy of passages, none of which states all that it does."""
    copies = [passage for passage in ground.passages if passage.tokens and is_copy(said, passage, lexicon)]
    wrong: Fact | None = None
    for passage in copies:
        wrong = _not_in(said, passage)
        if wrong is None:
            return None
    return wrong


def restated(said: Passage, ground: Ground) -> Fact | None:
    """Return a fact that a sentence states at least twice more than all sources together: it turns in circles."""
    for fact in said.facts:
        if fact.is_claim:
            here = sum(1 for other in said.facts if other.claims == fact.claims)
            there = sum(
                1 for passage in ground.passages for other in passage.facts if fact.claims & other.grounds
            )
            if here > there + 1:
                return fact
    return None


def is_substituted(
    said: Passage, evidence: Sequence[Passage], elsewhere: frozenset[str], lexicon: Lexicon
) -> bool:
    """Say whether a sentence is a passage with another word in the place of its own: cash for points.

    `elsewhere` are the beginnings of the words of all passages and of the question; a word of none of them counts where
    the sentence is nearly a copy. A sentence that says most of a second passage too has its words.
    """
    passage, *others = evidence
    there = covered(said.tokens, passage.stems, lexicon)
    if not passage.tokens or min(there, covered(passage.tokens, said.stems, lexicon)) < SUBSTITUTED:
        return False
    if any(other.tokens and covered(other.tokens, said.stems, lexicon) >= USED for other in others):
        return False
    lost = any(stem_of(token, lexicon) not in said.stems for token in passage.tokens)
    new = {
        stem_of(token, lexicon) for token in said.tokens if not is_known_word(token, passage.stems, lexicon)
    }
    return lost and (
        bool(new & elsewhere) or (_is_unheard(new, elsewhere, lexicon) and is_copy(said, passage, lexicon))
    )


def _is_unheard(words: frozenset[str] | set[str], known: frozenset[str], lexicon: Lexicon) -> bool:
    """Say whether some words, or pairs of characters, are from nowhere.

    Not so in Korean, where the form of address changes the ends of words beyond what their beginnings share.
    """
    if lexicon.language == "ko":
        return False
    found = words if lexicon.spaced else set().union(*words) - lexicon.function
    return bool(found - known)


def _not_in(said: Passage, passage: Passage) -> Fact | None:
    """Return a fact that a passage does not state, or not as often."""
    stated = [*passage.facts, *passage.lead_facts]
    for fact in said.facts:
        if fact.is_claim:
            here = sum(1 for other in said.facts if other.claims == fact.claims)
            there = sum(1 for other in stated if fact.claims & other.grounds)
            if here > there:
                return fact
    return None


def mismeasured(said: Passage, passage: Passage) -> Fact | None:
    """Return a number to which a passage gives another unit: 24 hours, said as 24 days."""
    for fact in said.facts:
        if not fact.is_claim or not fact.group or fact.kind not in ("number", "money"):
            continue
        values = {claim.partition("|")[0] for claim in fact.claims if claim.startswith("number:")}
        alike = [other for other in passage.facts if other.group and values & other.grounds]
        if alike and not any(fact.claims & other.grounds for other in alike):
            return fact
    return None


def misplaced(said: Passage, ground: Ground, lexicon: Lexicon) -> Fact | None:
    """Return a fact that the sources state of something else: 5 days of the refund, said of the return."""
    for fact in said.facts:
        if not fact.is_claim or not fact.group:
            continue
        around = _around(said, fact, lexicon)
        if not around:
            continue
        with_it = without_it = 0.0
        for passage in ground.passages:
            for clause in passage.clauses:
                held = [other for other in clause.facts if other.group == fact.group]
                if not held:
                    continue
                near = covered(around, clause.stems | passage.lead_stems, lexicon)
                if any(fact.claims & other.grounds for other in held):
                    with_it = max(with_it, near)
                else:
                    without_it = max(without_it, near)
        # All that is said of this fact may be said of another: the blue line's time, of the red line's words but one.
        if without_it > with_it + MARGIN or with_it < without_it == 1:
            return fact
    return None


def _around(said: Passage, fact: Fact, lexicon: Lexicon) -> frozenset[str]:
    """Return the words of the clause in which a fact stands."""
    for clause in said.clauses:
        if any(fact.claims == other.claims for other in clause.facts):
            own = content(fact.text, lexicon)
            return clause.tokens - own
    return frozenset()
