"""Rankings of two versions whose hits and confidences are given question by question."""

from collections.abc import Sequence

import numpy as np

from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.evaluate import Ranking

TOPICS = 25


def questions(in_scope: int, out_of_scope: int = 0) -> list[LabelledQuery]:
    """Questions q0, q1 ...; question n is answered by entry e(n modulo 25), the last ones by none."""
    return [
        LabelledQuery(
            key=f"q{n}", text=f"question {n}", relevant={f"e{n % TOPICS}": 1} if n < in_scope else {}
        )
        for n in range(in_scope + out_of_scope)
    ]


def ranked(
    asked: Sequence[LabelledQuery], right: Sequence[bool], confidence: Sequence[float]
) -> list[Ranking]:
    """Rank the right entry first, or second behind a wrong one."""
    made = []
    for question, hit, sure in zip(asked, right, confidence, strict=True):
        keys = (*question.relevant, "wrong") if hit else ("wrong", *question.relevant)
        made.append(Ranking(keys=keys, confidence=sure))
    return made


def sure(right: Sequence[bool], *, seed: int = 0) -> list[float]:
    """Confidences that are higher where the answer is right: calibrated about as well as in practice."""
    random = np.random.default_rng(seed)
    return [float(random.beta(6, 2) if hit else random.beta(2, 4)) for hit in right]
