"""`manage.py exam`, with a candidate that replies as it is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chatbot import exam_candidate
from chatbot.exam import results, traps
from tests.chatbot.examining import FALSE, GENERATOR, SHORT, Candidate, key, use_traps


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """A candidate with one false claim; returns whether each was to be bare."""
    (tmp_path / "traps").mkdir()
    use_traps(tmp_path / "traps", monkeypatch)
    bare: list[bool] = []

    @contextmanager
    def loaded(locale: str, *, is_bare: bool = False, adapter: object = None) -> Iterator[Candidate]:
        bare.append(is_bare)
        yield Candidate({3: FALSE, 5: SHORT} if is_bare else {5: SHORT})

    monkeypatch.setattr(exam_candidate, "loaded", loaded)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    results.shipped.cache_clear()
    yield bare
    results.shipped.cache_clear()
    traps.load.cache_clear()


def exam(*options: str) -> str:
    out = StringIO()
    call_command("exam", *options, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_it_prints_an_object_per_locale() -> None:
    found: list[dict[str, Any]] = json.loads(exam("--json"))
    assert [one["locale"] for one in found] == ["de-DE", "en-US"]
    german = found[0]
    assert {name: german[name] for name in ("generator", "bare", "total", "right", "forbidden", "passed")} == {
        "generator": GENERATOR, "bare": False, "total": 20, "right": 19, "forbidden": 0, "passed": True,
    }  # fmt: skip
    assert german["acceptable"] == 0.95
    assert [failure["key"] for failure in german["failures"]] == ["negation-05"]
    assert not results.shipped()


def test_without_the_guard_it_earns_nothing(installed: list[bool]) -> None:
    (found,) = json.loads(exam("--locale", "de-DE", "--bare", "--json"))
    assert installed == [True]
    assert (found["bare"], found["forbidden"], found["passed"]) == (True, 1, False)


def test_it_prints_every_failure_for_people() -> None:
    told = exam("--locale", "en-US")
    assert "en-US: passed, 19 of 20 right, 0 false claims, 20 in its own words" in told
    assert "negation-05 missing (cannot): Can I get cash for gift card 5?" in told
    assert SHORT in told


def test_saved_results_are_shipped() -> None:
    exam("--locale", "de-DE", "--save")
    exam("--locale", "de-DE", "--bare", "--save")
    found = results.find(key())
    assert found is not None
    assert found.is_passed
    assert [one.is_bare for one in results.shipped()] == [False, True]


def test_some_of_the_traps_are_spread_and_earn_nothing() -> None:
    (found,) = json.loads(exam("--locale", "de-DE", "--limit", "4", "--json"))
    assert (found["total"], found["right"], found["passed"]) == (4, 3, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--locale", "xx-XX"), "There is no exam for xx-XX, only for de-DE, en-US"),
        (("--limit", "3", "--save"), "Only whole exams are saved"),
    ],
)
def test_what_cannot_be_done_is_said(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        exam(*options)


def test_no_generator_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    from chatbot import generation

    monkeypatch.setattr(generation, "load", lambda locale, **options: None)
    with pytest.raises(CommandError, match="No generator is installed"):
        exam("--locale", "de-DE")
