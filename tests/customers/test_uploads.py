"""Uploads from file to applied and back: what a preview says, and that applying does that and nothing else."""

import datetime as dt
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from customers import faq_store, services, upload_apply, uploads
from customers.models import AuditRecord, FaqEntry, FaqUpload, FaqUploadFile, LocaleProfile
from customers.services import FaqDraft
from customers.upload_apply import FaqMoved
from customers.upload_texts import finding_sentence, upload_refusal_sentence
from customers.uploads import UploadMoved
from tests.customers.screens import make_profile
from tests.customers.uploading import checked, csv_file, found, keys, live

State = FaqUpload.State
STATEMENT = re.compile(rb"\tF\t\d+\t(Query|Execute)\t")
SHIPPING = FaqDraft(key="shipping", questions=("Was kostet der Versand?", "Porto?"), answer="Vier Euro.")
RETURNS = FaqDraft(key="returns", questions=("Kann ich etwas zurückgeben?",), answer="Ja, 30 Tage lang.")
PAYMENT = FaqDraft(key="payment", questions=("Wie kann ich bezahlen?",), answer="Mit Karte.")
FILE = csv_file(
    ("shipping", "Was kostet der Versand?", "Porto?", "Fünf Euro."),
    ("returns", "Kann ich etwas zurückgeben?", "", "Ja, 30 Tage lang."),
    ("gifts", "Gibt es Gutscheine?", "Geschenkkarte?\nVoucher", "Ja."),
)


@pytest.fixture
def profile(db: None) -> LocaleProfile:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=[SHIPPING, RETURNS, PAYMENT], actor="test")
    return profile


def test_the_preview_sorts_the_rows(profile: LocaleProfile) -> None:
    upload = checked(profile, FILE)
    assert upload.state == State.READY
    assert (upload.format, upload.encoding) == ("csv", "utf-8")
    expected = {"new": ["gifts"], "changed": ["shipping"], "unchanged": ["returns"], "missing": ["payment"]}
    assert {kind: keys(upload, kind) for kind in expected} == expected
    assert upload.counts == {"rows": 3, "left_out": 0, "new": 1, "changed": 1, "unchanged": 1, "missing": 1}
    assert live(profile)["shipping"] == SHIPPING  # nothing has changed yet


@pytest.mark.parametrize("retire", [False, True])
def test_applying_does_what_the_preview_showed_and_reverting_undoes_it(
    profile: LocaleProfile, retire: bool
) -> None:
    before = live(profile)
    revision = LocaleProfile.objects.get(pk=profile.pk).faq_revision
    upload = checked(profile, FILE)
    applied = upload_apply.upload_apply(upload_id=upload.pk, actor="mia", retire=retire)
    assert (applied.state, applied.applied_by) == (State.APPLIED, "mia")
    assert applied.report["revisions"] == {str(profile.pk): revision + 1}
    now = live(profile)
    assert now["shipping"].answer == "Fünf Euro."
    assert now["gifts"].questions == ("Gibt es Gutscheine?", "Geschenkkarte?", "Voucher")
    assert now["returns"] == RETURNS
    assert now["payment"].is_active is not retire

    reverted = upload_apply.upload_revert(upload_id=upload.pk, actor="ole")
    assert (reverted.state, reverted.reverted_by) == (State.REVERTED, "ole")
    assert live(profile) == before
    acts = AuditRecord.objects.filter(action__startswith="faq_upload").order_by("pk")
    assert list(acts.values_list("actor", "action")) == [
        ("lena", "faq_upload"), ("mia", "faq_upload_apply"), ("ole", "faq_upload_revert"),
    ]  # fmt: skip


def test_every_field_survives_applying_and_reverting(profile: LocaleProfile) -> None:
    full = FaqDraft(
        key="full", questions=("Frage?", "auch so"), answer="a\n\n- b", category="c", tags=("x", "y"),
        follow_ups=("returns",), valid_from=dt.date(2026, 1, 1), valid_until=dt.date(2026, 12, 31), is_active=False,
    )  # fmt: skip
    services.faq_entry_save(profile=profile, draft=full, actor="test")
    header = (
        "id",
        "question",
        "alternates",
        "answer",
        "category",
        "tags",
        "follow_ups",
        "valid_from",
        "active",
    )
    row = ("full", "Frage neu?", "", "c", "d", "z", "shipping", "2026-02-01", "yes")
    upload = checked(profile, csv_file(row, header=header))
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    assert live(profile)["full"] == FaqDraft(
        key="full", questions=("Frage neu?",), answer="c", category="d", tags=("z",),
        follow_ups=("shipping",), valid_from=dt.date(2026, 2, 1),
    )  # fmt: skip
    upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    assert live(profile)["full"] == full


def test_nothing_is_applied_when_an_entry_changed_since_the_preview(profile: LocaleProfile) -> None:
    upload = checked(profile, FILE)
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="gifts", questions=("Von Hand?",), answer=""), actor="ole"
    )
    before = live(profile)
    with pytest.raises(FaqMoved) as moved:
        upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    assert moved.value.keys == {"de-DE": ["gifts"]}
    assert live(profile) == before
    uploads.upload_recheck(upload_id=upload.pk, actor="mia")
    uploads.upload_check(upload_id=upload.pk)
    assert set(keys(upload, "changed")) == {"shipping", "gifts"}
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    assert live(profile)["gifts"].answer == "Ja."


def test_nothing_is_reverted_when_an_entry_changed_since(profile: LocaleProfile) -> None:
    upload = checked(profile, FILE)
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    services.faq_entry_save(
        profile=profile, draft=FaqDraft(key="shipping", questions=("Neu?",), answer="!"), actor="ole"
    )
    before = live(profile)
    with pytest.raises(FaqMoved, match="shipping"):
        upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    assert live(profile) == before
    assert FaqUpload.objects.get(pk=upload.pk).state == State.APPLIED


def test_an_upload_is_applied_and_reverted_once(profile: LocaleProfile) -> None:
    upload = checked(profile, FILE)
    with pytest.raises(UploadMoved):
        upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    with pytest.raises(UploadMoved) as moved:
        upload_apply.upload_apply(upload_id=upload.pk, actor="ole")
    assert moved.value.upload.applied_by == "mia"
    with pytest.raises(UploadMoved):
        uploads.upload_recheck(upload_id=upload.pk, actor="ole")
    upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    with pytest.raises(UploadMoved):
        upload_apply.upload_revert(upload_id=upload.pk, actor="ole")


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_apply_at_once_apply_once(transactional_db: None) -> None:
    profile = make_profile("demo")
    rows = [(f"key-{number}", f"Frage {number}?", "", f"Antwort {number}") for number in range(300)]
    upload = checked(profile, csv_file(*rows))
    start, outcomes = threading.Barrier(4), []

    def apply(actor: str) -> None:
        start.wait(60)
        try:
            upload_apply.upload_apply(upload_id=upload.pk, actor=actor)
            outcomes.append(actor)
        except UploadMoved as moved:
            outcomes.append(moved.upload.applied_by)
        finally:
            connection.close()

    threads = [threading.Thread(target=apply, args=[f"admin-{number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # All four name the one who was first.
    assert len(outcomes) == 4
    assert len(set(outcomes)) == 1
    assert FaqEntry.objects.count() == 300
    assert AuditRecord.objects.filter(action="faq_upload_apply").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_uploads_that_write_the_same_entry_are_not_mixed(transactional_db: None) -> None:
    profile = make_profile("demo")
    first, second = (
        checked(profile, csv_file(*[(f"key-{n}", f"Frage {n}?", "", f"{name} {n}") for n in range(200)]))
        for name in ("eins", "zwei")
    )
    start, done = threading.Barrier(2), []

    def apply(upload: FaqUpload) -> None:
        start.wait(60)
        try:
            upload_apply.upload_apply(upload_id=upload.pk, actor="lena")
            done.append(upload.pk)
        except FaqMoved:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=apply, args=[upload]) for upload in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 1
    winner = "eins" if done == [first.pk] else "zwei"
    assert {draft.answer.split()[0] for draft in live(profile).values()} == {winner}


def test_every_error_is_kept_with_its_place(profile: LocaleProfile) -> None:
    data = csv_file(
        ("a", "", "", "ohne Frage"),
        ("b,c", "Frage?", "", "x"),
        ("d", "Frage zwei?", "", "x"),
        ("d", "Frage drei?", "", "x"),
    )
    upload = checked(profile, data)
    assert upload.state == State.INVALID
    assert found(upload, "error") == [("missing_question", 2), ("bad_id", 3), ("duplicate_id", 5)]
    sentences = [finding_sentence(finding) for finding in upload.findings.filter(kind="error")]
    assert all(sentences)
    assert keys(upload, "missing") == []  # a faulty row may be one of them
    with pytest.raises(UploadMoved):
        upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia", without_invalid=True, retire=True)
    assert live(profile).keys() == {"shipping", "returns", "payment", "d"}
    assert all(draft.is_active for draft in live(profile).values())


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"PK\x03\x04" + b"junk" * 50, "faq.xlsx", "broken_zip"),
        (b"%PDF-1.7 whatever", "faq.csv", "unsupported_format"),
        (b'[{"question": ]', "faq.json", "broken_json"),
        (b"   \n", "faq.csv", "empty_file"),
    ],
)
def test_a_refused_file_is_not_kept(profile: LocaleProfile, data: bytes, filename: str, code: str) -> None:
    before = live(profile)
    upload = checked(profile, data, filename=filename)
    assert upload.state == State.REFUSED
    assert upload.report["refusal"]["code"] == code
    assert upload_refusal_sentence(code, upload.report["refusal"]["data"])
    assert not FaqUploadFile.objects.exists()
    assert not upload.rows.exists()
    assert live(profile) == before
    with pytest.raises(UploadMoved):
        uploads.upload_recheck(upload_id=upload.pk, actor="mia")


def test_an_open_encoding_is_asked_for(profile: LocaleProfile) -> None:
    data = "question,answer\nÄrger mit Größe?,Schön – naïve\n".encode("cp1252")
    upload = checked(profile, data, named_in_file=True)
    assert upload.state == State.NEEDS_ENCODING
    assert not upload.rows.exists()
    offered = [candidate["encoding"] for candidate in upload.report["encodings"]]
    assert "windows-1252" in offered
    uploads.upload_recheck(upload_id=upload.pk, actor="mia", encoding="windows-1252")
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.state == State.NEEDS_MAPPING
    assert upload.report["missing"] == ["locale"]
    uploads.upload_recheck(upload_id=upload.pk, actor="mia", locale="de-DE")
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.state == State.READY
    draft = upload.rows.get(kind="new").draft or {}
    assert draft["questions"] == ["Ärger mit Größe?"]


def test_unknown_columns_are_asked_for(profile: LocaleProfile) -> None:
    data = csv_file(("Wo ist es?", "Unterwegs.", "x"), header=("Kundensatz", "Unser Satz", "Sonstiges"))
    upload = checked(profile, data)
    assert upload.state == State.NEEDS_MAPPING
    mapping = {"Kundensatz": "question", "Unser Satz": "answer", "Sonstiges": ""}
    uploads.upload_recheck(upload_id=upload.pk, actor="mia", mapping=mapping)
    uploads.upload_check(upload_id=upload.pk)
    draft = upload.rows.get(kind="new").draft or {}
    assert (draft["questions"], draft["answer"]) == (["Wo ist es?"], "Unterwegs.")


def test_a_row_without_an_id_means_the_entry_with_its_question(profile: LocaleProfile) -> None:
    data = csv_file(("was kostet der versand ?", "Sechs Euro."), header=("question", "answer"))
    upload = checked(profile, data)
    assert keys(upload, "changed") == ["shipping"]
    assert keys(upload, "new") == []


def test_one_file_for_several_locales(profile: LocaleProfile) -> None:
    make_profile("demo", "fr-FR")
    rows = [
        ("gifts", "de", "Gibt es Gutscheine?", "Ja."),
        ("gifts", "fr-FR", "Y a-t-il des chèques-cadeaux ?", "Oui."),
    ]
    upload = checked(
        profile, csv_file(*rows, header=("id", "locale", "question", "answer")), named_in_file=True
    )
    assert upload.state == State.READY
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    entries = FaqEntry.objects.filter(key="gifts").order_by("profile__locale")
    assert list(entries.values_list("profile__locale", "answer")) == [("de-DE", "Ja."), ("fr-FR", "Oui.")]
    upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    assert not FaqEntry.objects.filter(key="gifts").exists()


def test_findings_about_content(profile: LocaleProfile) -> None:
    make_profile("demo", "en-US")
    data = csv_file(
        (
            "english",
            "Where is my parcel right now?",
            "It is on its way to you and will arrive tomorrow morning.",
            "",
        ),
        ("again", "Was kostet der Versand?", "Das kostet fünf Euro.", "nowhere,returns"),
        header=("id", "question", "answer", "follow_ups"),
    )
    upload = checked(profile, data)
    assert found(upload, "language") == [("other_language", 2)]
    assert found(upload, "similar") == [("same_question", 3)]
    assert found(upload, "note") == [("unknown_follow_up", 3)]
    missing = upload.findings.filter(kind="translation")
    assert {finding.data["key"]: finding.data["locales"] for finding in missing} == {
        "english": "en-US",
        "again": "en-US",
    }
    assert all(finding_sentence(finding) for finding in upload.findings.all())


def test_proposals_from_a_document_can_be_corrected_and_left_out(profile: LocaleProfile) -> None:
    page = b"# Hilfe\n\n## Wie pflege ich mein Zelt?\n\nMit **Wasser**.\n\n## Impressum\n\nTidepine GmbH\n"
    upload = checked(profile, page, filename="hilfe.md")
    assert (upload.state, upload.is_document) == (State.READY, True)
    assert keys(upload, "missing") == []  # a page of questions is never the whole FAQ
    tent, imprint = upload.rows.order_by("position")
    drafts = {row.position: FaqDraft.from_json(row.draft or {}) for row in (tent, imprint)}
    drafts[tent.position] = FaqDraft(
        key=tent.key, questions=("Wie reinige ich mein Zelt?",), answer="Mit Wasser."
    )
    upload = uploads.upload_rows_edit(
        upload_id=upload.pk, drafts=drafts, left_out={imprint.position}, actor="mia"
    )
    assert (upload.counts["new"], upload.counts["left_out"]) == (1, 1)
    upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    assert live(profile)[tent.key].questions == ("Wie reinige ich mein Zelt?",)
    assert imprint.key not in live(profile)


def test_a_file_for_a_locale_that_is_gone_is_refused(profile: LocaleProfile) -> None:
    upload = uploads.upload_create(
        tenant=profile.tenant, locale="ja-JP", filename="faq.csv", data=FILE, actor="lena"
    )
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.report["refusal"]["code"] == "no_profile"


def test_a_fault_of_ours_keeps_the_file(profile: LocaleProfile) -> None:
    upload = uploads.upload_create(
        tenant=profile.tenant, locale="de-DE", filename="faq.csv", data=FILE, actor="lena"
    )
    uploads.upload_fail(upload_id=upload.pk)
    uploads.upload_recheck(upload_id=upload.pk, actor="lena")
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.state == State.READY


@contextmanager
def statements_at_most(limit: int) -> Iterator[None]:
    """Count the statements that reach Postgres, whichever cursor sends them: libpq writes down each message."""
    connection.ensure_connection()
    with tempfile.TemporaryFile() as messages:
        connection.connection.pgconn.trace(messages.fileno())
        try:
            yield
        finally:
            connection.connection.pgconn.untrace()
        messages.seek(0)
        sent = sum(STATEMENT.search(line) is not None for line in messages)
    assert 0 < sent <= limit


@pytest.mark.slow
def test_twenty_thousand_rows_take_few_statements(profile: LocaleProfile) -> None:
    rows = [
        (f"key-{n}", f"Was ist mit dem Artikel {n}?", f"Artikel {n}\nNummer {n}", f"Der Artikel {n}.")
        for n in range(20_000)
    ]
    data = csv_file(*rows)
    with statements_at_most(50):
        upload = checked(profile, data)
    assert upload.counts["new"] == 20_000
    with statements_at_most(50):
        upload_apply.upload_apply(upload_id=upload.pk, actor="mia")
    with statements_at_most(50):
        assert len(faq_store.load(profile_id=profile.pk)) == 20_003
    with statements_at_most(300):  # Django deletes a hundred entries at a time
        upload_apply.upload_revert(upload_id=upload.pk, actor="mia")
    assert live(profile).keys() == {"shipping", "returns", "payment"}


def test_a_statement_per_row_would_be_noticed(profile: LocaleProfile) -> None:
    def look_up_each(limit: int) -> None:
        with statements_at_most(limit):
            for key in ("shipping", "returns", "payment"):
                FaqEntry.objects.get(profile=profile, key=key)

    look_up_each(limit=3)
    with pytest.raises(AssertionError):
        look_up_each(limit=2)
