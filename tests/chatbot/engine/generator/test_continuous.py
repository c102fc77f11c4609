"""transformers' continuous batching behind our guards, on the CPU: as alone, and what happens when it goes wrong."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import torch

from chatbot.engine.errors import GeneratorBusy, GeneratorFailed, GeneratorLate, GeneratorStopped
from chatbot.engine.generator.continuous import Continuous, _blocks
from chatbot.engine.generator.jobs import Ear, End, Rating, Writing

from .conftest import PROMPT, greedy, soon

TEXTS = [PROMPT, PROMPT + " Refunds", "Bestellungen", "発送は３日以内です。", "q"]


@pytest.fixture
async def backend(tiny) -> AsyncIterator[Continuous]:
    backend = Continuous(tiny, queue=2, streams=3, context_tokens=256)
    backend.start()
    yield backend
    await asyncio.to_thread(backend.stop)


def job_of(tiny: Any, text: str, *, tokens: int = 20, deadline: float | None = None) -> Writing:
    return Writing(ids=tiny.encode(text), ear=Ear(), deadline=deadline or soon(), max_tokens=tokens)


async def heard(job: Writing) -> list[int]:
    """Return a job's tokens; raises the error that it ended with."""
    found: list[int] = []
    while isinstance(item := await asyncio.wait_for(job.ear.hear(), 60), int):
        found.append(item)
    assert isinstance(item, End)
    if item.error is not None:
        raise item.error
    return found


async def test_replies_are_those_that_transformers_writes_alone(tiny, plain, backend) -> None:
    jobs = [job_of(tiny, text) for text in TEXTS]
    expected = [greedy(plain, job.ids, 20) for job in jobs]
    for job in jobs:
        backend.submit(job)  # three are written, two wait
    assert [await heard(job) for job in jobs] == expected


async def test_who_has_waited_for_as_long_as_it_may_is_told_so(tiny, backend) -> None:
    jobs = [job_of(tiny, text, tokens=100) for text in TEXTS[:3]]
    waiting = job_of(tiny, "one more")
    waiting.begin_by = time.monotonic()
    for job in [*jobs, waiting]:
        backend.submit(job)
    with pytest.raises(GeneratorBusy, match="might wait"):
        await heard(waiting)
    for job in jobs:
        backend.cancel(job)


async def test_more_than_may_wait_are_refused(tiny, backend) -> None:
    jobs = [job_of(tiny, text, tokens=100) for text in TEXTS]
    for job in jobs:
        backend.submit(job)
    with pytest.raises(GeneratorBusy):
        backend.submit(job_of(tiny, "one more"))
    with pytest.raises(GeneratorBusy):
        backend.check_has_room(wait=60)
    for job in jobs:
        backend.cancel(job)
    assert not backend._running
    late = job_of(tiny, "next", tokens=3)
    backend.submit(late)
    assert len(await heard(late)) <= 3


async def test_what_does_not_fit_into_the_cache_never_reaches_it(tiny, backend) -> None:
    with pytest.raises(GeneratorFailed, match="do not fit into 256"):
        backend.submit(job_of(tiny, "a" * 200, tokens=100))
    longest = job_of(tiny, "a" * 155, tokens=100)
    backend.submit(longest)
    await heard(longest)


async def test_a_deadline_ends_a_reply(tiny, backend) -> None:
    job = job_of(tiny, PROMPT, tokens=150, deadline=time.monotonic() + 0.02)
    backend.submit(job)
    with pytest.raises(GeneratorLate):
        await heard(job)
    async with asyncio.timeout(60):
        while backend._running:
            await asyncio.sleep(0.005)


async def test_a_thread_that_died_is_replaced_and_its_replies_fail(tiny, backend) -> None:
    layers = backend._module.model.layers
    real = layers[0]

    class Broken(torch.nn.Module):
        attention_type = getattr(real, "attention_type", None)

        def forward(self, *_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    layers[0] = Broken()
    job = job_of(tiny, PROMPT)
    backend.submit(job)
    with pytest.raises(GeneratorFailed):
        await heard(job)
    layers[0] = real
    async with asyncio.timeout(60):
        while (
            not backend._manager.is_running()
            or backend._manager.background_thread_status.can_accept_new_requests() is not None
        ):
            await asyncio.sleep(0.05)
    again = job_of(tiny, PROMPT, tokens=4)
    backend.submit(again)
    assert len(await heard(again)) <= 4


async def test_ratings_run_beside_it_on_the_same_weights(tiny, backend) -> None:
    assert backend._module.lm_head.weight is tiny.module.lm_head.weight
    job = Rating(ids=tiny.encode(PROMPT), ear=Ear(), deadline=soon(), pairs=[([], [9, 10]), ([], [11])])
    backend.submit(job)
    found = await job.ear.hear()
    assert isinstance(found, list)
    assert len(found) == 2


async def test_stopping_fails_what_is_written(tiny) -> None:
    backend = Continuous(tiny, queue=2, streams=2, context_tokens=256)
    with pytest.raises(GeneratorStopped):
        backend.submit(job_of(tiny, PROMPT))
    backend.start()
    job = job_of(tiny, PROMPT, tokens=150)
    backend.submit(job)
    await asyncio.to_thread(backend.stop)
    with pytest.raises(GeneratorStopped):
        await heard(job)
    with pytest.raises(GeneratorStopped):
        backend.submit(job_of(tiny, PROMPT))


def test_blocks_hold_every_stream_to_its_end(tiny) -> None:
    config = tiny.module.config
    assert _blocks(config, 3, 512, {"page_size"}) == 3 * (2 + 2)
    # Before, layers came in groups: here one of each kind's greatest common count.
    assert _blocks(config, 3, 512, {"block_size"}) == 3 * (2 + 2) * 3
