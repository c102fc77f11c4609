"""The process that keeps the local Postgres: starts it, mends what a crash left, stops it after its last user.

Run by `chatbot.postgres.ensure_running` as `python -m chatbot.postgres_keeper VAR_DIR [--throwaway]`. It writes
one line of JSON to its standard output, `{"state": "ready" | "busy" | "failed", "reason": ...}`, and then stays.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from chatbot.postgres import Cluster, PostgresError, open_lock, try_lock
from chatbot.postgres_server import Server

LOOK_SECONDS = 0.2
RESTART_SECONDS_MAX = 10.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("var_dir", type=Path)
    parser.add_argument("--throwaway", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Its end is decided by the users' lock alone: a signal meant for all of Kefu must reach the users first.
        # A handler and not SIG_IGN, which the server would inherit.
        signal.signal(number, lambda _number, _frame: None)
    cluster = Cluster(var_dir=options.var_dir)
    keeper = open_lock(cluster.keeper_lock)
    if not try_lock(keeper, fcntl.LOCK_EX):
        _report("busy")
        return 0
    os.ftruncate(keeper, 0)
    server = Server(cluster=cluster, durable=not options.throwaway)
    try:
        server.start()
        os.pwrite(keeper, str(os.getpid()).encode(), 0)
    except PostgresError as error:
        return _give_up(server, str(error))
    except OSError as error:
        return _give_up(server, server.describe_failure(str(error)))
    _report("ready")
    _keep(server, cluster, keeper)
    if options.throwaway:
        shutil.rmtree(cluster.data_dir, ignore_errors=True)
    return 0


def _give_up(server: Server, reason: str) -> int:
    server.stop()
    _report("failed", reason)
    return 1


def _report(state: str, reason: str = "") -> None:
    """Tell the process that started this one, which may be gone by now."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps({"state": state, "reason": reason}).encode() + b"\n")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _keep(server: Server, cluster: Cluster, keeper: int) -> None:
    """Restart the server when it dies and stop it when nobody uses it any more."""
    users = open_lock(cluster.users_lock)
    pause = LOOK_SECONDS
    while not try_lock(users, fcntl.LOCK_EX):
        if not server.is_alive():
            os.ftruncate(keeper, 0)
            try:
                server.start()
                os.pwrite(keeper, str(os.getpid()).encode(), 0)
            except (PostgresError, OSError) as error:
                print(f"Kefu: Postgres could not be restarted: {error}", file=sys.stderr, flush=True)
                pause = min(pause * 2, RESTART_SECONDS_MAX)
        else:
            pause = LOOK_SECONDS
        time.sleep(pause)
    os.ftruncate(keeper, 0)
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
