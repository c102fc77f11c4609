"""The peak memory of a server's processes while something happens, seen from outside."""

import threading
from collections.abc import Mapping

import psutil

from chatbot.bench.server import RunningServer

SAMPLE_SECONDS = 0.1
# Part of each process's command line; whatever else belongs to the server is its Postgres.
ROLES = {
    "serve": "server",
    "worker": "worker",
    "customers.faq_file.apart": "parser",
    "chatbot.index_process": "indexer",
}


class MemoryWatch:
    """Samples the memory of all processes of a server until the block ends.

    A process counts with its resident memory; Postgres, whose processes share most of theirs, with what each has for
    itself, summed.
    """

    def __init__(self, server: RunningServer) -> None:
        self._server = psutil.Process(server.process.pid)
        self._postgres = [
            process
            for process in psutil.process_iter()
            if str(server.var_dir) in " ".join(_cmdline(process)) and process.name().startswith("postgres")
        ]
        self._peaks: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch")

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def take(self) -> Mapping[str, float]:
        """Return the peaks in MB by role since the last call."""
        peaks, self._peaks = self._peaks, {}
        return {role: round(peak, 1) for role, peak in sorted(peaks.items())}

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            now: dict[str, float] = {}
            for process in [self._server, *self._server.children(recursive=True)]:
                role = next((name for part, name in ROLES.items() if part in _cmdline(process)), None)
                if role is not None:
                    now[role] = max(now.get(role, 0.0), _resident_mb(process))
            now["postgres"] = sum(
                _own_mb(child) for parent in self._postgres for child in (parent, *_children(parent))
            )
            for role, size in now.items():
                self._peaks[role] = max(self._peaks.get(role, 0.0), size)


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


def _resident_mb(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 1e6
    except psutil.Error:
        return 0.0


def _own_mb(process: psutil.Process) -> float:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0.0
    # Only Linux tells what is shared.
    return (memory.rss - getattr(memory, "shared", 0)) / 1e6
