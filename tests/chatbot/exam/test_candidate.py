"""A generator sits the exam through the real writer and guard."""

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from chatbot.answering.composition.prompt import Prompt, prompt_for
from chatbot.answering.composition.writer import Writer
from chatbot.engine.encoder import Encoder
from chatbot.engine.errors import GeneratorFailed, GeneratorLate
from chatbot.exam.candidate import Written
from chatbot.exam.exam import ask
from chatbot.exam.lane import Lane
from chatbot.exam.manners import plain_manners
from chatbot.exam.trap import Kind, Trap

SOURCE = "Gift cards cannot be exchanged for cash. They are valid for 3 years from the day of purchase."
TRAP = Trap(
    key="negation-01",
    kind=Kind.NEGATION,
    sources=(SOURCE,),
    question="Can I get cash for my gift card?",
    acceptable=(("cannot", "can't"),),
    forbidden=("yes, you can",),
)


class Told:
    """A generator that writes what it is told, in the pieces of which a model would."""

    version = "told@1"

    def __init__(self, text: str, *, error: Exception | None = None) -> None:
        self.text, self.error = text, error

    def render(self, prompt: Prompt) -> str:
        return prompt.question

    async def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]:
        assert deadline > time.monotonic()
        for word in self.text.removeprefix(prefix).strip().split(" "):
            yield f"{word} "
        if self.error:
            raise self.error

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        return [0.0 for _ in pairs]


@pytest.fixture(scope="module")
def lane(model_folder: Path) -> Lane:
    return Lane(Encoder(model_folder, precision="fp32", threads=1))


def written(generator: Told, lane: Lane, *, is_guarded: bool = True) -> Written:
    writer = Writer(generator, detector=None, max_tokens=50, seconds=30, is_guarded=is_guarded)
    return Written(writer, locale="en-US", encoder=lane)


async def test_its_own_words_are_shown_where_the_guard_passes_them(lane: Lane) -> None:
    sat = await ask(TRAP, written(Told("No, gift cards cannot be exchanged for cash."), lane))
    assert sat.reply.text.startswith("No, gift cards cannot be exchanged for cash.")
    assert (sat.reply.composition.level, sat.reply.composition.why) == ("generated", "")
    assert sat.reply.composition.generator == "told@1"
    assert sat.mark.is_right


async def test_what_the_guard_refuses_is_finished_with_the_sources(lane: Lane) -> None:
    candidate = written(Told("Yes, you can exchange gift cards for cash."), lane)
    sat = await ask(TRAP, candidate)
    assert sat.reply.text == SOURCE
    assert (sat.reply.composition.level, sat.reply.composition.why) == ("extractive", "failed_guard")
    assert [said.shown for said in sat.reply.composition.said] == [False, False]
    assert sat.mark.is_right


async def test_bare_it_is_shown_whatever_it_says(lane: Lane) -> None:
    candidate = written(Told("Yes, you can exchange gift cards for cash."), lane, is_guarded=False)
    sat = await ask(TRAP, candidate)
    assert sat.reply.text == "Yes, you can exchange gift cards for cash."
    assert (sat.mark.why, sat.reply.composition.why) == ("forbidden", "")


async def test_not_knowing_shows_the_sources_as_in_the_chat_and_bare_nothing(lane: Lane) -> None:
    unknown = prompt_for(plain_manners("en-US"), sources=[SOURCE], question="?").unknown
    reply = await written(Told(unknown), lane).reply(TRAP)
    assert (reply.declined, reply.text, reply.composition.why) == (False, SOURCE, "unknown")
    bare = await written(Told(unknown), lane, is_guarded=False).reply(TRAP)
    assert (bare.declined, bare.text, bare.composition.why) == (True, "", "unknown")


async def test_being_late_is_finished_with_the_sources(lane: Lane) -> None:
    reply = await written(Told("Gift", error=GeneratorLate("late")), lane).reply(TRAP)
    assert (reply.text, reply.composition.why) == (SOURCE, "deadline")


async def test_a_broken_generator_is_nobodys_reply(lane: Lane) -> None:
    with pytest.raises(GeneratorFailed):
        await written(Told("", error=GeneratorFailed("broken")), lane).reply(TRAP)
