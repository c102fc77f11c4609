"""A trained version and the live one, asked the same questions: held-out wordings, and saved test questions.

The ranker is fitted to held-out wordings too, for of what was learned the tuned vectors know too much. So that none is
judged with what it was fitted to, each half of them is ranked with weights fitted to the other half.
"""

import functools
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chatbot.answering import background
from chatbot.answering.rank import Ranker, Weights, default_weights
from chatbot.answering.retrieve import wording_of
from chatbot.engine.index import Index
from chatbot.engine.upper import Upper
from chatbot.learning import split
from chatbot.learning.compare import Comparison, compare
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.evaluate import Ranking, ask, serve
from chatbot.learning.examples import examine
from chatbot.learning.lesson import NO_TESTS, RANKER_KEPT, Lesson
from chatbot.learning.material import Asked, Material, embed_entries
from chatbot.learning.own import fitted_to
from chatbot.learning.trunk import Trunk

# Where the questions of a report come from: wordings that were held out, the same asked as if their FAQ did not exist,
# saved test questions, and those of them that say what was learned in nearly the same words.
HELD_OUT, ABSENT, TEST, KNOWN_TEST = "held_out", "absent", "test", "known_test"
ORIGINS = (HELD_OUT, ABSENT, TEST, KNOWN_TEST)

# Fewer held-out wordings than this say too little of how to weigh the signals.
FEWEST_TO_FIT = 20
# Every so manieth held-out wording is also asked without its FAQ.
ABSENT_EVERY = 3
TIMED = 30


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A ranker's weights, and those to judge each half of the held-out wordings with."""

    weights: Weights
    halves: tuple[Weights, Weights]


@dataclass(frozen=True, kw_only=True)
class Rankings:
    """What one version answers to every question of the report, and what that takes: milliseconds, medians."""

    rankings: list[Ranking]
    embed_ms: float | None
    rank_ms: float | None


class Judging:
    """The questions of a report, and what to ask them of."""

    def __init__(
        self,
        lesson: Lesson,
        trunk: Trunk,
        *,
        tests: Sequence[LabelledQuery],
        synonyms: Mapping[str, Sequence[str]],
        seed: int,
    ) -> None:
        self._lesson, self._trunk, self._synonyms, self._seed = lesson, trunk, synonyms, seed
        # What visitors wrote is not shown in reports, which outlive their conversations.
        rows = np.flatnonzero(lesson.held_out[: lesson.in_faq]).tolist()
        keys = [lesson.entries[lesson.owners[row]].key for row in rows]
        self._held_out = [
            LabelledQuery(key=f"{HELD_OUT}:{row}", text=lesson.wordings[row], relevant={key: 1})
            for row, key in zip(rows, keys, strict=True)
        ]
        self._absent_keys = keys[::ABSENT_EVERY]
        self._absent = [
            LabelledQuery(key=f"{ABSENT}:{row}", text=lesson.wordings[row], relevant={})
            for row in rows[::ABSENT_EVERY]
        ]
        self._tests = [
            LabelledQuery(key=f"{TEST}:{number}", text=test.text, relevant=test.relevant)
            for number, test in enumerate(tests)
        ]
        self._materials: dict[Upper | None, Material] = {}
        self.skipped = [] if tests else [NO_TESTS]

    def fit(self, *, upper: Upper | None, kept: Weights | None) -> Fitted:
        """Fit the ranker to a version's vectors; where there is too little to fit it to, keep what is known to suit."""
        prior = default_weights()
        if len(self._held_out) < FEWEST_TO_FIT:
            self.skipped.append(RANKER_KEPT)
            return self.unfitted(kept if upper is None else prior)
        index = self._reduced(upper)
        asked = self._asked(self._held_out, index, upper)
        examples = examine(
            index,
            [
                (of_one[0], frozenset(query.relevant))
                for of_one, query in zip(asked, self._held_out, strict=True)
            ],
        )
        return Fitted(
            weights=fitted_to(examples, prior=prior),
            # The first half is judged with what the second was fitted to.
            halves=(fitted_to(examples[1::2], prior=prior), fitted_to(examples[::2], prior=prior)),
        )

    def unfitted(self, weights: Weights | None) -> Fitted:
        """Return weights that were not fitted to these questions; None stands for what Kefu ships."""
        weights = weights or default_weights()
        return Fitted(weights=weights, halves=(weights, weights))

    def rankings(self, *, upper: Upper | None, fitted: Fitted) -> Rankings:
        """Ask a version everything."""
        found: list[Ranking] = []
        rank_ms = []
        if self._held_out:
            index = self._reduced(upper)
            asked = self._asked(self._held_out, index, upper)
            answers: list[Ranking | None] = [None] * len(asked)
            for half, weights in enumerate(fitted.halves):
                answers[half::2], took = serve(index, Ranker(weights=weights), asked[half::2])
                rank_ms.append(took)
            found += [answer for answer in answers if answer is not None]
            found += serve(
                index, Ranker(weights=fitted.weights), asked[::ABSENT_EVERY], without=self._absent_keys
            )[0]
        if self._tests:
            index = self._index(self._material(upper))
            asked = self._asked(self._tests, index, upper)
            answered, took = serve(index, Ranker(weights=fitted.weights), asked)
            found += answered
            rank_ms.append(took)
        return Rankings(
            rankings=found,
            embed_ms=self._embed_ms(upper),
            rank_ms=statistics.median(rank_ms) if rank_ms else None,
        )

    def compare(self, *, before: Rankings, after: Rankings, sizes: tuple[int, int]) -> Comparison:
        """Compare the live version's rankings with those of the new one; `sizes` are their tuned layers' bytes."""
        questions = [*self._held_out, *self._absent, *self._tests]
        return compare(
            questions,
            before.rankings,
            after.rankings,
            categories={entry.key: entry.category for entry in self._lesson.entries},
            origins=self._origins(),
            speed={
                "embed_ms": (before.embed_ms, after.embed_ms),
                "rank_ms": (before.rank_ms, after.rank_ms),
                "version_bytes": (float(sizes[0]), float(sizes[1])),
            },
            seed=self._seed,
        )

    def _origins(self) -> dict[str, str]:
        """Return where each question comes from, by its key."""
        origins = {query.key: HELD_OUT for query in self._held_out} | {
            query.key: ABSENT for query in self._absent
        }
        lesson = self._lesson
        learned = np.flatnonzero(~lesson.held_out)
        asked = [test.text for test in self._tests]
        known = split.overlaps(
            [lesson.wordings[row] for row in learned],
            lesson.vectors[learned],
            asked,
            self._trunk.embed(asked, "query"),
        )
        for test, is_known in zip(self._tests, known, strict=True):
            origins[test.key] = KNOWN_TEST if is_known else TEST
        return origins

    def _material(self, upper: Upper | None) -> Material:
        """Return the FAQ with a version's vectors, which are made once."""
        if upper not in self._materials:
            # Each version needs the background, and the trunk's part of it is most of the work.
            self._trunk.prepare(("query", text) for text in background.texts())
            self._materials[upper] = embed_entries(
                self._lesson.entries,
                embed=functools.partial(self._trunk.embed, upper=upper),
                tokenize=self._trunk.tokenize,
            )
        return self._materials[upper]

    def _reduced(self, upper: Upper | None) -> Index:
        """Index the FAQ without what is held out."""
        material = self._material(upper)
        return self._index(material.keep(~self._lesson.held_out[: len(material.questions)]))

    def _index(self, material: Material) -> Index:
        return material.index(wording=wording_of(material.entries, synonyms=self._synonyms))

    def _asked(
        self, queries: Sequence[LabelledQuery], index: Index, upper: Upper | None
    ) -> list[list[Asked]]:
        embed = functools.partial(self._trunk.embed, upper=upper)
        return ask(queries, index, embed=embed, tokenize=self._trunk.tokenize)[0]

    def _embed_ms(self, upper: Upper | None) -> float | None:
        """Return how long the encoder takes for one question."""
        texts = self._lesson.wordings[:TIMED]
        times = []
        for text in texts:
            start = time.perf_counter()
            self._trunk.encoder.encode([text], kind="query", upper=upper)
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000 if times else None
