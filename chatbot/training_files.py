"""What trainings keep on this machine's disk: checkpoints while they run, and TensorBoard's logs."""

import shutil
from pathlib import Path

from django.conf import settings

from chatbot.models import TrainingRun

CHECKPOINTS, BOARDS = "training", "tensorboard"


def checkpoints_of(run: TrainingRun) -> Path:
    """Return the folder of a run's checkpoints, which is there only while it has not ended."""
    folder: Path = settings.VAR_DIR / CHECKPOINTS / str(run.pk)
    return folder


def board_of(run: TrainingRun) -> Path:
    """Return the folder of a run's TensorBoard log."""
    folder: Path = settings.VAR_DIR / BOARDS / run.profile.tenant.slug / run.profile.locale / str(run.pk)
    return folder


def checkpoints_drop(run: TrainingRun) -> None:
    """Delete the checkpoints of a run that has ended."""
    shutil.rmtree(checkpoints_of(run), ignore_errors=True)


def sweep() -> None:
    """Delete the checkpoints of runs that have ended, and the logs of runs that were deleted."""
    # The folders first: one that is there now is of a run that can be read below.
    checkpoints = _by_run(settings.VAR_DIR / CHECKPOINTS, "*")
    boards = _by_run(settings.VAR_DIR / BOARDS, "*/*/*")
    active = TrainingRun.objects.filter(
        state__in=(TrainingRun.State.WAITING, TrainingRun.State.RUNNING), pk__in=checkpoints
    )
    kept = TrainingRun.objects.filter(pk__in=boards)
    for number in checkpoints.keys() - set(active.values_list("pk", flat=True)):
        shutil.rmtree(checkpoints[number], ignore_errors=True)
    for number in boards.keys() - set(kept.values_list("pk", flat=True)):
        shutil.rmtree(boards[number], ignore_errors=True)


def _by_run(folder: Path, pattern: str) -> dict[int, Path]:
    found = (path for path in folder.glob(pattern) if path.name.isascii() and path.name.isdecimal())
    return {int(path.name): path for path in found}
