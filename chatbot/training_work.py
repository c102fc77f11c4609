"""Working on a training run, in the worker or in a command: from its claim to its version."""

import logging
from collections.abc import Callable
from dataclasses import replace

from chatbot import (
    bulk_encoder,
    drift,
    exams,
    training,
    training_data,
    training_files,
    training_generator,
    versions,
)
from chatbot.answering.rank import RankerError, weights_from_json
from chatbot.engine.encoder import Encoder
from chatbot.engine.errors import WeightsError
from chatbot.learning import gate
from chatbot.learning.run import Live, NothingToLearn, train_version
from chatbot.models import ModelVersion, TrainingRun
from chatbot.training import Cancelled, Claim, Learned, Overtaken
from chatbot.training_progress import Progress

logger = logging.getLogger(__name__)


def train(
    *,
    run_id: int,
    is_stopped: Callable[[], bool] = lambda: False,
    echo: Callable[[str], None] = lambda line: None,
) -> ModelVersion | None:
    """Work on a run until it has ended; returns its version, None where there is none or somebody else is at it.

    An earlier attempt's checkpoints are gone on from. Raises Stopped, WeightsError and whatever the training raises;
    the run is then still to be done.
    """
    training_files.sweep()
    claim = training.run_claim(run_id=run_id)
    if claim is None:
        return None
    run = TrainingRun.objects.select_related("profile__tenant").get(pk=run_id)
    progress = Progress(
        claim=claim, curve=run.curve, board=training_files.board_of(run), is_stopped=is_stopped, echo=echo
    )
    version = None
    try:
        with progress:
            version = _version_of(run, claim, progress)
    except Overtaken:
        # Its checkpoints are those of whoever is at it now.
        return None
    except Cancelled:
        pass
    except NothingToLearn:
        training.run_fail(run_id=run_id, failure=training.Failure.NOTHING_TO_LEARN)
    except Exception:
        if training.is_mine(claim=claim):
            raise
        return None
    training_files.checkpoints_drop(run)
    return version


def _version_of(run: TrainingRun, claim: Claim, progress: Progress) -> ModelVersion:
    progress.stage(TrainingRun.Stage.READING)
    profile = run.profile
    encoder = bulk_encoder.encoder()
    data = training_data.read(profile=profile)
    against = versions.live(profile_id=profile.pk)
    folder = training_files.checkpoints_of(run)
    folder.mkdir(parents=True, exist_ok=True)
    trained = train_version(
        data, encoder=encoder, live=_live(against, encoder), seed=run.seed, watch=progress, folder=folder
    )
    progress.figures({name: metric.after for name, metric in trained.report.metrics.items()})
    taught = None
    if run.with_generator:
        taught = training_generator.teach(
            run=run, data=data, against=against, encoder=encoder, progress=progress, folder=folder
        )
        trained = replace(
            trained,
            verdict=gate.with_adapter(trained.verdict, taught.teaching),
            seconds=trained.seconds + taught.teaching.seconds,
        )
    progress.stage(TrainingRun.Stage.SAVING)
    learned = Learned(
        data_sha256=data.digest(),
        snapshot=drift.snapshot_of(data.entries),
        base=encoder.version,
        against=against,
    )
    version = training.version_store(claim=claim, trained=trained, learned=learned, taught=taught)
    if taught is not None and any(not sat.is_of_new and sat.version is None for sat in taught.exams):
        # The generator itself may have passed, for whoever it writes for.
        exams.announce(taught.teaching.exam)
    return version


def _live(version: ModelVersion | None, encoder: Encoder) -> Live:
    """Return what a version is held against: the live one, or what Kefu ships where that one cannot be served."""
    if version is None or version.base != encoder.version:
        return Live()
    try:
        file = versions.load(version=version)
        upper = None if file is None else encoder.upper(version.vectors_key, file)
        return Live(
            upper=upper,
            weights=weights_from_json(version.ranker),
            weights_bytes=version.weights_bytes,
        )
    except (WeightsError, RankerError):
        logger.exception("%s is live but cannot be loaded; comparing with the shipped model", version)
        return Live()
