"""Two rankings of the same questions compared: what the admin shows of a version and what the gate decides from.

`before` is the version that is live, `after` the one that wants to be. Metrics have the names and values of `evaluate`.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chatbot.learning import paired
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.evaluate import IN_SCOPE, Ranking
from chatbot.learning.paired import Interval
from chatbot.learning.side import OVER_ALL, Curves, Side

# Scores of a question that are 0 or 1, so that McNemar's test applies.
BINARY = ("hit@1", "hit@5")
MOST_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of both sides; everything is None where it is undefined, as auroc is without out-of-scope questions.

    95% intervals; `p`: two-sided, of no difference, by `test`: mcnemar, permutation or bootstrap.
    """

    before: float | None
    after: float | None
    difference: float | None
    interval_before: Interval | None
    interval_after: Interval | None
    interval_difference: Interval | None
    p: float | None
    test: str

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `asdict` made values of."""
        spans = {name: tuple(span) if span else None for name, span in values.items() if "interval" in name}
        return cls(**{**values, **spans})


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the questions: how many, how many of them in scope, and hit@1 of those (None without any)."""

    name: str
    n: int
    in_scope: int
    before: float | None
    after: float | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A question that one side got right and the other wrong; `expected` is empty where nothing answers it.

    An answer is the first FAQ key, None without any, and the confidence in it.
    """

    text: str
    origin: str
    expected: tuple[str, ...]
    before_key: str | None
    before_confidence: float
    after_key: str | None
    after_confidence: float


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How many questions changed in one direction, and those of them that are shown, the worst mistakes first."""

    count: int
    shown: tuple[Change, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `asdict` made values of."""
        shown = tuple(Change(**{**row, "expected": tuple(row["expected"])}) for row in values["shown"])
        return cls(count=values["count"], shown=shown)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one side needs and the other does, None where it was not measured."""

    before: float | None
    after: float | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that is known about two rankings of `n` questions."""

    n: int
    in_scope: int
    out_of_scope: int
    metrics: dict[str, Metric]
    categories: tuple[Part, ...]
    origins: tuple[Part, ...]
    better: Changes
    worse: Changes
    before: Curves
    after: Curves
    speed: dict[str, Cost]

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` made values of. Raises ValueError for anything else."""
        try:
            return cls(
                **{name: int(values[name]) for name in ("n", "in_scope", "out_of_scope")},
                metrics={name: Metric.from_json(row) for name, row in values["metrics"].items()},
                categories=tuple(Part(**row) for row in values["categories"]),
                origins=tuple(Part(**row) for row in values["origins"]),
                better=Changes.from_json(values["better"]),
                worse=Changes.from_json(values["worse"]),
                before=Curves.from_json(values["before"]),
                after=Curves.from_json(values["after"]),
                speed={name: Cost(**row) for name, row in values["speed"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"This is no comparison of two versions ({error}); train again.") from error


def compare(
    questions: Sequence[LabelledQuery],
    before: Sequence[Ranking],
    after: Sequence[Ranking],
    *,
    categories: Mapping[str, str],
    origins: Mapping[str, str] | None = None,
    speed: Mapping[str, tuple[float | None, float | None]] | None = None,
    seed: int,
) -> Comparison:
    """Compare two rankings of the same questions.

    `categories` maps FAQ keys to their category, `origins` keys of questions to where they come from; `speed` are pairs
    of (before, after): embed_ms, rank_ms, version_bytes. Raises ValueError where the lengths differ.
    """
    if not len(questions) == len(before) == len(after):
        raise ValueError(
            f"{len(questions)} questions need as many rankings on both sides, but there are {len(before)} before and "
            f"{len(after)} after."
        )
    sides = Side(questions, before), Side(questions, after)
    in_scope = sides[0].in_scope
    from_where = [(origins or {}).get(question.key, "") for question in questions]
    topics = [_category(question, categories) if question.relevant else None for question in questions]
    return Comparison(
        n=len(questions),
        in_scope=int(in_scope.sum()),
        out_of_scope=int((~in_scope).sum()),
        metrics=_metrics(*sides, seed=seed),
        categories=_parts(topics, *sides),
        origins=_parts(from_where, *sides) if origins is not None else (),
        better=_changes(questions, sides[0], sides[1], from_where, better=True),
        worse=_changes(questions, sides[0], sides[1], from_where, better=False),
        before=sides[0].curves(),
        after=sides[1].curves(),
        speed={name: Cost(before=one, after=other) for name, (one, other) in (speed or {}).items()},
    )


def _metrics(before: Side, after: Side, *, seed: int) -> dict[str, Metric]:
    """Return every figure of both sides."""
    found = {}
    for name in IN_SCOPE:
        one, other = before.scores[name], after.scores[name]
        test = "mcnemar" if name in BINARY else "permutation"
        p = paired.mcnemar(one, other) if name in BINARY else paired.permutation(one, other, seed=seed)
        found[name] = _metric(_mean(one), _mean(other), len(one), seed=seed, test=test, p=p)
    for name, measure in OVER_ALL.items():
        sides = functools.partial(measure, before), functools.partial(measure, after)
        found[name] = _metric(*sides, len(before.confidence), seed=seed, test="bootstrap")
    return found


def _metric(
    one: paired.Measure, other: paired.Measure, count: int, *, seed: int, test: str, p: float | None = None
) -> Metric:
    """Return a figure with its intervals, and with the p of the bootstrap where there is no other."""
    rows = np.arange(count)
    values = (one(rows), other(rows)) if count else (None, None)
    drawn = paired.bootstrap(one, other, count, seed=seed)
    defined = values[0] is not None and values[1] is not None
    return Metric(
        before=values[0],
        after=values[1],
        difference=values[1] - values[0] if values[0] is not None and values[1] is not None else None,
        interval_before=drawn.before,
        interval_after=drawn.after,
        interval_difference=drawn.difference,
        p=(drawn.p if p is None else p) if defined else None,
        test=test,
    )


def _mean(scores: NDArray[np.float64]) -> paired.Measure:
    return lambda rows: float(scores[rows].mean())


def _category(question: LabelledQuery, categories: Mapping[str, str]) -> str:
    """Return the category of the entry that answers best."""
    return categories.get(max(question.relevant, key=question.relevant.__getitem__), "")


def _parts(names: Sequence[str | None], before: Side, after: Side) -> tuple[Part, ...]:
    """Return the questions by name, the largest part first; those without a name are left out."""
    parts = []
    for name in sorted({name for name in names if name is not None}):
        rows = np.array([name == other for other in names])
        inside = rows & before.in_scope
        some = bool(inside.any())
        parts.append(
            Part(
                name=name,
                n=int(rows.sum()),
                in_scope=int(inside.sum()),
                before=float(before.right[inside].mean()) if some else None,
                after=float(after.right[inside].mean()) if some else None,
            )
        )
    return tuple(sorted(parts, key=lambda part: -part.n))


def _changes(
    questions: Sequence[LabelledQuery], before: Side, after: Side, origins: Sequence[str], *, better: bool
) -> Changes:
    """Return the questions that only one side got right, by how sure the other was of its mistake."""
    wrong, right = (before, after) if better else (after, before)
    rows = np.flatnonzero(right.passed & ~wrong.passed)
    rows = rows[np.argsort(-wrong.confidence[rows], kind="stable")]
    shown = tuple(
        Change(
            text=questions[row].text,
            origin=origins[row],
            expected=tuple(sorted(questions[row].relevant, key=lambda key: -questions[row].relevant[key])),
            before_key=before.keys[row],
            before_confidence=float(before.confidence[row]),
            after_key=after.keys[row],
            after_confidence=float(after.confidence[row]),
        )
        for row in rows[:MOST_SHOWN].tolist()
    )
    return Changes(count=len(rows), shown=shown)
