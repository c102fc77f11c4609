"""Judging, summing up and keeping runs of test questions."""

from typing import Any

import pytest

from chatbot import suites
from chatbot.answering.events import Answer, Source
from chatbot.models import SuiteResult, SuiteRun
from chatbot.suites import Change, State, Verdict
from customers.models import LocaleProfile
from customers.models import TestQuestion as Trial
from tests.customers.screens import make_profile


def answer(outcome: str, *keys: str, lang: str = "de-DE") -> Answer:
    sources = tuple(Source(key=key, question=key, score=0.9) for key in keys)
    return Answer(outcome=outcome, text="x", lang=lang, model="m", sources=sources)


@pytest.mark.parametrize(
    ("expected", "lang", "got", "verdict"),
    [
        (["a"], "", answer("answered", "a"), Verdict.RIGHT),
        (["a", "b"], "", answer("answered", "b"), Verdict.RIGHT),
        (["a"], "", answer("answered", "c", "a"), Verdict.RIGHT),
        (["a"], "", answer("smalltalk", "a"), Verdict.RIGHT),
        (["a"], "", answer("answered", "c"), Verdict.WRONG_ANSWER),
        (["a"], "", answer("answered", "a", lang="en-US"), Verdict.WRONG_LANGUAGE),
        (["a"], "en-US", answer("answered", "a", lang="en-US"), Verdict.RIGHT),
        (["a"], "en-US", answer("answered", "a"), Verdict.WRONG_LANGUAGE),
        (["a"], "", answer("clarify"), Verdict.ASKED_BACK),
        (["a"], "", answer("declined"), Verdict.DECLINED),
        ([], "", answer("declined"), Verdict.RIGHT),
        ([], "", answer("declined", lang="en-US"), Verdict.RIGHT),
        ([], "de-DE", answer("declined", lang="en-US"), Verdict.WRONG_LANGUAGE),
        ([], "", answer("answered", "a"), Verdict.WRONG_ANSWER),
        ([], "", answer("clarify"), Verdict.ASKED_BACK),
        (["a"], "", answer("failed"), Verdict.FAILED),
    ],
)
def test_what_a_question_got_is_judged(expected: list[str], lang: str, got: Answer, verdict: Verdict) -> None:
    profile = LocaleProfile(locale="de-DE")
    question = Trial(profile=profile, text="x", expected_keys=expected, lang=lang)
    assert suites.judge(question, got) == verdict


def test_figures_have_an_interval() -> None:
    rows = [("right", "same", "answered")] * 60 + [("wrong_answer", "worse", "answered")] * 20
    found = suites.figures([*rows, *[("right", "new", "declined")] * 20])
    value, low, high = found.right
    assert value == 0.8
    assert 0.65 < low < 0.8 < high < 0.95
    assert found.precision is not None
    assert (found.precision[0], found.answered[0]) == (0.75, 0.8)
    assert (found.verdicts, found.changes) == (
        {"right": 80, "wrong_answer": 20}, {"same": 60, "worse": 20, "new": 20},
    )  # fmt: skip
    assert suites.figures([("right", "new", "declined")]).precision is None


@pytest.mark.django_db
def test_a_run_that_has_not_finished_is_shared() -> None:
    profile = make_profile("demo")
    Trial.objects.create(profile=profile, text="x")
    run = suites.run_open(profile=profile, actor="lena")
    assert suites.run_open(profile=profile, actor="omar") == run
    suites.run_fail(run_id=run.pk)
    assert suites.run_open(profile=profile, actor="omar") != run
    run.refresh_from_db()
    assert (run.state, run.total) == (State.FAILED, 1)


@pytest.mark.django_db
def test_a_run_that_was_begun_again_elsewhere_is_left_there() -> None:
    run = SuiteRun.objects.create(profile=make_profile("demo"), state=State.RUNNING, done=5)
    with pytest.raises(suites.Overtaken):
        suites._store(run, 3, [])
    run.refresh_from_db()
    assert run.done == 5


@pytest.mark.django_db
def test_the_last_runs_are_kept() -> None:
    profile, other = make_profile("demo"), make_profile("demo", "fr-FR")
    kept_anyway = SuiteRun.objects.create(profile=other, state=State.FINISHED)
    runs = [
        SuiteRun.objects.create(profile=profile, state=State.FINISHED) for _ in range(suites.RUNS_KEPT + 3)
    ]
    last = SuiteRun.objects.create(profile=profile, state=State.RUNNING)
    suites._finish(last, total=0)
    assert SuiteRun.objects.filter(profile=profile).count() == suites.RUNS_KEPT
    assert not SuiteRun.objects.filter(pk=runs[0].pk).exists()
    assert SuiteRun.objects.filter(pk__in=[last.pk, runs[-1].pk, kept_anyway.pk]).count() == 3


@pytest.mark.parametrize(
    ("before", "verdict", "keys", "change"),
    [
        (None, Verdict.RIGHT, ["a"], Change.NEW),
        (("right", ["a"]), Verdict.RIGHT, ["b"], Change.SAME),
        (("right", ["a"]), Verdict.DECLINED, [], Change.WORSE),
        (("declined", []), Verdict.RIGHT, ["a"], Change.BETTER),
        (("declined", []), Verdict.WRONG_ANSWER, ["c"], Change.OTHER),
        (("wrong_answer", ["c"]), Verdict.WRONG_ANSWER, ["d"], Change.OTHER),
        (("wrong_answer", ["c"]), Verdict.WRONG_ANSWER, ["c"], Change.SAME),
    ],
)
def test_what_has_changed_is_told(before: Any, verdict: Verdict, keys: list[str], change: Change) -> None:
    assert suites._change(verdict, keys, before) == change


def test_every_verdict_and_change_is_shown_in_words() -> None:
    assert all(str(choice.label) for choice in (*SuiteResult.Verdict, *SuiteResult.Change))
