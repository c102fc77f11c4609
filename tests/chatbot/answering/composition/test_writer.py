"""The writer shows what the guard passes, tries a refused sentence once more, and gives up after that."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from django.conf import settings

from chatbot.answering.composition.prompt import Prompt
from chatbot.answering.composition.stream import Unfit, Unknown
from chatbot.answering.composition.writer import Writer, opening
from chatbot.answering.events import EXTRACTIVE, Said
from chatbot.engine import weights
from chatbot.engine.errors import GeneratorLate
from chatbot.learning.encoding import LocalEncoder
from tests.chatbot.answering.bundles import manners
from tests.flows.isolation import BatchEncoder

SOURCE = "Gift cards cannot be exchanged for cash. They never expire."
QUESTION = "can I get cash for my gift card"


class Scripted:
    """A generator that replies with one text after the other, in pieces of three characters."""

    version = "scripted@1"

    def __init__(self, *replies: str, error: Exception | None = None) -> None:
        self.replies = list(replies)
        self.prefixes: list[str] = []
        self.prompts: list[Prompt] = []
        self.closed = 0
        self.error = error

    def render(self, prompt: Prompt) -> str:
        self.prompts.append(prompt)
        return prompt.question

    async def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]:
        self.prefixes.append(prefix)
        reply = self.replies.pop(0)
        try:
            for start in range(0, len(reply), 3):
                yield reply[start : start + 3]
            if self.error:
                raise self.error
        finally:
            self.closed += 1

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        return [0.0 for _ in pairs]


def writer(generator: Scripted, *, is_guarded: bool = True) -> Writer:
    return Writer(generator, detector=None, max_tokens=80, seconds=5, is_guarded=is_guarded)


async def reply(
    generator: Scripted,
    *,
    source: str = SOURCE,
    question: str = QUESTION,
    encoder: BatchEncoder | None = None,
    is_guarded: bool = True,
    into: list[Said] | None = None,
) -> list[Said]:
    said = [] if into is None else into
    made = writer(generator, is_guarded=is_guarded).reply(
        question, [source], manners=manners(), encoder=encoder
    )
    async for one in made:
        said.append(one)
    return said


async def test_sentences_come_one_by_one_with_their_evidence() -> None:
    said = await reply(Scripted("No, gift cards cannot be exchanged for cash. They never expire."))
    assert [one.sentence for one in said] == [
        "No, gift cards cannot be exchanged for cash.",
        "They never expire.",
    ]
    assert all(one.shown and one.verdict == "ok" for one in said)
    assert said[0].evidence == "Gift cards cannot be exchanged for cash."


async def test_a_refused_sentence_is_tried_once_more_from_its_evidence() -> None:
    generator = Scripted(
        "Yes, you can exchange your gift card for cash. Sure!", " cannot be exchanged for cash."
    )
    said = await reply(generator)
    assert [(one.verdict, one.shown) for one in said] == [("polarity", False), ("ok", True)]
    assert generator.prompts[1].sources == ("Gift cards cannot be exchanged for cash.",)
    assert generator.prefixes == ["", "Gift cards"]
    assert generator.closed == 2


async def test_the_second_refusal_gives_up_and_what_was_shown_stays() -> None:
    lie = "Gift cards can be exchanged for cash."
    generator = Scripted(f"They never expire. {lie} More.", f"{lie} More.")
    said: list[Said] = []
    with pytest.raises(Unfit):
        await reply(generator, into=said)
    assert [one.shown for one in said] == [True, False, False]
    assert generator.prefixes[1].startswith("They never expire.")


@pytest.mark.parametrize("text", ["NOT IN THE NOTES", "Not in the notes.", "", "  \n"])
async def test_the_mark_of_what_is_not_known_says_nothing(text: str) -> None:
    with pytest.raises(Unknown):
        await reply(Scripted(text))


async def test_a_reply_that_turns_in_circles_ends() -> None:
    said = await reply(Scripted("They never expire. They never expire. They never expire. They never"))
    assert [one.sentence for one in said] == ["They never expire."]


async def test_what_the_limit_cut_off_is_not_shown() -> None:
    said = await reply(Scripted("They never expire. Gift cards cannot be"))
    assert [one.sentence for one in said] == ["They never expire."]


async def test_an_exception_comes_along() -> None:
    source = "Returns are free. However, furniture costs $29 to return."
    said = await reply(Scripted("Returns are free."), source=source)
    assert [(one.sentence, one.level) for one in said][1:] == [
        ("However, furniture costs $29 to return.", EXTRACTIVE)
    ]


async def test_without_the_guard_every_sentence_is_shown_with_its_verdict() -> None:
    said = await reply(Scripted("Gift cards can be exchanged for cash."), is_guarded=False)
    assert [(one.verdict, one.shown) for one in said] == [("polarity", True)]


async def test_failures_of_the_generator_are_the_callers() -> None:
    with pytest.raises(GeneratorLate):
        await reply(Scripted("They never", error=GeneratorLate("late")))


async def test_closing_the_reply_closes_the_generator() -> None:
    generator = Scripted("They never expire. Gift cards cannot be exchanged for cash.")
    made = writer(generator).reply(QUESTION, [SOURCE], manners=manners(), encoder=None)
    async for _first in made:
        break
    await made.aclose()
    assert generator.closed == 1


def test_an_opening_is_the_first_words() -> None:
    assert opening("Gift cards cannot be exchanged for cash.") == "Gift cards"
    assert "礼品卡不能兑换现金。".startswith(opening("礼品卡不能兑换现金。"))


# ---------------------------------------------------------------- where what is asked for is known

PLANS = (
    "The free plan allows 3 projects. The team plan allows 25 projects and costs $9 a month. "
    "Our office is painted blue and has a garden. The founders met at a fair. Music is played on Fridays. "
    "Apples are served in the canteen."
)
TEAM = "The team plan allows 25 projects and costs $9 a month."
PROJECTS = "how many projects does the team plan allow"


@pytest.fixture(scope="module")
def encoder() -> BatchEncoder:
    return BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])


async def test_what_was_not_asked_for_is_refused_and_tried_again_from_what_was(encoder: BatchEncoder) -> None:
    generator = Scripted("Apples are served in the canteen.", " allows 25 projects and costs $9 a month.")
    said = await reply(generator, source=PLANS, question=PROJECTS, encoder=encoder)
    assert "Apples" not in generator.prompts[0].sources[0]
    assert (said[0].verdict, said[0].shown) == ("aside", False)
    assert generator.prompts[1].sources == (TEAM,)
    assert generator.prefixes[1] == opening(TEAM)
    assert said[1].sentence == TEAM
    assert all(one.level == EXTRACTIVE and one.shown for one in said[2:])


FREE, LATER = "Withdrawals are free three times a month.", "After that, each costs $2."
COST = "what does my fourth withdrawal cost"


async def test_what_is_left_out_is_said_as_approved(encoder: BatchEncoder) -> None:
    said = await reply(Scripted(FREE), source=f"{FREE} {LATER}", question=COST, encoder=encoder)
    assert [(one.sentence, one.level == EXTRACTIVE) for one in said] == [(FREE, False), (LATER, True)]


async def test_after_a_second_refusal_what_was_shown_is_finished(encoder: BatchEncoder) -> None:
    lie = "After that, each costs $5."
    generator = Scripted(f"{FREE} {lie} More.", f"{lie} More.")
    said = await reply(generator, source=f"{FREE} {LATER}", question=COST, encoder=encoder)
    assert [one.shown for one in said] == [True, False, False, True]
    assert (said[-1].sentence, said[-1].level) == (LATER, EXTRACTIVE)


async def test_nothing_is_written_about_what_the_sources_do_not_name(encoder: BatchEncoder) -> None:
    generator = Scripted("Yes, you can.")
    with pytest.raises(Unknown):
        await reply(
            generator,
            source=PLANS,
            question="can my grandmother repair a bicycle on Mars",
            encoder=encoder,
        )
    assert not generator.prompts


async def test_a_yes_that_nothing_bears_out_is_taken_off(encoder: BatchEncoder) -> None:
    source = "Shots are given on Saturdays from 9 a.m. to noon."
    said = await reply(
        Scripted("No, shots are given on Saturdays from 9 a.m. to noon."),
        source=source,
        question="when are shots given on Saturdays",
        encoder=encoder,
    )
    assert [one.sentence for one in said] == [source]
