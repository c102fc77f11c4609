"""Why an answer is what it is, kept with it: the candidates, what each signal added, and the thresholds."""

from collections.abc import Sequence

from chatbot.answering.events import Trace, Weighed
from chatbot.answering.rank import SIGNALS, Candidate, Ranker
from chatbot.engine.index import Index, Signals

CANDIDATES = 8


def trace(
    candidates: Sequence[Candidate],
    signals: Signals,
    *,
    read_as: str,
    index: Index,
    ranker: Ranker,
    locale: str,
    revision: int,
) -> Trace:
    """Record how a question's best candidates were weighed; `signals` are those of what it was `read_as`."""
    rows = {int(entry): row for row, entry in enumerate(signals.entry)}
    shown = [candidate for candidate in candidates if candidate.entry in rows][:CANDIDATES]
    adds = ranker.shares(signals) if shown else {}
    values = {name: getattr(signals, name) for name in SIGNALS}
    return Trace(
        read_as=read_as,
        locale=locale,
        revision=revision,
        answer_from=ranker.answer_from,
        clarify_from=ranker.clarify_from,
        candidates=tuple(
            Weighed(
                key=index.entries[candidate.entry].key,
                question=index.entries[candidate.entry].questions[0],
                matched=index.entries[candidate.entry].questions[candidate.matched],
                probability=round(candidate.probability, 4),
                score=round(candidate.score, 4),
                signals={
                    name: (
                        round(float(values[name][rows[candidate.entry]]), 4),
                        round(float(adds[name][rows[candidate.entry]]), 4),
                    )
                    for name in SIGNALS
                },
            )
            for candidate in shown
        ),
    )
