"""Exams from their opening to what they earn."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot import exam_records, exams, generation
from chatbot.exam import results, traps
from chatbot.exam.exam import Reply, Sat, ask
from chatbot.exam.trap import Trap
from chatbot.exams import Stopped
from chatbot.models import ExamResult, ExamRun
from customers.models import LocaleProfile
from tests.chatbot.examining import FALSE, GENERATOR, RIGHT, SHORT, Candidate, key, use_traps
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some traps, a generator in every locale, nothing shipped."""
    (tmp_path / "traps").mkdir()
    use_traps(tmp_path / "traps", monkeypatch)
    monkeypatch.setattr(generation, "version_for", lambda locale: GENERATOR)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    results.shipped.cache_clear()
    yield
    results.shipped.cache_clear()
    traps.load.cache_clear()


def sit(candidate: Candidate, locale: str = "de-DE") -> ExamRun:
    run = exams.run_open(key=key(locale), actor="lena")
    exams.sit(run=run, key=key(locale, candidate.version), candidate=candidate)
    run.refresh_from_db()
    return run


def test_an_exam_that_is_passed_lets_the_profile_generate() -> None:
    profile, other = make_profile("demo"), make_profile("demo", "en-US")
    assert not exams.may_generate(profile)
    run = sit(Candidate({3: SHORT}))
    assert (run.state, run.total, run.done, run.right, run.forbidden) == ("finished", 20, 20, 19, 0)
    assert run.passed
    assert run.own == 20
    assert exams.may_generate(profile)
    assert not exams.may_generate(other)
    result = ExamResult.objects.get(run=run, position=3)
    assert (result.key, result.shown, result.why, result.phrases) == (
        "negation-03", SHORT, "missing", ["cannot"],
    )  # fmt: skip
    assert (result.level, result.said[0]["evidence"]) == ("generated", result.sources[0])


def test_one_false_claim_is_too_many() -> None:
    profile = make_profile("demo")
    run = sit(Candidate({7: FALSE}))
    assert (run.right, run.forbidden, run.passed) == (19, 1, False)
    assert not exams.may_generate(profile)


def test_the_profile_may_forbid_it() -> None:
    sit(Candidate())
    profile = make_profile("demo")
    profile.highest_level = "extractive"
    assert not exams.may_generate(profile)


def test_a_locale_without_an_exam_or_a_generator_never_generates(monkeypatch: pytest.MonkeyPatch) -> None:
    sit(Candidate())
    assert not exams.may_generate(make_profile("demo", "it-IT"))
    assert exams.may_generate(make_profile("demo", "de-AT"))
    monkeypatch.setattr(generation, "version_for", lambda locale: "")
    assert not exams.may_generate(make_profile("demo", "de-DE"))


def test_a_pass_holds_only_for_what_it_was_sat_with(monkeypatch: pytest.MonkeyPatch) -> None:
    sit(Candidate())
    profile = make_profile("demo")
    assert exams.may_generate(profile)
    monkeypatch.setattr(generation, "version_for", lambda locale: "another@def")
    assert not exams.may_generate(profile)


def test_the_last_exam_counts() -> None:
    profile = make_profile("demo")
    sit(Candidate())
    sit(Candidate({1: FALSE}))
    assert not exams.may_generate(profile)


def test_what_was_earned_is_announced() -> None:
    profile, other = make_profile("demo"), make_profile("demo", "en-US")
    sit(Candidate())
    before = other.faq_revision
    profile.refresh_from_db()
    other.refresh_from_db()
    assert profile.faq_revision > 0
    assert other.faq_revision == before


def test_an_exam_is_shared_until_it_has_ended() -> None:
    run = exams.run_open(key=key(), actor="lena")
    assert exams.run_open(key=key(), actor="omar") == run
    assert exams.run_open(key=key("en-US"), actor="omar") != run
    exams.run_fail(run_id=run.pk)
    assert exams.run_open(key=key(), actor="omar") != run
    job = ProcrastinateJob.objects.filter(args={"run_id": run.pk}).get()
    assert (job.task_name, job.queue_name) == ("chatbot.tasks.exam_sit", "training")


class Stopping(Candidate):
    """Is asked to end with its third trap."""

    async def reply(self, trap: Trap) -> Reply:
        if len(self.asked) == 3:
            await asyncio.sleep(60)
        return await super().reply(trap)


def test_a_stopped_exam_is_gone_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exams, "LOOK_SECONDS", 0.01)
    run = exams.run_open(key=key(), actor="lena")
    first = Stopping()
    with pytest.raises(Stopped):
        exams.sit(run=run, key=key(), candidate=first, is_stopped=lambda: len(first.asked) == 3)
    run.refresh_from_db()
    assert (run.state, run.done) == ("running", 3)
    second = Candidate()
    exams.sit(run=run, key=key(), candidate=second)
    assert second.asked[0] == "negation-03"
    run.refresh_from_db()
    assert (run.state, run.right) == ("finished", 20)


def test_with_another_generator_it_begins_anew() -> None:
    run = exams.run_open(key=key(), actor="lena")
    first = Stopping()
    with pytest.raises(Stopped):
        exams.sit(run=run, key=key(), candidate=first, is_stopped=lambda: len(first.asked) == 3)
    second = Candidate(version="new@1")
    exams.sit(run=run, key=key(generator="new@1"), candidate=second)
    run.refresh_from_db()
    assert (len(second.asked), run.generator, run.right) == (20, "new@1", 20)


def test_an_exam_that_was_begun_elsewhere_is_left_there() -> None:
    run = exams.run_open(key=key(), actor="lena")

    class Overtaken(Candidate):
        async def reply(self, trap: Trap) -> Reply:
            return await super().reply(trap)

    ExamRun.objects.filter(pk=run.pk).update(state="failed")
    exams.sit(run=run, key=key(), candidate=Overtaken())
    run.refresh_from_db()
    assert (run.state, run.done) == ("failed", 0)


def _sat_before(locale: str) -> None:
    """Store an exam that another generator has sat."""
    before = replace(key(locale), generator="older@000000000000")
    run = exams.run_open(key=before, actor="lena")
    exams.run_fail(run_id=run.pk)


def test_what_was_sat_before_is_opened_again_when_something_is_new() -> None:
    make_profile("demo")
    extractive = make_profile("demo", "en-US")
    LocaleProfile.objects.filter(pk=extractive.pk).update(highest_level="extractive")
    make_profile("demo", "it-IT")
    make_profile("demo", "ja-JP")
    assert exams.open_due() == 0, "an hour of a machine is not spent unasked"
    _sat_before("de-DE")
    _sat_before("en-US")
    assert exams.open_due() == 1
    run = ExamRun.objects.latest("pk")
    assert (run.locale, run.author) == ("de-DE", exams.BY_ITSELF)
    assert exams.open_due() == 0
    exams.run_fail(run_id=run.pk)
    assert exams.open_due() == 0, "a broken exam is not tried for ever"


def test_what_is_shipped_is_not_sat_again(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = make_profile("demo")
    sat = [_sat(number, RIGHT) for number in range(20)]
    _sat_before("de-DE")
    results.save([results.result_of(key(), sat, is_bare=False)])
    assert exams.open_due() == 0
    assert exams.may_generate(profile)
    standing = exams.standing("de-DE")
    assert standing is not None
    assert (standing.run, standing.is_passed) == (None, True)
    sit(Candidate({0: FALSE}))
    assert not exams.may_generate(profile), "what was found here goes before what was shipped"


def _sat(number: int, text: str) -> Sat:
    return asyncio.run(ask(traps.load("de-DE")[number], Candidate({number: text})))


def test_a_bare_result_earns_nothing() -> None:
    profile = make_profile("demo")
    results.save([results.result_of(key(), [_sat(n, RIGHT) for n in range(20)], is_bare=True)])
    _sat_before("de-DE")
    assert not exams.may_generate(profile)
    assert exams.open_due() == 1


def test_shipped_results_keep_every_failure_and_replace_the_earlier_ones() -> None:
    results.save([results.result_of(key(), [_sat(0, FALSE), _sat(1, RIGHT)], is_bare=False)])
    results.save([results.result_of(key("en-US"), [_sat(1, RIGHT)], is_bare=False)])
    found = results.find(key())
    assert found is not None
    assert (found.score.total, found.score.right, found.score.forbidden) == (2, 1, 1)
    (failure,) = found.failures
    assert (failure.key, failure.shown, failure.phrases) == ("negation-00", FALSE, ("yes, you can",))
    results.save([results.result_of(key(), [_sat(0, RIGHT)], is_bare=False)])
    assert [one.key.locale for one in results.shipped()] == ["de-DE", "en-US"]
    again = results.find(key())
    assert again is not None
    assert not again.failures


def test_the_last_exams_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exam_records, "RUNS_KEPT", 2)
    runs = [sit(Candidate()) for _ in range(3)]
    elsewhere = sit(Candidate(), "en-US")
    kept = set(ExamRun.objects.values_list("pk", flat=True))
    assert kept == {runs[1].pk, runs[2].pk, elsewhere.pk}


def test_what_postgres_cannot_hold_is_left_out() -> None:
    run = sit(Candidate({0: "It cannot\x00 be."}))
    assert ExamResult.objects.get(run=run, position=0).shown == "It cannot be."
