"""The results of exams that Kefu ships: a new installation need not sit them again for the model that it comes with.

`manage.py exam --save` writes them to the file beside this module.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chatbot.exam.exam import Sat
from chatbot.exam.grading import Score, score
from chatbot.exam.versions import Key

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trap that was failed: what was shown, at which level, and what is wrong with it."""

    key: str
    kind: str
    question: str
    shown: str
    level: str
    why: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """An exam's outcome, with every failure; `is_bare` where the guard was off, which earns nothing.

    Neither does one that is not `is_whole`, in which only some of the traps were asked.
    """

    key: Key
    is_bare: bool
    score: Score
    failures: tuple[Failure, ...]
    is_whole: bool = True

    @property
    def is_passed(self) -> bool:
        return self.score.is_passed and self.is_whole and not self.is_bare

    def to_json(self) -> dict[str, Any]:
        """Return the result under the names that the README documents."""
        return {
            **asdict(self.key),
            "bare": self.is_bare,
            **asdict(self.score),
            "acceptable": round(self.score.share, 4),
            "passed": self.is_passed,
            "failures": [asdict(failure) for failure in self.failures],
        }


def result_of(key: Key, sat: Sequence[Sat], *, is_bare: bool, is_whole: bool = True) -> Result:
    """Sum an exam up."""
    failures = [
        Failure(
            key=one.trap.key,
            kind=one.trap.kind,
            question=one.trap.question,
            shown=one.reply.text,
            level=one.reply.composition.level,
            why=one.mark.why,
            phrases=one.mark.phrases,
        )
        for one in sat
        if not one.mark.is_right
    ]
    found = score((one.mark for one in sat), own=sum(one.is_own for one in sat))
    return Result(key=key, is_bare=is_bare, score=found, failures=tuple(failures), is_whole=is_whole)


@cache
def shipped() -> tuple[Result, ...]:
    """Return the shipped results."""
    return tuple(_result(row) for row in json.loads(FILE.read_text("utf-8"))) if FILE.exists() else ()


def find(key: Key) -> Result | None:
    """Return the shipped result of just this exam under the guard, if there is one."""
    return next((one for one in shipped() if one.key == key and not one.is_bare), None)


def save(results: Iterable[Result]) -> None:
    """Write results among the shipped ones, in the place of the generator's earlier ones of the same locale."""
    by_exam = {_exam(one): one for one in shipped()} | {_exam(one): one for one in results}
    rows = [by_exam[exam].to_json() for exam in sorted(by_exam)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    FILE.write_text(f"[\n{lines}\n]\n", "utf-8")
    shipped.cache_clear()


def _exam(result: Result) -> tuple[str, str, bool]:
    return result.key.generator, result.key.locale, result.is_bare


def _result(row: dict[str, Any]) -> Result:
    names = Key.__dataclass_fields__.keys()
    return Result(
        key=Key(**{name: row[name] for name in names}),
        is_bare=row["bare"],
        score=Score(total=row["total"], right=row["right"], forbidden=row["forbidden"], own=row["own"]),
        failures=tuple(
            Failure(**{**failure, "phrases": tuple(failure["phrases"])}) for failure in row["failures"]
        ),
    )
