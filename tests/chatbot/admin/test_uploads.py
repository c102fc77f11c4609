"""The upload screens, driven as a browser would: who may do what, what is refused, what is downloaded."""

import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from customers import services, upload_apply, uploads
from customers.faq_file.model import MAX_FILE_BYTES
from customers.models import FaqEntry, FaqUpload, LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft
from tests.customers.screens import make_profile, screen
from tests.customers.uploading import checked, csv_file, live

pytestmark = pytest.mark.django_db

State = FaqUpload.State
GOOD = csv_file(("shipping", "Was kostet der Versand?", "Porto", "Vier **Euro**."))


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


def target(profile: LocaleProfile) -> str:
    return f"{profile.tenant_id}:{profile.locale}"


def send(client: Client, profile: LocaleProfile, data: bytes, name: str = "faq.csv") -> object:
    file = SimpleUploadedFile(name, data)
    return client.post(screen("faqupload", "add"), {"target": target(profile), "file": file})


def page(client: Client, upload: FaqUpload, **query: str) -> str:
    response = client.get(screen("faqupload", "change", upload.pk), query)
    assert response.status_code == 200
    return response.content.decode()


def act(client: Client, upload: FaqUpload, name: str, **data: str) -> str:
    """Press a button; returns the messages that the next page shows."""
    response = client.post(screen("faqupload", "change", upload.pk), {"act": name, **data}, follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def test_a_file_is_taken_checked_applied_and_reverted(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="support")
    response = send(client, profile, GOOD)
    upload = FaqUpload.objects.get()
    assert response.headers["Location"] == screen("faqupload", "change", upload.pk)  # type: ignore[attr-defined]
    assert (upload.author, upload.state, upload.locale) == ("lena", State.CHECKING, "de-DE")
    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.args) == ("chatbot.tasks.upload_check", {"upload_id": upload.pk})
    assert "Waiting for the background worker" in page(client, upload)

    uploads.upload_check(upload_id=upload.pk)
    shown = page(client, upload)
    assert "Was kostet der Versand?" in shown
    assert 'name="retire"' not in shown
    assert act(client, upload, "apply") == ""
    upload.refresh_from_db()
    assert upload.applied_by == "lena"
    assert live(profile).keys() == {"shipping"}
    assert "Waiting for the background worker" in page(client, upload)
    assert "lena applied this upload already" in act(client, upload, "apply")
    assert act(client, upload, "revert") == ""
    assert live(profile) == {}


def test_a_change_in_between_is_told(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    upload = checked(profile, GOOD)
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="shipping", questions=("x",), answer=""), actor="ole"
    )
    assert "shipping (de-DE)" in act(client, upload, "apply")
    assert act(client, upload, "recheck") == ""
    upload.refresh_from_db()
    assert upload.state == State.CHECKING


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (b"", "faq.csv", "The file is empty"),
        (b"x" * (MAX_FILE_BYTES + 1), "faq.csv", "the limit is 23.8"),
    ],
)
def test_what_the_form_refuses_is_not_stored(
    login: Callable[..., Client], profile: LocaleProfile, data: bytes, name: str, sentence: str
) -> None:
    response = send(login(demo="support"), profile, data, name)
    assert sentence in response.content.decode().replace("\xa0", " ")  # type: ignore[attr-defined]
    assert not FaqUpload.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_names_and_texts_are_shown_as_text(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    attack = "<script>alert(1)</script>"
    rows = (
        (f"a{attack}", f"{attack}?", attack, f"{attack} {attack}", attack),
        ("b,c", f"{attack}??", "", attack),
    )
    upload = checked(profile, csv_file(*rows), filename=f"{attack}.csv")
    assert upload.state == State.INVALID
    for show in ("new", "error", "note"):
        assert attack not in page(client, upload, show=show)
    assert attack not in client.get(screen("faqupload")).content.decode()


def test_members_see_their_own_uploads_only(login: Callable[..., Client], profile: LocaleProfile) -> None:
    other = make_profile("other")
    mine, theirs = checked(profile, GOOD), checked(other, GOOD, filename="theirs.csv")
    client = login(demo="support")
    listed = client.get(screen("faqupload")).content.decode()
    assert "faq.csv" in listed
    assert "theirs.csv" not in listed
    assert client.get(screen("faqupload", "change", mine.pk)).status_code == 200
    for name in ("change", "progress", "file", "errors"):
        assert client.get(screen("faqupload", name, theirs.pk)).status_code == 404
    assert client.post(screen("faqupload", "change", theirs.pk), {"act": "apply"}).status_code == 404
    assert "Other" not in client.get(screen("faqupload", "add")).content.decode()
    response = client.post(
        screen("faqupload", "add"), {"target": target(other), "file": SimpleUploadedFile("faq.csv", GOOD)}
    )
    assert response.status_code == 200  # the form again, with the choice refused
    assert FaqUpload.objects.count() == 2
    assert live(other) == {}


def test_nobody_else_gets_in(client: Client, profile: LocaleProfile) -> None:
    upload = checked(profile, GOOD)
    for name in ("progress", "file", "errors", "change"):
        response = client.get(screen("faqupload", name, upload.pk))
        assert response.status_code == 302
        assert "login" in response.headers["Location"]


def test_the_file_comes_back_as_it_was(login: Callable[..., Client], profile: LocaleProfile) -> None:
    upload = checked(profile, GOOD, filename="FAQ für „alle“.csv")
    response = login(demo="support").get(screen("faqupload", "file", upload.pk))
    assert response.content == GOOD
    assert response.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''FAQ%20f%C3%BCr")
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_errors_come_as_a_column_of_the_file(login: Callable[..., Client], profile: LocaleProfile) -> None:
    upload = checked(profile, csv_file(("a", "", "", "x"), ("b", "Frage?", "", "y")))
    client = login(demo="support")
    assert screen("faqupload", "errors", upload.pk) in page(client, upload)
    response = client.get(screen("faqupload", "errors", upload.pk), headers={"Accept-Language": "de"})
    lines = response.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("id,question,alternates,answer,category,")
    assert lines[1].startswith("a,,,x,,")
    assert len(lines[1]) > len("a,,,x,,")
    assert lines[2] == "b,Frage?,,y,,"


def test_columns_and_encoding_are_settled_on_the_page(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="support")
    upload = checked(profile, csv_file(("Wo ist es?", "Da."), header=("Kundensatz", "Satz")))
    assert "Kundensatz" in page(client, upload)
    assert (
        "Say which column holds the question"
        in client.post(
            screen("faqupload", "change", upload.pk), {"act": "mapping", "column-1": "answer"}
        ).content.decode()
    )
    act(client, upload, "mapping", **{"column-0": "question", "column-1": "answer"})
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.counts["new"] == 1

    data = "question,answer\nÄrger mit Größe?,Schön – naïve\n".encode("cp1252")
    upload = checked(profile, data, named_in_file=True)
    assert "Ärger mit Größe?" in page(client, upload)
    client.post(screen("faqupload", "change", upload.pk), {"act": "encoding", "encoding": "klingon"})
    upload.refresh_from_db()
    assert upload.state == State.NEEDS_ENCODING
    act(client, upload, "encoding", encoding="windows-1252")
    upload.refresh_from_db()
    assert (upload.state, upload.encoding) == (State.CHECKING, "windows-1252")


def test_proposals_are_edited_on_the_page(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    upload = checked(profile, b"# Hilfe\n\n## Zelt?\n\nWasser.\n\n## Matte?\n\nSet.\n", filename="hilfe.md")
    assert "Zelt?" in page(client, upload)
    form = {
        "rows-TOTAL_FORMS": "2", "rows-INITIAL_FORMS": "2",
        "rows-0-position": "0", "rows-0-keep": "on", "rows-0-question": "Wie pflege ich\nmein Zelt?",
        "rows-0-answer": "Mit Wasser.", "rows-0-category": "Pflege",
        "rows-1-position": "1", "rows-1-question": "Matte?", "rows-1-answer": "Set.", "rows-1-category": "",
    }  # fmt: skip
    broken = client.post(
        screen("faqupload", "change", upload.pk), {"act": "edit", **form, "rows-0-question": "bell \x07"}
    )
    assert "U+0007" in broken.content.decode()
    # Positions that the page did not show are nobody's to write.
    assert "saved" in act(client, upload, "edit", **form)
    act(client, upload, "apply")
    (draft,) = live(profile).values()
    assert (draft.questions, draft.answer, draft.category) == (
        ("Wie pflege ich mein Zelt?",),
        "Mit Wasser.",
        "Pflege",
    )
    upload_apply.upload_revert(upload_id=upload.pk, actor="lena")


def test_progress_is_told_as_json(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    upload = checked(profile, GOOD)
    uploads.upload_progress(upload_id=upload.pk, done=3, total=9)
    told = json.loads(client.get(screen("faqupload", "progress", upload.pk)).content)
    assert (told["stage"], told["waits"], told["done"], told["total"]) == ("ready:0", True, 3, 9)
    assert told["sentence"]
    upload_apply.upload_apply(upload_id=upload.pk, actor="lena")
    told = json.loads(client.get(screen("faqupload", "progress", upload.pk)).content)
    assert [(locale["locale"], locale["state"]) for locale in told["locales"]] == [("de-DE", "waiting")]


def test_long_previews_come_in_pages(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    upload = checked(profile, csv_file(*[(f"k{n}", f"Frage {n}?", "", "x") for n in range(60)]))
    assert "Page 1 of 3" in page(client, upload, show="new")
    last = page(client, upload, show="new", part="3")
    assert "Frage 59?" in last
    assert "Frage 0?" not in last
    assert "Page 3 of 3" in page(client, upload, show="new", part="99")


def test_test_questions_are_kept_by_their_tenant(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    services.faq_import(
        profile=profile, drafts=[FaqDraft(key="shipping", questions=("Porto?",), answer="4")], actor="t"
    )
    other = make_profile("other")
    client = login(demo="support")
    add = screen("testquestion", "add")
    form = {"profile": str(profile.pk), "text": "Was kostet  Porto?", "expected_keys": "shipping"}
    assert client.post(add, {**form, "expected_keys": "nowhere"}).status_code == 200
    assert client.post(add, {**form, "profile": str(other.pk)}).status_code == 200
    assert not Trial.objects.exists()
    assert client.post(add, form).status_code == 302
    question = Trial.objects.get()
    assert (question.text, question.expected_keys) == ("Was kostet Porto?", ["shipping"])
    assert client.post(screen("testquestion", "delete", question.pk), {"post": "yes"}).status_code == 302
    assert not Trial.objects.exists()
    assert FaqEntry.objects.exists()
