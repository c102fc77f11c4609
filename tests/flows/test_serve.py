"""`manage.py serve` as its user runs it: starting, refusing, stopping, and what is left after each kind of end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import procrastinate
import psutil
import psycopg
import pytest
from django.conf import settings

from chatbot import postgres

BASE_DIR = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 120.0


class Kefu:
    """A `manage.py` command in a process group of its own, with its own var folder."""

    def __init__(self, var_dir: Path, *arguments: str, **environment: str) -> None:
        self.var_dir = var_dir
        self.output = var_dir.parent / f"output-{time.monotonic_ns()}"
        inherited = {
            name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SECRET_KEY"}
        }
        with self.output.open("wb") as output:
            self.process = psutil.Popen(
                [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
                env=inherited | {"KEFU_VAR_DIR": str(var_dir)} | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until the command prints a text; fail with what it printed when it ends without."""
        deadline = time.monotonic() + START_SECONDS
        while text not in self.said():
            running = self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
            assert running, f"ended without {text!r}:\n{self.said()}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.said()}"
            time.sleep(0.02)

    def signal_group(self, number: signal.Signals) -> None:
        """What a terminal does on Ctrl-C: the signal goes to every process of the group."""
        os.killpg(self.process.pid, number)

    def status(self) -> int | None:
        """Wait for the end and return the exit status."""
        status: int | None = self.process.wait(60)
        return status


def processes(var_dir: Path) -> list[psutil.Process]:
    """Everything that runs on a var folder."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("KEFU_VAR_DIR") == str(var_dir)
            if mine or any(word.startswith(str(var_dir)) for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def worker(var_dir: Path) -> psutil.Process:
    """Wait for the background worker."""
    deadline = time.monotonic() + 60
    while True:
        for process in processes(var_dir):
            if "worker" in process.cmdline():
                return process
        assert time.monotonic() < deadline, "no worker was started"
        time.sleep(0.1)


def wait_until_gone(var_dir: Path) -> None:
    deadline = time.monotonic() + 60
    while left := processes(var_dir):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def runs_jobs(var_dir: Path) -> bool:
    """Hand the worker a job and wait until it is done, for which successful jobs are deleted."""
    url = postgres.local_url(var_dir)
    with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url)).open() as app:
        job = app.configure_task("builtin:procrastinate.builtin_tasks.remove_old_jobs").defer(max_hours=1)
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while (
            connection.execute("SELECT FROM procrastinate_jobs WHERE id = %s", [job]).fetchone() is not None
        ):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    return True


@pytest.fixture
def var_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    # The weights are the same for everybody, and too long in the making.
    (folder / "models").symlink_to(settings.MODEL_DIR.resolve())
    yield folder
    for process in processes(folder):
        if "chatbot.postgres_keeper" not in process.cmdline() and process.name() != "postgres":
            process.kill()
    wait_until_gone(folder)


@pytest.mark.slow
def test_it_runs_once_and_ctrl_c_ends_all_of_it(var_dir: Path) -> None:
    port = free_port()
    kefu = Kefu(var_dir, "serve", "--no-demo", f"--port={port}")
    kefu.wait_for("Kefu is ready")
    assert f"http://127.0.0.1:{port}/ (admin: http://127.0.0.1:{port}/admin/)" in kefu.said()
    assert kefu.said().count("shown only now") == 1
    assert "Traceback" not in kefu.said()
    assert answers(port)
    assert runs_jobs(var_dir)

    again = Kefu(var_dir, "serve", f"--port={free_port()}")
    assert again.status() == 1
    assert again.said().startswith(
        f"Kefu already runs on {var_dir} (process {kefu.process.pid}): stop it first"
    )
    assert len(again.said().splitlines()) == 1

    beside = Kefu(var_dir, "showmigrations", "--plan")
    assert beside.status() == 0
    assert answers(port), "a command that ended took the server's Postgres with it"

    kefu.signal_group(signal.SIGINT)
    assert kefu.status() == 0
    assert kefu.said().splitlines()[-1] == "Kefu has stopped."
    assert processes(var_dir) == []


@pytest.mark.slow
def test_a_killed_server_takes_everything_along_and_starts_again(var_dir: Path) -> None:
    port = free_port()
    kefu = Kefu(var_dir, "serve", "--no-demo", f"--port={port}")
    kefu.wait_for("Kefu is ready")
    key = (var_dir / "secret_key").read_text()
    assert len(key) >= 64
    assert (var_dir / "secret_key").stat().st_mode & 0o077 == 0
    first_worker = worker(var_dir)
    first_worker.kill()
    kefu.wait_for("The background worker ended with status -9")
    kefu.process.kill()
    kefu.status()
    wait_until_gone(var_dir)

    kefu = Kefu(var_dir, "serve", "--no-demo", f"--port={port}")
    kefu.wait_for("Kefu is ready")
    assert "shown only now" not in kefu.said(), "a second account was made"
    assert (var_dir / "secret_key").read_text() == key
    assert worker(var_dir).pid != first_worker.pid
    kefu.process.terminate()
    assert kefu.status() == 0
    assert processes(var_dir) == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["Starting Postgres", "Preparing the database", "Starting the site"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_while_starting_leaves_nothing_behind(
    var_dir: Path, stage: str, number: signal.Signals
) -> None:
    kefu = Kefu(var_dir, "serve", "--no-demo", f"--port={free_port()}")
    kefu.wait_for(stage)
    kefu.signal_group(number)
    assert kefu.status() == (0 if number == signal.SIGINT else -9)
    wait_until_gone(var_dir)
    assert "Traceback" not in kefu.said()
    assert Kefu(var_dir, "migrate", "--verbosity=0").status() == 0


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait(var_dir: Path) -> None:
    kefu = Kefu(var_dir, "serve", "--no-demo", f"--port={free_port()}")
    kefu.wait_for("Kefu is ready")
    # A worker that does not react would otherwise be waited for.
    stuck = worker(var_dir)
    stuck.suspend()
    kefu.signal_group(signal.SIGINT)
    kefu.signal_group(signal.SIGINT)  # as a wrapper that passes it on would
    time.sleep(1)
    assert kefu.process.is_running()
    # Pressed until it ends, for on a busy machine one that comes soon may still count as passed on.
    deadline = time.monotonic() + 60
    while kefu.process.poll() is None and time.monotonic() < deadline:
        kefu.signal_group(signal.SIGINT)
        time.sleep(0.1)
    # An end in order, the worker's included, would say so and give 0.
    assert kefu.status() == 130
    assert "did not stop" not in kefu.said()
    assert "Kefu has stopped." not in kefu.said()
    wait_until_gone(var_dir)


def test_a_busy_port_is_refused_before_anything_starts(var_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        kefu = Kefu(var_dir, "serve", f"--port={port}")
        assert kefu.status() == 1
    assert kefu.said() == (
        f"Port {port} on 127.0.0.1 is used by another program: stop that, or choose another with "
        "`make run PORT=8001`.\n"
    )
    assert not (var_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("command", "environment", "sentence"),
    [
        ("serve --port 99999", {}, "99999 is not a port: choose one from 1 to 65535"),
        (
            "serve --host no.such.host.invalid",
            {},
            "'no.such.host.invalid' is not a host name: use HOST=127.0.0.1",
        ),
        ("serve --host 192.0.2.1", {}, "192.0.2.1 is not an address of this machine: use HOST=127.0.0.1"),
        ("migrate", {"DATABASE_URL": "nonsense"}, "DATABASE_URL is not a Postgres address: write it as"),
        ("migrate", {"DATABASE_URL": "sqlite:///db"}, "DATABASE_URL is not a Postgres address: write it as"),
        (
            "migrate",
            {"DATABASE_URL": "postgres://u:secret@127.0.0.1:9/k"},
            "check DATABASE_URL, and that the server",
        ),
        (
            "serve --port 0",
            {"DATABASE_URL": "postgres://u:secret@127.0.0.1:9/k"},
            "check DATABASE_URL, and that the",
        ),
        ("serve --port 0", {"KEFU_VAR_DIR": "/proc/nowhere"}, "cannot write to /proc/nowhere"),
        ("migrate", {"KEFU_VAR_DIR": "/dev/null"}, "cannot write to /dev/null"),
        (
            "migrate",
            {"MESSAGE_MAX_CHARS": "many"},
            "MESSAGE_MAX_CHARS must be a whole number, but is 'many'.",
        ),
    ],
)
def test_what_a_person_can_mend_is_said_in_one_sentence(
    var_dir: Path, command: str, environment: dict[str, str], sentence: str
) -> None:
    kefu = Kefu(var_dir, *command.split(), **environment)
    assert kefu.status() == 1
    assert sentence in kefu.said()
    assert "Traceback" not in kefu.said()
    assert "secret" not in kefu.said()
    assert len(kefu.said().splitlines()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB, too small for a database."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    wait_until_gone(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("filled", [False, True], ids=["while starting", "before"])
def test_a_full_disk_is_said_in_one_sentence(small_disk: Path, filled: bool) -> None:
    if filled:
        with pytest.raises(OSError, match="No space"):
            (small_disk / "filler").write_bytes(bytes(30_000_000))
    kefu = Kefu(small_disk, "serve", "--no-demo", f"--port={free_port()}")
    assert kefu.status() == 1
    assert "is full: free some space and start again." in kefu.said()
    assert "Traceback" not in kefu.said()
    assert processes(small_disk) == []


def test_commands_and_the_admin_load_without_torch() -> None:
    program = "import sys, django; django.setup(); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=BASE_DIR, check=False)
    assert done.returncode == 0, "a model, a task or an admin module imports torch"
