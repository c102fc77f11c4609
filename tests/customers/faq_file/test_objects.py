"""JSON, JSONL and YAML."""

import pytest

from customers.faq_file.model import FileRefused

from .samples import codes, read


def test_the_jsonl_of_the_interface() -> None:
    parsed = read(
        '{"id": "a", "locale": "en-US", "question": "Q?", "alternates": ["R", "S\\nT"], "answer": "A"}\n',
        "f.jsonl",
    )
    row = parsed.rows[0]
    assert (row.id, row.question, row.alternates, row.answer, row.row) == ("a", "Q?", ("R", "S T"), "A", 1)


def test_each_broken_line_is_an_error_of_its_own() -> None:
    parsed = read(
        '{"question": "a"}\n{"question": \n\n[1]\n{"question": "b", "question": "c"}\n{"question": "d"}\nNaN\n',
        "f.jsonl",
    )
    assert codes(parsed) == [
        (2, "", "broken_json_line"), (4, "", "not_an_object"), (5, "", "duplicate_key"), (7, "", "not_an_object"),
    ]  # fmt: skip
    assert parsed.errors[0].data == {"position": 14, "reason": "Expecting value"}
    assert [row.question for row in parsed.rows] == ["a", "d"]


def test_values_of_the_wrong_kind() -> None:
    parsed = read(
        '[{"question": NaN}, {"question": {"a": 1}}, {"question": ["x"]}, '
        '{"question": "ok", "alternates": [1, null, {"a": 1}]},'
        ' {"question": null}, {"question": "\\ud800"}, {"question": "fine", "id": 007.50}]'.replace(
            "007.50", "7.50"
        ),
        "f.json",
    )
    assert [(error.row, error.code, error.data.get("kind")) for error in parsed.errors] == [
        (1, "not_text", "NotANumber"), (2, "not_text", "dict"), (3, "not_text", "list"), (4, "not_text", "dict"),
        (5, "missing_question", None), (6, "control_character", None),
    ]  # fmt: skip
    assert [(row.id, row.row) for row in parsed.rows] == [("7.50", 7)]


def test_shapes_of_json() -> None:
    rows = '[{"question": "q", "answer": "a"}]'
    assert len(read(rows, "f.json").rows) == 1
    assert len(read(f'{{"faqs": {rows}}}', "f.json").rows) == 1
    assert len(read('{"question": "q"}', "f.json").rows) == 1
    by_locale = read(f'{{"en-US": {rows}, "de-DE": {rows}}}', "f.json", locale=None)
    assert [(row.sheet, row.locale) for row in by_locale.rows] == [("en-US", "en-US"), ("de-DE", "de-DE")]
    assert read('{"質問": "q", "回答": "a"}\n{"質問": "r"}', "f.jsonl").rows[0].answer == "a"


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("[1", "f.json", "broken_json"), ('"text"', "f.json", "not_rows"), ("[" * 100_000, "f.json", "too_deep"),
        ('{"a":' * 100_000, "f.json", "too_deep"), ("[]" + "," * 5_000_000, "f.json", "too_many_values"),
        ("a: [", "f.yaml", "broken_yaml"), ("text", "f.yaml", "not_rows"), ("[" * 1_000, "f.yaml", "too_deep"),
        ("- &a x\n- *a", "f.yaml", "yaml_alias"), ("- !!python/object/apply:os.system [id]", "f.yaml", "yaml_tag"),
        ("- !!binary aGk=", "f.yaml", "yaml_tag"), ("- \x01", "f.yaml", "broken_yaml"),
        ("- a: b: c", "f.yaml", "broken_yaml"),
    ],
)  # fmt: skip
def test_refusals(text: str, name: str, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(text, name)
    assert refused.value.code == code


def test_a_line_nested_too_deeply_spares_the_others() -> None:
    parsed = read('{"question": "a"}\n' + "[" * 100_000 + '\n{"question": "b"}\n', "f.jsonl")
    assert codes(parsed) == [(2, "", "too_deep_line")]
    assert len(parsed.rows) == 2


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    levels = "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(FileRefused) as refused:
        read("a: &a [x]\n" + levels, "f.yaml")
    assert refused.value.code == "yaml_alias"


def test_yaml_scalars_stay_as_written() -> None:
    parsed = read(
        "- id: 010\n  question: no\n  answer: 1.10\n  active: no\n  valid_from: 2026-01-31\n  "
        "category: ~\n  tags: [on, 2]\n"
        "- question: |\n    two\n    lines\n  alternates:\n    - x\n    - 'null'\n---\n",
        "f.yaml",
    )
    assert parsed.errors == ()
    first, second = parsed.rows
    assert (first.id, first.question, first.answer, first.active, first.category) == (
        "010",
        "no",
        "1.10",
        False,
        "",
    )
    assert (str(first.valid_from), first.tags) == ("2026-01-31", ("on", "2"))
    assert (second.question, second.alternates) == ("two\nlines", ("x", "null"))


def test_yaml_keys_given_twice() -> None:
    assert codes(read("- question: a\n  question: b\n- question: c\n", "f.yaml")) == [
        (1, "", "duplicate_key")
    ]


def test_rows_without_any_recognised_key_are_shown_for_mapping() -> None:
    parsed = read('[{"frg": "q"}, {"atw": "a"}]', "f.json")
    assert parsed.missing == ("question",)
    assert [column.header for column in parsed.columns] == ["frg", "atw"]
    assert read("[{}]", "f.json").missing == ("question",)
