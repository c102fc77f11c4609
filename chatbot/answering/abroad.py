"""Searching the FAQs of a tenant's other languages for a message that its own language has no answer to.

The encoder puts translations near one another, but never as near as paraphrases, and words say nothing; so the served
fusion ranks as ever, and its probability is calibrated anew (see `chatbot.learning.fit_abroad`). The background is left
out: it has the question's own language, and is nearer for that alone.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chatbot.answering import events, pipeline
from chatbot.answering.events import Answer, Question
from chatbot.answering.pipeline import Bundle, QueryEncoder
from chatbot.answering.rank import EVIDENCE, Ranker, Weights, default_weights
from chatbot.engine.calibrator import Calibrator
from customers.culture import Manners

# What is answered is on average surer than the least sure answer: about half as likely to be wrong, and here less than
# that is relied on.
MARGIN = 1.5
CALIBRATOR = Path(__file__).with_name("abroad_calibrator.json")


async def search(
    question: Question, *, host: Manners, bundles: Sequence[Bundle], encoder: QueryEncoder
) -> Answer | None:
    """Answer from an FAQ in another language, and say so in the host's words; None where none is sure enough.

    Nothing is asked back: a question to choose would be in a language that may not be understood. Raises EngineError.
    """
    alone = Question(text=question.text)
    found = [
        await pipeline.decide(alone, bundle=replace(bundle, ranker=ranker(host)), encoder=encoder)
        for bundle in bundles
    ]
    answers = [one for one in found if one.outcome == events.ANSWERED]
    if not answers:
        return None
    best = max(answers, key=lambda one: one.confidence or 0.0)
    return replace(best, text=f"{host.phrase('foreign_answer')}\n\n{best.text}", suggestions=())


def ranker(host: Manners) -> Ranker:
    """Return what ranks across languages, and answers where the host's share of wrong answers is kept to."""
    sure = 1 - MARGIN * host.max_wrong_percent / 100
    return Ranker(weights=weights(), answer_from=sure, clarify_from=sure, doubts=False)


def weights() -> Weights:
    """Return the served weights with the calibrator for questions in another language than the FAQ's."""
    return replace(uncalibrated(), calibrator=calibrator())


def uncalibrated() -> Weights:
    """Return the served weights without the background."""
    return replace(default_weights(), evidence=np.zeros(len(EVIDENCE)))


@functools.cache
def calibrator() -> Calibrator:
    """Return the calibrator that Kefu ships."""
    data = json.loads(CALIBRATOR.read_text())
    return Calibrator(intercept=float(data["intercept"]), slope=float(data["slope"]))
