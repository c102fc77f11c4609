"""A training that learns nothing, for what is around it: it passes the real one's stages, and is judged for real."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatbot import training
from chatbot.answering.rank import default_weights
from chatbot.engine.encoder import Encoder
from chatbot.engine.upper_file import write_upper
from chatbot.learning import compare, gate
from chatbot.learning.run import Live, NothingToLearn, Trained, TrainingData, Watch
from chatbot.models import ModelVersion, TrainingRun
from chatbot.training import Learned, Taught
from customers.models import LocaleProfile
from customers.services import FaqDraft
from tests.chatbot.learning import versions as rankings

STAGES = ("reading", "trunk", "tuning", "fitting", "evaluating")
STEPS = 5
# As many of 60 questions are right before and after; the gate needs 30.
BETTER, WORSE, SAME = (20, 50), (50, 20), (40, 40)
FAQ = (
    FaqDraft(key="shipping", questions=("Was kostet der Versand?", "Porto"), answer="Vier Euro."),
    FaqDraft(key="returns", questions=("Kann ich etwas zurückgeben?",), answer="Ja, 30 Tage lang."),
)
TEXTS = 5
TOPICS = ("den Versand", "eine Rücksendung", "ein Paket", "die Garantie", "einen Gutschein", "das Konto")
WORDINGS = (
    "Was kostet {}?", "Wie lange dauert {} bei euch?", "Ich habe eine Frage zu {}: was muss ich wissen?",
    "Brauche Hilfe, es geht um {}", "Könnt ihr mir etwas über {} sagen?",
)  # fmt: skip
# Enough to tune, to hold some out and to fit with, and done in seconds.
SMALL_FAQ = tuple(
    FaqDraft(
        key=f"topic-{number}",
        questions=tuple(wording.format(topic) for wording in WORDINGS),
        answer=f"Über {topic} steht alles in Abschnitt {number}.",
        category="a" if number % 2 else "b",
    )
    for number, topic in enumerate(TOPICS)
)


def compared(before: int, after: int) -> compare.Comparison:
    """Compare two sides that have so many of 60 questions right."""
    asked = rankings.questions(60)
    sides = [
        rankings.ranked(asked, right, rankings.sure(right))
        for right in ([n < count for n in range(60)] for count in (before, after))
    ]
    return compare.compare(asked, *sides, categories={}, seed=0)


def trained(outcome: tuple[int, int] = BETTER, *, weights: bytes | None = None) -> Trained:
    """Return what a training of a given outcome makes."""
    comparison = compared(*outcome)
    return Trained(
        weights_file=weights,
        ranker=default_weights(),
        recipe={"steps": STEPS},
        data={"entries": 2},
        skipped=("no_alternates",),
        report=comparison,
        verdict=gate.judge(comparison),
        seconds=1.5,
    )


def tuned(encoder: Encoder, *, by: float = 1.02) -> bytes:
    """Return upper layers that are a little other than the encoder's own."""
    return write_upper({name: tensor * by for name, tensor in encoder.upper_state().items()})


@dataclass
class Rehearsal:
    """Stands in for `train_version`. `on_step` is called at each, before the watch is told."""

    outcome: tuple[int, int] = BETTER
    weights: bytes | None = None
    on_step: Callable[[str, int], None] = lambda stage, number: None
    seen: list[TrainingData] = field(default_factory=list)
    lives: list[Live] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __call__(
        self, data: TrainingData, *, encoder: Encoder, live: Live, seed: int, watch: Watch, folder: Path
    ) -> Trained:
        self.seen.append(data)
        self.lives.append(live)
        self.seeds.append(seed)
        if not data.entries:
            raise NothingToLearn
        for stage in STAGES:
            watch.stage(stage, steps=STEPS if stage == "tuning" else 0)
            for number in range(1, STEPS + 1) if stage == "tuning" else ():
                self.on_step(stage, number)
                watch.step(number, loss=1 / number, held_out_loss=0.5 if number == STEPS else None)
                (folder / "checkpoint").write_text(str(number))
            self.on_step(stage, 0)
        return trained(self.outcome, weights=self.weights)


def rehearse(monkeypatch: pytest.MonkeyPatch, rehearsal: Rehearsal | None = None) -> Rehearsal:
    """Have trainings only rehearsed."""
    made = rehearsal or Rehearsal()
    monkeypatch.setattr("chatbot.training_work.train_version", made)
    return made


def version_of(
    profile: LocaleProfile,
    base: str,
    *,
    outcome: tuple[int, int] = BETTER,
    weights: bytes | None = None,
    against: ModelVersion | None = None,
    taught: Taught | None = None,
) -> ModelVersion:
    """Store a version as a finished run does."""
    run = training.run_open(profile=profile, actor="lena", trigger=TrainingRun.Trigger.COMMAND)
    claim = training.run_claim(run_id=run.pk)
    assert claim is not None
    learned = Learned(
        data_sha256=hashlib.sha256(b"data").hexdigest(), snapshot=b"", base=base, against=against
    )
    return training.version_store(
        claim=claim, trained=trained(outcome, weights=weights), learned=learned, taught=taught
    )
