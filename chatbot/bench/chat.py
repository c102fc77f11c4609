"""The latency of the whole chat, and the highest rate it holds, measured through real sockets on this machine."""

import csv
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from chatbot.answering.composition.level import SHORT, length_of
from chatbot.bench.server import NO_GENERATOR, UNLIMITED, RunningServer, running_server
from customers.demo.load import FOLDER

LOCALE = "en-US"
RATE = 20.0
# A server that has just started is slower: kernels are made for each new shape, and nothing is cached.
WARM_SECONDS, SECONDS = 20.0, 20.0
SOCKETS = 20
RAMP_SECONDS = 8.0
RAMP = (40.0, 60.0, 80.0, 100.0, 120.0, 150.0, 180.0, 220.0, 260.0, 300.0)
HELD_P99_MS = 1000.0


def questions(*, of_long_answers: bool = False) -> list[str]:
    """Return enough different questions that the cache of query vectors cannot help.

    Their answers are short enough to be shown as approved, or so long that a part of them is looked for.
    """
    with (FOLDER / "faq" / f"{LOCALE}.csv").open(newline="") as file:
        known = [
            text
            for row in csv.DictReader(file)
            if (length_of(row["answer"]) > SHORT) == of_long_answers
            for text in (row["question"], *row["alternates"].split("\n"))
        ]
    return [f"{text} ({number})" for number in range(12) for text in known]


def run() -> dict[str, object]:
    """Return p50 and p99 at 20 questions a second, the highest rate held, and the server's memory."""
    with running_server(environment=UNLIMITED | NO_GENERATOR) as server:
        asked = Questions(questions())
        measured(server, asked, rate=RATE, seconds=WARM_SECONDS)
        steady = measured(server, asked, rate=RATE, seconds=SECONDS)
        held, ramp = 0.0, []
        for rate in RAMP:
            found = measured(server, asked, rate=rate, seconds=RAMP_SECONDS)
            ramp.append(found)
            if found["answered"] < found["sent"] or found["p99_ms"] > HELD_P99_MS:
                break
            held = rate
        return {
            "rate": RATE,
            "answered": steady["answered"],
            "sent": steady["sent"],
            "p50_ms": steady["p50_ms"],
            "p99_ms": steady["p99_ms"],
            "highest_rate_with_p99_under_1s": held,
            "ramp": ramp,
            "serverrss_mb": rss_mb(server.process.pid),
        }


class Questions:
    """Hands out questions, none twice until all have been used."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._at = 0

    def take(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield self._texts[self._at % len(self._texts)]
            self._at += 1


def measured(
    server: RunningServer, asked: Questions, *, rate: float, seconds: float, sockets: int = SOCKETS
) -> dict[str, Any]:
    """Run one load in a process of its own and return its figures."""
    load = {
        "port": server.port,
        "path": f"/ws/chat/demo/{LOCALE}/",
        "questions": list(asked.take(int(rate * seconds))),
        "rate": rate,
        "seconds": seconds,
        "sockets": sockets,
    }
    done = subprocess.run(
        [sys.executable, "-m", "chatbot.bench.chat_client"],
        input=json.dumps(load).encode(),
        stdout=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        timeout=seconds + 60,
        check=True,
    )
    return json.loads(done.stdout)


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)
