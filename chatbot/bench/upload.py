"""20,000 FAQ rows from the admin's form to the chat: how long each step takes, how much memory, how the chat fares.

The rows are synthetic (see `upload_rows`). All else is real: the form over HTTP, the worker, Postgres, and chats over
sockets meanwhile.
"""

import csv
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.conf import settings

from chatbot.answering.retrieve import index_texts
from chatbot.bench import embed, figures
from chatbot.bench.admin_client import AdminClient
from chatbot.bench.chat import questions
from chatbot.bench.memory import MemoryWatch
from chatbot.bench.server import NO_GENERATOR, UNLIMITED, running_server
from chatbot.bench.steady_load import SteadyLoad, steady_load
from chatbot.bench.upload_rows import csv_file
from chatbot.engine import weights
from chatbot.engine.arrays import Kind
from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from customers.demo.load import NAME

ROWS = {"en-US": 12_000, "ja-JP": 2_000, "ko-KR": 2_000, "ar-SA": 2_000, "hi-IN": 2_000}
CHAT_LOCALE = "en-US"
RATE = 10.0
IDLE_SECONDS = 30.0
WINDOW_SECONDS = 10.0
POLL_SECONDS = 0.25
CHECK_SECONDS_MAX = 180.0
# A machine that needs longer is told how far it came.
VECTORS_SECONDS_MAX = 1200.0
SAMPLE_TEXTS = 1024
ROUNDS = 3
PASSWORD = "for-this-benchmark-only"  # noqa: S105 -- of a server that ends with the measurement


def run() -> dict[str, object]:
    """Return seconds per step, texts embedded per second, peak memory in MB by process, and the chat's ms."""
    data = csv_file(ROWS)
    path = f"/ws/chat/demo/{CHAT_LOCALE}/"
    with (
        running_server(environment={"KEFU_ADMIN_PASSWORD": PASSWORD} | UNLIMITED | NO_GENERATOR) as server,
        steady_load(port=server.port, path=path, questions=questions(), rate=RATE) as load,
    ):
        admin = AdminClient(server.url, username="admin", password=PASSWORD)
        time.sleep(WINDOW_SECONDS)  # the first questions warm the server
        started = time.perf_counter()
        time.sleep(IDLE_SECONDS)
        with MemoryWatch(server) as memory:
            time.sleep(POLL_SECONDS)
            idle_mb = memory.take()
            uploaded = time.perf_counter()
            page = admin.upload(tenant=NAME, file=("bench.csv", data))
            found = {"send_s": round(time.perf_counter() - uploaded, 2)}
            found |= _check(admin, page, memory, time.perf_counter()) | _apply(admin, page, memory)
        chat = _chat(load, started, uploaded, time.perf_counter())
    return {
        "rows": sum(ROWS.values()),
        "file_mb": round(len(data) / 1e6, 1),
        "idle_mb": idle_mb,
        **found,
        **_speeds(data, found["vectors_texts_per_s"]),
        **chat,
    }


def _check(admin: AdminClient, page: str, memory: MemoryWatch, sent: float) -> dict[str, Any]:
    """Wait for the preview of an upload that was `sent` at this time, and look at it."""
    _until(lambda: _is_read(admin.progress(page)), CHECK_SECONDS_MAX, "The file was not read")
    read = time.perf_counter()
    _until(lambda: _is_checked(admin.progress(page)), CHECK_SECONDS_MAX, "There was no preview")
    checked = time.perf_counter()
    peak = memory.take()
    admin.get(page)
    shown = time.perf_counter()
    return {
        "parse_s": round(read - sent, 2),
        "check_s": round(checked - read, 2),
        "preview_s": round(shown - checked, 2),
        "file_to_preview_s": round(shown - sent, 2),
        "check_peak_mb": peak,
    }


def _apply(admin: AdminClient, page: str, memory: MemoryWatch) -> dict[str, Any]:
    """Apply an upload without waiting for the comparison, and watch its vectors until the chat answers from them."""
    token = admin.token(page)
    start = time.perf_counter()
    admin.post(page, token=token, act="apply")
    applied = time.perf_counter()
    first, last, embedded = dict[str, int](), dict[str, int](), applied

    def is_live() -> bool:
        nonlocal embedded
        locales = admin.progress(page)["locales"]
        done = {locale["locale"]: locale["done"] for locale in locales if locale["total"]}
        if done != last:
            embedded = time.perf_counter()
        for locale, count in done.items():
            first.setdefault(locale, count)
        last.update(done)
        return all(locale["state"] == "live" for locale in locales)

    is_whole = _becomes(is_live, VECTORS_SECONDS_MAX)
    live = time.perf_counter()
    texts = sum(last.values()) - sum(first.values())
    return {
        "apply_s": round(applied - start, 2),
        "vectors_texts": texts,
        "vectors_s": round(embedded - applied, 1),
        "vectors_texts_per_s": round(texts / max(embedded - applied, POLL_SECONDS), 1),
        "is_live": is_whole,
        "switch_s": round(live - embedded, 1),
        "vectors_peak_mb": memory.take(),
    }


def _until(is_so: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Look until something is so. Raises TimeoutError."""
    if not _becomes(is_so, seconds):
        raise TimeoutError(f"{otherwise} within {seconds:.0f} s.")


def _becomes(is_so: Callable[[], bool], seconds: float) -> bool:
    """Look until something is so, or the time is up; returns which."""
    deadline = time.perf_counter() + seconds
    while not is_so():
        if time.perf_counter() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_checked(progress: Mapping[str, Any]) -> bool:
    """Say whether there is a preview. Raises RuntimeError where there will be none."""
    state = str(progress["stage"]).partition(":")[0]
    if state not in ("checking", "ready"):
        raise RuntimeError(f"The upload is {state!r}; its worker's log says why.")
    return state == "ready"


def _is_read(progress: Mapping[str, Any]) -> bool:
    return progress["done"] > 0 or _is_checked(progress)


def _chat(load: SteadyLoad, started: float, uploaded: float, ended: float) -> dict[str, object]:
    """Return the chat's figures before the upload and meanwhile."""
    idle, busy = load.latencies(started, uploaded), load.latencies(uploaded, ended)
    windows = [
        load.latencies(start, start + WINDOW_SECONDS)
        for start in np.arange(uploaded, max(ended - WINDOW_SECONDS, uploaded + 1), WINDOW_SECONDS)
    ]
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
        "chat_p99_per_10_s_ms": [round(figures.percentile(window, 0.99), 1) for window in windows if window],
    }


def _speeds(data: bytes, reached: float) -> dict[str, float]:
    """Return what the encoder reaches alone: on the short questions of `bench embed`, and on texts of this file."""
    folder = weights.prepare(
        settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
    )
    encoder = Encoder(folder, precision=settings.ENCODER_PRECISION, threads=settings.ENCODER_THREADS)

    def rate(group: list[str], kind: Kind) -> float:
        taken = sorted(
            figures.seconds(
                lambda: encoder.encode(group, kind=kind, batch_tokens=settings.ENCODER_BATCH_TOKENS)
            )
            for _ in range(ROUNDS)
        )
        return len(group) / taken[ROUNDS // 2]

    short = rate(embed.texts()[: embed.BATCH_TEXTS], "query")
    asked, passages = _texts(data)
    seconds = len(asked) / rate(_sample(asked), "query") + len(passages) / rate(_sample(passages), "passage")
    same = (len(asked) + len(passages)) / seconds
    return {
        "embed_texts_per_s": round(short, 1),
        "vectors_ratio_to_embed": round(reached / short, 2),
        "same_texts_alone_per_s": round(same, 1),
        "vectors_ratio_to_same_texts": round(reached / same, 2),
    }


def _texts(data: bytes) -> tuple[list[str], list[str]]:
    """Return the questions and the passages of the file as they are embedded."""
    asked, passages = [], []
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        texts = (row["question"], *row["alternates"].splitlines())
        questions_, passage = index_texts(Entry(key=row["id"], questions=texts, answer=row["answer"]))
        asked += questions_
        passages.append(passage)
    return asked, passages


def _sample(texts: list[str]) -> list[str]:
    return texts[:: max(1, len(texts) // SAMPLE_TEXTS)]
