"""The generator: tokens a second alone and together, beside transformers' own `generate`, and chats beside it."""

import asyncio
import csv
import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from chatbot.bench.busy_server import BUSY, READY
from chatbot.bench.chat import RATE, Questions, measured, questions
from chatbot.bench.figures import percentile
from chatbot.bench.server import UNLIMITED, running_server
from chatbot.engine.generator import plain
from chatbot.engine.generator.generator import Generator
from chatbot.engine.generator.jobs import Ear, Writing
from chatbot.generation import load
from customers.demo.load import FOLDER

TOKENS = 32
CPU_STREAMS, GPU_STREAMS = 8, 256
ROUNDS = 3
CHAT_SECONDS, CHAT_ROUNDS = 10.0, 3
# Each visitor asks once in ten seconds, so that hardly one's question waits for the answer to the one before.
VISITORS = 200
OVERLOAD_SECONDS = 30.0
WARM_RATE, WARM_SECONDS = 5.0, 20.0
LOAD_SECONDS = 180.0


@dataclass(kw_only=True)
class Stream:
    """When a reply was asked for, and when each of its tokens came (`time.perf_counter`)."""

    asked: float
    came: list[float] = field(default_factory=list)


def run() -> dict[str, object]:
    """Return the generator's figures alone, together, and beside chats."""
    before = _rss_mb()
    generator = load()
    if generator is None:
        return {"generator": "none"}
    loaded = _rss_mb()
    generator.start()
    try:
        prompts = _prompts(generator)
        found = _speeds(generator, prompts)
        found["rss_mb"] = {"loaded": round(loaded - before, 1), "working": round(_rss_mb() - before, 1)}
    finally:
        generator.stop()
    return found | {"chat": _beside_chats(), "overload": _overload()}


def _prompts(generator: Generator) -> list[list[int]]:
    """Return prompts of the demo's answers and questions, all different, as tokens."""
    with (FOLDER / "faq" / "en-US.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [f"Reply from the text.\n\n- {row['answer'][:600]}\nQ: {row['question']}\nA:" for row in rows]
    return [generator.model.encode(text) for text in texts]


def _speeds(generator: Generator, prompts: Sequence[list[int]]) -> dict[str, object]:
    """Time ours alone, ours together and theirs one by one, in turn, so that all share the machine's moods."""
    streams = GPU_STREAMS if generator.model.device.type == "cuda" else CPU_STREAMS
    module = plain.twin(generator.model.module)
    alone, together, serial, all_streams = [], [], [], []
    for number in range(ROUNDS):
        own = [prompts[(number * streams + at) % len(prompts)] for at in range(streams)]
        alone.append(_rate(asyncio.run(_written(generator, [own[0]]))))
        found = asyncio.run(_written(generator, own))
        together.append(_rate(found))
        all_streams += found
        serial.append(_theirs(module, own[: min(streams, 4)], generator))
    gaps = [b - a for s in all_streams for a, b in zip(s.came, s.came[1:], strict=False)] or [0.0]
    firsts = [s.came[0] - s.asked for s in all_streams if s.came]
    model = generator.model
    return {
        "version": model.version,
        "device": str(model.device),
        "precision": model.precision,
        "threads": model.threads,
        "prompt_tokens_p50": statistics.median(map(len, prompts)),
        "tokens_per_s_alone": round(statistics.median(alone), 1),
        "streams": streams,
        "tokens_per_s_together": round(statistics.median(together), 1),
        "transformers_serial_tokens_per_s": round(statistics.median(serial), 1),
        "ratio_alone": _ratio(alone, serial),
        "ratio_together": _ratio(together, serial),
        "first_token_ms_p50": round(percentile(firsts, 0.5) * 1000, 1),
        "first_token_ms_p99": round(percentile(firsts, 0.99) * 1000, 1),
        "between_tokens_ms_p50": round(percentile(gaps, 0.5) * 1000, 1),
        "between_tokens_ms_p99": round(percentile(gaps, 0.99) * 1000, 1),
    }


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


async def _written(generator: Generator, prompts: Sequence[list[int]]) -> list[Stream]:
    """Have replies written at once, and note when each of their tokens comes."""
    return list(await asyncio.gather(*(_stream(generator, ids) for ids in prompts)))


async def _stream(generator: Generator, ids: list[int]) -> Stream:
    stream = Stream(asked=time.perf_counter())
    job = Writing(ids=list(ids), ear=Ear(), deadline=time.monotonic() + 600, max_tokens=TOKENS)
    generator._backend.submit(job)
    while isinstance(await job.ear.hear(), int):
        stream.came.append(time.perf_counter())
    return stream


def _rate(streams: Sequence[Stream]) -> float:
    """Return the tokens a second of replies that were asked for at once, reading their prompts included."""
    tokens = sum(len(stream.came) for stream in streams)
    end = max((stream.came[-1] for stream in streams if stream.came), default=0.0)
    return tokens / max(1e-9, end - min(stream.asked for stream in streams))


def _theirs(module: Any, prompts: Sequence[list[int]], generator: Generator) -> float:
    """Return the tokens a second of transformers' `generate`, one reply after the other."""
    start = time.perf_counter()
    tokens = sum(len(plain.write(module, generator.model, ids, max_tokens=TOKENS)) for ids in prompts)
    return tokens / (time.perf_counter() - start)


def _beside_chats() -> dict[str, object]:
    """Return the p99 of chats with the generator idle and busy, in turn, on a server of its own."""
    gc.collect()
    program = ("-m", "chatbot.bench.busy_server")
    with running_server(environment=UNLIMITED, program=program) as server:
        deadline = time.monotonic() + LOAD_SECONDS
        while not (server.var_dir / READY).exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"The server's generator was not loaded within {LOAD_SECONDS:.0f} s.")
            time.sleep(0.2)
        asked, busy = Questions(questions()), server.var_dir / BUSY
        measured(server, asked, rate=RATE, seconds=3.0)
        idle_p99, busy_p99 = [], []
        for _ in range(CHAT_ROUNDS):
            idle_p99.append(measured(server, asked, rate=RATE, seconds=CHAT_SECONDS)["p99_ms"])
            busy.touch()
            time.sleep(1.0)
            busy_p99.append(measured(server, asked, rate=RATE, seconds=CHAT_SECONDS)["p99_ms"])
            busy.unlink()
            time.sleep(2.0)
    return {
        "rate": RATE,
        "p99_ms_idle": round(statistics.median(idle_p99), 1),
        "p99_ms_generating": round(statistics.median(busy_p99), 1),
        "p99_ratio": round(statistics.median(b / i for i, b in zip(idle_p99, busy_p99, strict=True)), 2),
    }


def _overload() -> dict[str, object]:
    """Return how questions fare of which far more are to be composed than the generator can write."""
    with running_server(environment=UNLIMITED) as server:
        deadline = time.monotonic() + LOAD_SECONDS
        while server.health()["generator"] != "ready":
            if time.monotonic() > deadline:
                raise RuntimeError(f"The server's generator was not loaded within {LOAD_SECONDS:.0f} s.")
            time.sleep(0.2)
        asked = Questions(questions(of_long_answers=True))
        # By then the parts of the answers have been embedded, as they have on a server that has run for a while.
        measured(server, asked, rate=WARM_RATE, seconds=WARM_SECONDS, sockets=VISITORS)
        return measured(server, asked, rate=RATE, seconds=OVERLOAD_SECONDS, sockets=VISITORS)


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6
