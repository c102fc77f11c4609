"""A training's optional stage: an adapter of the generator for one locale's FAQ, and the exam that it has to sit.

How far it is is kept beside the run's other checkpoints: whoever goes on with the run takes the adapter, as far as it
was trained, and every reply to the exam's traps, from there.
"""

import asyncio
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from chatbot import exam_candidate, exam_records, exams, generation, training_examples, version_adapters
from chatbot.engine.encoder import Encoder
from chatbot.engine.errors import EngineError, WeightsError
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.generator.generator import Generator
from chatbot.exam import traps, versions
from chatbot.exam.grading import Score
from chatbot.exam.versions import Key
from chatbot.learning.checkpoint import Checkpoint
from chatbot.learning.rewriting import gate
from chatbot.learning.rewriting.examples import Example
from chatbot.learning.rewriting.gate import Sitting, Teaching
from chatbot.learning.rewriting.run import train_adapter
from chatbot.learning.rewriting.train import Recipe
from chatbot.learning.run import TrainingData
from chatbot.models import ModelVersion, TrainingRun
from chatbot.training import ExamSat, Taught
from chatbot.training_progress import Progress

logger = logging.getLogger(__name__)

Stage = TrainingRun.Stage
# With batches of 768 tokens, some six seconds each on one core for the bundled generator: a quarter of an hour.
MOST_STEPS = 150
RECIPE = Recipe()
LOOK_SECONDS = 0.5
ADAPTER, MADE_OF, REPLIES = "adapter", "adapter.sha256", "exam-{}.jsonl"
CHECKPOINT = "adapter.checkpoint.safetensors"


def teach(
    *,
    run: TrainingRun,
    data: TrainingData,
    against: ModelVersion | None,
    encoder: Encoder,
    progress: Progress,
    folder: Path,
) -> Taught:
    """Train, examine and judge an adapter; `against` is the live version. What goes wrong here refuses no version.

    A live version's adapter stays where none better was made. Raises whatever `progress` raises.
    """
    progress.stage(Stage.GENERATOR)
    stage = _Teaching(run=run, data=data, encoder=encoder, progress=progress, folder=folder)
    live = _adapter_of(against, encoder)
    while not exams.alone.acquire(timeout=LOOK_SECONDS):
        progress.look()
    try:
        taught = stage.made(live, against)
    except exam_candidate.NoGenerator:
        taught = _without(gate.NO_GENERATOR)
    except (EngineError, RuntimeError, MemoryError, OSError):
        logger.exception("The generator of %s was not taught; its version is made without", run.profile)
        taught = _without(gate.FAILED)
    finally:
        exams.alone.release()
    return taught if taught.teaching.passed else _with_live(taught, live)


class _Teaching:
    """One run's stage."""

    def __init__(
        self, *, run: TrainingRun, data: TrainingData, encoder: Encoder, progress: Progress, folder: Path
    ) -> None:
        self._run, self._data, self._encoder = run, data, encoder
        self._progress, self._folder = progress, folder
        self._exam = traps.exam_of(data.locale)
        self._base = generation.version_for(data.locale)

    def made(self, live: Adapter | None, against: ModelVersion | None) -> Taught:
        """Return what became of it. Raises EngineError, NoGenerator, and whatever the progress raises."""
        base = generation.prepare()
        if base is None:
            return _without(gate.NO_GENERATOR)
        if not self._exam:
            return _without(gate.NO_EXAM)
        examples = training_examples.for_faq(self._data, encoder=self._encoder, seed=self._run.seed)
        if not examples:
            return _without(gate.TOO_FEW)
        try:
            told = self._trained(base, examples)
        except WeightsError as error:
            logger.warning("%s", error)
            return _without(gate.UNFIT)
        loss = told["loss"]
        teaching = Teaching(
            code=gate.LOSS,
            loss_before=loss["held_out_before"],
            loss_after=loss["held_out_after"],
            exam=self._exam,
            examples=told["recipe"]["lessons"],
            steps=told["steps"],
            seconds=told["seconds"],
        )
        if not gate.has_learned(teaching.loss_before, teaching.loss_after):
            return Taught(teaching=teaching)
        return self._examined(teaching, live, against)

    # ------------------------------------------------------------ training

    def _trained(self, base: Path, examples: Sequence[Example]) -> dict[str, Any]:
        """Train the adapter, or take the one that an earlier attempt has finished; returns what was told of it."""
        out, made_of = self._folder / ADAPTER, self._folder / MADE_OF
        recipe = asdict(RECIPE) | {"steps": MOST_STEPS, "seed": self._run.seed, "base": self._base}
        content = json.dumps([recipe, [asdict(one) for one in examples]], sort_keys=True)
        identity = hashlib.sha256(content.encode()).hexdigest()
        if not made_of.is_file() or made_of.read_text() != identity:
            made_of.unlink(missing_ok=True)
            shutil.rmtree(out, ignore_errors=True)
            train_adapter(
                base,
                examples,
                out,
                recipe=RECIPE,
                seed=self._run.seed,
                watch=_Watch(self._progress),
                shared=generation.shared_adapter(),
                most_steps=MOST_STEPS,
                checkpoint=Checkpoint(self._folder / CHECKPOINT, identity={"of": identity}),
            )
            made_of.write_text(identity)
        told: dict[str, Any] = json.loads((out / "adapter.json").read_text())
        return told

    # ------------------------------------------------------------ the exam

    def _examined(self, teaching: Teaching, live: Adapter | None, against: ModelVersion | None) -> Taught:
        """Have the adapter sit the exam, and what is live where nobody knows how that does."""
        made = adapters.unpacked(adapters.packed(adapters.read(self._folder / ADAPTER, base=self._base)))
        standing = exams.standing(self._exam, adapter=live)
        known = standing.score if standing is not None else None
        traps_of = len(traps.load(self._exam))
        self._progress.stage(Stage.EXAM, steps=traps_of * (1 if known else 2))
        sat = []
        with exam_candidate.running(self._exam) as generator:
            if known is None:
                before = self._sit(generator, live, told=0)
                sat.append(replace(before, version=against if live is not None else None))
                known = _score(before)
            after = self._sit(generator, made, told=traps_of if sat else 0)
        score = _score(after)
        judged = replace(
            teaching,
            code=gate.code_of(before=known, after=score),
            before=Sitting(generator=generation.version_with(live, locale=self._exam), score=known),
            after=Sitting(generator=after.key.generator, score=score),
        )
        sat.append(replace(after, is_of_new=True))
        if not judged.passed:
            return Taught(teaching=judged, exams=tuple(sat))
        return Taught(teaching=judged, file=made.read(), about=made.about(), exams=tuple(sat))

    def _sit(self, generator: Generator, adapter: Adapter | None, *, told: int) -> ExamSat:
        """Put the traps to the generator with an adapter, or go on where an earlier attempt ended."""
        candidate = exam_candidate.candidate(generator, self._exam, adapter=adapter)
        key = versions.key(self._exam, candidate.version)
        file = self._folder / REPLIES.format(_digest(key))
        known = _read(file)
        replies: list[dict[str, Any]] = []
        with asyncio.Runner() as runner, file.open("a", encoding="utf-8") as out:
            for trap in traps.load(self._exam):
                self._progress.step(told + len(replies))
                if trap.key in known:
                    replies.append(known[trap.key])
                    continue
                try:
                    sat = runner.run(exams.ask_until(trap, candidate, _ended(self._progress)))
                except exams.Stopped:
                    self._progress.look()
                    raise
                replies.append(exam_records.fields_of(sat))
                out.write(json.dumps(replies[-1]) + "\n")
                out.flush()
        self._progress.step(told + len(replies))
        return ExamSat(key=key, replies=tuple(replies))


class _Watch:
    """Tells a run's progress what the training of an adapter tells; its loss is not the encoder's."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, name: str, *, steps: int = 0) -> None:
        """Note how many steps there will be. Raises what the progress raises."""
        if steps:
            self._progress.stage(Stage.GENERATOR, steps=steps)
        self._progress.look()

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """Note a step. Raises what the progress raises."""
        self._progress.step(number, seconds_left=seconds_left)


def _ended(progress: Progress) -> Callable[[], bool]:
    """Return what says whether a run is to end; the reply that is being written is not waited for then."""
    return lambda: progress.has_ended


def _adapter_of(version: ModelVersion | None, encoder: Encoder) -> Adapter | None:
    """Return the adapter that writes now: that of the live version, where it is served and made for this generator."""
    if version is None or version.base != encoder.version:
        return None
    try:
        adapter = version_adapters.adapter_of(version)
    except WeightsError:
        logger.exception(
            "%s is live but its adapter cannot be loaded; comparing with the generator alone", version
        )
        return None
    if adapter is None or adapter.base != generation.version_for(version.profile.locale):
        return None
    return adapter


def _with_live(taught: Taught, live: Adapter | None) -> Taught:
    """Return what is stored where nothing better was made: the live version's adapter, if it has one."""
    if live is None:
        return taught
    try:
        file = live.read()
    except WeightsError:
        logger.exception("The live adapter cannot be kept")
        return taught
    return replace(
        taught, teaching=replace(taught.teaching, is_live_kept=True), file=file, about=live.about()
    )


def _without(code: str) -> Taught:
    return Taught(teaching=Teaching(code=code))


def _score(sat: ExamSat) -> Score:
    return Score(total=len(sat.replies), **exam_records.counts_of(sat.replies))


def _digest(key: Key) -> str:
    return hashlib.sha256(json.dumps(asdict(key), sort_keys=True).encode()).hexdigest()[:16]


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """Return the replies that earlier attempts have written down, by trap; a last line that was cut off is dropped.

    Somebody who was overtaken may have added one that another has as well.
    """
    if not file.is_file():
        return {}
    whole, _, _rest = file.read_text(encoding="utf-8").rpartition("\n")
    file.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    found = (json.loads(line) for line in whole.splitlines() if line)
    return {reply["key"]: reply for reply in found}
