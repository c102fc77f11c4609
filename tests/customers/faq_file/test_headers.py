"""Columns recognised in any demo language, or mapped by hand."""

import pytest

from customers.faq_file import headers
from customers.faq_file.model import FIELDS, FileRefused
from customers.faq_file.text import fold

from .samples import codes, read


def test_no_header_means_two_fields() -> None:
    meanings: dict[str, set[str]] = {}
    for language in headers._DISPLAY:
        for field, name in headers.display_headers(language).items():
            meanings.setdefault(fold(name), set()).add(field)
    for field, names in headers._SYNONYMS.items():
        for name in names.split("|"):
            assert fold(name), name
            meanings.setdefault(fold(name), set()).add(field)
    assert {name: fields for name, fields in meanings.items() if len(fields) > 1} == {}


@pytest.mark.parametrize("language", sorted(headers._DISPLAY))
def test_every_header_that_is_written_is_recognised(language: str) -> None:
    shown = headers.display_headers(language)
    assert list(shown)[: len(FIELDS)] == list(FIELDS)
    for field, name in shown.items():
        assert headers.recognise(name) == field
        assert headers.recognise(f"  {name.upper()}: ") == field


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("ＱＵＥＳＴＩＯＮ", "question"), ("Reponse", "answer"), ("Categoria", "category"),
        ("valid_until", "valid_until"),
        ("言い換え２", "alternates"), ("Alternate 12", "alternates"), ("صيغ أخرى ٣", "alternates"), ("المعرف", "id"),
        ("Question 2", None), ("Notes", None), ("", None), ("🙂", None),
    ],
)  # fmt: skip
def test_recognition_ignores_case_width_and_marks(header: str, field: str | None) -> None:
    assert headers.recognise(header) == field


def test_unrecognised_columns_are_shown_for_mapping() -> None:
    text = "What they say,What we say\nHow long?,Two days\n"
    parsed = read(text)
    assert parsed.needs_mapping
    assert parsed.missing == ("question",)
    assert [(column.header, column.field) for column in parsed.columns] == [
        ("What they say", None),
        ("What we say", None),
    ]
    assert (parsed.rows, parsed.errors) == ((), ())
    mapped = read(text, mapping={"What they say": "question", "What we say": "answer"})
    assert [(row.question, row.answer) for row in mapped.rows] == [("How long?", "Two days")]


def test_a_mapping_outranks_recognition() -> None:
    parsed = read("Question,Answer,Better\nq,a,b\n", mapping={"Better": "answer", "Question": "question"})
    assert parsed.errors == ()
    assert parsed.rows[0].answer == "b"
    assert read("Question,Tags\nq,x\n", mapping={"Tags": ""}).rows[0].tags == ()
    assert codes(read("A,B\nq,r\n", mapping={"A": "question", "B": "question"})) == [
        (1, "B", "duplicate_header")
    ]


def test_a_mapping_to_no_field_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        read("A\nq\n", mapping={"A": "__class__"})
    assert refused.value.code == "bad_mapping"
