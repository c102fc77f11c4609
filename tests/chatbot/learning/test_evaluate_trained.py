"""A data set evaluated after a training on the real encoder."""

from pathlib import Path

import pytest

from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.learning.dataset import Dataset, LabelledQuery
from chatbot.learning.evaluate import Report
from chatbot.learning.evaluate_trained import evaluate_trained
from tests.chatbot.learning.test_run import THINGS, WAYS, Told

MORE_WAYS = [
    "washing instructions, {}",
    "how often should a {} be cleaned?",
    "dust on my {}",
    "may I put the {} under the tap",
    "the {} got wet and muddy, help",
    "who cleans {}s for a living",
    "brush or sponge for the {}?",
    "does bleach harm a {}",
]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MIN", 4)
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MAX", 4)


def evaluated(ways: list[str], told: Told, folder: Path, model_folder: Path) -> Report:
    entries = tuple(
        Entry(key=thing, questions=tuple(way.format(thing) for way in ways), answer="Wipe it with a cloth.")
        for thing in THINGS
    )
    queries = tuple(
        LabelledQuery(key=thing, text=f"a spot on the {thing}", relevant={thing: 1}) for thing in THINGS
    )
    return evaluate_trained(
        Dataset(name="things", locale="en-US", entries=entries, queries=queries),
        encoder=Encoder(model_folder, threads=1),
        watch=told,
        seed=0,
        folder=folder,
    )


@pytest.mark.parametrize(
    ("ways", "stages"),
    [
        ([*WAYS, *MORE_WAYS], ["trunk", "tuning", "fitting", "tuning", "evaluating"]),
        (WAYS[:3], ["trunk", "tuning", "fitting", "evaluating"]),
        (WAYS[:1], ["trunk", "fitting", "evaluating"]),
    ],
    ids=["fitted to what a first training left out", "too few to fit to", "nothing to learn from"],
)
def test_the_ranker_is_fitted_where_there_is_enough(
    ways: list[str], stages: list[str], tmp_path: Path, model_folder: Path
) -> None:
    told = Told()
    report = evaluated(ways, told, tmp_path, model_folder)
    assert told.stages == stages
    assert report.served.values["hit@1"] == 1.0
    assert (report.train_s or 0) > 0
