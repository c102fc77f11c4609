"""The traps: each can be told right or wrong, and every locale of the demo has enough of every kind."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chatbot.exam import traps
from chatbot.exam.trap import Kind
from chatbot.exam.traps import TrapError
from customers.demo.load import profile_drafts

GOOD = {
    "id": "negation-01",
    "kind": "negation",
    "sources": ["Gift cards cannot be exchanged for cash."],
    "question": "Can I get cash?",
    "acceptable": [["cannot", "not possible"]],
    "forbidden": ["yes, you can"],
    "unknown": False,
}
DEMO = sorted(draft.locale for draft in profile_drafts())
FEWEST = {
    Kind.NEGATION: 8,
    Kind.CONDITION: 8,
    Kind.NUMBER: 6,
    Kind.EXCEPTION: 6,
    Kind.NEAR_MISS: 6,
    Kind.NOTHING: 6,
    Kind.INJECTION_QUESTION: 4,
    Kind.INJECTION_SOURCE: 4,
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_trap_is_read(tmp_path: Path) -> None:
    (trap,) = traps.read(write(tmp_path / "en-US.jsonl", GOOD, ""))
    assert (trap.key, trap.kind, trap.unknown) == ("negation-01", Kind.NEGATION, False)
    assert trap.acceptable == (("cannot", "not possible"),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "`id` must hold texts"),
        ({"kind": "riddle"}, "'riddle', but must be one of negation"),
        ({"sources": "x"}, "`sources` must be a list"),
        ({"sources": []}, "`sources` is empty"),
        ({"question": 3}, "`question` must be a str, but is 3"),
        ({"acceptable": []}, "`acceptable` is empty"),
        ({"acceptable": ["cannot"]}, "must hold lists of phrases, but holds cannot"),
        ({"acceptable": [[]]}, "must hold lists of phrases"),
        ({"forbidden": []}, "`forbidden` is empty"),
        ({"forbidden": [" "]}, "`forbidden` must hold texts"),
        ({"unknown": "yes"}, "`unknown` must be a bool"),
        ({"extra": 1}, "there is no field 'extra'"),
        ({"forbidden": ["EXCHANGED for"]}, r"marked forbidden for \['EXCHANGED for'\]"),
        ({"acceptable": [["cannot"], ["30 days"]]}, r"marked missing for \['30 days'\]"),
    ],
)
def test_a_bad_trap_is_named_with_its_file_and_line(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "en-US.jsonl", GOOD | {"id": "first"}, GOOD | change)
    with pytest.raises(TrapError, match=message) as error:
        traps.read(path)
    assert str(error.value).startswith(f"{path}, line 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([GOOD, GOOD], "line 2: the id 'negation-01' is taken"),
        (["{"], "line 1 is not JSON"),
        (["[]"], "line 1 must be a JSON object"),
        ([""], "holds no trap"),
    ],
)
def test_a_bad_file_is_refused(content: list[object], message: str, tmp_path: Path) -> None:
    with pytest.raises(TrapError, match=message):
        traps.read(write(tmp_path / "x.jsonl", *content))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrapError, match="cannot be read"):
        traps.read(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b"\xff")
    with pytest.raises(TrapError, match="not UTF-8"):
        traps.read(tmp_path / "latin.jsonl")


def test_every_locale_of_the_demo_has_an_exam() -> None:
    assert set(traps.locales()) >= set(DEMO)


@pytest.mark.parametrize("locale", traps.locales())
def test_an_exam_has_enough_traps_of_every_kind(locale: str) -> None:
    found = traps.load(locale)  # which also shows the whole sources to each trap
    kinds = Counter(trap.kind for trap in found)
    assert len(found) >= 60
    assert {kind: kinds[kind] for kind, fewest in FEWEST.items() if kinds[kind] < fewest} == {}
    assert len({trap.question for trap in found}) == len(found)


def test_a_change_of_a_trap_changes_the_exam(tmp_path: Path) -> None:
    one = traps.read(write(tmp_path / "a.jsonl", GOOD))
    same = traps.read(write(tmp_path / "b.jsonl", dict(reversed(GOOD.items()))))
    other = traps.read(write(tmp_path / "c.jsonl", GOOD | {"question": "Cash?"}))
    assert traps.digest(one) == traps.digest(same) != traps.digest(other)


@pytest.mark.parametrize(
    ("locale", "exam"),
    [("de-DE", "de-DE"), ("de-AT", "de-DE"), ("en-GB", "en-US"), ("it-IT", ""), ("zh-TW", "")],
)
def test_an_exam_counts_for_its_language_and_script(locale: str, exam: str) -> None:
    assert traps.exam_of(locale) == exam
