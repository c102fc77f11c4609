"""Whether a sentence says yes where its evidence says no, or leaves out what that says only, unless, at least, within.

Cues are phrases of each language (cues/*.toml). A sentence is compared with the clauses of its evidence that it uses:
it may neither add nor lose a negation, a restriction, an exception or an obligation.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

from chatbot.answering.guard.evidence import TAKEN, Clause, Passage, covered, is_copy, is_used, stem_of
from chatbot.answering.guard.folding import fold
from chatbot.answering.guard.lexicon import Lexicon
from chatbot.answering.guard.quantities import without_quantities

POLARITY, MODALITY = "polarity", "modality"
NEGATION = "negation"
# Cues that a sentence has only where its evidence has them too.
NEVER_ADDED = {
    NEGATION: POLARITY, "free": POLARITY, "fee": POLARITY,
    "only": MODALITY, "except": MODALITY, "floor": MODALITY, "must": MODALITY, "always": MODALITY,
}  # fmt: skip
# Cues of a clause that a sentence which uses it must keep.
NEVER_LOST = {
    NEGATION: POLARITY, "free": POLARITY,
    "only": MODALITY, "except": MODALITY, "floor": MODALITY, "usually": MODALITY,
}  # fmt: skip
# Cues that a sentence pieced together from several clauses must keep of each.
PIECED = (NEGATION, "only", "except")
# Cues of a clause that depends on a used one: it is a condition, and comes along.
CONDITIONS = ("if", "only", "except", "floor", "limit", "before")
# Cues that a near copy has as often as its evidence.
COUNTED = (NEGATION, "free", "fee", "only", "except", "floor", "limit", "after", "before", "must")
PART_KEPT = 0.34


def contradiction(said: Passage, evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Return "polarity" or "modality" where a sentence and its evidence disagree, else an empty text."""
    if not lexicon.cues or not evidence:
        return ""
    own = signature(said.folded, lexicon)
    theirs = sum((signature(passage.folded, lexicon) for passage in evidence), Counter())
    return (
        _opening(said, evidence, lexicon)
        or _opposite(said, evidence, lexicon)
        or _added(own, theirs)
        or _lost(said, own, evidence, lexicon)
        or _pieced(said, own, evidence, lexicon)
        or _miscounted(said, own, evidence, lexicon)
    )


@functools.lru_cache(maxsize=4096)
def signature(folded: str, lexicon: Lexicon) -> Counter[str]:
    """Count the cues of each kind in a folded text, fixed expressions that mean nothing of the kind left out.

    The result is shared: it must not be changed.
    """
    text = without_quantities(folded[len(_opener(folded, lexicon)) :], lexicon)
    without = lexicon.idioms.sub(" ", text) if lexicon.idioms else text
    found: Counter[str] = Counter()
    for kind, pattern in lexicon.cues.items():
        searched = text if kind in ("limit", "must") else without
        count = sum(1 for _ in pattern.finditer(searched))
        if count:
            found[kind] = count
    return found


def _opener(folded: str, lexicon: Lexicon) -> str:
    for pattern in (lexicon.no, lexicon.yes):
        match = pattern.match(folded) if pattern else None
        if match and (match.end() == len(folded) or not folded[match.end()].isalpha()):
            rest = folded[match.end() :].lstrip()
            if not rest or rest[0] in ",.!;:،。、-–—(" or match[0].endswith((",", "。", "،")):
                return match[0]
    return ""


def without_answer(sentence: str, lexicon: Lexicon) -> str:
    """Return a sentence without the yes or no that it opens with, and what parts that from the rest."""
    opener = fold(_opener(fold(sentence), lexicon))
    # A folded text may be shorter: its signs count once, and some not at all.
    for end in range(1, len(sentence) + 1 if opener else 0):
        if fold(sentence[:end]) == opener:
            rest = sentence[end:].lstrip(" ,.!;:،。、-–—，！；：．\u093c")
            return rest[:1].upper() + rest[1:]
    return sentence


def _answers(folded: str, lexicon: Lexicon) -> str:
    """Return "yes" or "no" where a text opens with it."""
    opener = _opener(folded, lexicon)
    if not opener:
        return ""
    return "no" if lexicon.no and lexicon.no.match(folded) else "yes"


def _opening(said: Passage, evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Compare a yes or no with which a sentence opens with the evidence."""
    answer = _answers(said.folded, lexicon)
    if not answer:
        return ""
    theirs = _answers(fold(evidence[0].text), lexicon)
    if theirs:
        return "" if theirs == answer else POLARITY
    main = _best_clause(said, evidence[0], lexicon)
    negated = bool(signature(main.text, lexicon)[NEGATION]) if main else False
    return "" if negated == (answer == "no") else POLARITY


def _best_clause(said: Passage, passage: Passage, lexicon: Lexicon) -> Clause | None:
    clauses = [clause for clause in passage.clauses if clause.tokens]
    if not clauses:
        return None
    return max(clauses, key=lambda clause: sum(stem_of(t, lexicon) in said.stems for t in clause.tokens))


def _opposite(said: Passage, evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Find a word of the sentence whose opposite stands in the evidence, and which does not."""
    theirs = " | ".join(passage.folded for passage in evidence)
    for pair in lexicon.opposites:
        for here, there in ((pair.left, pair.right), (pair.right, pair.left)):
            if here.search(said.folded) and not here.search(theirs) and there.search(theirs):
                return POLARITY
    return ""


def _added(own: Mapping[str, int], theirs: Mapping[str, int]) -> str:
    for kind, reason in NEVER_ADDED.items():
        if own.get(kind) and not theirs.get(kind):
            return reason
    if own.get("may") and theirs.get("must") and not own.get("must") and not theirs.get("may"):
        return MODALITY
    return ""


def _lost(said: Passage, own: Mapping[str, int], evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Find a cue of a used clause, or a condition that depends on one, which the sentence leaves out."""
    for passage in evidence:
        used = [is_used(clause, said, lexicon) for clause in passage.clauses]
        if not any(used):
            continue
        for place, clause in enumerate(passage.clauses):
            cues = signature(clause.text, lexicon)
            if used[place]:
                for kind, reason in NEVER_LOST.items():
                    if cues[kind] and not own.get(kind):
                        return reason
                if _condition_lost(said, own, clause, cues, lexicon):
                    return MODALITY
            elif _depends(passage.clauses, used, place) and _is_condition_gone(said, clause, cues, lexicon):
                return MODALITY
    return ""


def _pieced(said: Passage, own: Mapping[str, int], evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Find a negation, restriction or exception that is lost where a sentence takes its words from several clauses."""
    clauses = [clause for passage in evidence for clause in passage.clauses]
    if any(covered(said.tokens, clause.stems, lexicon) >= TAKEN for clause in clauses):
        return ""
    for clause in clauses:
        if not any(stem_of(token, lexicon) in clause.stems for token in said.tokens):
            continue
        cues = signature(clause.text, lexicon)
        for kind in PIECED:
            if cues[kind] and not own.get(kind):
                return NEVER_LOST[kind]
    return ""


def _is_condition_gone(said: Passage, clause: Clause, cues: Mapping[str, int], lexicon: Lexicon) -> bool:
    """Say whether a clause states a condition of which hardly a word is left."""
    if not any(cues.get(kind) for kind in CONDITIONS):
        return False
    return not clause.tokens or covered(clause.tokens, said.stems, lexicon) < PART_KEPT


def _condition_lost(
    said: Passage, own: Mapping[str, int], clause: Clause, cues: Mapping[str, int], lexicon: Lexicon
) -> bool:
    """Say whether a limit, condition or obligation inside a used clause is gone, in word and in substance."""
    for kind in ("if", "limit", "before", "after", "must"):
        if cues.get(kind) and not own.get(kind) and not (kind == "must" and not own.get("may")):
            left = [token for token in clause.tokens if stem_of(token, lexicon) not in said.stems]
            return len(left) > 0.25 * len(clause.tokens)
    return False


def _depends(clauses: Sequence[Clause], used: Sequence[bool], place: int) -> bool:
    """Say whether an unused clause belongs to a used one: nothing but commas stands between them."""
    back = place
    while back > 0 and clauses[back].joins:
        back -= 1
        if used[back]:
            return True
    forward = place + 1
    while forward < len(clauses) and clauses[forward].joins:
        if used[forward]:
            return True
        forward += 1
    return False


def _miscounted(said: Passage, own: Mapping[str, int], evidence: Sequence[Passage], lexicon: Lexicon) -> str:
    """Compare how often cues stand in a sentence that is nearly a copy of one piece of evidence."""
    best = evidence[0]
    if not is_copy(said, best, lexicon):
        return ""
    theirs = signature(best.folded, lexicon)
    others = sum((signature(passage.folded, lexicon) for passage in evidence[1:]), Counter())
    for kind in COUNTED:
        if not theirs[kind] <= own.get(kind, 0) <= theirs[kind] + others[kind]:
            return NEVER_LOST.get(kind, MODALITY)
    return ""
