"""What is stored of an exam: every reply with its mark, and the sums."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from chatbot.answering.events import GENERATED
from chatbot.exam.exam import Sat
from chatbot.exam.grading import Score, Why
from chatbot.exam.versions import Key
from chatbot.models import ExamResult, ExamRun, ModelVersion

RUNS_KEPT = 20


def score_of(run: ExamRun) -> Score:
    """Return an exam's score, as far as it has come."""
    return Score(total=run.total, right=run.right, forbidden=run.forbidden, own=run.own)


def sat_before(
    *, key: Key, version: ModelVersion | None, author: str, replies: Sequence[dict[str, Any]]
) -> None:
    """Keep an exam that was sat elsewhere, in the caller's transaction; `replies` are `fields_of` all its traps."""
    now = timezone.now()
    run = ExamRun.objects.create(
        **asdict(key),
        version=version,
        state=ExamRun.State.FINISHED,
        author=author[:150],
        finished_at=now,
        progress_at=now,
        done=len(replies),
        total=len(replies),
        **counts_of(replies),
    )
    run.passed = score_of(run).is_passed
    run.save()
    ExamResult.objects.bulk_create(
        [ExamResult(run=run, position=position, **reply) for position, reply in enumerate(replies)]
    )
    forget_old(run)


def counts_of(replies: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many replies of an exam were right, false, and in words of the generator's own."""
    return {
        "right": sum(reply["why"] == Why.RIGHT for reply in replies),
        "forbidden": sum(reply["why"] == Why.FORBIDDEN for reply in replies),
        "own": sum(reply["level"] == GENERATED for reply in replies),
    }


def fields_of(sat: Sat) -> dict[str, Any]:
    """Return what is stored of a reply, as values that JSON knows."""
    composition = sat.reply.composition
    return {
        "key": sat.trap.key,
        "kind": sat.trap.kind.value,
        "question": sat.trap.question,
        "sources": list(sat.trap.sources),
        "shown": _storable(sat.reply.text),
        "level": composition.level,
        "level_why": composition.why,
        "said": [_said(asdict(said)) for said in composition.said],
        "why": sat.mark.why.value,
        "phrases": list(sat.mark.phrases),
        "seconds": sat.seconds,
    }


def forget_old(run: ExamRun) -> None:
    """Delete the oldest exams of the same locale, or of the same version's adapter."""
    same = ExamRun.objects.filter(locale=run.locale, version=run.version)
    kept = same.order_by("-pk")[:RUNS_KEPT]
    same.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


def _storable(text: str) -> str:
    """Return a text without what Postgres cannot hold."""
    return text.replace("\x00", "")


def _said(said: dict[str, Any]) -> dict[str, Any]:
    return {name: _storable(value) if isinstance(value, str) else value for name, value in said.items()}
