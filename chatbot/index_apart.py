"""Builds a large index in a process of its own, so that no chat waits for the interpreter meanwhile.

What the process makes is searched where it lies: in memory without a name, which nobody else can open, and which is
gone with the last index in it. That process starts on this machine, so every node builds for itself.
"""

import contextlib
import datetime as dt
import json
import logging
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection

from chatbot.engine import stored_index
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.errors import EngineError
from chatbot.engine.index import Index
from chatbot.index_builder import Built, Order

logger = logging.getLogger(__name__)

# After a failure, such as too little memory, the same profile is not tried again at once.
RETRY_SECONDS = 10.0

Embed = Callable[[Order, list[str], Kind], Vectors]


class IndexApart:
    """At most one such process at a time, looked at from one thread."""

    def __init__(self, *, tokenizer: Path, max_tokens: int, embed: Embed) -> None:
        """`tokenizer` is the encoder's file; `embed` gives the unit vectors [texts, dim] for an order."""
        self._tokenizer, self._max_tokens, self._embed = tokenizer, max_tokens, embed
        self._running: _Process | None = None
        self._built: dict[int, Built] = {}
        self._not_before: dict[int, float] = {}

    def take(self, order: Order, *, served: int) -> Built | None:
        """Return what was built for the order's profile, or begin to build it; None while it is not done.

        It may be of an earlier revision than is ordered, but not than is `served`.
        """
        self.look()
        built = self._built.pop(order.profile_id, None)
        if built is not None and built.order.revision < served:
            built = None
        may_begin = self._running is None and time.monotonic() >= self._not_before.get(order.profile_id, 0.0)
        if built is None and may_begin:
            self._running = _Process(order, tokenizer=self._tokenizer, max_tokens=self._max_tokens)
        return built

    def look(self) -> bool:
        """Give the process what it needs, and say whether it has ended since the last look."""
        process = self._running
        if process is None:
            return False
        try:
            if not process.has_ended(self._embed):
                return False
            self._built[process.order.profile_id] = process.built()
        except (_ProcessFailed, EngineError) as error:
            process.kill()
            self._not_before[process.order.profile_id] = time.monotonic() + RETRY_SECONDS
            logger.error(  # noqa: TRY400 -- the process has written its traceback itself
                "The index of profile %d was not built (%s); the one before keeps answering, next try in %.0f s",
                process.order.profile_id, error, RETRY_SECONDS,
            )  # fmt: skip
        self._running = None
        return True

    def is_busy(self) -> bool:
        """Say whether the process runs."""
        return self._running is not None

    def forget(self, *, all_but: Collection[int]) -> None:
        """Drop what was built for profiles that are not served any more."""
        self._built = {profile: built for profile, built in self._built.items() if profile in all_but}

    def stop(self) -> None:
        """End the process."""
        if self._running is not None:
            self._running.kill()
            self._running = None


class _ProcessFailed(Exception):
    """The process ended without an index; the message says how."""


class _Process:
    """One run of `index_process`."""

    def __init__(self, order: Order, *, tokenizer: Path, max_tokens: int) -> None:
        self.order = order
        self._said: dict[str, Any] | None = None
        self._file = _nameless_file()
        request = {
            "order": asdict(order) | {"today": order.today.isoformat()},
            "database": connection.settings_dict["NAME"],
            "tokenizer": str(tokenizer),
            "max_tokens": max_tokens,
            "file": self._file,
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "chatbot.index_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            pass_fds=[self._file],
            # Away from the terminal, and in a session that gives way as a whole.
            start_new_session=True,
        )
        self._write(json.dumps(request).encode() + b"\n")

    def has_ended(self, embed: Embed) -> bool:
        """Embed what the process asks for, and say whether it is done. Raises _ProcessFailed, EngineError."""
        assert self._child.stdout is not None
        # It says one line and then waits, so no second one is hidden in the buffer.
        while select.select([self._child.stdout], [], [], 0)[0]:
            line = self._child.stdout.readline()
            if not line:
                return True
            said = json.loads(line)
            if "built" in said:
                self._said = said["built"]
            else:
                wanted = said["embed"]
                vectors = embed(self.order, wanted["texts"], wanted["kind"])
                self._write(np.ascontiguousarray(vectors, np.float32).tobytes())
        return False

    def built(self) -> Built:
        """Return what the process made, once it has ended. Raises _ProcessFailed."""
        status = self._child.wait()
        if status or self._said is None:
            raise _ProcessFailed(f"its process ended with status {status}")
        index = _mapped(self._file) if self._said["has_index"] else None
        self._close()
        return Built(order=self.order, index=index, is_whole=self._said["is_whole"])

    def kill(self) -> None:
        """End the process, if it still runs."""
        self._child.kill()
        self._child.wait()
        self._close()

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            return  # it has died, which its status will tell

    def _close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def order_from_json(values: dict[str, Any]) -> Order:
    """Read an order as the process gets it."""
    return Order(**{**values, "today": dt.date.fromisoformat(values["today"])})


def _nameless_file() -> int:
    """Return the descriptor of memory that can be handed to a process; where there is no such thing, of a file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("kefu-index")
    with tempfile.TemporaryFile(dir=settings.VAR_DIR) as file:
        return os.dup(file.fileno())


def _mapped(file: int) -> Index:
    """Return the index in a file, to be searched in place. Raises _ProcessFailed."""
    data = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    # Each page is touched now, with the interpreter free, rather than by the first questions.
    np.frombuffer(data, np.uint8)[:: mmap.PAGESIZE].max()
    try:
        return stored_index.read(data)
    except ValueError as error:
        raise _ProcessFailed(str(error)) from error
