"""What becomes of a training when processes die at the worst moment, with real workers and a real training.

A trigger in the database keeps the worker at the boundary at which it is to die, for as long as the test holds a lock.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from chatbot import training, training_files, vectors, versions
from chatbot.bench.server import RunningServer, running_server
from chatbot.management.commands.worker import STOP_SECONDS
from chatbot.models import ExamRun, LiveVersion, ModelVersion, TrainingRun, VersionChange
from customers import services
from customers.models import LocaleProfile
from tests.chatbot import trainings
from tests.chatbot.jobs import forget_jobs
from tests.chatbot.tiny_models import write_tiny
from tests.customers.screens import make_profile
from tests.flows.uploading import MAKE_TENANTS, database, in_django

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PATIENCE_SECONDS = 180.0
LOCK = 4711
State = TrainingRun.State

# Each boundary is the first write of what comes after it.
BOUNDARIES = """
CREATE TABLE test_hold (boundary text);
CREATE FUNCTION test_hold_at() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE boundary_now text := TG_ARGV[0];
BEGIN
  IF boundary_now = 'stage' THEN
    IF NEW.stage = OLD.stage THEN RETURN NEW; END IF;
    boundary_now := NEW.stage;
  END IF;
  IF EXISTS (SELECT 1 FROM test_hold WHERE boundary = boundary_now) THEN
    PERFORM pg_advisory_xact_lock(4711);
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER test_hold BEFORE UPDATE ON chatbot_trainingrun
  FOR EACH ROW EXECUTE FUNCTION test_hold_at('stage');
CREATE TRIGGER test_hold BEFORE INSERT ON chatbot_versionsnapshot
  FOR EACH ROW EXECUTE FUNCTION test_hold_at('version');
CREATE TRIGGER test_hold BEFORE DELETE ON procrastinate_jobs
  FOR EACH ROW WHEN (OLD.queue_name = 'training') EXECUTE FUNCTION test_hold_at('job');
CREATE TRIGGER test_hold BEFORE INSERT ON chatbot_questionvector
  FOR EACH ROW EXECUTE FUNCTION test_hold_at('vectors');
CREATE TRIGGER test_hold BEFORE INSERT ON chatbot_liveversion
  FOR EACH ROW EXECUTE FUNCTION test_hold_at('live');
"""
NO_BOUNDARIES = "DROP TABLE test_hold; DROP FUNCTION test_hold_at CASCADE"


@pytest.fixture
def profile(transactional_db: None, settings: object, tmp_path: Path) -> LocaleProfile:
    """A locale with something to learn, and a var folder for the workers alone."""
    forget_jobs()
    (tmp_path / "models").symlink_to((settings.VAR_DIR / "models").resolve())  # type: ignore[attr-defined]
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    profile = make_profile("doomed")
    services.faq_import(profile=profile, drafts=trainings.SMALL_FAQ, actor="test")
    return profile


@pytest.fixture
def other(transactional_db: None) -> Iterator[psycopg.Connection]:
    """A session of its own, which holds what is held."""
    with psycopg.connect(_url(), autocommit=True) as connected:
        connected.execute(BOUNDARIES)
        yield connected
        connected.execute(NO_BOUNDARIES)


def _url() -> str:
    at = connection.settings_dict
    return psycopg.conninfo.make_conninfo(
        dbname=at["NAME"],
        user=at["USER"],
        password=at["PASSWORD"] or None,
        host=at["HOST"],
        port=at["PORT"] or None,
    )


@contextmanager
def worker(**settings_of_it: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `manage.py worker` on the test's database until the block ends, unless it is killed in it."""
    at = connection.settings_dict
    host = str(at["HOST"]).replace("/", "%2F")
    address = f"postgresql://{at['USER']}:{at['PASSWORD']}@{host}:{at['PORT'] or ''}/{at['NAME']}"
    log = settings.VAR_DIR / "worker.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"],
            env=os.environ
            | {"DATABASE_URL": address, "KEFU_VAR_DIR": str(settings.VAR_DIR)}
            | settings_of_it,
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            log = (settings.VAR_DIR / "worker.log").read_text(errors="replace")
            raise AssertionError(f"{what} did not come:\n{log[-4000:]}")
        time.sleep(0.05)


@contextmanager
def held_at(other: psycopg.Connection, boundary: str) -> Iterator[Callable[[], None]]:
    """Hold the next one at a boundary; gives what waits until somebody is held there."""
    other.execute("DELETE FROM test_hold")
    other.execute("INSERT INTO test_hold VALUES (%s)", [boundary])
    other.execute("SELECT pg_advisory_lock(%s)", [LOCK])

    def is_held() -> object:
        return other.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
        ).fetchone()

    try:
        yield lambda: until(is_held, boundary)
    finally:
        other.execute("DELETE FROM test_hold")
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def kill(process: "subprocess.Popen[bytes]", other: psycopg.Connection) -> None:
    """Kill a worker, and let what it was waiting for never be done; nobody waits for its heartbeat to grow old."""
    process.kill()
    process.wait()
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE wait_event = 'advisory' AND datname = current_database()"
    )
    other.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")


def state_of(run: TrainingRun) -> str:
    run.refresh_from_db()
    return run.state


def test_a_training_killed_at_every_boundary_makes_one_version_that_goes_live_whole(
    profile: LocaleProfile, other: psycopg.Connection
) -> None:
    run = training.run_open(profile=profile, actor="lena")
    for kills, boundary in enumerate([*trainings.STAGES, "saving", "version", "job"]):
        with held_at(other, boundary) as held, worker() as process:
            held()
            done = boundary == "job"
            assert state_of(run) == (State.FINISHED if done else State.RUNNING)
            assert run.attempt == kills + 1
            assert ModelVersion.objects.count() == int(done)
            assert not LiveVersion.objects.exists()
            kill(process, other)
    version = ModelVersion.objects.get()
    assert state_of(run) == State.FINISHED
    assert versions.load(version=version)
    assert not VersionChange.objects.exists()
    change = versions.change_open(
        profile=profile, version=version, kind=versions.Kind.OVERRIDDEN, actor="lena", reason="to see it"
    )
    for boundary in ("vectors", "live"):
        with held_at(other, boundary) as held, worker() as process:
            held()
            assert versions.live(profile_id=profile.pk) is None
            kill(process, other)
    with worker():
        until(lambda: versions.live(profile_id=profile.pk) == version, "the live version")
        until(lambda: not _jobs(), "the end of all jobs")
    change.refresh_from_db()
    wordings = sum(len(draft.questions) + 1 for draft in trainings.SMALL_FAQ)
    assert (change.state, change.done, change.total) == ("done", wordings, wordings)
    assert len(vectors.stored_keys(profile_id=profile.pk, version=version.vectors_key)) == wordings
    assert ModelVersion.objects.count() == TrainingRun.objects.count() == 1
    assert not training_files.checkpoints_of(run).exists()


def test_the_generators_stage_is_gone_on_with_and_leaves_one_adapter(
    profile: LocaleProfile, other: psycopg.Connection, tmp_path: Path
) -> None:
    """Killed as it begins to teach, to examine and to save: what is finished is not done twice."""
    write_tiny(tmp_path / "tiny")
    small = {"GENERATOR_MODEL": str(tmp_path / "tiny"), "GENERATOR_MAX_TOKENS": "16"}
    more = [
        replace(
            draft, key=f"{draft.key}-more", questions=(f"Mehr über {draft.key}?",), answer=f"{draft.key}!"
        )
        for draft in trainings.SMALL_FAQ
    ]
    services.faq_import(profile=profile, drafts=more, actor="test")
    LocaleProfile.objects.update(train_generator=True)
    run = training.run_open(profile=LocaleProfile.objects.get(), actor="lena")
    folder = training_files.checkpoints_of(run)
    trained_at = 0
    for boundary in ("generator", "exam", "saving"):
        with held_at(other, boundary) as held, worker(**small) as process:
            held()
            assert state_of(run) == State.RUNNING
            assert not ModelVersion.objects.exists()
            assert not ExamRun.objects.exists()
            if boundary == "exam":
                trained_at = (folder / "adapter" / "adapter.json").stat().st_mtime_ns
            if boundary == "saving":
                assert (folder / "adapter" / "adapter.json").stat().st_mtime_ns == trained_at
            kill(process, other)
    with worker(**small):
        until(lambda: state_of(run) == State.FINISHED, "the version")
    version = ModelVersion.objects.get()
    assert version.teaching["code"] in ("passed", "fewer_right", "forbidden")
    assert bool(version.adapter_sha256) == (version.teaching["code"] == "passed")
    # That of the generator alone, and that with the adapter.
    assert [exam.version for exam in ExamRun.objects.order_by("pk")] == [None, version]
    assert not LiveVersion.objects.exists()
    assert not folder.exists()


def _jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
            "AND task_name ~ 'train_profile|version_change'"
        )
        return int(cursor.fetchone()[0])


def test_a_worker_that_was_thought_dead_and_comes_back_writes_nothing(
    profile: LocaleProfile, other: psycopg.Connection
) -> None:
    run = training.run_open(profile=profile, actor="lena")
    with worker() as first:
        with held_at(other, "fitting") as held:
            held()
            first.send_signal(signal.SIGSTOP)
        other.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        with worker():
            until(lambda: state_of(run) == State.FINISHED, "the version of the second worker")
            told = TrainingRun.objects.values().get()
            assert run.attempt == 2
            first.send_signal(signal.SIGCONT)
            until(lambda: not _jobs(), "the end of all jobs")
            # The first works on until it looks: at the latest when it wants to save.
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                assert ModelVersion.objects.count() == 1
                time.sleep(0.5)
            assert TrainingRun.objects.values().get() == told


def test_a_worker_that_is_told_to_stop_hands_its_training_on(
    profile: LocaleProfile, other: psycopg.Connection
) -> None:
    run = training.run_open(profile=profile, actor="lena")
    with worker() as process:
        with held_at(other, "fitting") as held:
            held()
            process.terminate()
            # It waits so long for its jobs to end by themselves.
            time.sleep(STOP_SECONDS + 1)
        assert process.wait(60) == 0
    assert (state_of(run), run.attempt, _jobs()) == (State.RUNNING, 1, 1)
    with worker():
        until(lambda: state_of(run) == State.FINISHED, "the version")
    assert (run.attempt, ModelVersion.objects.count()) == (2, 1)


def test_a_training_is_cancelled_in_the_middle(profile: LocaleProfile, other: psycopg.Connection) -> None:
    run = training.run_open(profile=profile, actor="lena")
    with worker():
        with held_at(other, "fitting") as held:
            held()
            # The worker waits with the row in hand, so the cancellation is next in line.
            other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            assert training.run_cancel(run_id=run.pk, actor="lena")
            other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        until(lambda: not training_files.checkpoints_of(run).exists(), "the end of the checkpoints")
        until(lambda: not _jobs(), "the end of all jobs")
        assert state_of(run) == State.CANCELLED
        assert not ModelVersion.objects.exists()
        # The place in the queue is free again.
        again = training.run_open(profile=profile, actor="lena")
        until(lambda: state_of(again) == State.FINISHED, "the next training")
    assert ModelVersion.objects.get().run == again


# ---------------------------------------------------------------- a whole server, and its Postgres

START_TRAINING = """
from chatbot import training
from customers import services
from customers.models import LocaleProfile
from customers.services import FaqDraft
profile = LocaleProfile.objects.get(tenant__slug="doomed")
drafts = [FaqDraft(key=key, questions=tuple(questions), answer=answer) for key, questions, answer in argument]
services.faq_import(profile=profile, drafts=drafts, actor="test")
profile.auto_promote = False
training.run_open(profile=profile, actor="lena")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "crashed"])
def test_a_training_outlives_its_postgres(db: None, how: signal.Signals) -> None:
    with running_server(options=("--no-demo",)) as server:
        in_django(server, MAKE_TENANTS, {"doomed": "de-DE"})
        with database(server) as other:
            other.execute(BOUNDARIES)
            with other.transaction():
                other.execute("INSERT INTO test_hold VALUES ('fitting')")
            other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            in_django(server, START_TRAINING, [(d.key, d.questions, d.answer) for d in trainings.SMALL_FAQ])
            _until(lambda: _one(server, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"))
            # With the lock goes what it held.
            other.execute("DELETE FROM test_hold")
            os.kill(int((server.var_dir / "postgres" / "postmaster.pid").read_text().split()[0]), how)
        _until(lambda: _one(server, "SELECT 1 FROM chatbot_trainingrun WHERE state = 'finished'"))
        _until(lambda: not _one(server, "SELECT 1 FROM procrastinate_jobs WHERE queue_name = 'training'"))
        assert _one(server, "SELECT count(*) FROM chatbot_modelversion") == 1
        assert _one(server, "SELECT count(*) FROM chatbot_liveversion") == 0


def _one(server: RunningServer, question: str) -> object:
    with database(server) as asking:
        row = asking.execute(question).fetchone()
    return row[0] if row else None


def _until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if holds():
                return
        except psycopg.OperationalError:
            pass  # it is being started again
        assert time.monotonic() < deadline
        time.sleep(0.2)
