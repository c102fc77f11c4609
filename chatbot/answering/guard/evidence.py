"""The approved pieces that a sentence may rest on, prepared once per answer for the comparisons of the guard."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chatbot.answering.composition.text import sentences, units_of
from chatbot.answering.guard.facts import URL, Fact, Known, facts_of, known_words
from chatbot.answering.guard.folding import bare, fold, normal, same
from chatbot.answering.guard.leak import gives_orders
from chatbot.answering.guard.lexicon import Lexicon

# Between these a sentence says different things; what depends on another clause stands behind a comma.
CLAUSE = re.compile(
    r"([;؛。!?؟।|]|:(?!\d)|(?<!\d):|(?<!\d)[,،](?!\d)|[、]|[,،](?=\s)|\.(?=\s)|[()（）]|\s[-–—]\s|——)"
)
STRONG = ";:؛。!?؟।|."
STRIPPED = re.compile(r"^(?:[وفبكل]{0,2}ال|لل|[وفبل](?=\w{4}))")
PARTICIPLE = re.compile(
    "^(ab|an|auf|aus|bei|ein|fest|frei|her|hin|los|mit|nach|um|vor|weg|wieder|zu|zuruck)?ge(?=[a-z]{4})"
)
LETTERS = re.compile(r"[^\W_]+|[\u0900-\u097f]+")
KANA = re.compile(r"[\u3041-\u309f]+")
DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]+")
QUESTION_MARKS = ("?", "？", "؟")
MOST_UNITS = 3
NEAR_ENOUGH = 0.2
USED = 0.5
COPY = 0.75
TAKEN = 0.6


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A part of a sentence; `joins` says that it depends on the one before, as behind a comma."""

    text: str
    tokens: frozenset[str]
    stems: frozenset[str]
    facts: tuple[Fact, ...]
    joins: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """A sentence of a source: `text` alone, `full` with the line that leads its `unit` in."""

    text: str
    full: str
    folded: str
    tokens: frozenset[str]
    stems: frozenset[str]
    facts: tuple[Fact, ...]
    clauses: tuple[Clause, ...]
    unit: str = ""
    lead_stems: frozenset[str] = frozenset()
    lead_facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ground:
    """All that may be said: passages, their facts and words, and the folded texts of whole units.

    `led` are those that may not be said alone: list items and rows, which say nothing, or the contrary, without the
    line above them, and what gives orders to a model.
    """

    passages: tuple[Passage, ...]
    facts: frozenset[str]
    known: Known
    whole: frozenset[str]
    led: frozenset[str]
    stems: frozenset[str]


def ground_of(sources: Sequence[str], lexicon: Lexicon) -> Ground:
    """Prepare approved answers, given as Markdown."""
    passages: list[Passage] = []
    whole: set[str] = set()
    led: set[str] = set()
    facts: set[str] = set()
    for source in sources:
        units = units_of(source)
        whole.add(same(source))
        for unit in units:
            lead = units[unit.leads].text if unit.leads is not None else ""
            whole |= {same(unit.text), same(unit.markdown)}
            if lead or gives_orders(unit.text):
                led |= {same(unit.text), same(unit.markdown)}
            for sentence in (part for part in sentences(unit.text) if not gives_orders(part)):
                passages.append(
                    passage_of(
                        sentence.strip(), lexicon, lead=f"{unit.heading} {lead}".strip(), unit=unit.text
                    )
                )
            if not gives_orders(unit.text):
                for fact in facts_of(_visible(unit.markdown), lexicon):
                    facts |= fact.grounds
    for one in passages:
        for fact in one.facts:
            facts |= fact.grounds
    return Ground(
        passages=tuple(passages),
        facts=frozenset(facts),
        known=known_words(sources),
        whole=frozenset(whole - {""}),
        led=frozenset(led),
        stems=frozenset().union(*(one.stems for one in passages)) if passages else frozenset(),
    )


def passage_of(text: str, lexicon: Lexicon, *, lead: str = "", unit: str = "") -> Passage:
    """Prepare one sentence; of a source with the unit that it is in and what leads that in."""
    full = f"{lead} {text}".strip()
    tokens = content(text, lexicon)
    lead_tokens = content(lead, lexicon) if lead else frozenset()
    return Passage(
        text=text,
        unit=unit or text,
        full=full,
        folded=fold(full),
        tokens=tokens,
        stems=stems_of(tokens | lead_tokens, lexicon),
        facts=facts_of(text, lexicon),
        clauses=clauses_of(full, lexicon),
        lead_stems=stems_of(lead_tokens, lexicon),
        lead_facts=facts_of(lead, lexicon) if lead else (),
    )


def _visible(markdown: str) -> str:
    """Return Markdown with the addresses of its links as words."""
    return re.sub(r"[*_`\[\]()<>#|]", " ", markdown)


def clauses_of(text: str, lexicon: Lexicon) -> tuple[Clause, ...]:
    """Cut a sentence into clauses."""
    parts = CLAUSE.split(normal(text))
    clauses: list[Clause] = []
    separator = "."
    for place in range(0, len(parts), 2):
        part = parts[place].strip()
        if part:
            begins_anew = bool(
                lexicon.separators and separator in ",،" and lexicon.separators.match(part.casefold())
            )
            tokens = content(part, lexicon)
            clauses.append(
                Clause(
                    text=fold(part),
                    tokens=tokens,
                    stems=stems_of(tokens, lexicon),
                    facts=facts_of(part, lexicon),
                    joins=separator.strip()[:1] not in STRONG and not begins_anew,
                )
            )
        separator = parts[place + 1] if place + 1 < len(parts) else ""
    return tuple(clauses)


def content(text: str, lexicon: Lexicon) -> frozenset[str]:
    """Return the words of a text that carry its meaning; pairs of characters where no spaces are written."""
    plain = bare(URL.sub(" ", text))
    found: set[str] = set()
    for word in LETTERS.findall(plain) if lexicon.language != "hi" else plain.split():
        if not lexicon.spaced and lexicon.language != "ko":
            for run in DENSE.findall(word):
                pairs = {run[i : i + 2] for i in range(len(run) - 1)}
                found |= {
                    pair for pair in pairs if not KANA.fullmatch(pair) and not lexicon.function >= set(pair)
                }
            word = DENSE.sub("", word)
        if word in lexicon.function or word.isdigit() or (len(word) < 2 and word.isascii()):
            continue
        if word:
            found.add(_lemma(word, lexicon.language))
    return frozenset(found - {""})


def _lemma(word: str, language: str) -> str:
    """Return a word without what its language joins to its beginning: the article, the participle's ge."""
    if language == "ar":
        return STRIPPED.sub("", word).replace("ة", "ت")
    return PARTICIPLE.sub(r"\1", word) if language == "de" else word


def stems_of(tokens: Collection[str], lexicon: Lexicon) -> frozenset[str]:
    """Return every beginning of words that another form of them may share."""
    if not lexicon.spaced and lexicon.language != "ko":
        return frozenset(tokens).union(*tokens)
    return frozenset(token[:end] for token in tokens for end in range(2, len(token) + 1)) | frozenset(tokens)


def stem_of(token: str, lexicon: Lexicon) -> str:
    """Return the beginning that another form of a word shares with it."""
    if not lexicon.spaced and lexicon.language != "ko":
        return token
    if lexicon.language == "ko":
        return token[: max(2, math.ceil(len(token) * 0.5))]
    return token[: max(3, math.ceil(len(token) * 0.65))]


def is_used(clause: Clause, said: Passage, lexicon: Lexicon) -> bool:
    """Say whether a sentence says what a clause says: half of its words, or its facts where it has nothing else.

    A sentence that takes most of its own words from a clause uses it too, however little of it that is.
    """
    if clause.tokens:
        taken = covered(said.tokens, clause.stems, lexicon) if said.tokens else 0.0
        return taken >= TAKEN or covered(clause.tokens, said.stems, lexicon) >= USED
    stated = [fact for fact in clause.facts if fact.is_claim]
    return bool(stated) and all(any(one.claims & fact.grounds for one in said.facts) for fact in stated)


def covered(tokens: Collection[str], stems: Collection[str], lexicon: Lexicon) -> float:
    """Return the share of words that have a form among the stems, 1.0 for no words."""
    if not tokens:
        return 1.0
    return sum(is_known_word(token, stems, lexicon) for token in tokens) / len(tokens)


def is_known_word(token: str, stems: Collection[str], lexicon: Lexicon) -> bool:
    """Say whether a word, or a pair of characters, is among the stems; a pair may be of the edges of two words."""
    if stem_of(token, lexicon) in stems:
        return True
    if lexicon.spaced or len(token) != 2:
        return False
    left, right = token[0], token[1]
    return (left in lexicon.function and right in stems) or (right in lexicon.function and left in stems)


def nearest(said: Passage, ground: Ground, lexicon: Lexicon) -> list[Passage]:
    """Return the passages that a sentence most likely rests on, the best first, at most `MOST_UNITS`.

    After the best one, those come along that bear out words or facts which it does not. No statement rests on a
    question.
    """
    may_be_question = is_question(said.text)
    scored = [
        (_overlap(said, passage, lexicon), passage)
        for passage in ground.passages
        if may_be_question or not is_question(passage.text)
    ]
    scored.sort(key=lambda pair: -pair[0])
    if not scored or scored[0][0] <= 0:
        return []
    chosen = [scored[0][1]]
    missing = {t for t in said.tokens if stem_of(t, lexicon) not in chosen[0].stems}
    unborne = [fact for fact in said.facts if not _bears(chosen, fact)]
    for score, passage in scored[1:]:
        if len(chosen) == MOST_UNITS or score <= 0:
            break
        gained = {token for token in missing if stem_of(token, lexicon) in passage.stems}
        helped = [fact for fact in unborne if _bears([passage], fact)]
        if len(gained) >= max(1, NEAR_ENOUGH * len(said.tokens)) or helped:
            chosen.append(passage)
            missing -= gained
            unborne = [fact for fact in unborne if fact not in helped]
    return chosen


def is_question(text: str) -> bool:
    """Say whether a sentence asks."""
    return text.rstrip().endswith(QUESTION_MARKS)


def _bears(passages: Collection[Passage], fact: Fact) -> bool:
    return any(fact.claims & other.grounds for passage in passages for other in passage.facts)


def _overlap(said: Passage, passage: Passage, lexicon: Lexicon) -> float:
    """Return how much of a sentence a passage has, its facts counted as words."""
    facts = [fact for fact in said.facts if fact.is_claim]
    borne = sum(_bears([passage], fact) for fact in facts)
    have = sum(stem_of(token, lexicon) in passage.stems for token in said.tokens)
    back = covered(passage.tokens, said.stems, lexicon) if passage.tokens else 0.0
    return (have + borne) / max(1, len(said.tokens) + len(facts)) + 0.25 * back if have or borne else 0.0


def is_copy(said: Passage, passage: Passage, lexicon: Lexicon) -> bool:
    """Say whether a sentence is nearly a copy of a passage: most words of each stand in the other."""
    there = covered(said.tokens, passage.stems, lexicon) >= COPY
    return there and covered(passage.tokens, said.stems, lexicon) >= COPY
