"""Evaluate a data set after training on its FAQ, as the retrain button does."""

import functools
import time
from dataclasses import replace
from pathlib import Path

from chatbot.answering.rank import Ranker, Weights
from chatbot.engine.encoder import Encoder
from chatbot.engine.upper import Upper
from chatbot.learning.dataset import Dataset
from chatbot.learning.evaluate import Report, evaluate
from chatbot.learning.judging import FEWEST_TO_FIT, Judging
from chatbot.learning.lesson import Lesson
from chatbot.learning.trunk import Trunk
from chatbot.learning.watch import Watch


def evaluate_trained(
    dataset: Dataset,
    *,
    encoder: Encoder,
    watch: Watch,
    seed: int,
    folder: Path,
    own: bool = False,
    plain: bool = False,
) -> Report:
    """Tune the encoder to a data set's FAQ, then evaluate it; `own` and `plain` as for `evaluate`.

    The data set has questions of its own to be judged with, so what is evaluated has learned all of the FAQ. Of what
    they learned, tuned vectors know too much to fit a ranker to: a first training leaves wordings out for that, where
    there are enough.
    """
    began = time.monotonic()
    trunk = Trunk(encoder)
    lesson = Lesson(dataset.entries, (), locale=dataset.locale, synonyms={}, seed=seed)
    watch.stage("trunk", steps=len(lesson.texts()))
    trunk.prepare(lesson.texts(), progress=watch.step)

    def tuned() -> Upper | None:
        found = lesson.tune(trunk, identity=dataset.name, seed=seed, watch=watch, folder=folder)
        return None if found is None else encoder.upper("trained", found.file)

    def fitted(upper: Upper | None) -> Weights:
        watch.stage("fitting")
        return Judging(lesson, trunk, tests=(), synonyms={}, seed=seed).fit(upper=upper, kept=None).weights

    lesson.hold_out(trunk)
    weights = fitted(tuned()) if lesson.held_out.sum() >= FEWEST_TO_FIT else None
    lesson.held_out[:] = False
    upper = tuned()
    weights = weights or fitted(upper)
    seconds = time.monotonic() - began
    watch.stage("evaluating")
    report = evaluate(
        dataset,
        embed=functools.partial(trunk.embed, upper=upper),
        tokenize=trunk.tokenize,
        seed=seed,
        own=own,
        plain=plain,
        ranker=Ranker(weights=weights),
    )
    return replace(report, train_s=seconds)
