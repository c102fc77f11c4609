"""A real `manage.py serve` of its own, with a throwaway var folder, for benchmarks and tests."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

START_SECONDS = 120.0
# One socket stands for many visitors: nothing is limited per conversation, and no message waits for the next.
UNLIMITED = {
    "MESSAGES_PER_MINUTE": "1000000",
    "CONVERSATIONS_PER_MINUTE": "1000000",
    "BURST_HOLD_MS": "0",
}
# What a generator takes beside chats `bench generate` measures.
NO_GENERATOR = {"GENERATOR_MODEL": "none"}


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that answers on 127.0.0.1, and the process that runs it."""

    port: int
    process: subprocess.Popen[bytes]
    var_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def health(self) -> dict[str, str]:
        """Return what `/health` says. Raises OSError where nothing answers, or not that all is well."""
        return _health(self.port)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(
    *,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    program: Sequence[str] = ("manage.py",),
) -> Iterator[RunningServer]:
    """Serve the demo on a free port until the block ends; the folder and its database go with it.

    `options` are further ones of `manage.py serve`; `program` runs it from the project's folder.
    """
    var_dir = Path(tempfile.mkdtemp(prefix="kefu-bench-"))
    settings.MODEL_DIR.mkdir(parents=True, exist_ok=True)
    (var_dir / "models").symlink_to(settings.MODEL_DIR.resolve())
    port = free_port()
    # A database of its own, whatever this process uses: a load test must not write into anybody's chats.
    env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    env |= {"KEFU_VAR_DIR": str(var_dir), "LOG_LEVEL": "WARNING", "PYTHONUNBUFFERED": "1"} | dict(
        environment or {}
    )
    log = (var_dir / "serve.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, *program, "serve", "--port", str(port), *options],
        env=env,
        cwd=settings.BASE_DIR,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until_healthy(process, port, var_dir / "serve.log")
        yield RunningServer(port=port, process=process, var_dir=var_dir)
    finally:
        log.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(var_dir, ignore_errors=True)


def wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the server of a process answers. Raises RuntimeError with the end of its log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            _health(port)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _health(port: int) -> dict[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
        found: dict[str, str] = json.load(response)
    return found
