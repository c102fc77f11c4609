"""Running a locale's test questions through the served code: what they get, whether that is right, what has changed."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from django.db import transaction
from django.utils import timezone

from chatbot.answering import events
from chatbot.answering.events import Answer, Question
from chatbot.answering.pipeline import Bundle
from chatbot.answering.retrieve import readings
from chatbot.answering.routing import LanguageDetector, decide
from chatbot.engine.arrays import Vectors
from chatbot.engine.runtime import Engine
from chatbot.engine.upper import Upper
from chatbot.learning import metrics
from chatbot.models import SuiteResult, SuiteRun
from chatbot.serving import Serving
from customers.models import LocaleProfile, TestQuestion

State = SuiteRun.State
Verdict = SuiteResult.Verdict
Change = SuiteResult.Change

RUNS_KEPT = 20
# Progress is told, and results are stored, after each step.
STEP_QUESTIONS = 64
EMBED_SECONDS = 20
SEED = 1

# A worker holds one engine for suites at a time: it is hundreds of megabytes.
_in_worker = threading.Lock()


class Overtaken(Exception):
    """The run was begun again elsewhere, or is gone; nobody waits for this one any more."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A finished run in numbers: shares as (value, low, high) with their 95% interval, counts by name.

    `right` and `answered` are of all questions, `precision` of the answered ones, None where there are none.
    """

    right: tuple[float, float, float]
    answered: tuple[float, float, float]
    precision: tuple[float, float, float] | None
    verdicts: Mapping[str, int]
    changes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Served:
    """What answers a run from its first question to its last, whatever is edited meanwhile."""

    home: Bundle
    others: Sequence[Bundle]
    engine: Engine
    detector: LanguageDetector


class BulkLane:
    """The engine as a suite uses it: its questions are embedded behind those of visitors."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[str, str], Vectors] = {}

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        """Return the unit vector [dim] of a prepared text. Raises as `embed_queries`."""
        return (await self.embed_queries([text], upper=upper))[0]

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        """Return the unit vectors [len(texts), dim] of prepared texts.

        Raises EngineError, and TimeoutError when visitors keep the engine too busy.
        """
        new = [text for text in dict.fromkeys(texts) if (upper.name, text) not in self._known]
        if new:
            future = asyncio.wrap_future(self._engine.embed_bulk(new, "query", upper=upper))
            made = await asyncio.wait_for(future, EMBED_SECONDS)
            self._known |= {(upper.name, text): vector for text, vector in zip(new, made, strict=True)}
        return np.stack([self._known[upper.name, text] for text in texts])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of prepared texts."""
        return self._engine.tokens(texts)


# ---------------------------------------------------------------- from a run's beginning to its end


@transaction.atomic
def run_open(*, profile: LocaleProfile, actor: str) -> SuiteRun:
    """Begin a run of a profile's test questions; one that has not finished is returned, to be answered (again)."""
    # One at a time: two people who press the button at once share a run.
    LocaleProfile.objects.select_for_update().get(pk=profile.pk)
    run = SuiteRun.objects.filter(profile=profile, state__in=(State.WAITING, State.RUNNING)).first()
    total = TestQuestion.objects.filter(profile=profile).count()
    return run or SuiteRun.objects.create(profile=profile, author=actor[:150], total=total)


def run_in_worker(*, run_id: int) -> None:
    """Answer a run in a process that answers nobody else, with an engine loaded for it. Raises as `run_answer`."""
    run = SuiteRun.objects.filter(pk=run_id).exclude(state=State.FINISHED).first()
    if run is None:
        return
    with _in_worker:
        serving = Serving()
        serving.start(listen=False)
        try:
            serving.refresh_changed(only=run.profile_id)
            run_answer(run=run, serving=serving)
        finally:
            serving.stop()


def run_answer(*, run: SuiteRun, serving: Serving) -> None:
    """Answer a run's questions from the start, and finish it; a run that was begun elsewhere meanwhile is left there.

    Raises NotServed, EngineError, TimeoutError.
    """
    served = Served(
        home=serving.bundle(run.profile_id),
        others=serving.others(run.profile_id),
        engine=serving.running_engine(),
        detector=serving.running_detector(),
    )
    questions = list(TestQuestion.objects.filter(profile_id=run.profile_id).order_by("pk"))
    before = _verdicts_before(run)
    _begin(run, served.home, total=len(questions))
    for start in range(0, len(questions), STEP_QUESTIONS):
        step = questions[start : start + STEP_QUESTIONS]
        answers = asyncio.run(_answers(step, served))
        results = [
            _result(run, start + place, question, answer, before)
            for place, (question, answer) in enumerate(zip(step, answers, strict=True))
        ]
        try:
            _store(run, start, results)
        except Overtaken:
            return
    _finish(run, total=len(questions))


def run_fail(*, run_id: int) -> None:
    """Give a run up."""
    SuiteRun.objects.filter(pk=run_id).exclude(state=State.FINISHED).update(
        state=State.FAILED, finished_at=timezone.now()
    )


@transaction.atomic
def _begin(run: SuiteRun, bundle: Bundle, *, total: int) -> None:
    SuiteResult.objects.filter(run=run).delete()
    SuiteRun.objects.filter(pk=run.pk).exclude(state=State.FINISHED).update(
        state=State.RUNNING,
        progress_at=timezone.now(),
        done=0,
        total=total,
        model=bundle.version,
        revision=bundle.revision,
        answer_from=bundle.ranker.answer_from,
        clarify_from=bundle.ranker.clarify_from,
    )


async def _answers(questions: Sequence[TestQuestion], served: Served) -> list[Answer]:
    lane = BulkLane(served.engine)
    await lane.embed_queries(
        [text for asked in questions for text in readings(asked.text, served.home.index)],
        upper=served.home.upper,
    )
    return [
        await decide(
            Question(text=question.text),
            home=served.home,
            others=served.others,
            encoder=lane,
            detector=served.detector,
        )
        for question in questions
    ]


@transaction.atomic
def _store(run: SuiteRun, start: int, results: Sequence[SuiteResult]) -> None:
    """Store a step's results. Raises Overtaken."""
    going_on = SuiteRun.objects.filter(pk=run.pk, state=State.RUNNING, done=start)
    if not going_on.update(done=start + len(results), progress_at=timezone.now()):
        raise Overtaken
    SuiteResult.objects.bulk_create(results)


@transaction.atomic
def _finish(run: SuiteRun, *, total: int) -> None:
    rows = list(
        SuiteResult.objects.filter(run=run).order_by("position").values_list("verdict", "change", "outcome")
    )
    found = figures(rows)
    now = timezone.now()
    finished = SuiteRun.objects.filter(pk=run.pk, state=State.RUNNING, done=total).update(
        state=State.FINISHED, finished_at=now, progress_at=now, figures=asdict(found)
    )
    if finished:
        kept = SuiteRun.objects.filter(profile_id=run.profile_id).order_by("-pk")[:RUNS_KEPT]
        SuiteRun.objects.filter(profile_id=run.profile_id).exclude(
            pk__in=list(kept.values_list("pk", flat=True))
        ).delete()


# ---------------------------------------------------------------- judging


def judge(question: TestQuestion, answer: Answer) -> Verdict:
    """Say whether a question got what it should."""
    if answer.outcome == events.CLARIFY:
        return Verdict.ASKED_BACK
    if answer.outcome not in (events.ANSWERED, events.SMALLTALK, events.DECLINED):
        return Verdict.FAILED
    declined = answer.outcome == events.DECLINED
    if declined and question.expected_keys:
        return Verdict.DECLINED
    # Unless a locale is asked for, it does not matter in which it says that it does not know.
    expected_lang = question.lang or ("" if declined else question.profile.locale)
    if expected_lang and answer.lang != expected_lang:
        return Verdict.WRONG_LANGUAGE
    right = declined or {source.key for source in answer.sources} & set(question.expected_keys)
    return Verdict.RIGHT if right else Verdict.WRONG_ANSWER


def figures(rows: Sequence[tuple[str, str, str]]) -> Figures:
    """Sum up (verdict, change, outcome) of each question."""
    right = np.array([verdict == Verdict.RIGHT for verdict, _, _ in rows], bool)
    answered = np.array([outcome in (events.ANSWERED, events.SMALLTALK) for _, _, outcome in rows], bool)
    return Figures(
        right=_share(right),
        answered=_share(answered),
        precision=_share(right[answered]) if answered.any() else None,
        verdicts=dict(Counter(verdict for verdict, _, _ in rows)),
        changes=dict(Counter(change for _, change, _ in rows)),
    )


def _share(of: metrics.Bools) -> tuple[float, float, float]:
    low, high = metrics.bootstrap(lambda rows: float(of[rows].mean()), len(of), seed=SEED) or (0.0, 0.0)
    return float(of.mean()) if len(of) else 0.0, low, high


def _verdicts_before(run: SuiteRun) -> dict[str, tuple[str, list[str]]]:
    """Return verdict and answer by question, as the last finished run had them."""
    before = SuiteRun.objects.filter(profile_id=run.profile_id, state=State.FINISHED, pk__lt=run.pk).first()
    rows = SuiteResult.objects.filter(run=before).values_list("text", "verdict", "keys") if before else ()
    return {text: (verdict, keys) for text, verdict, keys in rows}


def _change(verdict: Verdict, keys: list[str], before: tuple[str, list[str]] | None) -> Change:
    if before is None:
        return Change.NEW
    was_right, is_right = before[0] == Verdict.RIGHT, verdict == Verdict.RIGHT
    if was_right != is_right:
        return Change.BETTER if is_right else Change.WORSE
    return Change.SAME if is_right or before == (verdict, keys) else Change.OTHER


def _result(
    run: SuiteRun,
    position: int,
    question: TestQuestion,
    answer: Answer,
    before: Mapping[str, tuple[str, list[str]]],
) -> SuiteResult:
    verdict = judge(question, answer)
    keys = [source.key for source in answer.sources]
    return SuiteResult(
        run=run,
        position=position,
        text=question.text,
        expected_keys=question.expected_keys,
        expected_lang=question.lang,
        outcome=answer.outcome,
        keys=keys,
        offered=[source.key for source in answer.suggestions],
        lang=answer.lang,
        switch=answer.switch,
        confidence=answer.confidence,
        traces=[asdict(trace) for trace in answer.traces],
        verdict=verdict,
        change=_change(verdict, keys, before.get(question.text)),
    )
