"""`manage.py serve`: everything that Kefu needs, in one foreground process and its children."""

import fcntl
import os
import secrets
import signal
import socket
import time
from argparse import ArgumentParser
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from types import FrameType

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, connections

from chatbot import postgres
from chatbot.console import StartError, uses_local_postgres
from chatbot.engine import weights
from chatbot.supervisor import Worker
from chatbot.web_server import WebServer, claim_socket
from customers.models import Tenant

ADMIN = "admin"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound to
SETUP_LOCK = 0x6B656675  # a number of our own: "kefu"
# One Ctrl-C may come twice: from the terminal, and from a wrapper that passes it on.
ECHO_SECONDS = 0.5
BAR_WIDTH = 30


class Command(BaseCommand):
    help = "Run Kefu: the database, the site, the model and the background worker."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--no-demo", action="store_true", help="do not load the demo at the first start")

    def handle(self, *, host: str, port: int, no_demo: bool, **_options: object) -> None:
        started = time.monotonic()
        stop = StopRequest()
        stop.handle_signals()
        try:
            # What is entered last is left first: the site, the worker, then what both stand on.
            with ExitStack() as cleanup:
                cleanup.enter_context(_claim_var_dir())
                listener = cleanup.enter_context(claim_socket(host, port))
                self._start_database(cleanup)
                self._prepare(with_demo=not no_demo)
                worker = Worker()
                cleanup.callback(worker.stop)
                self._say("Starting the site")
                stop.worker = worker
                stop.server = WebServer(on_ready=lambda: self._announce(worker, host, listener, started))
                _answer_requests(stop.server, host, listener)
        except KeyboardInterrupt:
            pass
        self._say("Kefu has stopped.")

    def _start_database(self, cleanup: ExitStack) -> None:
        if uses_local_postgres():
            self._say("Starting Postgres")
            cleanup.callback(postgres.stop, settings.VAR_DIR)
            postgres.ensure_running(settings.VAR_DIR)
        cleanup.callback(connections.close_all)

    def _prepare(self, *, with_demo: bool) -> None:
        """Bring the database and the weights up to date; each step is harmless when it was done before."""
        with _one_node_at_a_time():
            self._say("Preparing the database")
            call_command("migrate", verbosity=0, interactive=False)
            if with_demo and not Tenant.objects.exists():
                self._say("Loading the demo")
                call_command("demo")
            self._create_admin()
        self._say("Preparing the model")
        weights.prepare(
            settings.ENCODER_MODEL or None,
            settings.MODEL_DIR,
            self._progress(),
            pinned_sha256=settings.ENCODER_SHA256 or None,
        )

    def _create_admin(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists() or users.filter(username=ADMIN).exists():
            return
        configured = os.environ.get("KEFU_ADMIN_PASSWORD", "")
        password = configured or secrets.token_urlsafe(12)
        users.create_superuser(ADMIN, password=password)
        shown = (
            "the password in KEFU_ADMIN_PASSWORD" if configured else f"password {password} (shown only now)"
        )
        self._say(f"Created the account {ADMIN}: {shown}. `manage.py changepassword {ADMIN}` changes it.")

    def _announce(self, worker: Worker, host: str, listener: socket.socket, started: float) -> None:
        """Say where Kefu answers; only then start the worker, which would slow the start down."""
        worker.start()
        shown = "127.0.0.1" if host in WILDCARDS else f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}/"
        seconds = time.monotonic() - started
        self._say(f"Kefu is ready after {seconds:.1f} s: {url} (admin: {url}admin/). Ctrl-C stops it.")
        if host in WILDCARDS and "*" not in settings.ALLOWED_HOSTS:
            self._say(f"It answers only to the names in ALLOWED_HOSTS: {', '.join(settings.ALLOWED_HOSTS)}.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _progress(self) -> Callable[[float, str], None]:
        """Return what draws a bar on a terminal, and prints a line per step elsewhere."""
        last_step = ""

        def draw(fraction: float, step: str) -> None:
            nonlocal last_step
            if self.stdout.isatty():
                bar = "#" * round(fraction * BAR_WIDTH)
                shown = f"[{bar:<{BAR_WIDTH}}] {fraction:4.0%} {step}" if fraction < 1 else ""
                self.stdout.write(f"\r\033[K{shown}", ending="")
                self.stdout.flush()
            elif step != last_step:
                self._say(f"  {step}")
            last_step = step

        return draw


class StopRequest:
    """What the signals do: the first ends everything in order, a second Ctrl-C everything at once."""

    def __init__(self) -> None:
        self.server: WebServer | None = None
        self.worker: Worker | None = None
        self._asked_at: float | None = None

    def handle_signals(self) -> None:
        """Handle the signals that ask to stop, until the process ends."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            if self.server is None:
                raise KeyboardInterrupt
            self.server.should_exit = True
        elif number == signal.SIGINT and time.monotonic() - self._asked_at > ECHO_SECONDS:
            if self.worker is not None:
                self.worker.kill()
            os._exit(130)  # Postgres follows by itself: its last user is gone


@contextmanager
def _claim_var_dir() -> Generator[None]:
    """Hold the var folder for this process. Raises StartError when another server holds it."""
    lock = postgres.open_lock(settings.VAR_DIR / "serve.lock")
    try:
        if not postgres.try_lock(lock, fcntl.LOCK_EX):
            raise StartError(
                f"Kefu already runs on {settings.VAR_DIR} (process {os.pread(lock, 20, 0).decode()}): stop it "
                "first, or set KEFU_VAR_DIR to another folder for a second one."
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        _keep_secret_key()
        settings.STATIC_ROOT.mkdir(exist_ok=True)  # ServeStatic warns where there is none
        yield
    finally:
        os.close(lock)


def _keep_secret_key() -> None:
    """Write down the key that the settings made up, so that sign-ins outlive a restart."""
    kept = settings.VAR_DIR / "secret_key"
    if os.environ.get("SECRET_KEY", "").strip() or (kept.exists() and kept.read_text().strip()):
        return
    # Whole or not at all: a key cut short by a full disk would be a weak one.
    unfinished = kept.with_suffix(".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text(settings.SECRET_KEY)
    unfinished.replace(kept)


@contextmanager
def _one_node_at_a_time() -> Generator[None]:
    """Keep the other nodes on the same database from setting it up at the same time."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        yield
    finally:
        connection.close()  # which releases the lock, even where the transaction failed


def _answer_requests(server: WebServer, host: str, listener: socket.socket) -> None:
    """Answer until a signal asks to stop. Raises StartError."""
    if host not in WILDCARDS and host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(host)
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise StartError("The site could not start; the lines above say why.") from error
