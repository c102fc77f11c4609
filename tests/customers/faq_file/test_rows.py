"""Every check on a row, all errors at once."""

from datetime import date

import pytest

from customers.faq_file import model
from customers.faq_file.locales import LocaleMatcher, normalise_tag
from customers.faq_file.model import FileRefused
from customers.faq_file.values import derive_id, parse_boolean, parse_date
from customers.faq_file.writer import export

from .samples import codes, read


def test_every_error_of_every_row_is_listed() -> None:
    parsed = read(
        "id,locale,question,answer,valid_from,valid_until,active\n"
        "1,en-US,First?,a,2026-01-01,2026-02-01,yes\n"
        "1,xx-XX,,b,31.12.2026,2026-13-01,perhaps\n"
        "2,en-US,FIRST ?,c,2026-02-01,2026-01-01,\n"
        '"a,b",en-US,Bad\x00?,\ufffd,,,\n',
        locales=["en-US", "de-DE"],
    )
    assert codes(parsed) == [
        (3, "locale", "unknown_locale"),
        (3, "valid_from", "bad_date"),
        (3, "valid_until", "bad_date"),
        (3, "active", "bad_boolean"),
        (3, "question", "missing_question"),
        (4, "valid_until", "bad_date_range"),
        (5, "question", "control_character"),
        (5, "answer", "damaged_text"),
        (5, "id", "bad_id"),
    ]
    assert [row.row for row in parsed.rows] == [2]
    assert parsed.errors[0].data == {"allowed": "en-US, de-DE"}
    assert [(warning.row, warning.code) for warning in parsed.warnings] == [(4, "duplicate_question")]
    assert parsed.errors[6].data == {"character": "U+0000"}
    assert "\x00" not in parsed.errors[6].value


def test_duplicate_ids_and_questions_count_per_locale() -> None:
    parsed = read(
        "id,locale,question\n1,en-US,Same?\n1,de-DE,Same?\n1,en-US,Other?\n2,en-US, ¿Ｓａｍｅ！\n3,"
        "en-US,C\n4,en-US,C#\n"
    )
    assert [(error.row, error.code, error.data["row"]) for error in parsed.errors] == [(4, "duplicate_id", 2)]
    assert [(found.row, found.code, found.data["row"]) for found in parsed.warnings] == [
        (5, "duplicate_question", 2)
    ]
    assert len(parsed.rows) == 5


def test_a_duplicate_question_without_an_id_is_an_error() -> None:
    """Its id would be derived from the question, so it would be the first row's."""
    parsed = read("locale,question\nen-US,Same?\nen-US,same\n")
    assert [(error.row, error.code) for error in parsed.errors] == [(3, "duplicate_question")]
    assert len(parsed.rows) == 1


def test_empty_answers_are_fine() -> None:
    parsed = read(
        '{"id": "a", "locale": "en-US", "question": "Q", "alternates": ["R"], "answer": ""}\n', "faq.jsonl"
    )
    assert (parsed.errors, parsed.warnings, parsed.rows[0].answer) == ((), (), "")


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("question", "q" * 1_001, "too_long"),
        ("alternates", "a" * 1_001, "too_long"),
        ("category", "c" * 201, "too_long"),
        ("id", "i" * 201, "too_long"),
        ("tags", ",".join(map(str, range(51))), "too_many"),
        ("answer", "\U0001f600" * 17_000, "cell_too_long"),
    ],
)
def test_limits(header: str, value: str, code: str) -> None:
    row = {"question": "q", header: value}
    cells = ['"' + text.replace('"', '""') + '"' for text in row.values()]
    parsed = read(",".join(row) + "\n" + ",".join(cells) + "\n")
    assert codes(parsed) == [(2, header, code)]


def test_too_many_alternates() -> None:
    lines = "\n".join(f"a{number}" for number in range(201))
    assert codes(read(f'question,alternates\nq,"{lines}"\n')) == [(2, "alternates", "too_many")]


def test_alternates_by_line_and_by_column() -> None:
    parsed = read('question,alternates,Alternate 2,alternate 3\nq?,"a\n b \n\nc",d,\nr?,,,e\n')
    assert [row.alternates for row in parsed.rows] == [("a", "b", "c", "d"), ("e",)]


def test_only_outer_white_space_and_line_ends_are_normalised() -> None:
    parsed = read('question,answer,category\n"\u3000q  e\u0301 \n","\n a\r\n\r\n  b\t\u200f ","x\r\ny"\n')
    row = parsed.rows[0]
    assert (row.question, row.answer, row.category) == ("q  e\u0301", "a\n\n  b\t\u200f", "x y")


def test_derived_ids_are_stable_across_imports_and_spelling() -> None:
    first, again = read("question\nHow long?\n"), read("Question,Answer\n ＨＯＷ  long ?,Two days\n")
    assert first.rows[0].id == again.rows[0].id == derive_id("en-US", "how long")
    assert first.rows[0].id_derived
    assert derive_id("en-US", "How long?") != derive_id("de-DE", "How long?")
    exported = read(export(first.rows, format="csv"))
    assert exported.rows == first.rows
    assert not exported.rows[0].id_derived


def test_a_derived_id_steps_aside_for_a_given_one() -> None:
    taken = derive_id("en-US", "How long?")
    parsed = read(f"id,question\n,How long?\n{taken},Reworded since\n")
    assert parsed.errors == ()
    assert [row.id for row in parsed.rows] == [f"{taken}-2", taken]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("zh_cn", "zh-CN"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de", "de"),
        ("English", None),
        ("", None),
    ],
)
def test_tags_in_bcp_47_case(text: str, tag: str | None) -> None:
    assert normalise_tag(text) == tag


def test_a_bare_language_means_the_one_locale_that_speaks_it() -> None:
    matcher = LocaleMatcher(["en-US", "de-DE", "de-AT"])
    assert (matcher.resolve("EN"), matcher.resolve("de"), matcher.resolve("en-GB")) == ("en-US", None, None)
    assert LocaleMatcher(["de-DE", "de-AT"], "de-AT").resolve("de") == "de-AT"
    assert LocaleMatcher(None).resolve("pt_br") == "pt-BR"


def test_rows_without_a_locale_need_one() -> None:
    assert read("question\nq\n", locale=None).missing == ("locale",)
    assert codes(read("question,locale\nq,\nr,de-DE\n", locale=None)) == [(2, "", "missing_locale")]
    with pytest.raises(FileRefused) as refused:
        read("question\nq\n", locale="fr-FR", locales=["en-US"])
    assert refused.value.code == "unknown_locale"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-31", date(2026, 1, 31)), ("2026/1/31", date(2026, 1, 31)), ("2026年1月31日", date(2026, 1, 31)),
        ("2026년 1월 31일", date(2026, 1, 31)), ("٢٠٢٦-٠١-٣١", date(2026, 1, 31)),
        ("2026-01-31 00:00:00", date(2026, 1, 31)),
        ("31.01.2026", None), ("01/02/2026", None), ("2026-02-30", None), ("2026-01-31 12:00", None), ("soon", None),
    ],
)  # fmt: skip
def test_dates(text: str, value: date | None) -> None:
    assert parse_date(text) == value


@pytest.mark.parametrize(
    ("yes", "no"),
    [("yes", "NO"), ("TRUE", "false"), ("1", "0"), ("是", "否"), ("はい", "いいえ"), ("예", "아니요"), ("sí", "no"),
     ("si", "No"), ("sim", "não"), ("oui", "non"), ("ja", "nein"), ("نعم", "لا"), ("हाँ", "नहीं"), ("○", "×")],
)  # fmt: skip
def test_truth_values_in_every_demo_language(yes: str, no: str) -> None:
    assert (parse_boolean(yes), parse_boolean(no), parse_boolean("maybe")) == (True, False, None)


def test_an_error_in_one_cell_hides_none_in_another() -> None:
    parsed = read(f"question,answer,active\n,{'x' * (model.ANSWER_LIMIT + 1)},dunno\n")
    assert {code for _, _, code in codes(parsed)} == {"missing_question", "too_long", "bad_boolean"}
