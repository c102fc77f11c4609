"""The thread that notices what changed: it listens for announcements on Postgres, and looks by itself now and then."""

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection

from chatbot.engine.errors import EngineStopped
from chatbot.services import NODE_LOCK
from customers.services import FAQ_CHANNEL

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
# How often it looks around: for its end, and while an index is built for what that has to say.
LOOK_SECONDS, BUSY_LOOK_SECONDS = 0.5, 0.05
END_SECONDS = 10.0


class Refresher:
    """Has a node's bundles refreshed until it is ended, and holds the node's lock meanwhile."""

    def __init__(
        self,
        *,
        node: int,
        refresh: Callable[[], None],
        is_building: Callable[[], bool],
        look: Callable[[], bool],
    ) -> None:
        """`refresh` brings up to date what changed; `look` says whether an index has been built since it was asked."""
        self.node = node
        # Everything has been read once, and the node's lock is held.
        self.has_refreshed = threading.Event()
        self._refresh = refresh
        self._is_building = is_building
        self._look = look
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end, and return at once."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the thread's end, if it was started."""
        if self.is_running:
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.OperationalError, OperationalError) as error:
                logger.warning("Postgres is out of reach, trying again: %s", error)
                self._stopping.wait(RECONNECT_SECONDS)
            except EngineStopped:
                return
            except Exception:
                logger.exception("Refreshing failed; the bundles of before keep answering")
                self._stopping.wait(RECONNECT_SECONDS)
            finally:
                close_old_connections()
        connection.close()

    def _listen(self) -> None:
        """Hold the node's lock and refresh on every announcement, and every few seconds without one."""
        # The site's own parameters, so that options such as sslmode hold here too.
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listener:
            listener.execute("SELECT pg_advisory_lock(%s, %s)", [NODE_LOCK, self.node])
            listener.execute(f"LISTEN {FAQ_CHANNEL}")
            while not self._stopping.is_set():
                # Listening began before this read, so a change that it misses is announced after it.
                self._refresh()
                if not self._is_building():
                    self.has_refreshed.set()
                self._wait(listener)

    def _wait(self, listener: psycopg.Connection) -> None:
        """Return at the first announcement, when an index was built, when it is time to poll, or when stopping."""
        until = time.monotonic() + settings.FAQ_POLL_SECONDS
        while time.monotonic() < until and not self._stopping.is_set():
            seconds = BUSY_LOOK_SECONDS if self._is_building() else LOOK_SECONDS
            if any(True for _ in listener.notifies(timeout=seconds, stop_after=1)):
                return
            if self._look():
                return
