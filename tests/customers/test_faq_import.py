"""`manage.py faq_import`, as its users run it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from customers.models import AuditRecord, FaqEntry, FaqQuestion, LocaleProfile, Tenant
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db

GOOD = (
    "id,question,alternates,answer,category\n"
    'returns,返品できますか,"返品方法\n返したい",はい。,注文\n'
    'shipping,送料はいくらですか,,"無料です。\n(離島を除く)",配送\n'
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "faq.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def run(file: Path, *options: str, tenant: str = "demo", locale: str = "ja-JP") -> tuple[int, dict[str, Any]]:
    """Return the exit status and the one JSON object printed."""
    printed, status = io.StringIO(), 0
    try:
        call_command(
            "faq_import",
            str(file),
            tenant=tenant,
            locale=locale,
            json=True,
            stdout=printed,
            **dict.fromkeys(options, True),
        )
    except SystemExit as end:
        status = int(str(end.code))
    (line,) = printed.getvalue().splitlines()
    result: dict[str, Any] = json.loads(line)
    return status, result


def test_a_new_tenant_and_its_locale_are_created(file: Path) -> None:
    assert run(file, tenant="new-shop", locale="ja_jp") == (
        0,
        {"rows": 2, "created": 2, "changed": 0, "unchanged": 0, "dry_run": False, "errors": []},
    )
    profile = LocaleProfile.objects.get()
    assert (profile.tenant.slug, profile.locale, profile.currency) == ("new-shop", "ja-JP", "JPY")
    assert profile.phrases["decline"]
    entry = FaqEntry.objects.get(key="returns")
    assert [question.text for question in entry.questions.all()] == ["返品できますか", "返品方法", "返したい"]
    assert FaqEntry.objects.get(key="shipping").answer == "無料です。\n(離島を除く)"


def test_importing_again_changes_nothing_and_an_edit_only_itself(file: Path) -> None:
    run(file)
    records = AuditRecord.objects.count()
    assert run(file)[1]["unchanged"] == 2
    assert AuditRecord.objects.count() == records
    file.write_text(GOOD.replace("はい。", "いいえ。"), encoding="utf-8")
    _, result = run(file)
    assert (result["created"], result["changed"], result["unchanged"]) == (0, 1, 1)


def test_every_error_is_listed_and_nothing_is_stored(file: Path) -> None:
    file.write_text(
        "id,question,answer,valid_from,active\n"
        "good,Is this good?,Yes.,,\n"
        ",,No question.,,\n"
        "date,When?,Then.,soon,\n"
        "flag,Really?,Yes.,,perhaps\n"
        "good,Twice?,Yes.,,\n",
        encoding="utf-8",
    )
    status, result = run(file, locale="en-US")
    assert status == 1
    assert [(error["row"], error["column"], error["code"]) for error in result["errors"]] == [
        (3, "question", "missing_question"),
        (4, "valid_from", "bad_date"),
        (5, "active", "bad_boolean"),
        (6, "id", "duplicate_id"),
    ]
    assert all(error["reason"] and "{" not in error["reason"] for error in result["errors"])
    assert (result["created"], result["changed"]) == (0, 0)
    assert not Tenant.objects.exists()
    assert not FaqQuestion.objects.exists()


def test_a_dry_run_counts_and_creates_not_even_the_tenant(file: Path) -> None:
    assert run(file, "dry_run", tenant="new-shop") == (
        0,
        {"rows": 2, "created": 2, "changed": 0, "unchanged": 0, "dry_run": True, "errors": []},
    )
    assert not Tenant.objects.exists()
    assert not AuditRecord.objects.exists()


def test_rows_of_several_locales_go_to_their_profiles(file: Path) -> None:
    file.write_text(
        "locale,question,answer\nde-DE,Wo?,Hier.\n,どこ,ここ\nde-DE,Wann?,Jetzt.\n", encoding="utf-8"
    )
    make_profile("demo", "de-DE")
    assert run(file)[1]["created"] == 3
    counts = {p.locale: p.faq.count() for p in LocaleProfile.objects.all()}
    assert counts == {"de-DE": 2, "ja-JP": 1}
    assert (
        LocaleProfile.objects.get(locale="de-DE").persona_name == "Lena"
    )  # an existing profile stays as it is


def test_a_row_of_a_locale_that_does_not_exist_is_an_error(file: Path) -> None:
    file.write_text("locale,question,answer\nde-DE,Wo?,Hier.\nxx-YY,Who?,Me.\n", encoding="utf-8")
    status, result = run(file)
    assert status == 1
    (error,) = result["errors"]
    assert (error["row"], error["column"], error["value"], error["code"]) == (
        3,
        "locale",
        "xx-YY",
        "bad_locale",
    )
    assert not Tenant.objects.exists()


def test_a_file_without_a_question_column_says_so(file: Path) -> None:
    file.write_text("foo,bar\n1,2\n", encoding="utf-8")
    status, result = run(file)
    assert (status, [error["code"] for error in result["errors"]]) == (1, ["missing_columns"])
    assert "foo, bar" in result["errors"][0]["reason"]


def test_a_file_that_cannot_be_read_at_all_is_refused(file: Path) -> None:
    file.write_bytes(b"")
    status, result = run(file)
    assert status == 1
    assert "empty" in result["refused"]


@pytest.mark.parametrize(
    ("tenant", "locale", "problem"),
    [
        ("demo", "german", "german"),
        ("demo", "xx-YY", "xx-YY"),
        ("two words", "de-DE", "slug"),
        ("x" * 51, "de-DE", "50"),
    ],
)
def test_a_tenant_or_locale_that_cannot_be_is_refused(
    file: Path, tenant: str, locale: str, problem: str
) -> None:
    with pytest.raises(CommandError, match=problem):
        run(file, tenant=tenant, locale=locale)
    assert not Tenant.objects.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"absent\.csv cannot be read: No such file"):
        run(tmp_path / "absent.csv")


def test_people_get_sentences(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("faq_import", str(file), tenant="demo", locale="ja-JP", dry_run=True)
    assert capsys.readouterr().out == "2 good rows: 2 new, 0 changed, 0 unchanged (dry run, nothing stored)\n"
    file.write_text("question,active\nWo?,perhaps\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        call_command("faq_import", str(file), tenant="demo", locale="de-DE")
    assert "row 2, active: “perhaps” is neither yes nor no. Write yes or no." in capsys.readouterr().out
