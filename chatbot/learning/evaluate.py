"""Evaluate the served retrieve-rank-calibrate code on a data set, with plain cosine beside it.

Figures, as in the README: hit@1, hit@5, mrr@10, ndcg@10 and recall@10 over in-scope queries; auroc ranks in-scope
above out-of-scope by confidence; coverage@p95 is the largest share of all queries answerable with at least 95% of those
answers right; ece compares confidence with the share of right first candidates over all queries.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import Embed, Tokenize, lexical, readings, wording_of
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Index
from chatbot.learning import metrics
from chatbot.learning.dataset import Dataset, LabelledQuery
from chatbot.learning.examples import select
from chatbot.learning.material import Asked, Material, embed_entries
from chatbot.learning.own import own_weights

DEPTH = 10
PRECISION = 0.95
TIMED_ALONE = 100
IN_SCOPE: dict[str, Callable[[Sequence[str], Mapping[str, int]], float]] = {
    "hit@1": lambda ranked, relevant: metrics.hit_at(ranked, relevant, 1),
    "hit@5": lambda ranked, relevant: metrics.hit_at(ranked, relevant, 5),
    "mrr@10": lambda ranked, relevant: metrics.reciprocal_rank(ranked, relevant, DEPTH),
    "ndcg@10": lambda ranked, relevant: metrics.ndcg_at(ranked, relevant, DEPTH),
    "recall@10": lambda ranked, relevant: metrics.recall_at(ranked, relevant, DEPTH),
}
OVER_ALL = ("auroc", "coverage@p95", "ece")


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What was answered to one query: FAQ ids, best first, and the confidence in the first."""

    keys: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Measured values by name, None where undefined, and their 95% bootstrap intervals."""

    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one data set: as served by default, with the FAQ's own fit, and of plain cosine."""

    dataset: str
    locale: str
    in_scope: int
    out_of_scope: int
    served: Figures
    own: Figures | None
    plain: Figures | None
    embed_ms_p50: float
    rank_ms_p50: float
    # Seconds that training took where the FAQ was trained on first.
    train_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report under the names that the README documents, rounded to what is meaningful."""
        report: dict[str, Any] = {
            "n": self.in_scope + self.out_of_scope,
            "in_scope": self.in_scope,
            "out_of_scope": self.out_of_scope,
            **_rounded(self.served.values),
            "embed_ms_p50": round(self.embed_ms_p50, 2),
            "rank_ms_p50": round(self.rank_ms_p50, 2),
            "train_s": None if self.train_s is None else round(self.train_s, 2),
            "dataset": self.dataset,
            "locale": self.locale,
            "intervals": _spans(self.served),
        }
        for name, figures in (("own", self.own), ("plain", self.plain)):
            if figures is not None:
                report[name] = _rounded(figures.values) | {"intervals": _spans(figures)}
        return report


def evaluate(
    dataset: Dataset,
    *,
    embed: Embed,
    tokenize: Tokenize,
    seed: int = 0,
    own: bool = False,
    plain: bool = False,
    ranker: Ranker | None = None,
) -> Report:
    """Evaluate a data set; `own` also with weights fitted to its FAQ, `plain` also with plain cosine.

    `embed` returns unit vectors [len(texts), dim], `tokenize` token ids per text.
    """
    material = embed_entries(dataset.entries, embed=embed, tokenize=tokenize)
    index = material.index(wording=wording_of(dataset.entries))
    asked, embed_ms = ask(dataset.queries, index, embed=embed, tokenize=tokenize)
    served, rank_ms = serve(index, ranker or Ranker(), asked)

    def figures(rankings: Sequence[Ranking]) -> Figures:
        return measure(dataset.queries, rankings, seed=seed)

    fitted = serve(index, Ranker(weights=own_weights(material, seed=seed)), asked)[0] if own else None
    return Report(
        dataset=dataset.name,
        locale=dataset.locale,
        in_scope=sum(bool(query.relevant) for query in dataset.queries),
        out_of_scope=sum(not query.relevant for query in dataset.queries),
        served=figures(served),
        own=figures(fitted) if fitted is not None else None,
        plain=figures(plain_cosine(material, [reading for reading, *_ in asked])) if plain else None,
        embed_ms_p50=embed_ms,
        rank_ms_p50=rank_ms,
    )


def measure(queries: Sequence[LabelledQuery], rankings: Sequence[Ranking], *, seed: int) -> Figures:
    """Compute all figures of rankings of the queries, with intervals from `seed`."""
    pairs = [(r, q.relevant) for q, r in zip(queries, rankings, strict=True) if q.relevant]
    values: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float] | None] = {}
    for name, score in IN_SCOPE.items():
        scores = np.array([score(ranking.keys, relevant) for ranking, relevant in pairs])
        values[name] = float(scores.mean()) if len(scores) else None
        intervals[name] = metrics.bootstrap(_mean_of(scores), len(scores), seed=seed)
    confidence = np.array([ranking.confidence for ranking in rankings])
    in_scope = np.array([bool(query.relevant) for query in queries])
    correct = np.array(
        [bool(r.keys) and r.keys[0] in q.relevant for q, r in zip(queries, rankings, strict=True)]
    )
    for name in OVER_ALL:
        of = _over_all(name, confidence, in_scope, correct)
        values[name] = of(np.arange(len(queries)))
        intervals[name] = metrics.bootstrap(of, len(queries), seed=seed)
    return Figures(values=values, intervals=intervals)


def plain_cosine(material: Material, asked: Sequence[Asked]) -> list[Ranking]:
    """Rank by the largest cosine to question or alternates, and take that cosine for the confidence."""
    starts = np.flatnonzero(material.shown)
    rankings = []
    for question in asked:
        scores = np.maximum.reduceat(material.questions @ question.vector, starts)
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        rankings.append(
            Ranking(
                keys=tuple(material.entries[entry].key for entry in best), confidence=float(scores[best[0]])
            )
        )
    return rankings


def ask(
    queries: Sequence[LabelledQuery], index: Index, *, embed: Embed, tokenize: Tokenize
) -> tuple[list[list[Asked]], float]:
    """Embed the queries, some one by one for the time that takes, the rest together.

    Return the readings of each, first the one nearest to what was written, and the ms (median) of one.
    """
    read = [readings(query.text, index) for query in queries]
    texts = [text for of_one in read for text in of_one]
    vectors: list[Vectors] = []
    times = []
    for text in texts[:TIMED_ALONE]:
        start = time.perf_counter()
        vectors.append(embed([text], "query")[0])
        times.append(time.perf_counter() - start)
    if len(texts) > TIMED_ALONE:
        vectors.extend(embed(texts[TIMED_ALONE:], "query"))
    tokens = tokenize([lexical(text, index.wording) for text in texts])
    made = iter([Asked(text=t, vector=v, tokens=w) for t, v, w in zip(texts, vectors, tokens, strict=True)])
    return [[next(made) for _ in of_one] for of_one in read], statistics.median(times) * 1000


def serve(
    index: Index, ranker: Ranker, asked: Sequence[Sequence[Asked]], *, without: Sequence[str] | None = None
) -> tuple[list[Ranking], float]:
    """Answer each question as the server does; return the rankings and the median time of one in ms.

    `without`: for each question the FAQ that is taken away when it is asked, as if nobody had written it.
    """
    rankings, times = [], []
    for place, of_one in enumerate(asked):
        start = time.perf_counter()
        found = [index.search(one.vector, one.tokens, text=one.text) for one in of_one]
        if without is not None:
            gone = index.by_key[without[place]]
            found = [select(signals, signals.entry != gone) for signals in found]
        _, candidates = ranker.surest(found)
        times.append(time.perf_counter() - start)
        keys = tuple(index.entries[candidate.entry].key for candidate in candidates[:DEPTH])
        rankings.append(Ranking(keys=keys, confidence=candidates[0].probability if candidates else 0.0))
    return rankings, statistics.median(times) * 1000


def _mean_of(scores: NDArray[np.float64]) -> Callable[[NDArray[np.int64]], float | None]:
    return lambda rows: float(scores[rows].mean())


def _over_all(
    name: str, confidence: NDArray[np.float64], in_scope: NDArray[np.bool_], correct: NDArray[np.bool_]
) -> Callable[[NDArray[np.int64]], float | None]:
    """Return a figure over all queries as a function of row numbers."""
    if name == "auroc":
        return lambda rows: metrics.auroc(confidence[rows], in_scope[rows])
    if name == "coverage@p95":
        return lambda rows: metrics.coverage_at_precision(confidence[rows], correct[rows], PRECISION)
    return lambda rows: metrics.expected_calibration_error(confidence[rows], correct[rows])


def _rounded(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def _spans(figures: Figures) -> dict[str, list[float] | None]:
    return {
        name: None if span is None else [round(end, 4) for end in span]
        for name, span in figures.intervals.items()
    }
