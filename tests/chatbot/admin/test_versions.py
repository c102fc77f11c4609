"""Versions in the admin: promoting, rolling back, files, the record of it, and who may."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot import bulk_encoder, version_files, versions
from chatbot.models import LiveVersion, ModelVersion, VersionChange
from customers.models import AuditRecord, LocaleProfile
from tests.chatbot import trainings
from tests.chatbot.admin.version_pages import finish, go_live, live, text, to
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db
Kind = VersionChange.Kind


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


# ---------------------------------------------------------------- promoting and rolling back


def test_a_better_version_is_promoted_and_rolled_back(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    version = trainings.version_of(profile, "base")
    client = login(demo="manager")
    asked = client.get(to("version_promote", version.pk))
    assert "Better than before" in text(asked)
    assert "reason" not in asked.content.decode().split("<form")[-1]
    assert not VersionChange.objects.exists()

    assert client.post(to("version_promote", version.pk))["Location"] == to("versions", profile.pk)
    change = VersionChange.objects.get()
    assert (change.kind, change.state, change.author, change.reason) == ("promoted", "waiting", "lena", "")
    assert ProcrastinateJob.objects.filter(task_name="chatbot.tasks.version_change").count() == 1
    assert live(profile) is None
    VersionChange.objects.update(done=3, total=12)
    waiting = client.get(to("versions", profile.pk))
    assert f"{version.name} is about to go live." in text(waiting)
    said = client.get(to("versions_progress", profile.pk)).json()
    assert (said["waits"], said["percent"], said["numbers"]) == (True, 25, "3 of 12")
    assert said["mark"] == str(change.pk)
    assert to("version_promote", version.pk) not in text(waiting)

    finish(profile)
    assert live(profile) == version
    assert not client.get(to("versions_progress", profile.pk)).json()["waits"]
    page = text(client.get(to("versions", profile.pk)))
    assert page.count(to("versions_back", profile.pk)) == 1
    assert client.get(to("version_promote", version.pk))["Location"] == to("versions", profile.pk)

    # One click, to the model that Kefu ships, and one more to come back.
    client.post(to("versions_back", profile.pk), {"version": ""})
    finish(profile)
    assert live(profile) is None
    client.post(to("versions_back", profile.pk), {"version": version.pk})
    finish(profile)
    assert live(profile) == version
    kinds = list(VersionChange.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["promoted", "rolled_back", "rolled_back"]
    record = text(client.get(to("versions", profile.pk)))
    assert record.count("Rolled back") == 2
    assert AuditRecord.objects.filter(action="version_live", actor="lena").count() == 3


def test_a_refused_version_goes_live_only_with_a_reason(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    version = trainings.version_of(profile, "base", outcome=trainings.WORSE)
    client = login(demo="manager")
    asked = text(client.get(to("version_promote", version.pk)))
    assert "Refused: something got worse" in asked
    assert (
        "“Right answer first” went from 83.3% to 33.3%: worse by more than the margin of 1.0 points." in asked
    )
    for nothing in ({}, {"reason": "  \n "}):
        refused = client.post(to("version_promote", version.pk), nothing)
        assert "Say why it shall go live all the same." in text(refused)
    assert not VersionChange.objects.exists()
    client.post(to("version_promote", version.pk), {"reason": "The old one <b>knew</b> nothing."})
    change = VersionChange.objects.get()
    assert (change.kind, change.reason) == ("overridden", "The old one <b>knew</b> nothing.")
    shown = text(client.get(to("versions", profile.pk)))
    assert "The old one &lt;b&gt;knew&lt;/b&gt; nothing." in shown
    record = AuditRecord.objects.get(action="version_change")
    assert (record.actor, record.data["reason"]) == ("lena", change.reason)


def test_a_verdict_against_what_is_no_longer_live_does_not_count(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    old, new = (trainings.version_of(profile, "base") for _ in range(2))
    go_live(old)
    client = login(demo="manager")
    asked = text(client.get(to("version_promote", new.pk)))
    assert "What is live has changed since this version was compared with it." in asked
    assert "Say why" in text(client.post(to("version_promote", new.pk)))


def test_a_change_that_cannot_be_is_said(login: Callable[..., Client], profile: LocaleProfile) -> None:
    one, other = (trainings.version_of(profile, "base") for _ in range(2))
    client = login(demo="manager")
    refused = trainings.version_of(profile, "base", outcome=trainings.WORSE)
    never = client.post(to("versions_back", profile.pk), {"version": refused.pk}, follow=True)
    assert f"{refused.name} was never live" in text(never)
    client.post(to("version_promote", one.pk))
    client.post(to("versions_stop", profile.pk))
    assert VersionChange.objects.get().state == "cancelled"
    client.post(to("version_promote", one.pk))
    busy = client.post(to("version_promote", other.pk), {"reason": "x"}, follow=True)
    assert f"{one.name} is just being made live" in text(busy)
    assert client.get(to("versions_stop", profile.pk)).status_code == 405
    assert client.get(to("versions_back", profile.pk)).status_code == 405
    for wrong in ("x", "999999", "-1"):
        assert client.post(to("versions_back", profile.pk), {"version": wrong}).status_code == 404


def test_a_failed_change_says_so(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base")
    change = versions.change_open(profile=profile, version=version, kind=Kind.PROMOTED, actor="omar")
    versions.change_fail(change_id=change.pk, failure=VersionChange.Failure.OTHER_ENCODER)
    page = text(login(demo="support").get(to("versions", profile.pk)))
    change.refresh_from_db()
    assert change.get_failure_display() in page.lower() or change.get_failure_display().capitalize() in page
    assert "The chat answers as before." in page


# ---------------------------------------------------------------- files


def test_a_version_goes_out_and_comes_back(
    login: Callable[..., Client], profile: LocaleProfile, model_folder: Path
) -> None:
    encoder = bulk_encoder.encoder()
    version = trainings.version_of(profile, encoder.version, weights=trainings.tuned(encoder))
    client = login(demo="manager")
    response = client.get(to("version_download", version.pk))
    assert response["Content-Disposition"] == f"attachment; filename*=UTF-8''{version.name}.zip"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(response.content)).namelist()
    taken = send(client, profile, response.content)
    uploaded = ModelVersion.objects.get(origin=version.name)
    assert taken["Location"] == to("version", uploaded.pk)
    assert (uploaded.number, uploaded.weights_sha256) == (2, version.weights_sha256)
    page = text(client.get(taken["Location"]))
    assert "Not compared" in page
    assert "It goes live only with a reason" in page
    assert "Say why" in text(client.post(to("version_promote", uploaded.pk)))


def test_what_is_no_version_is_refused_in_words(
    login: Callable[..., Client], profile: LocaleProfile, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login(demo="manager")
    for data in (b"", b"hello", b"PK\x03\x04 broken"):
        page = send(client, profile, data)
        assert page.status_code == 200
        assert 'role="alert"' in text(page)
    monkeypatch.setattr(version_files, "MAX_BYTES", 4)
    assert "the limit is 4\xa0bytes" in text(send(client, profile, b"12345"))
    assert "required" in text(client.post(to("versions_upload", profile.pk), {}))
    assert not ModelVersion.objects.exists()


def test_damaged_layers_are_not_given_out(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base", weights=b"layers")
    ModelVersion.objects.update(weights_sha256="0" * 64)
    response = login(demo="support").get(to("version_download", version.pk), follow=True)
    assert "The tuned layers of this version, or its adapter, are damaged" in text(response)


def send(client: Client, profile: LocaleProfile, data: bytes) -> HttpResponse:
    file = SimpleUploadedFile("version.zip", data, content_type="application/zip")
    return client.post(to("versions_upload", profile.pk), {"file": file})  # type: ignore[return-value]


# ---------------------------------------------------------------- who may


def test_support_looks_and_managers_act(login: Callable[..., Client], profile: LocaleProfile) -> None:
    live_one = go_live(trainings.version_of(profile, "base"))
    version = trainings.version_of(profile, "base", against=live_one)
    client = login(demo="support")
    page = text(client.get(to("versions", profile.pk)))
    for name, pk in (
        ("version_promote", version.pk), ("versions_back", profile.pk), ("versions_upload", profile.pk),
    ):  # fmt: skip
        assert to(name, pk) not in page
    assert client.get(to("version", version.pk)).status_code == 200
    assert client.get(to("version_promote", version.pk)).status_code == 403
    assert client.get(to("versions_upload", profile.pk)).status_code == 403
    for name, pk in (
        ("version_promote", version.pk), ("versions_back", profile.pk), ("versions_stop", profile.pk),
        ("versions_upload", profile.pk),
    ):  # fmt: skip
        assert client.post(to(name, pk), {"version": "", "reason": "x"}).status_code == 403
    assert VersionChange.objects.count() == 1


def test_versions_are_the_tenants_own(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base")
    other = make_profile("other")
    mine = trainings.version_of(other, "base")
    client = login(other="manager")
    of_profile = ("versions", "versions_progress", "versions_compare", "versions_upload")
    of_version = ("version", "version_promote", "version_download")
    assert [client.get(to(name, profile.pk)).status_code for name in of_profile] == [404] * 4
    assert [client.get(to(name, version.pk)).status_code for name in of_version] == [404] * 3
    for name, pk in (
        ("version_promote", version.pk), ("versions_back", profile.pk), ("versions_stop", profile.pk),
        ("versions_upload", profile.pk),
    ):  # fmt: skip
        assert client.post(to(name, pk), {"reason": "x", "version": ""}).status_code == 404
    # Nor by way of one's own profile.
    assert client.post(to("versions_back", other.pk), {"version": version.pk}).status_code == 404
    both = client.get(to("versions_compare", other.pk), {"version": [version.pk, mine.pk]}, follow=True)
    assert "Choose two versions to compare." in text(both)
    assert not VersionChange.objects.exists()
    assert not LiveVersion.objects.exists()


def test_the_list_asks_a_bounded_number_of_queries(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="manager")
    trainings.version_of(profile, "base")
    with CaptureQueriesContext(connection) as one:
        client.get(to("versions", profile.pk))
    for _ in range(4):
        trainings.version_of(profile, "base")
    with CaptureQueriesContext(connection) as five:
        client.get(to("versions", profile.pk))
    assert len(five) == len(one), [query["sql"][:90] for query in five]
