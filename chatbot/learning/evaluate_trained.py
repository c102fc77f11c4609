"""Evaluate a data set after training on its FAQ, as the retrain button does."""

import functools
import time
from dataclasses import replace
from pathlib import Path

from chatbot.answering.rank import Ranker, default_weights
from chatbot.engine.encoder import Encoder
from chatbot.learning.dataset import Dataset
from chatbot.learning.evaluate import Report, evaluate
from chatbot.learning.lesson import Lesson
from chatbot.learning.own import for_tuned
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

    The data set has questions of its own to be judged with, so nothing of the FAQ is held out.
    """
    began = time.monotonic()
    trunk = Trunk(encoder)
    lesson = Lesson(dataset.entries, (), locale=dataset.locale, synonyms={}, seed=seed)
    watch.stage("trunk", steps=len(lesson.texts()))
    trunk.prepare(lesson.texts(), progress=watch.step)
    tuned = lesson.tune(trunk, identity=dataset.name, seed=seed, watch=watch, folder=folder)
    upper = None if tuned is None else encoder.upper("trained", tuned.file)
    seconds = time.monotonic() - began
    watch.stage("evaluating")
    report = evaluate(
        dataset,
        embed=functools.partial(trunk.embed, upper=upper),
        tokenize=trunk.tokenize,
        seed=seed,
        own=own,
        plain=plain,
        ranker=Ranker(weights=None if tuned is None else for_tuned(default_weights())),
    )
    return replace(report, train_s=seconds)
