"""The background worker as a child process of the server: started again when it dies, never outliving its parent."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

logger = logging.getLogger(__name__)

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# A worker that lived this long did not die of its start, so the next pause is short again.
SETTLED_SECONDS = 60.0
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Worker:
    """The child process `manage.py worker` and the thread that watches it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker-supervisor", daemon=True)

    def start(self) -> None:
        """Start the child and keep it started."""
        self._thread.start()

    def stop(self) -> None:
        """End the child politely, then by force, and wait until it is gone."""
        self._stopping.set()
        if not self._thread.is_alive():
            return
        self._signal(signal.SIGTERM)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            logger.warning(
                "The background worker did not stop within %.0f seconds and is killed", STOP_SECONDS
            )
            self.kill()
            self._thread.join()

    def kill(self) -> None:
        """End the child at once."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if (child := self._child) is not None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    def _watch(self) -> None:
        """Run one child after the other. This thread must outlive them: Linux ties a child to a thread."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.error("The background worker ended with status %d; next start in %.0f s", status, pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> int:
        """Run one child to its end and return its exit status."""
        with subprocess.Popen(
            [sys.executable, str(MANAGE), "worker", "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            # Away from the terminal, so that Ctrl-C reaches the server first, which then ends the worker.
            start_new_session=True,
        ) as child:
            self._child = child
            if self._stopping.is_set():
                child.kill()  # `stop` came between the look and the start
            return child.wait()


def end_with_parent() -> None:
    """End this process when its parent is gone, even if that was killed. Standard input is a pipe from the parent.

    The pipe closes with the parent. On Linux the kernel also sends SIGTERM, for which nobody here has to look.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    threading.Thread(target=_wait_for_end_of_input, name="parent-watch", daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)  # a job that does not end would keep the process for ever
