"""Background jobs: what takes longer than a person would wait for a page. They run in `manage.py worker`.

What they need is imported when they run: the site defers jobs without knowing how they are done.
"""

import datetime as dt
import logging
import time
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status

logger = logging.getLogger(__name__)

# A worker tells this often that it lives; one whose last word is older than that is gone, and its jobs with it.
HEARTBEAT_SECONDS = 5
STALLED_SECONDS = 20
# A fault of a moment, such as a restart of Postgres, is over by then; one in the data stays and ends the job.
RETRY_SECONDS = (2, 10, 60)
RECONNECT_SECONDS = 1.0
UPLOAD_VECTORS_DAYS = 7
CHECK_PRIORITY, CHANGE_PRIORITY, VECTORS_PRIORITY, COMPARE_PRIORITY, SUITE_PRIORITY = 20, 15, 10, 0, 0
TRAINING_PRIORITY, NIGHTLY_PRIORITY, EXAM_PRIORITY = -10, -20, -30
# Trainings have a queue, and in each worker a place, of their own: however many wait, no other job waits for them.
# Exams are behind them there, for they take as long and all cores too.
DEFAULT_QUEUE, TRAINING_QUEUE = "default", "training"
# A run or a change that was not heard of for so long has lost its job, or its command was killed.
LOST_SECONDS = 60
NIGHT_HOUR = 3


def defer_check(upload_id: int) -> None:
    """Have an upload's file read and reviewed; in the caller's transaction."""
    _defer("upload_check", f"upload:{upload_id}", CHECK_PRIORITY, upload_id=upload_id)


def defer_compare(upload_id: int) -> None:
    """Have the encoder look for similar questions in an upload and try the test questions with it."""
    _defer("upload_compare", f"compare:{upload_id}", COMPARE_PRIORITY, upload_id=upload_id)


def defer_vectors(profile_id: int) -> None:
    """Have the missing vectors of a profile's FAQ computed."""
    _defer("vectors_compute", f"vectors:{profile_id}", VECTORS_PRIORITY, profile_id=profile_id)


def defer_suite(run_id: int) -> None:
    """Have a run's test questions answered."""
    _defer("suite_answer", f"suite:{run_id}", SUITE_PRIORITY, run_id=run_id)


def defer_training(run_id: int, *, nightly: bool = False) -> None:
    """Have a training run worked on; in the caller's transaction."""
    priority = NIGHTLY_PRIORITY if nightly else TRAINING_PRIORITY
    _defer("train_profile", f"training:{run_id}", priority, queue=TRAINING_QUEUE, run_id=run_id)


def defer_exam(run_id: int) -> None:
    """Have an exam sat; in the caller's transaction."""
    _defer("exam_sit", f"exam:{run_id}", EXAM_PRIORITY, queue=TRAINING_QUEUE, run_id=run_id)


def defer_change(change_id: int) -> None:
    """Have a version made live; in the caller's transaction."""
    _defer("version_change", f"version:{change_id}", CHANGE_PRIORITY, change_id=change_id)


@app.task(pass_context=True)
def upload_check(context: JobContext, *, upload_id: int, attempt: int = 0) -> None:
    """Read and review an upload's file."""
    from customers import uploads
    from customers.models import FaqUpload

    def work() -> None:
        uploads.upload_check(upload_id=upload_id)
        # Also where an earlier run of this job stored the check and died then.
        checked = FaqUpload.objects.filter(
            pk=upload_id, state__in=(FaqUpload.State.READY, FaqUpload.State.INVALID), compared=False
        )
        if checked.exists():
            defer_compare(upload_id)

    _try(
        work, context, attempt, at_last=lambda: uploads.upload_fail(upload_id=upload_id), upload_id=upload_id
    )


@app.task(pass_context=True)
def upload_compare(context: JobContext, *, upload_id: int, attempt: int = 0) -> None:
    """Look for similar questions in an upload, and try the test questions with it."""
    from chatbot import upload_compare as comparing
    from customers import upload_comparison

    _try(
        lambda: comparing.compare(upload_id=upload_id),
        context,
        attempt,
        at_last=lambda: upload_comparison.upload_compare_fail(upload_id=upload_id),
        upload_id=upload_id,
    )


@app.task(pass_context=True)
def vectors_compute(context: JobContext, *, profile_id: int, attempt: int = 0) -> None:
    """Compute the missing vectors of a profile's FAQ."""
    from chatbot import vector_work

    _try(lambda: vector_work.compute(profile_id=profile_id), context, attempt, profile_id=profile_id)


@app.task(pass_context=True)
def suite_answer(context: JobContext, *, run_id: int, attempt: int = 0) -> None:
    """Answer a run's test questions."""
    from chatbot import suites

    _try(
        lambda: suites.run_in_worker(run_id=run_id),
        context,
        attempt,
        at_last=lambda: suites.run_fail(run_id=run_id),
        run_id=run_id,
    )


@app.task(pass_context=True)
def train_profile(context: JobContext, *, run_id: int, attempt: int = 0) -> None:
    """Work on a training run."""
    from chatbot import training, training_work
    from chatbot.training_progress import Stopped

    def work() -> None:
        try:
            training_work.train(run_id=run_id, is_stopped=context.should_abort)
        except Stopped:
            _again(context, run_id=run_id)

    _try(work, context, attempt, at_last=lambda: training.run_fail(run_id=run_id), run_id=run_id)


@app.task(pass_context=True)
def exam_sit(context: JobContext, *, run_id: int, attempt: int = 0) -> None:
    """Put an exam's traps to the generator."""
    from chatbot import exams

    def work() -> None:
        try:
            exams.sit_in_worker(run_id=run_id, is_stopped=context.should_abort)
        except exams.Stopped:
            _again(context, run_id=run_id)

    _try(work, context, attempt, at_last=lambda: exams.run_fail(run_id=run_id), run_id=run_id)


@app.task(pass_context=True)
def version_change(context: JobContext, *, change_id: int, attempt: int = 0) -> None:
    """Make a version live once it has its vectors."""
    from chatbot import version_work, versions

    _try(
        lambda: version_work.make_live(change_id=change_id),
        context,
        attempt,
        at_last=lambda: versions.change_fail(change_id=change_id),
        change_id=change_id,
    )


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="lost_resume", lock="lost_resume")
def lost_resume(timestamp: int) -> None:
    """Have the runs and changes gone on with that nobody is at: one's job was lost, or its command was killed."""
    from chatbot import training
    from chatbot.models import TrainingRun, VersionChange

    quiet = timezone.now() - dt.timedelta(seconds=LOST_SECONDS)
    for run in TrainingRun.objects.filter(state__in=training.ACTIVE, progress_at__lt=quiet):
        defer_training(run.pk, nightly=run.trigger == TrainingRun.Trigger.SCHEDULE)
    waiting = VersionChange.objects.filter(state=VersionChange.State.WAITING, progress_at__lt=quiet)
    for change_id in waiting.values_list("pk", flat=True):
        defer_change(change_id)


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="exams_open", lock="exams_open")
def exams_open(timestamp: int) -> None:
    """Open exams again that were sat with another generator, prompts, guard or traps than are installed now."""
    from chatbot import exams

    if opened := exams.open_due():
        logger.info(
            "%d exams were opened: the generator, its prompts, the guard or the traps are new", opened
        )


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="nightly_train", lock="nightly_train")
def nightly_train(timestamp: int) -> None:
    """Open a training for each locale where it is night and enough has changed."""
    from chatbot import drift, training
    from customers.models import LocaleProfile

    wanted = LocaleProfile.objects.filter(is_active=True, tenant__is_active=True, retrain_after__gt=0)
    for profile in wanted.select_related("tenant"):
        hour = timezone.now().astimezone(zoneinfo.ZoneInfo(profile.time_zone)).hour
        if hour == NIGHT_HOUR and drift.is_due(profile=profile):
            training.run_open(profile=profile, actor="nightly", trigger=training.Trigger.SCHEDULE)


@app.periodic(cron="53 * * * *")
@app.task(queueing_lock="versions_retire", lock="versions_retire")
def versions_retire(timestamp: int) -> None:
    """Delete versions and runs that are past their time, and what they left on this machine's disk."""
    from chatbot import training, training_files, versions

    if gone := versions.versions_retire():
        logger.info("%d model versions were past their time and are deleted", gone)
    training.runs_retire()
    training_files.sweep()


@app.periodic(cron="* * * * * */10")
# Without a lock: one that died itself would hold it, and no stalled job would ever be seen again.
@app.task(pass_context=True, queueing_lock="stalled_retry")
async def stalled_retry(context: JobContext, timestamp: int) -> None:
    """Start the jobs of workers that have died again."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        logger.warning("Job %s (%s) had stalled and is started again", job.id, job.task_name)
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # The same job waits already, which does as well; this one must not hold its lock for ever.
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="upload_vectors_drop", lock="upload_vectors_drop")
def upload_vectors_drop(timestamp: int) -> None:
    """Delete vectors of uploads that were applied, or that nobody has touched for days."""
    from chatbot.models import UploadVector
    from customers.models import FaqUpload

    now = timezone.now()
    closed = [FaqUpload.State.APPLIED, FaqUpload.State.REVERTED, FaqUpload.State.REFUSED]
    UploadVector.objects.filter(
        upload__state__in=closed, upload__progress_at__lt=now - dt.timedelta(hours=1)
    ).delete()
    UploadVector.objects.filter(upload__progress_at__lt=now - dt.timedelta(days=UPLOAD_VECTORS_DAYS)).delete()


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="conversations_purge", lock="conversations_purge")
def conversations_purge(timestamp: int) -> None:
    """Delete the conversations that are past their profile's retention."""
    from chatbot import services

    if gone := services.conversations_purge():
        logger.info("%d conversations were past their retention and are deleted", gone)


def _try(
    work: Callable[[], None],
    context: JobContext,
    attempt: int,
    *,
    at_last: Callable[[], None] = lambda: None,
    **arguments: int,
) -> None:
    """Do a job's work; where it fails, do it again a little later, and `at_last` give up."""
    try:
        work()
    except Exception:
        _wait_for_database()
        if attempt == len(RETRY_SECONDS):
            at_last()
            raise
        logger.exception(
            "%s failed and is tried again in %d s", context.job.task_name, RETRY_SECONDS[attempt]
        )
        _again(context, seconds=RETRY_SECONDS[attempt], attempt=attempt + 1, **arguments)


def _again(context: JobContext, *, seconds: int | None = None, **arguments: int) -> None:
    """Enqueue a job that is being done once more, as it was enqueued."""
    job, name = context.job, context.job.task_name.rpartition(".")[2]
    _defer(name, job.lock or name, job.priority, queue=job.queue, seconds=seconds, **arguments)


def _wait_for_database() -> None:
    """Return once Postgres can be reached: a job that fails without it could not be enqueued again, and be lost."""
    connection.close()
    while True:
        try:
            return connection.ensure_connection()
        except OperationalError:
            time.sleep(RECONNECT_SECONDS)


def _defer(
    task: str,
    lock: str,
    priority: int,
    *,
    queue: str = DEFAULT_QUEUE,
    seconds: int | None = None,
    **arguments: Any,
) -> None:
    """Enqueue a job unless the same waits already; two of the same never run at once."""
    configured = app.configure_task(
        f"chatbot.tasks.{task}",
        queue=queue,
        lock=lock,
        queueing_lock=lock,
        priority=priority,
        schedule_in=None if seconds is None else {"seconds": seconds},
    )
    try:
        with transaction.atomic():
            configured.defer(**arguments)
    except AlreadyEnqueued:
        return
