"""A whole training on the real encoder, from an FAQ to its verdict."""

import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.gate import WORSE, judge
from chatbot.learning.judging import ABSENT, HELD_OUT, KNOWN_TEST, TEST, Judging
from chatbot.learning.lesson import NO_ALTERNATES, NO_TESTS, NOTHING_HELD_OUT, RANKER_KEPT, Lesson
from chatbot.learning.run import Live, NothingToLearn, Trained, TrainingData, train_version
from chatbot.learning.trunk import Trunk
from customers.demo.load import FOLDER

THINGS = [
    "bicycle",
    "kettle",
    "lamp",
    "sofa",
    "jacket",
    "ring",
    "camera",
    "guitar",
    "tent",
    "carpet",
    "mirror",
    "drill",
]
WAYS = [
    "how do I clean my {}",
    "what is the best way to wash a {}",
    "cleaning instructions for the {} please",
    "my {} is dirty, what now",
    "can the {} be cleaned with water",
    "remove stains from a {}",
    "soap on my {}?",
    "is there a cleaner made for my {}",
]


class Told:
    """Notes the stages, and fails at one of them if asked to."""

    def __init__(self, fail_at: str = "") -> None:
        self.stages: list[str] = []
        self.fail_at = fail_at

    def stage(self, name: str, *, steps: int = 0) -> None:
        self.stages.append(name)
        if name == self.fail_at:
            raise RuntimeError(name)

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        assert number > 0


@pytest.fixture(scope="module")
def encoder(model_folder: Path) -> Encoder:
    return Encoder(model_folder, threads=1)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MIN", 8)
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MAX", 8)


def faq(*, ways: int = len(WAYS)) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            key=thing,
            questions=tuple(way.format(thing) for way in WAYS[:ways]),
            answer=f"Wipe the {thing} with a cloth.",
            category="home",
        )
        for thing in THINGS
    )


def data(**changes: object) -> TrainingData:
    tests = tuple(
        LabelledQuery(key=thing, text=f"there is dust on the {thing}", relevant={thing: 1})
        for thing in THINGS
    )
    whole = TrainingData(
        locale="en-US",
        entries=faq(),
        confirmed=(("it smells, the tent", "tent"), ("gone", "no such FAQ")),
        tests=(*tests, LabelledQuery(key="none", text="who won the election", relevant={})),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def demo_faq() -> list[Entry]:
    """Entries that only their meaning tells apart."""
    with (FOLDER / "faq" / "en-US.csv").open(newline="") as file:
        return [
            Entry(
                key=row["id"],
                questions=(row["question"], *row["alternates"].splitlines()),
                answer=row["answer"],
            )
            for row in csv.DictReader(file)
        ]


def train(encoder: Encoder, folder: Path, of: TrainingData, *, seed: int = 0) -> Trained:
    return train_version(of, encoder=encoder, live=Live(), seed=seed, watch=Told(), folder=folder)


def test_a_training_goes_through_its_stages_and_leaves_a_version(encoder: Encoder, tmp_path: Path) -> None:
    told = Told()
    made = train_version(data(), encoder=encoder, live=Live(), seed=0, watch=told, folder=tmp_path)
    assert told.stages == ["reading", "trunk", "tuning", "fitting", "evaluating"]
    assert made.weights_file is not None
    upper = encoder.upper("made", made.weights_file)
    assert upper.name == "made"
    assert made.data["entries"] == 12
    assert made.data["confirmed"] == 1
    assert made.data["tests"] == 13
    assert made.data["held_out"] > 0
    origins = {part.name: part.n for part in made.report.origins}
    assert origins[HELD_OUT] == made.data["held_out"]
    assert origins[TEST] + origins.get(KNOWN_TEST, 0) == 13
    assert origins[ABSENT] > 0
    assert made.report.out_of_scope == origins[ABSENT] + 1
    assert made.report.speed["version_bytes"].after == len(made.weights_file)
    assert made.recipe["steps"] == 8


def test_the_same_seed_makes_the_same_version(encoder: Encoder, tmp_path: Path) -> None:
    one = train(encoder, tmp_path / "one", data())
    again = train(encoder, tmp_path / "again", data())
    assert one.weights_file == again.weights_file
    assert one.report.metrics == again.report.metrics


def test_without_alternates_nothing_is_tuned_and_that_is_said(encoder: Encoder, tmp_path: Path) -> None:
    made = train(encoder, tmp_path, data(entries=faq(ways=1), confirmed=(), tests=()))
    assert made.weights_file is None
    assert made.skipped == (NO_ALTERNATES, NOTHING_HELD_OUT, NO_TESTS, RANKER_KEPT)
    assert made.report.n == 0
    assert not made.verdict.passed


def test_an_empty_faq_has_nothing_to_learn(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(NothingToLearn):
        train(encoder, tmp_path, data(entries=()))


@pytest.mark.parametrize("stage", ["reading", "trunk", "tuning", "fitting", "evaluating"])
def test_what_the_onlooker_raises_ends_it(encoder: Encoder, tmp_path: Path, stage: str) -> None:
    with pytest.raises(RuntimeError, match=stage):
        train_version(data(), encoder=encoder, live=Live(), seed=0, watch=Told(stage), folder=tmp_path)


def test_a_version_of_shuffled_labels_does_not_pass_the_gate(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MIN", 60)
    monkeypatch.setattr("chatbot.learning.batches.STEPS_MAX", 60)
    entries = demo_faq()
    texts = [text for entry in entries for text in entry.questions]
    random.Random(0).shuffle(texts)
    of_them = iter(texts)
    shuffled = [replace(entry, questions=tuple(next(of_them) for _ in entry.questions)) for entry in entries]
    trunk = Trunk(encoder)
    wrong, right = (Lesson(rows, (), locale="en-US", synonyms={}, seed=0) for rows in (shuffled, entries))
    tuned = wrong.tune(trunk, identity="wrong", seed=0, watch=Told(), folder=tmp_path)
    assert tuned is not None
    right.hold_out(trunk)
    judging = Judging(right, trunk, tests=(), synonyms={}, seed=0)
    fitted = judging.unfitted(None)
    verdict = judge(
        judging.compare(
            before=judging.rankings(upper=None, fitted=fitted),
            after=judging.rankings(upper=encoder.upper("wrong", tuned.file), fitted=fitted),
            sizes=(0, 0),
        )
    )
    assert verdict.code == WORSE
    assert verdict.falls
