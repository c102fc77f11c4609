"""One training from data to verdict: read, tune, fit, compare with what is live, judge. No database, no queue."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatbot.answering.rank import Weights
from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.engine.upper import Upper
from chatbot.learning.compare import Comparison
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.gate import Verdict, judge
from chatbot.learning.judging import Judging
from chatbot.learning.lesson import SKIPPED as SKIPPED
from chatbot.learning.lesson import Lesson
from chatbot.learning.trunk import Trunk
from chatbot.learning.watch import Watch as Watch


class NothingToLearn(Exception):
    """The FAQ has no active entry: there is nothing to train on or to compare."""


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a locale has to learn from.

    `confirmed`: (text, FAQ key) of questions that visitors or admins have said the answer of. `tests`: saved test
    questions, which are asked and never trained on.
    """

    locale: str
    entries: tuple[Entry, ...]
    confirmed: tuple[tuple[str, str], ...] = ()
    tests: tuple[LabelledQuery, ...] = ()
    synonyms: Mapping[str, Any] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the sha256 of all of it, in hexadecimal."""
        entries = sorted((e.key, e.questions, e.answer) for e in self.entries)
        tests = sorted((test.text, sorted(test.relevant.items())) for test in self.tests)
        content = [self.locale, entries, sorted(self.confirmed), tests, sorted(self.synonyms.items())]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Live:
    """The version that answers now; None stands for what Kefu ships. `weights_bytes`: its tuned layers' size."""

    upper: Upper | None = None
    weights: Weights | None = None
    weights_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A version as it is stored. `weights_file`: the tuned layers as a safetensors file, None where none were tuned."""

    weights_file: bytes | None
    ranker: Weights
    recipe: Mapping[str, Any]
    data: Mapping[str, int]
    skipped: tuple[str, ...]
    report: Comparison
    verdict: Verdict
    seconds: float


def train_version(
    data: TrainingData, *, encoder: Encoder, live: Live, seed: int, watch: Watch, folder: Path
) -> Trained:
    """Train and judge a version. Checkpoints live in `folder`, and a training that they fit goes on from there.

    Raises NothingToLearn, and whatever `watch` raises.
    """
    began = time.monotonic()
    if not data.entries:
        raise NothingToLearn
    watch.stage("reading")
    trunk = Trunk(encoder)
    lesson = Lesson(data.entries, data.confirmed, locale=data.locale, synonyms=data.synonyms, seed=seed)
    watch.stage("trunk", steps=len(lesson.texts()))
    trunk.prepare(lesson.texts(), progress=watch.step)
    lesson.hold_out(trunk)
    tuned = lesson.tune(trunk, identity=data.digest(), seed=seed, watch=watch, folder=folder)
    upper = None if tuned is None else encoder.upper("candidate", tuned.file)
    watch.stage("fitting")
    judging = Judging(lesson, trunk, tests=data.tests, synonyms=data.synonyms, seed=seed)
    fitted = judging.fit(upper=upper, kept=live.weights)
    watch.stage("evaluating")
    report = judging.compare(
        before=judging.rankings(upper=live.upper, fitted=judging.unfitted(live.weights)),
        after=judging.rankings(upper=upper, fitted=fitted),
        sizes=(live.weights_bytes, 0 if tuned is None else len(tuned.file)),
    )
    return Trained(
        weights_file=None if tuned is None else tuned.file,
        ranker=fitted.weights,
        recipe={} if tuned is None else tuned.recipe,
        data=lesson.counts() | {"tests": len(data.tests)},
        skipped=tuple(code for code in SKIPPED if code in {*lesson.skipped, *judging.skipped}),
        report=report,
        verdict=judge(report),
        seconds=time.monotonic() - began,
    )
