"""Which version is live: promoting, overriding, rolling back, what is refused, and what is kept."""

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from chatbot import bulk_encoder, faq_texts, tasks, vector_work, vectors, version_work, versions
from chatbot.engine.errors import WeightsError
from chatbot.models import (
    LiveVersion,
    ModelVersion,
    QuestionVector,
    VersionChange,
    VersionWeights,
)
from chatbot.versions import ChangeRefused, Kind, State
from customers import services
from customers.models import AuditRecord, LocaleProfile
from customers.services import FAQ_CHANNEL, FaqDraft
from tests.chatbot import trainings
from tests.chatbot.jobs import forget_jobs, run_jobs, waiting
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def weights(model_folder: Path) -> Path:
    """The encoder that the jobs load."""
    return model_folder


@pytest.fixture(autouse=True)
def no_connection_outlives_its_job(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    forget_jobs()


@pytest.fixture
def profile(transactional_db: None) -> LocaleProfile:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=trainings.FAQ, actor="test")
    return profile


def version_of(
    profile: LocaleProfile,
    *,
    by: float | None = None,
    outcome: tuple[int, int] = trainings.BETTER,
    against: ModelVersion | None = None,
) -> ModelVersion:
    """Store a version of the real encoder; `by`: how its layers differ from the shipped ones, None: none were tuned."""
    encoder = bulk_encoder.encoder()
    weights = None if by is None else trainings.tuned(encoder, by=by)
    return trainings.version_of(profile, encoder.version, outcome=outcome, weights=weights, against=against)


def opened(
    profile: LocaleProfile, version: ModelVersion | None, kind: Kind = Kind.PROMOTED, **how: Any
) -> VersionChange:
    return versions.change_open(profile=profile, version=version, kind=kind, actor="lena", **how)


def make_live(
    profile: LocaleProfile, version: ModelVersion | None, kind: Kind = Kind.PROMOTED, **how: Any
) -> None:
    opened(profile, version, kind, **how)
    run_jobs()
    assert versions.live(profile_id=profile.pk) == version


def stored(profile: LocaleProfile, key: str) -> int:
    return len(vectors.stored_keys(profile_id=profile.pk, version=key))


def late(number: int) -> FaqDraft:
    return FaqDraft(key=f"late-{number}", questions=(f"Noch etwas {number}?",), answer="Ja.")


# ---------------------------------------------------------------- going live and back


def test_a_version_goes_live_when_it_has_its_vectors(
    profile: LocaleProfile, another_connection: psycopg.Connection
) -> None:
    another_connection.execute(f"LISTEN {FAQ_CHANNEL}")
    version = version_of(profile, by=1.05)
    change = opened(profile, version)
    assert (change.state, change.from_name, change.to_name) == (State.WAITING, "", version.name)
    assert versions.live(profile_id=profile.pk) is None
    assert waiting() == ["version_change"]
    run_jobs()
    change.refresh_from_db()
    assert (change.state, change.done, change.total) == (State.DONE, trainings.TEXTS, trainings.TEXTS)
    assert versions.live(profile_id=profile.pk) == version
    assert stored(profile, version.vectors_key) == trainings.TEXTS
    heard = list(another_connection.notifies(timeout=60, stop_after=1))
    assert [note.payload for note in heard] == [str(profile.pk)]
    record = AuditRecord.objects.get(action="version_live")
    assert (record.actor, record.tenant, record.data["to"]) == ("lena", profile.tenant, version.name)


def test_its_vectors_are_its_own(profile: LocaleProfile) -> None:
    vector_work.compute(profile_id=profile.pk)
    encoder = bulk_encoder.encoder()
    version = version_of(profile, by=1.5)
    make_live(profile, version)
    file = versions.load(version=version)
    assert file is not None
    upper = encoder.upper(version.vectors_key, file)
    faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
    for key, wanted in ((version.vectors_key, upper), (encoder.version, encoder.base)):
        found = vectors.load_by_digest(profile_id=profile.pk, version=key)
        for digest, (kind, text) in faq.texts.items():
            assert np.allclose(found[digest], encoder.encode([text], kind=kind, upper=wanted)[0], atol=0.02)
    one, other = (
        vectors.load_by_digest(profile_id=profile.pk, version=key)
        for key in (encoder.version, version.vectors_key)
    )
    assert any(float(one[digest] @ other[digest]) < 0.999 for digest in one)


def test_to_a_version_and_back_and_to_the_shipped_model(profile: LocaleProfile) -> None:
    first = version_of(profile, by=1.05)
    make_live(profile, first)
    second = version_of(profile, by=1.1, against=first)
    make_live(profile, second)
    make_live(profile, first, Kind.ROLLED_BACK)
    make_live(profile, None, Kind.ROLLED_BACK)
    make_live(profile, second, Kind.ROLLED_BACK)
    told = list(VersionChange.objects.order_by("pk").values_list("from_name", "to_name", "kind", "state"))
    assert told == [
        ("", first.name, "promoted", "done"),
        (first.name, second.name, "promoted", "done"),
        (second.name, first.name, "rolled_back", "done"),
        (first.name, "", "rolled_back", "done"),
        ("", second.name, "rolled_back", "done"),
    ]


def test_back_to_a_version_whose_vectors_are_gone(profile: LocaleProfile) -> None:
    first = version_of(profile, by=1.05)
    make_live(profile, first)
    make_live(profile, None, Kind.ROLLED_BACK)
    QuestionVector.objects.all().delete()
    make_live(profile, first, Kind.ROLLED_BACK)
    assert stored(profile, first.vectors_key) == trainings.TEXTS


def test_an_empty_faq_is_no_reason_to_wait(profile: LocaleProfile) -> None:
    profile.faq.all().delete()
    version = version_of(profile)
    make_live(profile, version)


# ---------------------------------------------------------------- the FAQ is edited meanwhile


def test_a_version_goes_live_with_what_was_edited_meanwhile(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, edits = version_work._embed, iter(range(3))

    def edit_after(*args: Any) -> None:
        real(*args)
        # Not under the lock that the change then holds: an edit would wait for it.
        if not connection.in_atomic_block and (number := next(edits, None)) is not None:
            services.faq_entry_save(profile=profile, draft=late(number), actor="omar")

    monkeypatch.setattr(version_work, "_embed", edit_after)
    version = version_of(profile, by=1.05)
    make_live(profile, version)
    assert stored(profile, version.vectors_key) == trainings.TEXTS + 2


def test_a_large_edit_meanwhile_is_not_embedded_under_the_lock(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_work, "LAST_TEXTS", 3)
    real, embedded = version_work._embed, list[tuple[bool, int]]()

    def edit_once(target: Any, profile_now: LocaleProfile, faq: Any) -> None:
        lacking = len(version_work._missing(target, profile_now, faq))
        embedded.append((connection.in_atomic_block, lacking))
        real(target, profile_now, faq)
        if len(embedded) == 1:
            services.faq_import(profile=profile, drafts=[late(n) for n in range(4)], actor="omar")

    monkeypatch.setattr(version_work, "_embed", edit_once)
    version = version_of(profile, by=1.05)
    make_live(profile, version)
    assert embedded == [(False, 5), (False, 8), (True, 0)]
    assert stored(profile, version.vectors_key) == trainings.TEXTS + 8


def test_who_edits_waits_for_the_moment_of_the_change(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, began = versions.change_finish, threading.Event()
    order: list[str] = []

    def edit() -> None:
        began.wait(60)
        try:
            services.faq_entry_save(profile=profile, draft=late(1), actor="omar")
            order.append("edited")
        finally:
            connection.close()

    def slowly(*, change: VersionChange) -> bool:
        began.set()
        threading.Event().wait(0.5)
        order.append("live")
        return real(change=change)

    monkeypatch.setattr(versions, "change_finish", slowly)
    editor = threading.Thread(target=edit)
    editor.start()
    make_live(profile, version_of(profile, by=1.05))
    editor.join(60)
    assert order == ["live", "edited"]


# ---------------------------------------------------------------- one change at a time, and its ends


def test_the_same_asked_twice_is_one_change(profile: LocaleProfile) -> None:
    version = version_of(profile)
    change = opened(profile, version)
    assert opened(profile, version) == change
    with pytest.raises(ChangeRefused, match="is just being made live"):
        opened(profile, version_of(profile))
    assert VersionChange.objects.count() == 1


def test_two_workers_on_one_change_make_it_once(profile: LocaleProfile) -> None:
    version = version_of(profile, by=1.05)
    change = opened(profile, version)

    def work() -> None:
        try:
            version_work.make_live(change_id=change.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert versions.live(profile_id=profile.pk) == version
    assert AuditRecord.objects.filter(action="version_live").count() == 1


def test_a_change_that_was_cancelled_is_not_made(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = opened(profile, version_of(profile, by=1.05))
    real = bulk_encoder.embed

    def cancel_meanwhile(*args: Any, **kwargs: Any) -> Any:
        assert versions.change_cancel(change_id=change.pk, actor="omar")
        return real(*args, **kwargs)

    monkeypatch.setattr(bulk_encoder, "embed", cancel_meanwhile)
    run_jobs()
    change.refresh_from_db()
    assert (change.state, versions.live(profile_id=profile.pk)) == (State.CANCELLED, None)
    assert not versions.change_cancel(change_id=change.pk, actor="omar")
    monkeypatch.undo()
    make_live(profile, change.version)


def test_a_change_cancelled_in_its_last_moment_is_not_made(
    profile: LocaleProfile, another_connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = opened(profile, version_of(profile))
    real = version_work._missing

    def cancel_first(*args: Any) -> Any:
        if connection.in_atomic_block:
            another_connection.execute("UPDATE chatbot_versionchange SET state = 'cancelled'")
        return real(*args)

    monkeypatch.setattr(version_work, "_missing", cancel_first)
    run_jobs()
    change.refresh_from_db()
    assert (change.state, versions.live(profile_id=profile.pk)) == (State.CANCELLED, None)
    assert not versions.change_finish(change=change)
    assert not LiveVersion.objects.exists()


def test_a_change_goes_on_after_its_worker_died(profile: LocaleProfile) -> None:
    version = version_of(profile, by=1.05)
    opened(profile, version)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    app.configure_task("chatbot.tasks.stalled_retry").defer(timestamp=0)
    run_jobs()
    run_jobs()
    assert versions.live(profile_id=profile.pk) == version


def test_a_change_without_a_job_is_found(profile: LocaleProfile) -> None:
    version = version_of(profile, by=1.05)
    opened(profile, version)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    tasks.lost_resume(timestamp=0)
    assert waiting() == []
    VersionChange.objects.update(progress_at=timezone.now() - dt.timedelta(seconds=tasks.LOST_SECONDS + 1))
    tasks.lost_resume(timestamp=60)
    run_jobs()
    assert versions.live(profile_id=profile.pk) == version


def test_a_change_that_fails_is_given_up(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError("the disk is gone")

    monkeypatch.setattr(bulk_encoder, "embed", fail)
    monkeypatch.setattr(tasks, "RETRY_SECONDS", (0,))
    change = opened(profile, version_of(profile, by=1.05))
    run_jobs()
    run_jobs()
    change.refresh_from_db()
    assert (change.state, change.failure, versions.live(profile_id=profile.pk)) == (
        State.FAILED,
        "error",
        None,
    )
    assert AuditRecord.objects.filter(action="version_change_fail").exists()


@pytest.mark.parametrize("fault", ["other_encoder", "damaged", "gone", "adapter"])
def test_a_version_that_cannot_be_served_does_not_go_live(profile: LocaleProfile, fault: str) -> None:
    version = version_of(profile, by=1.05)
    if fault == "other_encoder":
        ModelVersion.objects.update(base="another-encoder@1")
    elif fault == "damaged":
        VersionWeights.objects.update(data=b"other bytes")
    elif fault == "adapter":
        ModelVersion.objects.update(adapter_sha256="0" * 64)
    else:
        VersionWeights.objects.all().delete()
    version.refresh_from_db()
    change = opened(profile, version)
    run_jobs()
    change.refresh_from_db()
    expected = "other_encoder" if fault == "other_encoder" else "damaged"
    assert (change.state, change.failure, versions.live(profile_id=profile.pk)) == (
        State.FAILED,
        expected,
        None,
    )
    assert str(change.get_failure_display())


# ---------------------------------------------------------------- what is refused


def test_the_gate_stands_before_promotion(profile: LocaleProfile) -> None:
    version = version_of(profile, outcome=trainings.WORSE)
    for kind in (Kind.PROMOTED, Kind.AUTO):
        with pytest.raises(ChangeRefused, match="The gate has not let"):
            opened(profile, version, kind)
    with pytest.raises(ChangeRefused, match="never live"):
        opened(profile, version, Kind.ROLLED_BACK)
    for reason in ("", "  \n"):
        with pytest.raises(ChangeRefused, match="Say why"):
            opened(profile, version, Kind.OVERRIDDEN, reason=reason)
    make_live(profile, version, Kind.OVERRIDDEN, reason=" The test questions are out of date. ")
    record = AuditRecord.objects.get(action="version_live")
    assert record.data["reason"] == "The test questions are out of date."
    assert record.data["kind"] == "overridden"


def test_a_verdict_holds_only_against_what_was_live_then(profile: LocaleProfile) -> None:
    first, second = version_of(profile), version_of(profile)
    make_live(profile, first)
    assert not versions.may_promote(version=second)
    with pytest.raises(ChangeRefused, match="The gate has not let"):
        opened(profile, second)
    make_live(profile, None, Kind.ROLLED_BACK)
    assert versions.may_promote(version=second)


def test_what_is_live_is_not_made_live_again(profile: LocaleProfile) -> None:
    with pytest.raises(ChangeRefused, match="The shipped model is live already"):
        opened(profile, None, Kind.ROLLED_BACK)
    version = version_of(profile)
    make_live(profile, version)
    with pytest.raises(ChangeRefused, match="is live already"):
        opened(profile, version, Kind.OVERRIDDEN, reason="x")


def test_a_version_of_another_tenant_never_goes_live(profile: LocaleProfile) -> None:
    other, sister = make_profile("other"), make_profile("demo", "fr-FR")
    theirs, hers = version_of(other), version_of(sister)
    for version in (theirs, hers):
        for kind in Kind:
            with pytest.raises(ChangeRefused, match="another locale or tenant"):
                opened(profile, version, kind, reason="x")
    assert not VersionChange.objects.exists()


def test_whatever_the_rows_say_a_version_goes_live_for_its_own_profile_only(profile: LocaleProfile) -> None:
    theirs = version_of(make_profile("other"))
    change = VersionChange.objects.create(profile=profile, version=theirs, kind=Kind.PROMOTED, author="x")
    version_work.make_live(change_id=change.pk)
    assert not LiveVersion.objects.exists()


# ---------------------------------------------------------------- weights


def test_tuned_layers_are_checked_when_they_are_loaded(profile: LocaleProfile) -> None:
    assert versions.load(version=version_of(profile)) is None
    version = trainings.version_of(profile, "base", weights=b"layers")
    assert versions.load(version=version) == b"layers"
    VersionWeights.objects.update(data=b"LAYERS")
    with pytest.raises(WeightsError, match="sha256"):
        versions.load(version=version)


# ---------------------------------------------------------------- how long versions are kept


def retired(settings: Any, *, count: int = 100, days: int = 1000) -> set[int]:
    settings.VERSIONS_KEPT, settings.VERSIONS_KEPT_DAYS = count, days
    before = set(ModelVersion.objects.values_list("number", flat=True))
    gone = versions.versions_retire()
    kept = set(ModelVersion.objects.values_list("number", flat=True))
    assert len(before) - len(kept) == gone
    return kept


def test_versions_are_kept_by_count(profile: LocaleProfile, settings: Any) -> None:
    for _ in range(6):
        version_of(profile)
    assert retired(settings, count=10) == {1, 2, 3, 4, 5, 6}
    assert retired(settings, count=2) == {5, 6}
    assert version_of(profile).number == 7


def test_versions_are_kept_by_age_the_newest_always(profile: LocaleProfile, settings: Any) -> None:
    for _ in range(3):
        version_of(profile)
    ModelVersion.objects.filter(number__lt=3).update(created_at=timezone.now() - dt.timedelta(days=31))
    assert retired(settings, days=32) == {1, 2, 3}
    assert retired(settings, days=30) == {3}
    ModelVersion.objects.update(created_at=timezone.now() - dt.timedelta(days=31))
    assert retired(settings, days=30) == {3}


def test_the_live_version_the_one_before_it_and_the_next_are_kept(
    profile: LocaleProfile, settings: Any
) -> None:
    first, second = version_of(profile), version_of(profile)
    make_live(profile, first)
    make_live(profile, second, Kind.OVERRIDDEN, reason="x")
    third = version_of(profile)
    for _ in range(2):
        version_of(profile)
    opened(profile, third, Kind.OVERRIDDEN, reason="x")
    assert retired(settings, count=1) == {1, 2, 3, 5}
    run_jobs()
    assert retired(settings, count=1) == {2, 3, 5}


def test_a_deleted_versions_vectors_go_and_those_of_others_stay(
    profile: LocaleProfile, settings: Any
) -> None:
    old = version_of(profile, by=1.05)
    make_live(profile, old)
    make_live(profile, None, Kind.ROLLED_BACK)
    kept = version_of(profile)
    make_live(profile, kept)
    other = make_profile("other")
    services.faq_import(profile=other, drafts=trainings.FAQ, actor="test")
    make_live(other, version_of(other, by=1.05))
    version_of(profile)
    assert stored(profile, old.vectors_key) == trainings.TEXTS
    settings.VERSIONS_KEPT, settings.VERSIONS_KEPT_DAYS = 1, 1000
    assert versions.versions_retire() == 1
    assert stored(profile, old.vectors_key) == 0
    assert stored(profile, old.base) == stored(other, old.vectors_key) == trainings.TEXTS
    assert not VersionWeights.objects.filter(version_id=old.pk).exists()
    assert VersionChange.objects.filter(to_name=old.name, version=None).count() == 1
    assert AuditRecord.objects.filter(action="version_delete", data__version=old.name).exists()
