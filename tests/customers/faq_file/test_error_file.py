"""The file with an error column, and templates."""

import json

import pytest

from customers.faq_file.error_file import with_error_column
from customers.faq_file.model import FORMATS, FaqRow, ParsedFile, RowError
from customers.faq_file.writer import CONTENT_TYPES, export, template

from .samples import read

_BAD = "id,question,answer,active\n1,Good?,a,\n\n2,,b,perhaps\n1,Other?,c,\n"


def _sentence(error: RowError) -> str:
    return f"{error.column}: {error.code}"


def _with_errors(data: bytes, name: str, header_locale: str = "en") -> tuple[ParsedFile, bytes]:
    parsed = read(data, name)
    written = with_error_column(
        data, filename=name, errors=parsed.errors, sentence=_sentence, header_locale=header_locale
    )
    return parsed, written.data


def test_csv_keeps_its_rows_and_gains_a_column() -> None:
    _, data = _with_errors(_BAD.replace(",", ";").encode("utf-16"), "faq.csv", header_locale="de")
    assert data.decode("utf-8-sig").splitlines() == [
        "id;question;answer;active;Fehler",
        "1;Good?;a;;",
        "",
        '2;;b;perhaps;"active: bad_boolean',
        'question: missing_question"',
        "1;Other?;c;;id: duplicate_id",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_the_error_file_has_the_same_errors_and_takes_new_ones(form: str) -> None:
    rows = [FaqRow(id=name, locale="en-US", question=name, answer="=1") for name in ("a", "b", "c")]
    data = export(rows, format=form).replace(b"true", b'"yeah"')
    if form in ("xlsx", "ods"):
        data = export([FaqRow(id="a,b", locale="en-US", question="q")], format=form)
    parsed, written = _with_errors(data, f"faq.{form}")
    assert parsed.errors
    again, twice = _with_errors(written, f"faq.{form}")
    assert again.errors == parsed.errors
    assert twice == written


def test_corrected_rows_import_from_the_error_file() -> None:
    _, data = _with_errors(_BAD.encode(), "faq.csv")
    fixed = data.decode("utf-8-sig").replace("2,,b,perhaps", "2,Now?,b,no").replace("1,Other?", "3,Better?")
    parsed = read(fixed)
    assert parsed.errors == ()
    assert [(row.id, row.question, row.active) for row in parsed.rows] == [
        ("1", "Good?", True),
        ("2", "Now?", False),
        ("3", "Better?", True),
    ]


def test_lines_that_are_no_json_come_back_whole() -> None:
    line = '{"question": "' + "x" * 200
    parsed = read('{"question": "a"}\n' + line + "\n", "faq.jsonl")
    written = with_error_column(
        ('{"question": "a"}\n' + line + "\n").encode(),
        filename="faq.jsonl",
        errors=parsed.errors,
        sentence=_sentence,
    )
    assert [json.loads(text) for text in written.data.decode().splitlines()] == [
        {"question": "a"},
        {"text": line, "Errors": [": broken_json_line"]},
    ]


def test_errors_of_the_header_and_the_sheet_stand_in_the_first_row() -> None:
    _, data = _with_errors(b"Question,question\na,b\n", "faq.csv")
    assert data.decode("utf-8-sig").splitlines() == [
        "Question,question,Errors",
        "a,b,question: duplicate_header",
    ]


def test_a_mapping_finds_the_header_again() -> None:
    data, mapping = b"FAQ list,\nWhat,Reply\n,x\n", {"What": "question"}
    parsed = read(data, mapping=mapping)
    written = with_error_column(
        data, filename="f.csv", errors=parsed.errors, sentence=_sentence, mapping=mapping
    )
    assert written.data.decode("utf-8-sig").splitlines() == [
        "FAQ list,,",
        "What,Reply,Errors",
        ",x,What: missing_question",
    ]
    assert written.content_type == CONTENT_TYPES["csv"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "locale",
    ["en-US", "zh-CN", "ja-JP", "ko-KR", "es-MX", "pt-BR", "fr-FR", "de-DE", "ar-SA", "hi-IN", "it-IT"],
)
def test_templates_import_as_two_rows(form: str, locale: str) -> None:
    parsed = read(template(format=form, locale=locale), f"template.{form}", locale=locale, locales=[locale])
    assert (parsed.errors, parsed.warnings, parsed.missing) == ((), (), ())
    assert [row.locale for row in parsed.rows] == [locale, locale]
    assert parsed.rows[0].follow_ups == (parsed.rows[1].id,)
    assert parsed.rows[0].alternates


def test_a_template_needs_a_tag() -> None:
    with pytest.raises(ValueError, match="'German' is not a BCP 47 tag"):
        template(format="csv", locale="German")
