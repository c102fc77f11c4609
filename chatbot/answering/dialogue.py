"""How a message is read in its conversation: on its own, or along with what was asked and answered before it.

Each reading is ranked by itself, and the rankings are joined in a logarithmic opinion pool (Genest and Zidek, Combining
probability distributions, Statistical Science 1986). How much the earlier turns weigh depends on how elliptical the
message is: what stands on its own is not read with them at all.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from chatbot.answering import events
from chatbot.answering.events import Turn
from chatbot.answering.utterance import COMMAS, Cues, Utterance, clauses, goes_on, length, understand

# Outcomes that leave the subject of the conversation as it was.
PASSING = (events.SMALLTALK, events.STOPPED, events.FAILED)
TURNS = 4
# How elliptical a message is: by its length in words, and what its cues add.
BY_LENGTH = ((2.0, 0.5), (4.5, 0.35), (7.5, 0.2), (12.5, 0.1))
FOLLOWS, REFERS, CORRECTS, UNANSWERED = 0.5, 0.35, 0.35, 0.3
LONGEST_REFERRING = 12.5
# From here on, a message is worth reading with the earlier turns too.
PLAUSIBLE = 0.4
# Weights in the pool for a message as elliptical as can be: what its own ranking loses, what the ranking along with
# the question before has, and what that question's own ranking takes away, since its words are in both. A message
# that is answered for sure on its own keeps more of its own ranking.
OWN, ALONG, BEFORE = 0.7, 1.6, 1.1
CONFIDENT = 0.6
# A message that follows an ask-back most likely chooses among what was offered.
OFFERED = 1.5
# What was answered before a correction may still be meant: the correction may tell more of it.
CORRECTED = 2.0
FLOOR = 0.003
# Ways to part one message in two that are looked at: each costs two embeddings.
PAIRS = 3
# In words: less is a part of the other question.
SHORTEST_PART = 2.0
# A message of so few words may only name a topic; with a question mark, if it is shorter still.
TOPIC_WORDS, TOPIC_WORDS_ASKING = 3.5, 2.0


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a message may be about: the last exchange that had a subject.

    `answered` and `offered` are FAQ ids of the index that is searched; `choices` are those of the last ask-back, and
    `open` those of them that were not given since.
    """

    asked: str
    outcome: str
    answered: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def asked_back(self) -> bool:
        """Say whether the visitor was asked which question was meant."""
        return self.outcome == events.CLARIFY and bool(self.offered)


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What a message was found to be about, P(entry) by FAQ id: alone, along with the question before, and that one."""

    alone: Mapping[str, float]
    along: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)


def context_of(history: Sequence[Turn], cues: Cues, questions: Callable[[str], str]) -> Context | None:
    """Return what a message after these exchanges may be about.

    `questions` gives the question of an FAQ id of the index, empty for one that is not in it.
    """
    recent = [turn for turn in history[-TURNS:] if turn.outcome not in PASSING]
    if not recent:
        return None
    last = recent[-1]
    given = {key for turn in recent for key in turn.answered}
    asked_back = [turn for turn in recent[-2:] if turn.outcome == events.CLARIFY]
    choices = asked_back[-1].offered if asked_back else last.offered
    return Context(
        asked=_subject(recent, cues, questions),
        outcome=last.outcome,
        answered=tuple(filter(questions, last.answered)),
        offered=tuple(filter(questions, last.offered)),
        choices=tuple(filter(questions, choices)),
        open=tuple(key for key in filter(questions, choices) if key not in given),
    )


def _subject(turns: Sequence[Turn], cues: Cues, questions: Callable[[str], str]) -> str:
    """Return what was asked last, with what came before it back to a message that stands on its own."""
    texts: list[str] = []
    for turn in reversed(turns):
        said = understand(turn.text, cues)
        texts.insert(0, said.text)
        if said.is_bare and turn.answered:
            texts[0] = questions(turn.answered[0]) or said.text
        if ellipsis(said) < PLAUSIBLE or said.is_bare:
            break
    return " ".join(texts)


def picked(said: Utterance, context: Context | None) -> tuple[str, ...]:
    """Return the ids that a message points at among what was offered, the one meant first; often none."""
    if context is None or not said.is_bare:
        return ()
    if said.place is not None:
        return _at(context.offered, said.place) or _at(context.choices, said.place)
    if said.other:
        return context.open
    if said.affirms and not said.denies and context.asked_back:
        return context.offered[:1]
    return ()


def rejected(said: Utterance, context: Context | None) -> tuple[str, ...]:
    """Return the ids that a message turns down, if that is all it does."""
    if context is None or not said.is_bare or not (said.corrects or said.other):
        return ()
    return context.answered or context.offered


def leaning(said: Utterance, context: Context, share: float) -> dict[str, float]:
    """Return the log-odds that the exchange before adds to FAQ ids for an elliptical message or a correction."""
    chosen = dict.fromkeys(context.offered if context.asked_back else (), OFFERED * share)
    return chosen | dict.fromkeys(context.answered if said.corrects else (), -CORRECTED)


def pairs(text: str, cues: Cues) -> list[tuple[str, str]]:
    """Return the ways to read a message as two questions: both parts ask, or the second begins as another does."""
    return [
        (left.content, right.content)
        for left, right, _ in _parted(text, cues)
        if right.begins_part or (left.asks and right.asks)
    ][:PAIRS]


def halves(text: str, cues: Cues) -> list[tuple[str, str]]:
    """Return the ways to part a message where it pauses and goes on with "and": both parts may need an answer."""
    return [
        (left.content, right.content)
        for left, right, goes_on in _parted(text, cues)
        if goes_on and not right.begins_part and not (left.asks and right.asks)
    ][:PAIRS]


def _parted(text: str, cues: Cues) -> list[tuple[Utterance, Utterance, bool]]:
    """Return the ways to part a message between two clauses, and whether it goes on there; a correction is one."""
    if understand(text, cues).corrects:
        return []
    found = clauses(text, cues)
    splits = [(" ".join(found[:at]), " ".join(found[at:])) for at in range(1, len(found))]
    read = [
        (understand(left.rstrip(COMMAS), cues), understand(right, cues), goes_on(left, right, cues))
        for left, right in splits
    ]
    return [one for one in read if min(one[0].words, one[1].words) >= SHORTEST_PART]


def amended(said: Utterance, cues: Cues) -> list[str]:
    """Return the end of a correction, behind what it turns down: "not the parcel, the invoice"."""
    last = clauses(said.content, cues)[1:][-1:] if said.corrects else []
    return [text for text in last if length(text) >= SHORTEST_PART]


def ellipsis(said: Utterance, *, unanswered: bool = False) -> float:
    """Return how much a message leans on what was said before, 0 to 1; `unanswered` if nothing fits it alone."""
    by_length = next((share for words, share in BY_LENGTH if said.words <= words), 0.0)
    refers = said.refers and said.words <= LONGEST_REFERRING
    cues = FOLLOWS * said.follows + REFERS * refers + CORRECTS * said.corrects + UNANSWERED * unanswered
    return min(1.0, by_length + cues)


def may_name_topic(said: Utterance) -> bool:
    """Say whether a message is short enough to name a topic without asking anything about it."""
    return said.words <= (TOPIC_WORDS_ASKING if said.asks else TOPIC_WORDS)


def pool(
    readings: Readings,
    *,
    share: float,
    lean: Mapping[str, float],
    without: Collection[str] = (),
    is_dependent: bool = False,
) -> dict[str, float]:
    """Join the readings into one: P(entry) by FAQ id, best first; what is left of 1 is that nothing answers.

    `share`: how elliptical the message is; `lean`: log-odds to add to entries; `without`: ids out of the question;
    `is_dependent`: whether the message cannot stand on its own, however well it is answered.
    """
    confident = 0.0 if is_dependent else CONFIDENT * max(readings.alone.values(), default=0.0)
    weight = share * (1 - confident) if readings.along else 0.0
    own, along, before = 1 - OWN * weight, ALONG * weight, BEFORE * weight
    scores = {
        key: own * _log(readings.alone.get(key))
        + along * _log(readings.along.get(key))
        + before * (_log(readings.along.get(key)) - _log(readings.before.get(key)))
        + lean.get(key, 0.0)
        for key in (readings.alone.keys() | readings.along.keys()) - set(without)
    }
    nothing = own * _log(_rest(readings.alone)) + along * _log(_rest(readings.along))
    top = max([nothing, *scores.values()])
    total = math.exp(nothing - top) + sum(math.exp(score - top) for score in scores.values())
    ordered = sorted(scores, key=lambda key: -scores[key])
    return {key: math.exp(scores[key] - top) / total for key in ordered}


def _rest(probabilities: Mapping[str, float]) -> float:
    return 1 - sum(probabilities.values())


def _log(probability: float | None) -> float:
    return math.log(max(probability or 0.0, FLOOR))


def _at(offered: Sequence[str], place: int) -> tuple[str, ...]:
    return (offered[place],) if -len(offered) <= place < len(offered) else ()
