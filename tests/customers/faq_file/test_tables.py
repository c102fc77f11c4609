"""CSV and TSV: dialects, rows as a spreadsheet numbers them, and nothing dropped in silence."""

import csv

import pytest

from customers.faq_file import model
from customers.faq_file.model import FaqRow, FileRefused
from customers.faq_file.writer import export

from .samples import codes, read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_dialects(delimiter: str, newline: str) -> None:
    lines = [
        ["id", "Frage", "Antwort"],
        ["1", '"Ja, oder; nein?"', '"sagt ""wer""?"'],
        ["2", "Zweite", '"a\nb"'],
    ]
    parsed = read(newline.join(delimiter.join(line) for line in lines) + newline)
    assert parsed.delimiter == delimiter
    assert [(row.question, row.answer) for row in parsed.rows] == [
        ("Ja, oder; nein?", 'sagt "wer"?'),
        ("Zweite", "a\nb"),
    ]


def test_commas_in_text_do_not_pass_for_the_delimiter() -> None:
    parsed = read('question;answer\n"a, b, c, d";"e, f"\n"g, h, i, j";"k, l"\n')
    assert [row.answer for row in parsed.rows] == ["e, f", "k, l"]


def test_words_that_look_like_headers_do_not_outvote_the_header() -> None:
    parsed = read("question,answer,tags\nq?,b," + "; ".join("aq" * 9) + "\n")
    assert parsed.delimiter == ","
    assert len(parsed.rows[0].tags) == 18


def test_excels_separator_line() -> None:
    parsed = read("sep=;\nquestion;answer\nA, b?;c\n")
    assert [(row.row, row.question, row.answer) for row in parsed.rows] == [(3, "A, b?", "c")]


def test_rows_are_numbered_as_the_spreadsheet_shows_them() -> None:
    parsed = read('question,answer\n"two\nlines",a\n\n,\n,no question\nlast,b\n')
    assert [row.row for row in parsed.rows] == [2, 6]
    assert codes(parsed) == [(5, "question", "missing_question")]


def test_a_long_cell_is_neither_cut_nor_fatal() -> None:
    """csv stops at 131,072 characters by itself."""
    parsed = read(f"question,answer,notes\nOne?,{'x' * 200_000},\nTwo?,fine,{'y' * 200_000}\n")
    assert codes(parsed) == [(2, "answer", "cell_too_long")]
    assert parsed.errors[0].data == {"limit": 32_767, "length": 200_000}
    assert len(parsed.errors[0].value) == 80
    assert [row.question for row in parsed.rows] == ["Two?"]


def test_the_longest_answer_is_whole() -> None:
    parsed = read(
        f"question,answer\nOne?,{'x' * model.ANSWER_LIMIT}\nTwo?,{'x' * (model.ANSWER_LIMIT + 1)}\n"
    )
    assert [len(row.answer) for row in parsed.rows] == [model.ANSWER_LIMIT]
    assert codes(parsed) == [(3, "answer", "too_long")]


def test_ragged_rows_are_listed_and_the_rest_is_read() -> None:
    parsed = read("question,answer\na?,b,c\nd?\ne?,f\ng?,h,\n")
    assert codes(parsed) == [(2, "", "ragged_row"), (3, "", "ragged_row")]
    assert parsed.errors[0].data == {"expected": 2, "found": 3}
    assert [row.row for row in parsed.rows] == [4, 5]


def test_a_quote_never_closed_is_reported_with_its_row() -> None:
    parsed = read('question,answer\na?,b\nc?,"open\nd?,e\nf?,g\n')
    assert (3, "", "unclosed_quote") in codes(parsed)
    assert parsed.errors[0].value.startswith("open\nd?,e")


def test_headers_twice() -> None:
    parsed = read("Question,question,Answer\na,b,c\n")
    assert codes(parsed) == [(1, "question", "duplicate_header")]
    assert parsed.errors[0].data == {"field": "question", "first": "Question"}


def test_a_usual_header_outranks_a_synonym() -> None:
    parsed = read("Title,Question,Answer\nShipping,How long?,Two days\n")
    assert parsed.errors == ()
    assert parsed.rows[0].question == "How long?"
    assert [column.field for column in parsed.columns] == [None, "question", "answer"]


def test_a_title_above_the_header_is_passed_over_and_said() -> None:
    parsed = read("FAQ,,\n,,\nquestion,answer,category\na?,b,c\n")
    assert [(row.row, row.category) for row in parsed.rows] == [(4, "c")]
    assert [(warning.code, warning.value) for warning in parsed.warnings] == [("rows_above_header", "FAQ")]


def test_formula_prefixes_are_made_safe_and_restored() -> None:
    texts = ["=1+1", "+4", "-x", "@a", "＝1", "'=1", "''+2", "'a", "- list", "=\tx"]
    rows = [FaqRow(id=str(number), locale="en-US", question=text) for number, text in enumerate(texts)]
    data = export(rows, format="csv")
    cells = [line[2] for line in csv.reader(data.decode("utf-8-sig").splitlines())][1:]
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r＝＋－＠"]
    assert [row.question for row in read(data).rows] == texts


def test_limits_on_rows_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MAX_ROWS", 3)
    with pytest.raises(FileRefused) as refused:
        read("question\na\nb\nc\nd\n")
    assert refused.value.code == "too_many_rows"
    with pytest.raises(FileRefused) as refused:
        read("question" + "," * 600 + "\na\n")
    assert refused.value.code == "too_many_columns"


def test_too_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.Budget.__init__, "__kwdefaults__", {"cells": 5, "characters": 12, "merged": 1})
    with pytest.raises(FileRefused) as refused:
        read("q,a\n1,2\n3,4\n")
    assert refused.value.code == "too_many_cells"
    with pytest.raises(FileRefused) as refused:
        read("question,answer\n")
    assert refused.value.code == "too_much_text"
