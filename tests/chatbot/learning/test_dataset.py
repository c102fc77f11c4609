"""Reading data sets: what is right is read whole, what is wrong is named with its line."""

import json
from pathlib import Path

import pytest

from chatbot.learning.dataset import DatasetError, find_datasets, read_dataset, read_faq, read_queries

FAQ = {"id": "a", "locale": "en", "question": "How?", "alternates": ["In what way?"], "answer": "So."}
QUERY = {"id": "q", "text": "how", "relevant": {"a": 2}}


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def test_reads_all_fields(tmp_path: Path) -> None:
    dataset = read_dataset(
        write(tmp_path / "faq.jsonl", "\ufeff" + json.dumps(FAQ), "", {"id": "b", "question": "Why?"}),
        write(tmp_path / "queries.jsonl", QUERY, {"id": "o", "text": "weather", "relevant": {}}),
        name="n",
        locale="en",
    )
    assert [entry.questions for entry in dataset.entries] == [("How?", "In what way?"), ("Why?",)]
    assert [entry.answer for entry in dataset.entries] == ["So.", ""]
    assert [query.relevant for query in dataset.queries] == [{"a": 2}, {}]


def test_line_separators_inside_a_text_do_not_split_it(tmp_path: Path) -> None:
    row = json.dumps(FAQ | {"answer": "one\u2028two"}, ensure_ascii=False)
    assert read_faq(write(tmp_path / "f", row))[0].answer == "one\u2028two"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "line 1 is not JSON"),
        (["[1]"], "line 1 must be a JSON object"),
        ([FAQ, FAQ], "line 2: the id 'a' is taken"),
        ([FAQ | {"question": 3}], "`question` must be a str, but is 3"),
        ([FAQ | {"question": " "}], "`question` is empty"),
        ([FAQ | {"alternates": "x"}], "`alternates` must be a list, but is x"),
        ([FAQ | {"alternates": [1]}], "must be a list of texts"),
        ([{"question": "?"}], "`id` must be a str, but is None"),
    ],
)
def test_a_wrong_faq_is_refused_by_line(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_faq(write(tmp_path / "f", *rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no query"),
        ([{"text": "x"}], "`relevant` must be a dict"),
        ([QUERY | {"relevant": {"a": "yes"}}], "whole grades"),
        ([QUERY | {"relevant": {"a": -1}}], "whole grades"),
        ([QUERY | {"text": None}], "`text` must be a str"),
    ],
)
def test_wrong_queries_are_refused_by_line(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_queries(write(tmp_path / "q", *rows))


def test_a_grade_of_zero_is_not_relevant(tmp_path: Path) -> None:
    assert read_queries(write(tmp_path / "q", QUERY | {"relevant": {"a": 0}}))[0].relevant == {}


def test_an_unknown_id_is_named(tmp_path: Path) -> None:
    faq = write(tmp_path / "faq.jsonl", FAQ)
    queries = write(tmp_path / "queries.jsonl", QUERY | {"relevant": {"zz": 1}})
    with pytest.raises(DatasetError, match="query 'q' names the FAQ 'zz'"):
        read_dataset(faq, queries, name="n", locale="")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_faq(tmp_path / "missing")
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_faq(tmp_path / "latin")


def test_a_folder_of_sets(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / name / "faq.jsonl", FAQ)
        write(tmp_path / name / "queries.jsonl", QUERY)
    write(tmp_path / "a" / "meta.json", {"locale": "pt-BR"})
    write(tmp_path / "without-queries" / "faq.jsonl", FAQ)
    assert [(d.name, d.locale) for d in find_datasets(tmp_path)] == [("a", "pt-BR"), ("b", "")]
    with pytest.raises(DatasetError, match="No folder in"):
        list(find_datasets(tmp_path / "a"))
