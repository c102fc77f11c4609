"""Exams on the real job queue, with a candidate that replies as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from chatbot import exam_candidate, exams, generation, tasks
from chatbot.exam import results, traps
from chatbot.models import ExamRun
from tests.chatbot.examining import GENERATOR, Candidate, key, use_traps
from tests.chatbot.jobs import forget_jobs, run_jobs, waiting
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget_jobs()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    (tmp_path / "traps").mkdir()
    use_traps(tmp_path / "traps", monkeypatch)
    monkeypatch.setattr(generation, "version_for", lambda locale: GENERATOR)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    results.shipped.cache_clear()
    yield
    results.shipped.cache_clear()
    traps.load.cache_clear()


def let_sit(candidate: Candidate | None, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def loaded(locale: str, *, is_bare: bool = False, adapter: object = None) -> Iterator[Candidate]:
        if candidate is None:
            raise exam_candidate.NoGenerator
        yield candidate

    monkeypatch.setattr(exam_candidate, "loaded", loaded)


def test_the_worker_opens_and_sits_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    let_sit(Candidate(), monkeypatch)
    profile = make_profile("demo")
    before = exams.run_open(key=key(generator="older@000000000000"), actor="lena")
    exams.run_fail(run_id=before.pk)
    forget_jobs()
    tasks.exams_open(timestamp=0)
    assert waiting() == ["exam_sit"]
    run_jobs()
    run = ExamRun.objects.latest("pk")
    assert (run.state, run.passed, run.author) == ("finished", True, exams.BY_ITSELF)
    assert exams.may_generate(profile)
    tasks.exams_open(timestamp=0)
    assert waiting() == []


def test_an_exam_without_a_generator_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    let_sit(None, monkeypatch)
    run = exams.run_open(key=key(), actor="lena")
    run_jobs()
    run.refresh_from_db()
    assert run.state == "failed"
    assert waiting() == []


def test_an_exam_that_fails_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def broken(locale: str, *, adapter: object = None) -> object:
        tries.append(locale)
        raise RuntimeError("broken")

    monkeypatch.setattr(exam_candidate, "loaded", broken)
    monkeypatch.setattr(tasks, "RETRY_SECONDS", (0, 0))
    run = exams.run_open(key=key(), actor="lena")
    run_jobs()
    run.refresh_from_db()
    assert (run.state, len(tries)) == ("failed", 3)
    assert waiting() == []
