"""Background jobs on the real job queue, with the real encoder."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from chatbot import suites, tasks, upload_compare, vector_work
from chatbot.admin import upload_pages, upload_progress
from chatbot.engine.runtime import Engine
from chatbot.models import QuestionVector, UploadVector, VectorWork
from chatbot.serving import EDIT_TEXTS, Serving
from customers import models, services, upload_apply, upload_comparison, uploads
from customers.models import FaqUpload, LocaleProfile
from customers.services import FaqDraft
from tests.chatbot.jobs import deferred, run_jobs, waiting
from tests.customers.screens import make_profile
from tests.customers.uploading import csv_file

pytestmark = pytest.mark.django_db(transaction=True)

State = FaqUpload.State
FAQ = (
    FaqDraft(key="shipping", questions=("Was kostet der Versand?", "Porto"), answer="Vier Euro."),
    FaqDraft(key="returns", questions=("Kann ich etwas zurückgeben?",), answer="Ja, 30 Tage lang."),
)
TEXTS = 5


@pytest.fixture(autouse=True)
def weights(model_folder: Path) -> Path:
    """The encoder that the jobs load."""
    return model_folder


@pytest.fixture(autouse=True)
def no_connection_outlives_its_job(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's threads keep theirs, and one that is open would keep the test's database."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)


@pytest.fixture
def profile(transactional_db: None) -> LocaleProfile:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=FAQ, actor="test")
    return profile


def upload_of(profile: LocaleProfile, data: bytes) -> FaqUpload:
    upload = uploads.upload_create(
        tenant=profile.tenant, locale=profile.locale, filename="faq.csv", data=data, actor="lena"
    )
    tasks.defer_check(upload.pk)
    return upload


def test_an_upload_is_checked_and_compared(profile: LocaleProfile) -> None:
    models.TestQuestion.objects.create(profile=profile, text="Habt ihr Gutscheine?", expected_keys=["gifts"])
    models.TestQuestion.objects.create(
        profile=profile, text="Wie teuer ist das Porto?", expected_keys=["shipping"]
    )
    data = csv_file(
        ("gifts", "Gibt es bei euch Gutscheine?", "Habt ihr Gutscheine", "Ja, ab zehn Euro."),
        ("postage", "Was kostet denn der Versand?", "", "Vier Euro."),
        ("vouchers", "Gibt es Gutscheine bei euch?", "", "Ja, ab zehn Euro."),
    )
    upload = upload_of(profile, data)
    run_jobs()
    upload.refresh_from_db()
    assert (upload.state, upload.compared) == (State.READY, True)
    similar = {
        finding.data["key"]: (finding.code, finding.data["other"])
        for finding in upload.findings.filter(kind="similar")
    }
    assert similar["postage"] == ("similar_to_live", "shipping")
    assert similar["gifts"] == ("similar_in_file", "vouchers")
    assert "vouchers" not in similar  # a pair is named once
    gifts, postage = sorted(upload.report["impact"], key=lambda item: item["expected"])
    assert gifts["before"]["key"] != "gifts"
    assert gifts["after"]["key"] in {"gifts", "vouchers"}
    assert postage["before"] == {**postage["before"], "outcome": "answered", "key": "shipping"}
    counts = upload_pages.impact_counts(upload)
    assert (counts["all"], counts["before"]) == (2, 1)


def test_vectors_are_computed_once(profile: LocaleProfile) -> None:
    tasks.defer_vectors(profile.pk)
    tasks.defer_vectors(profile.pk)
    assert waiting() == ["vectors_compute"]
    run_jobs()
    work = VectorWork.objects.get(profile=profile)
    profile.refresh_from_db()
    assert (work.revision, work.done, work.total, work.finished) == (profile.faq_revision, TEXTS, TEXTS, True)
    assert QuestionVector.objects.count() == TEXTS
    tasks.defer_vectors(profile.pk)
    run_jobs()
    work.refresh_from_db()
    assert (work.done, work.total, work.finished) == (TEXTS, TEXTS, True)


def test_vectors_of_the_comparison_are_used_when_the_upload_is_applied(profile: LocaleProfile) -> None:
    vector_work.compute(profile_id=profile.pk)
    upload = upload_of(profile, csv_file(("gifts", "Gibt es Gutscheine?", "Voucher", "Ja.")))
    run_jobs()
    looked_over = {bytes(row.text_sha256): row.vector for row in UploadVector.objects.filter(upload=upload)}
    assert len(looked_over) == 3
    # Marked, so that it shows where they come from.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chatbot_uploadvector SET vector = vector * %s::vector", [str([0.5] * 384)])
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    tasks.defer_vectors(profile.pk)
    run_jobs()
    stored = QuestionVector.objects.filter(entry__key="gifts")
    assert {bytes(row.text_sha256) for row in stored} == looked_over.keys()
    assert all(abs(np.linalg.norm(np.asarray(row.vector)) - 0.5) < 0.01 for row in stored)


def test_a_comparison_that_nobody_waits_for_ends(profile: LocaleProfile) -> None:
    upload = upload_of(profile, csv_file(("gifts", "Gibt es Gutscheine?", "", "Ja.")))
    uploads.upload_check(upload_id=upload.pk)
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    tasks.defer_compare(upload.pk)
    run_jobs()
    upload.refresh_from_db()
    assert not upload.compared
    assert not UploadVector.objects.exists()


def test_the_job_of_a_dead_worker_is_done_again(profile: LocaleProfile) -> None:
    tasks.defer_vectors(profile.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '31 seconds') RETURNING id"
        )
        (worker,) = cursor.fetchone()
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [worker])
    run_jobs()
    assert not QuestionVector.objects.exists()
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=0)
    run_jobs()
    run_jobs()
    assert QuestionVector.objects.count() == TEXTS
    left = deferred()
    assert not left.filter(task_name="chatbot.tasks.vectors_compute").exists()


def test_a_stalled_job_gives_way_to_the_same_that_waits(profile: LocaleProfile) -> None:
    tasks.defer_vectors(profile.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    tasks.defer_vectors(profile.pk)
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=0)
    run_jobs()
    run_jobs()
    assert QuestionVector.objects.count() == TEXTS
    assert not deferred().exists()


def test_a_look_for_stalled_jobs_that_died_keeps_no_later_one_from_looking(profile: LocaleProfile) -> None:
    tasks.defer_vectors(profile.pk)
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=10)
    run_jobs()
    run_jobs()
    assert QuestionVector.objects.count() == TEXTS
    assert not deferred().exists()


def test_a_check_whose_job_died_once_it_was_stored_is_compared_too(profile: LocaleProfile) -> None:
    upload = upload_of(profile, csv_file(("gifts", "Gibt es Gutscheine?", "", "Ja.")))
    uploads.upload_check(upload_id=upload.pk)
    run_jobs()
    upload.refresh_from_db()
    assert (upload.state, upload.compared) == (State.READY, True)


def test_a_job_that_fails_is_tried_again_and_then_given_up(profile: LocaleProfile) -> None:
    upload = upload_of(profile, csv_file(("a", "Frage?", "", "b")))
    models.FaqUploadFile.objects.all().delete()  # the fault
    for attempt in range(1, len(tasks.RETRY_SECONDS) + 1):
        run_jobs()
        job = deferred().get(status="todo")
        assert job.args["attempt"] == attempt
        assert job.scheduled_at is not None
        assert job.scheduled_at > timezone.now()
        upload.refresh_from_db()
        assert upload.state == State.CHECKING
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
    run_jobs()
    upload.refresh_from_db()
    assert upload.report["refusal"]["code"] == "failed"
    assert waiting() == []


def test_a_comparison_that_fails_for_good_is_not_waited_for(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(**_arguments: int) -> None:
        raise RuntimeError("out of memory, say")

    upload = upload_of(profile, csv_file(("a", "Frage?", "", "b")))
    with monkeypatch.context() as patched:
        patched.setattr(upload_compare, "compare", fault)
        for _attempt in range(len(tasks.RETRY_SECONDS) + 1):
            assert upload_progress.progress(upload)["waits"]
            run_jobs()
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
            upload.refresh_from_db()
    assert waiting() == []
    assert not upload_progress.progress(upload)["waits"]
    assert "similar" not in [tab.name for tab in upload_pages.tabs(upload, None)]

    upload_comparison.upload_compare_again(upload_id=upload.pk)
    tasks.defer_compare(upload.pk)
    upload.refresh_from_db()
    assert upload_progress.progress(upload)["waits"]
    run_jobs()
    upload.refresh_from_db()
    assert upload.compared
    assert not upload_comparison.comparison_failed(upload)


def test_old_vectors_of_uploads_are_dropped(profile: LocaleProfile) -> None:
    old, new = (upload_of(profile, csv_file((name, f"Frage {name}?", "", "x"))) for name in "ab")
    run_jobs()
    assert UploadVector.objects.filter(upload=old).exists()
    FaqUpload.objects.filter(pk=old.pk).update(progress_at=timezone.now() - dt.timedelta(days=8))
    app.configure_task("chatbot.tasks.upload_vectors_drop").defer(timestamp=0)
    run_jobs()
    assert not UploadVector.objects.filter(upload=old).exists()
    assert UploadVector.objects.filter(upload=new).exists()


# ---------------------------------------------------------------- a node that answers meanwhile


@pytest.fixture
def node(model_folder: Path, profile: LocaleProfile) -> Iterator[Serving]:
    """A node that keeps itself fresh, with an engine of its own."""
    serving = Serving()
    serving.engine = Engine(model_folder, precision="fp32", threads=1)
    serving.engine.start()
    serving._refresher.start()
    assert serving._refresher.has_refreshed.wait(60)
    yield serving
    serving.stop()


def until(holds: object) -> None:
    deadline = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def many(count: int) -> list[FaqDraft]:
    return [
        FaqDraft(
            key=f"key-{number}", questions=(f"Was ist mit Artikel {number}?",), answer=f"Artikel {number}."
        )
        for number in range(count)
    ]


def test_a_small_edit_is_served_without_the_worker(node: Serving, profile: LocaleProfile) -> None:
    services.faq_entry_save(profile=profile, draft=many(1)[0], actor="test")
    until(lambda: "key-0" in node.bundle(profile.pk).index.by_key)
    assert waiting() == []
    until(lambda: VectorWork.objects.get(profile=profile).live_revision == node.bundle(profile.pk).revision)


def test_the_old_index_serves_until_the_new_one_is_whole(node: Serving, profile: LocaleProfile) -> None:
    until(lambda: "shipping" in node.bundle(profile.pk).index.by_key)
    services.faq_import(profile=profile, drafts=many(EDIT_TEXTS), actor="test")
    until(lambda: waiting() == ["vectors_compute"])
    served = node.bundle(profile.pk)
    assert set(served.index.by_key) == {"shipping", "returns"}
    vectors_before = QuestionVector.objects.count()
    services.profile_store(profile=LocaleProfile.objects.get(pk=profile.pk), actor="test")
    LocaleProfile.objects.filter(pk=profile.pk).update(brand="Neu")
    services.faq_announce(profile_ids=[profile.pk])
    # The manners change at once, the answers when all vectors are there.
    until(lambda: node.bundle(profile.pk).manners.brand == "Neu")
    assert set(node.bundle(profile.pk).index.by_key) == {"shipping", "returns"}
    assert QuestionVector.objects.count() == vectors_before
    run_jobs()
    until(lambda: len(node.bundle(profile.pk).index) == EDIT_TEXTS + 2)
    until(lambda: VectorWork.objects.get(profile=profile).live_revision == node.bundle(profile.pk).revision)


def test_a_new_profile_is_served_empty_until_its_vectors_are_there(
    node: Serving, profile: LocaleProfile
) -> None:
    new = make_profile("other")
    services.faq_import(profile=new, drafts=many(EDIT_TEXTS), actor="test")
    until(lambda: new.pk in node._bundles and node.bundle(new.pk).revision == -1)
    assert len(node.bundle(new.pk).index) == 0
    until(lambda: "vectors_compute" in waiting())
    run_jobs()
    until(lambda: len(node.bundle(new.pk).index) == EDIT_TEXTS)


def test_the_screen_says_where_the_vectors_stand(node: Serving, profile: LocaleProfile) -> None:
    rows = [
        (f"key-{number}", f"Was ist mit Artikel {number}?", "", f"Artikel {number}.") for number in range(100)
    ]
    upload = upload_of(profile, csv_file(*rows))
    uploads.upload_check(upload_id=upload.pk)
    upload = upload_apply.upload_apply(upload_id=upload.pk, actor="mia")

    def state() -> str:
        return upload_progress.locale_progress(upload)[0].state

    assert state() == "waiting"
    until(lambda: "vectors_compute" in waiting())
    work = {"revision": upload.report["revisions"][str(profile.pk)], "version": "x", "done": 3, "total": 200}
    VectorWork.objects.update_or_create(profile=profile, defaults={**work, "progress_at": timezone.now()})
    assert state() == "working"
    VectorWork.objects.update(progress_at=timezone.now() - dt.timedelta(minutes=2))
    assert state() == "quiet"
    assert upload_progress.progress(upload)["waits"]
    run_jobs()
    until(lambda: state() == "live")
    assert not upload_progress.progress(upload)["waits"]


def test_a_lost_job_is_asked_for_again(
    node: Serving,
    profile: LocaleProfile,
    monkeypatch: pytest.MonkeyPatch,
    another_connection: psycopg.Connection,
) -> None:
    monkeypatch.setattr("chatbot.serving.ASK_AGAIN_SECONDS", 0.2)
    services.faq_import(profile=profile, drafts=many(EDIT_TEXTS), actor="test")
    until(lambda: waiting() == ["vectors_compute"])
    another_connection.execute("DELETE FROM procrastinate_jobs")
    until(lambda: waiting() == ["vectors_compute"])


def test_the_worker_and_the_site_can_compute_side_by_side(node: Serving, profile: LocaleProfile) -> None:
    """An edit while the worker is at it is in the end served with everything else."""
    services.faq_import(profile=profile, drafts=many(300), actor="test")
    until(lambda: waiting() == ["vectors_compute"])
    worker = threading.Thread(target=run_jobs)
    worker.start()
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="late", questions=("Noch etwas?",), answer="Ja."), actor="test"
    )
    worker.join(120)
    run_jobs()
    until(lambda: len(node.bundle(profile.pk).index) == 303)


def test_a_suite_is_answered_by_the_worker(profile: LocaleProfile) -> None:
    make_profile("demo", "en-US")
    models.TestQuestion.objects.create(
        profile=profile, text="Was kostet der Versand?", expected_keys=["shipping"]
    )
    models.TestQuestion.objects.create(
        profile=profile, text="Kann ich etwas zurückgeben?", expected_keys=["shipping"]
    )
    run = suites.run_open(profile=profile, actor="lena")
    tasks.defer_suite(run.pk)
    tasks.defer_suite(run.pk)
    assert waiting() == ["suite_answer"]
    run_jobs()
    run.refresh_from_db()
    profile.refresh_from_db()
    assert (run.state, run.done, run.revision) == ("finished", 2, profile.faq_revision)
    assert [result.verdict for result in run.results.all()] == ["right", "wrong_answer"]
    assert run.figures["right"][0] == 0.5
    # Asked for once more, a finished run stays as it is.
    tasks.defer_suite(run.pk)
    run_jobs()
    finished_at = run.finished_at
    run.refresh_from_db()
    assert run.finished_at == finished_at


def test_a_suite_that_cannot_be_answered_is_given_up(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RETRY_SECONDS", (0,))
    models.TestQuestion.objects.create(profile=profile, text="x")
    run = suites.run_open(profile=profile, actor="lena")
    LocaleProfile.objects.update(is_active=False)
    tasks.defer_suite(run.pk)
    run_jobs()
    run_jobs()
    run.refresh_from_db()
    assert run.state == "failed"
