"""20,000 FAQ rows from the admin's form to the chat: how long each step takes, how much memory, how the chat fares.

The rows are synthetic (see `upload_rows`). All else is real: the form over HTTP, the worker, Postgres, and chats over
sockets meanwhile. The memory of a process is what it has for itself and what it shares with others.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from django.conf import settings

from chatbot.bench import embed, figures
from chatbot.bench.admin_client import AdminClient, UploadPage
from chatbot.bench.chat import questions
from chatbot.bench.chat_client import SteadyLoad
from chatbot.bench.memory import MemoryWatch
from chatbot.bench.server import RunningServer, running_server
from chatbot.bench.upload_rows import csv_file
from chatbot.engine import weights
from chatbot.engine.encoder import Encoder, Kind

ROWS = {"en-US": 12_000, "ja-JP": 2_000, "ko-KR": 2_000, "ar-SA": 2_000, "hi-IN": 2_000}
LOCALE = "en-US"
RATE = 10.0
IDLE_SECONDS = 30.0
WINDOW_SECONDS = 10.0
CHECK_SECONDS_MAX = 180.0
VECTORS_SECONDS_MAX = 1800.0
SAMPLE_TEXTS = 1024
PASSWORD = "for-this-benchmark-only"  # noqa: S105 -- of a server that lives as long as the measurement


def run() -> dict[str, object]:
    """Return the seconds per step, texts embedded per second, peak memory in MB, and the chat's p50 and p99 in ms."""
    environment = {
        "KEFU_ADMIN_PASSWORD": PASSWORD,
        # The limits per conversation are a courtesy between visitors; here one socket stands for many of them.
        "MESSAGES_PER_MINUTE": "1000000",
        "CONVERSATIONS_PER_MINUTE": "1000000",
    }
    data = csv_file(ROWS)
    with running_server(environment=environment) as server, _chatting(server) as load:
        admin = AdminClient(server.url, username="admin", password=PASSWORD)
        time.sleep(WINDOW_SECONDS)  # the first questions warm the caches
        idle_from = time.perf_counter()
        time.sleep(IDLE_SECONDS)
        idle_until = time.perf_counter()
        with MemoryWatch(server) as memory:
            found = _upload(admin, memory, data)
        busy_until = time.perf_counter()
    idle = load.latencies(idle_from, idle_until)
    busy = load.latencies(idle_until, busy_until)
    worst = max(
        figures.percentile(window, 0.99)
        for start in np.arange(idle_until, busy_until - WINDOW_SECONDS, WINDOW_SECONDS)
        if (window := load.latencies(start, start + WINDOW_SECONDS))
    )
    speed = _batch_speed(data)
    return {
        "rows": sum(ROWS.values()),
        "file_mb": round(len(data) / 1e6, 1),
        **found,
        **speed,
        "vectors_ratio_to_embed": round(float(found["vectors_texts_per_s"]) / speed["embed_texts_per_s"], 2),
        "vectors_ratio_same_texts": round(
            float(found["vectors_texts_per_s"]) / speed["same_texts_per_s"], 2
        ),
        "chat_rate": RATE,
        "chat_unanswered": load.unanswered,
        "chat_idle_p50_ms": round(figures.percentile(idle, 0.5), 1),
        "chat_idle_p99_ms": round(figures.percentile(idle, 0.99), 1),
        "chat_meanwhile_p50_ms": round(figures.percentile(busy, 0.5), 1),
        "chat_meanwhile_p99_ms": round(figures.percentile(busy, 0.99), 1),
        "chat_meanwhile_p99_worst_10_s_ms": round(worst, 1),
        "chat_p99_ratio": round(figures.percentile(busy, 0.99) / figures.percentile(idle, 0.99), 2),
    }
