"""How much of a sentence its evidence supports: nearness in meaning by the encoder, and words that stand nowhere in it.

Similarity alone does not see an invention, which is near everything of its subject; the share of a sentence's content
words that its sources have does. Both thresholds are calibrated on approved sentences against their rewrites and
against sentences of other answers (tests/chatbot/answering/guard/data).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatbot.answering.guard.evidence import Passage, content, covered
from chatbot.answering.guard.folding import normal
from chatbot.answering.guard.lexicon import Lexicon
from chatbot.answering.guard.quantities import without_quantities
from chatbot.engine.arrays import Vectors
from chatbot.engine.upper import Upper


class GuardEncoder(Protocol):
    """What the guard needs of the engine: vectors of the shipped model, in whose space it is calibrated."""

    @property
    def base(self) -> Upper: ...

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors: ...


@dataclass(frozen=True, kw_only=True)
class Bar:
    """The least similarity to the evidence, and the least shares of known words in a sentence and in each clause."""

    similarity: float
    words: float
    clause: float


# Faithful rewrites in ten languages: similarity 0.964 at least, words 0.8 and more (0.69 in pairs of characters).
# Sentences of other answers: similarity 0.93 at most in nineteen of twenty, words 0.35 at most in nine of ten.
SPACED = Bar(similarity=0.93, words=0.8, clause=0.5)
UNSPACED = Bar(similarity=0.93, words=0.68, clause=0.4)
# Fewer words than this tell nothing about a clause.
CLAUSE_WORDS = 2
FROM_SOURCES = 0.6


def bar_of(lexicon: Lexicon) -> Bar:
    """Return the thresholds for a language's kind of script."""
    return SPACED if lexicon.spaced else UNSPACED


def is_known(said: Passage, sources: frozenset[str], stems: frozenset[str], lexicon: Lexicon) -> bool:
    """Say whether a sentence and each of its clauses are made of words that have a form among the stems.

    `sources` are the stems of the sources alone, which most words must be from, `stems` those of the question too.
    """
    bar = bar_of(lexicon)
    # Numbers are compared as facts, in whatever words they are said.
    words = content(without_quantities(normal(said.text), lexicon), lexicon)
    if covered(words, stems, lexicon) < bar.words or covered(words, sources, lexicon) < FROM_SOURCES:
        return False
    return all(
        covered(clause.tokens, stems, lexicon) >= bar.clause
        for clause in said.clauses
        if len(clause.tokens) >= CLAUSE_WORDS and not _only_answers(clause.text, lexicon)
    )


def _only_answers(clause: str, lexicon: Lexicon) -> bool:
    """Say whether a clause is a yes or no and nothing else."""
    return any(pattern and pattern.fullmatch(clause) for pattern in (lexicon.no, lexicon.yes))


async def similarity(said: Passage, evidence: Sequence[Passage], encoder: GuardEncoder) -> float:
    """Return the cosine of a sentence with the nearest of its evidence, one passage or all together.

    Raises EngineError.
    """
    texts = [said.text, *(passage.full for passage in evidence)]
    if len(evidence) > 1:
        texts.append(" ".join(passage.full for passage in evidence))
    vectors = await encoder.embed_queries(texts, upper=encoder.base)
    return float((vectors[1:] @ vectors[0]).max())
