"""Likelihoods of texts after others: those of each alone."""

import math
import threading
import time

import pytest
import torch

from chatbot.engine.errors import GeneratorBusy, GeneratorLate, PromptTooLong
from chatbot.engine.generator.jobs import Ear, Rating, Writing
from chatbot.engine.generator.slots import Slots

from .conftest import PROMPT, soon

SAID = [
    " No, they cannot.",
    " Yes",
    "",
    " We ship within 3 days of your order, as we say.",
    " 不可以。",
]


def alone(plain, ids: list[int], tail: list[int]) -> float:
    """Return the mean log-probability of a tail, from one plain forward pass."""
    with torch.inference_mode():
        logits = plain(torch.tensor([ids + tail])).logits[0].log_softmax(-1)
    rows = torch.arange(len(ids) - 1, len(ids) + len(tail) - 1)
    return float(logits[rows, torch.tensor(tail)].mean())


def tokens(writer, text: str) -> list[int]:
    return list(writer.model.tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("given", ["", " It is Monday.", " x"])
async def test_each_is_rated_as_if_it_stood_alone(writer, plain, given: str) -> None:
    pairs = [(given, said) for said in SAID]
    found = await writer.likelihoods(PROMPT, pairs, deadline=soon())
    ids = writer.model.encode(PROMPT)
    for value, (given, said) in zip(found, pairs, strict=True):
        before, tail = tokens(writer, given), tokens(writer, said)
        assert value == pytest.approx(alone(plain, [*ids, *before], tail) if tail else 0.0, abs=1e-3)


async def test_more_than_fit_at_once_are_rated_in_groups(writer) -> None:
    many = [("", f" answer {'x' * number}") for number in range(120)]
    found = await writer.likelihoods(PROMPT, many, deadline=soon())
    single = [(await writer.likelihoods(PROMPT, [pair], deadline=soon()))[0] for pair in many[::30]]
    assert found[::30] == pytest.approx(single, abs=1e-3)
    assert all(math.isfinite(value) for value in found)


async def test_no_pairs_take_no_work(writer) -> None:
    assert await writer.likelihoods(PROMPT, [], deadline=soon()) == []


async def test_failures_have_names(writer) -> None:
    with pytest.raises(PromptTooLong):
        await writer.likelihoods(PROMPT, [("", "x" * 600)], deadline=soon())
    with pytest.raises(GeneratorLate):
        await writer.likelihoods(PROMPT, [("", "x")], deadline=0.0)


async def test_nothing_is_rated_while_replies_would_have_to_wait_for_it(tiny) -> None:
    def rating() -> Rating:
        return Rating(ids=[2, 5], ear=Ear(), deadline=soon(), pairs=[([], [3])])

    backend = Slots(tiny, queue=8, together=4)
    backend._thread = threading.Thread(target=time.sleep, args=(0,))  # a thread that takes nothing
    backend.start()
    backend.submit(rating())
    with pytest.raises(GeneratorBusy, match="Nothing is rated"):
        backend.submit(rating())  # one at a time
    backend.submit(Writing(ids=[2, 5], ear=Ear(), deadline=soon(), max_tokens=1))
    backend._waiting.popleft()
    backend.submit(Writing(ids=[2, 5], ear=Ear(), deadline=soon(), max_tokens=1))
    with pytest.raises(GeneratorBusy, match="Nothing is rated"):
        backend.submit(rating())  # half of the places are taken
