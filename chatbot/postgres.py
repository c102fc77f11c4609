"""The Postgres that Kefu brings along when `DATABASE_URL` is unset: where it lives, and joining and leaving it.

Every process that uses it holds a shared lock on one file for as long as it lives. A keeper process
(`chatbot.postgres_keeper`) starts the server, and stops it when it can take that lock for itself: then the
last user is gone. The kernel drops the locks of a process however it dies, so there are no lists of process
ids to go stale, and no way to die that leaves the server running for ever.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DATABASE = "kefu"
ROLE = "kefu"
# macOS allows 104 bytes for a socket's path and Linux 108, both with the closing zero.
SOCKET_PATH_MAX_BYTES = 103
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS = 300.0  # crash recovery after a power cut takes as long as the log is long
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05
DISK_FULL_BYTES = 16 * 1024 * 1024

_held: dict[Path, int] = {}
_held_guard = threading.Lock()


class PostgresError(Exception):
    """Postgres could not be started or reached; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The paths of one local Postgres; nothing is created by naming them."""

    var_dir: Path

    @property
    def data_dir(self) -> Path:
        return self.var_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.var_dir / "postgres.log"

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that uses the server; held alone by the keeper while it stops it."""
        return self.var_dir / "postgres.users"

    @property
    def keeper_lock(self) -> Path:
        """Held alone by the keeper; holds its process id once the server answers."""
        return self.var_dir / "postgres.keeper"

    @property
    def socket_dir(self) -> Path:
        """Inside the var folder; in /tmp, under a hash, where no socket or no URL could be made of that path."""
        inside = self.var_dir / "postgres.socket"
        fits = len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_MAX_BYTES
        # In a URL it stands in the place of the host name, which is lower-cased, and split at commas.
        if fits and str(inside) == str(inside).lower() and "," not in str(inside):
            return inside
        # Not TMPDIR, which may differ between two processes. The server checks who owns the folder.
        return Path("/tmp") / f"kefu-{hashlib.sha256(os.fsencode(self.var_dir)).hexdigest()[:16]}"  # noqa: S108


def local_cluster(var_dir: Path) -> Cluster:
    """Name the cluster of a var folder."""
    return Cluster(var_dir=Path(os.path.realpath(var_dir)))


def local_url(var_dir: Path) -> str:
    """Return the database URL of the local Postgres, whether or not it runs."""
    return f"postgresql://{ROLE}@{quote(str(local_cluster(var_dir).socket_dir), safe='')}/{DATABASE}"


def ensure_running(var_dir: Path, *, durable: bool = True) -> None:
    """Start the local Postgres unless it runs, and keep it running until this process ends or calls `stop`.

    `durable=False` is for tests: no fsync, and the data is deleted when the last user is gone.
    Raises PostgresError.
    """
    cluster = local_cluster(var_dir)
    with _held_guard:
        users = _held.get(cluster.var_dir)
        if users is None:
            users = _join(cluster)
        try:
            _ensure_keeper(cluster, durable=durable)
        except BaseException:
            if cluster.var_dir not in _held:
                os.close(users)
            raise
        _held[cluster.var_dir] = users


def stop(var_dir: Path) -> None:
    """Leave the local Postgres and, if no other process uses it, wait until it has stopped."""
    cluster = local_cluster(var_dir)
    with _held_guard:
        users = _held.pop(cluster.var_dir, None)
        if users is None:
            return
        try:
            if (cluster.data_dir / "postmaster.pid").exists():
                # A keeper that was killed cannot stop the server; a new one takes it over.
                _ensure_keeper(cluster, durable=True)
        finally:
            os.close(users)
    _wait_until_stopped(cluster)


def is_disk_full(folder: Path) -> bool:
    """Whether the folder's disk has less room than Postgres needs for its next log segment."""
    return shutil.disk_usage(folder).free < DISK_FULL_BYTES


def open_lock(path: Path) -> int:
    """Open a lock file, creating it and its folder, and return its descriptor. Raises PostgresError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise PostgresError(
            f"Kefu cannot write to {path.parent} ({error.strerror}): make that folder writable for this user, or "
            "set KEFU_VAR_DIR to another one."
        ) from error


def try_lock(descriptor: int, operation: int) -> bool:
    """Take a lock (`fcntl.LOCK_SH` or `LOCK_EX`) if that is possible at once."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _join(cluster: Cluster) -> int:
    """Take the users' lock, waiting while the keeper stops the server; return its descriptor."""
    users = open_lock(cluster.users_lock)
    deadline = time.monotonic() + STOP_SECONDS
    while not try_lock(users, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            os.close(users)
            raise PostgresError(
                f"Postgres in {cluster.data_dir} has been stopping for {STOP_SECONDS:.0f} seconds; "
                f"see {cluster.log} and try again."
            )
        time.sleep(POLL_SECONDS)
    return users


def _ensure_keeper(cluster: Cluster, *, durable: bool) -> None:
    """Wait until a keeper says that the server answers, starting one where there is none."""
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(cluster):
        if not _is_locked(cluster.keeper_lock) and _start_keeper(cluster, durable=durable):
            return
        if time.monotonic() > deadline:
            raise PostgresError(
                f"Postgres did not start within {START_SECONDS:.0f} seconds; see {cluster.log} for the reason."
            )
        time.sleep(POLL_SECONDS)


def _is_locked(path: Path) -> bool:
    """Whether another process holds the lock file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)  # shared, so that two who look do not see each other
    finally:
        os.close(descriptor)


def _is_ready(cluster: Cluster) -> bool:
    """Whether a living keeper has announced that the server answers."""
    if not _is_locked(cluster.keeper_lock):
        return False
    announced = cluster.keeper_lock.read_text()
    if not announced:
        return False
    try:
        os.kill(int(announced), 0)
    except ProcessLookupError:
        return False  # an earlier keeper's, and the present one has not come to erasing it
    except PermissionError:
        pass  # alive, and another user's
    return True


def _start_keeper(cluster: Cluster, *, durable: bool) -> bool:
    """Start a keeper and wait for its report; False when another one was faster. Raises PostgresError."""
    command = [sys.executable, "-m", "chatbot.postgres_keeper", str(cluster.var_dir)]
    if not durable:
        command.append("--throwaway")
    with cluster.log.open("ab") as log:
        keeper = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            # Away from the terminal, so that Ctrl-C reaches the server's users first.
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout as pipe:
        line = pipe.readline()
    if not line:
        raise PostgresError(f"The process that keeps Postgres died while starting; see {cluster.log}.")
    report: dict[str, str] = json.loads(line)
    if report["state"] == "failed":
        keeper.wait()
        raise PostgresError(report["reason"])
    threading.Thread(target=keeper.wait, name="postgres-keeper-reaper", daemon=True).start()
    return report["state"] == "ready"


def _wait_until_stopped(cluster: Cluster) -> None:
    """Wait for the keeper to end, unless other processes still use the server."""
    users = open_lock(cluster.users_lock)
    deadline = time.monotonic() + STOP_SECONDS
    seen_shared = 0
    try:
        while _is_locked(cluster.keeper_lock) and time.monotonic() < deadline and seen_shared < 3:
            # Alone: the keeper has not looked yet. Not even shared: the keeper is stopping the server.
            # Shared, and not only for the instant in which another process looks: the server is in use.
            alone = try_lock(users, fcntl.LOCK_EX)
            seen_shared = seen_shared + 1 if not alone and try_lock(users, fcntl.LOCK_SH) else 0
            fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(POLL_SECONDS)
    finally:
        os.close(users)
