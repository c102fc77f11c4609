"""Writing over slots: the same as transformers alone, together or one by one, and what happens when it goes wrong."""

import asyncio
import ctypes
import threading
import time

import pytest
import torch

from chatbot.engine.errors import (
    GeneratorBusy,
    GeneratorFailed,
    GeneratorLate,
    GeneratorStopped,
    PromptTooLong,
)
from chatbot.engine.generator import slots as slots_module
from chatbot.engine.generator.generator import Generator
from chatbot.engine.generator.jobs import Ear, End, Writing
from chatbot.engine.generator.slots import Slots

from .conftest import PROMPT, collected, greedy, soon

TEXTS = [PROMPT, PROMPT + " Refunds", "Bestellungen", "発送は３日以内です。", "x" * 200, "q"]


def slots_of(generator: Generator) -> Slots:
    backend = generator._backend
    assert isinstance(backend, Slots)
    return backend


async def begun(generator: Generator, *, tokens: int = 200):
    """Return a reply that is being written, and its first piece."""
    pieces = generator.generate(PROMPT, max_tokens=tokens, deadline=soon())
    return pieces, await anext(pieces)


async def idle(generator: Generator) -> None:
    """Wait until nothing is being written."""
    async with asyncio.timeout(60):
        while slots_of(generator)._busy():
            await asyncio.sleep(0.005)


async def test_replies_written_together_are_those_that_transformers_writes_alone(tiny, plain) -> None:
    backend = Slots(tiny, queue=8)
    backend.start()
    jobs = [Writing(ids=tiny.encode(t), ear=Ear(), deadline=soon(), max_tokens=30) for t in TEXTS]
    expected = [greedy(plain, job.ids, 30) for job in jobs]
    for job in jobs:
        backend.submit(job)
    for job, tokens in zip(jobs, expected, strict=True):
        found = []
        while not isinstance(item := await job.ear.hear(), End):
            found.append(item)
        assert found == tokens
        assert item.error is None
    await asyncio.to_thread(backend.stop)


async def test_what_was_read_for_another_prompt_changes_nothing(writer) -> None:
    alone = [await collected(writer, text) for text in TEXTS]
    again = [await collected(writer, text) for text in TEXTS]
    together = await asyncio.gather(*(collected(writer, text) for text in TEXTS[:4]))
    assert again == alone
    assert together == alone[:4]


async def test_a_shared_beginning_is_read_once(writer, monkeypatch) -> None:
    await collected(writer, PROMPT * 4, max_tokens=2)
    read = []
    original = slots_module.Slots._read

    def counting(self, slot) -> None:
        before = len(slot.ids)
        original(self, slot)
        read.append(len(slot.ids) - before)

    monkeypatch.setattr(slots_module.Slots, "_read", counting)
    await collected(writer, PROMPT * 4 + "And?", max_tokens=2)
    assert sum(read) == len("And")  # the last token is read by the step that writes


async def test_a_reply_goes_on_after_its_beginning(writer) -> None:
    whole = await collected(writer, PROMPT)
    rest = await collected(writer, PROMPT + whole[:5], max_tokens=19)
    assert whole[5:] == rest


async def test_a_stop_text_ends_the_reply_and_the_work(writer) -> None:
    whole = await collected(writer, PROMPT, max_tokens=40)
    stop = whole[10:13]
    assert await collected(writer, PROMPT, max_tokens=40, stop=[stop]) == whole[: whole.index(stop)]
    await idle(writer)


async def test_closing_a_reply_ends_its_work_within_two_tokens(writer, monkeypatch) -> None:
    steps = []
    original = slots_module.Slots._write

    def counting(self, some) -> None:
        steps.append(len(some))
        original(self, some)

    monkeypatch.setattr(slots_module.Slots, "_write", counting)
    pieces, _ = await begun(writer)
    await pieces.aclose()
    at_close = len(steps)
    await idle(writer)
    assert len(steps) <= at_close + 2
    assert await collected(writer, "next")


async def test_a_cancelled_task_ends_its_work(writer) -> None:
    task = asyncio.create_task(collected(writer, PROMPT, max_tokens=300))
    while not slots_of(writer)._busy():
        await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await idle(writer)


async def test_a_waiter_whose_event_loop_has_gone_is_dropped(writer) -> None:
    def leave() -> None:
        async def ask() -> None:
            slots_of(writer).submit(
                Writing(ids=writer.model.encode(PROMPT), ear=Ear(), deadline=soon(), max_tokens=300)
            )

        asyncio.run(ask())

    await asyncio.to_thread(leave)
    await idle(writer)
    assert await collected(writer, "next")


async def test_a_deadline_ends_the_reply_by_name(writer) -> None:
    with pytest.raises(GeneratorLate, match="deadline"):
        await collected(writer, PROMPT, max_tokens=400, deadline=time.monotonic() + 0.05)
    await idle(writer)
    assert await collected(writer, "next")


async def test_too_many_waiting_are_refused(tiny) -> None:
    backend = Slots(tiny, queue=2, together=3)
    backend._thread = threading.Thread(target=time.sleep, args=(0,))  # a thread that takes nothing
    backend.start()
    for _ in range(5):  # three have a place, two may wait
        backend.check_has_room(wait=0)
        backend.submit(Writing(ids=[2, 5], ear=Ear(), deadline=soon(), max_tokens=1))
    with pytest.raises(GeneratorBusy, match="2 requests are waiting"):
        backend.check_has_room(wait=60)
    with pytest.raises(GeneratorBusy, match="2 requests are waiting"):
        backend.submit(Writing(ids=[2, 5], ear=Ear(), deadline=soon(), max_tokens=1))


async def test_who_would_wait_too_long_is_told_at_once_where_that_can_be_known(tiny) -> None:
    def job(tokens: int, *, wait: float) -> Writing:
        return Writing(
            ids=tiny.encode(PROMPT),
            ear=Ear(),
            deadline=soon(),
            begin_by=time.monotonic() + wait,
            max_tokens=tokens,
        )

    async def ended(job: Writing) -> object:
        while isinstance(item := await job.ear.hear(), int):
            pass
        assert isinstance(item, End)
        return item.error

    backend = Slots(tiny, queue=4, together=1)
    backend.start()
    try:
        # How long a reply takes is not known yet: what is kept waiting hears of it when it has waited.
        first, second = job(200, wait=60), job(1, wait=0.001)
        backend.submit(first)
        backend.submit(second)
        assert isinstance(await ended(second), GeneratorBusy)
        assert await ended(first) is None
        # Now it is.
        third = job(200, wait=60)
        backend.submit(third)
        with pytest.raises(GeneratorBusy, match="until this is begun"):
            backend.submit(job(1, wait=0))
        with pytest.raises(GeneratorBusy, match="until this is begun"):
            backend.check_has_room(wait=0)
        backend.check_has_room(wait=60)
        fourth = job(1, wait=60)
        backend.submit(fourth)
        assert [await ended(third), await ended(fourth)] == [None, None]
    finally:
        await asyncio.to_thread(backend.stop)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_is_killed_fails_its_replies_and_is_started_again(writer) -> None:
    pieces, _ = await begun(writer, tokens=400)
    thread = slots_of(writer)._thread
    assert thread.ident is not None
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    )
    with pytest.raises(GeneratorFailed, match="thread has ended"):
        async for _ in pieces:
            pass
    await asyncio.to_thread(thread.join)
    assert await collected(writer, "next")
    assert slots_of(writer)._thread is not thread


class Exhausted(torch.nn.Module):
    """Runs another module, except once, when memory has run out; what torch raises then, and nothing else changes."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module
        self.left = 1

    def forward(self, *args, **options):
        if self.left:
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return self.module(*args, **options)


async def test_out_of_memory_fails_that_reply_and_the_next_is_served(writer) -> None:
    expected = await collected(writer, PROMPT)
    layers = writer.model.module.model.layers
    real = layers[1]
    layers[1] = Exhausted(real)
    try:
        with pytest.raises(GeneratorFailed, match="OutOfMemoryError") as caught:
            await collected(writer, "Something else")
        assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)
        # The stand-in is the real layer from then on.
        assert await collected(writer, PROMPT) == expected
    finally:
        layers[1] = real


async def test_stopping_fails_what_is_written_by_name(tiny_folder) -> None:
    generator = Generator(tiny_folder, precision="fp32", threads=1)
    with pytest.raises(GeneratorStopped):
        await collected(generator, PROMPT)
    generator.start()
    pieces, _ = await begun(generator, tokens=250)
    await asyncio.to_thread(generator.stop)
    with pytest.raises(GeneratorStopped):
        async for _ in pieces:
            pass
    with pytest.raises(GeneratorStopped):
        await collected(generator, PROMPT)


async def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(writer) -> None:
    with pytest.raises(PromptTooLong, match="601 tokens and 24 more do not fit into 512"):
        await collected(writer, "a" * 600)
    assert await collected(writer, "next")


async def test_no_reply_is_longer_or_takes_longer_than_the_settings_allow(tiny_folder) -> None:
    generator = Generator(tiny_folder, precision="fp32", threads=1, max_tokens=5, seconds=0.0)
    generator.start()
    with pytest.raises(GeneratorLate):
        await collected(generator, PROMPT)
    generator._seconds = 60.0
    assert len(await collected(generator, "abc", max_tokens=100)) <= 5
    await asyncio.to_thread(generator.stop)
