"""The writer shows what the guard passes, tries a refused sentence once more, and gives up after that."""

from collections.abc import AsyncIterator, Sequence

import pytest

from chatbot.answering.composition.prompt import Prompt
from chatbot.answering.composition.stream import Unfit
from chatbot.answering.composition.writer import Unknown, Writer, opening
from chatbot.answering.events import EXTRACTIVE, Said
from chatbot.engine.errors import GeneratorLate
from tests.chatbot.answering.bundles import manners

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
    generator: Scripted, *, source: str = SOURCE, is_guarded: bool = True, into: list[Said] | None = None
) -> list[Said]:
    said = [] if into is None else into
    made = writer(generator, is_guarded=is_guarded).reply(QUESTION, [source], manners=manners(), encoder=None)
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
