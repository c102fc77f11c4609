"""Trainings of 770 and of 9,000 texts: how long each stage takes, how much memory, how the chat fares meanwhile."""

import json
import os
import subprocess
import sys
import time

from django.conf import settings

from chatbot.bench import figures
from chatbot.bench.chat import questions
from chatbot.bench.server import NO_GENERATOR, UNLIMITED, running_server
from chatbot.bench.steady_load import SteadyLoad, steady_load

SIZES = (770, 9_000)
CHAT_LOCALE = "en-US"
RATE = 10.0
WARM_SECONDS = 10.0
IDLE_SECONDS = 30.0
TRAIN_SECONDS_MAX = 1800


def run() -> dict[str, object]:
    """Return each training's seconds by stage with each stage's share, its peak MB, and the chat's ms."""
    found: dict[str, object] = {f"alone_{size}": _train(size) for size in SIZES}
    with (
        running_server(environment=UNLIMITED | NO_GENERATOR) as server,
        steady_load(
            port=server.port, path=f"/ws/chat/demo/{CHAT_LOCALE}/", questions=questions(), rate=RATE
        ) as load,
    ):
        time.sleep(WARM_SECONDS)
        started = time.perf_counter()
        time.sleep(IDLE_SECONDS)
        trained = time.perf_counter()
        found["beside_chats_770"] = _train(SIZES[0])
        found |= _chat(load, started, trained, time.perf_counter())
    return found


def _train(size: int) -> dict[str, object]:
    """Train in a process of its own, in a session of its own, as the worker is."""
    ended = subprocess.run(
        [sys.executable, "-m", "chatbot.bench.train_alone", str(size)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "chatbot.settings"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=TRAIN_SECONDS_MAX,
        start_new_session=True,
    )
    found: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    seconds = found["stage_s"]
    assert isinstance(seconds, dict)
    whole = sum(seconds.values())
    return found | {"stage_share": {name: round(one / whole, 2) for name, one in seconds.items()}}


def _chat(load: SteadyLoad, started: float, trained: float, ended: float) -> dict[str, object]:
    """Return the chat's figures before the training and meanwhile."""
    idle, busy = load.latencies(started, trained), load.latencies(trained, ended)
    before, meanwhile = figures.percentile(idle, 0.99), figures.percentile(busy, 0.99)
    return {
        "chat_rate": RATE,
        "chat_questions": len(busy),
        "chat_unanswered": load.unanswered,
        "chat_idle_p50_ms": round(figures.percentile(idle, 0.5), 1),
        "chat_idle_p99_ms": round(before, 1),
        "chat_meanwhile_p50_ms": round(figures.percentile(busy, 0.5), 1),
        "chat_meanwhile_p99_ms": round(meanwhile, 1),
        "chat_p99_ratio": round(meanwhile / before, 2),
    }
