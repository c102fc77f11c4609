"""The local Postgres: joining and leaving it, and what a crash at any point leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import psutil
import psycopg
import pytest

from chatbot import postgres
from chatbot.postgres import Cluster, PostgresError

BASE_DIR = Path(__file__).resolve().parent.parent.parent
USER_PROGRAM = """
import sys, time
from pathlib import Path
from chatbot import postgres
postgres.ensure_running(Path(sys.argv[1]))
print("joined", flush=True)
sys.stdin.read()
postgres.stop(Path(sys.argv[1]))
"""


class User:
    """Another process that uses the local Postgres until it is told to leave or killed."""

    def __init__(self, cluster: Cluster) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_PROGRAM, str(cluster.var_dir)],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def joined(self) -> "User":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"joined\n"
        return self

    def leave(self) -> int:
        self.process.communicate(timeout=60)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = postgres.local_cluster(tmp_path / "var")
    yield found
    postgres.stop(found.var_dir)
    wait_until_gone(found)


def processes(cluster: Cluster) -> list[psutil.Process]:
    """The keeper and the server of a cluster, without the server's children."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if ("chatbot.postgres_keeper" in words and str(cluster.var_dir) in words) or (
            "-D" in words and str(cluster.data_dir) in words
        ):
            found.append(process)
    return found


def keeper_of(cluster: Cluster) -> psutil.Process:
    return psutil.Process(int(cluster.keeper_lock.read_text()))


def server_of(cluster: Cluster) -> psutil.Process:
    return psutil.Process(int((cluster.data_dir / "postmaster.pid").read_text().split()[0]))


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(60)


def wait_until_gone(cluster: Cluster) -> None:
    deadline = time.monotonic() + 60
    while processes(cluster):
        assert time.monotonic() < deadline, f"still running: {processes(cluster)}"
        time.sleep(0.05)


def query(cluster: Cluster, statement: str) -> object:
    url = postgres.local_url(cluster.var_dir)
    with psycopg.connect(url, autocommit=True, connect_timeout=60) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_naming_a_cluster_creates_nothing(cluster: Cluster) -> None:
    assert postgres.local_url(cluster.var_dir).endswith("/kefu")
    assert not cluster.var_dir.exists()


@pytest.mark.parametrize("name", ["plain", "with space", "a+b&c%@:[x]", "Upper", "a,b", "ü" * 60, "x" * 120])
def test_url_leads_to_the_socket_of_any_folder(tmp_path: Path, name: str) -> None:
    cluster = postgres.local_cluster(tmp_path / name)
    assert dj_database_url.parse(postgres.local_url(cluster.var_dir))["HOST"] == str(cluster.socket_dir)
    assert len(os.fsencode(cluster.socket_dir / ".s.PGSQL.5432")) < 104


@pytest.mark.parametrize("name", ["mit Leerzeichen", "ü" * 60])
def test_serves_from_any_folder(tmp_path: Path, name: str) -> None:
    cluster = postgres.local_cluster(tmp_path / name)
    postgres.ensure_running(cluster.var_dir, durable=False)
    assert query(cluster, "SELECT 1") == 1
    postgres.stop(cluster.var_dir)
    wait_until_gone(cluster)


def test_start_and_stop(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT current_user || current_database()") == "kefukefu"
    assert query(cluster, "SELECT '[1,2]'::vector <-> '[1,2]'") == 0.0
    assert query(cluster, "SHOW fsync") == "on"
    assert query(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert not [c for c in server_of(cluster).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert cluster.socket_dir.stat().st_mode & 0o077 == 0
    postgres.stop(cluster.var_dir)
    assert processes(cluster) == []
    assert not (cluster.data_dir / "postmaster.pid").exists()


def test_new_databases_have_the_extension_without_a_superuser(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir, durable=False)
    query(cluster, "CREATE DATABASE another")
    url = postgres.local_url(cluster.var_dir).removesuffix("kefu") + "another"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute("CREATE TABLE point (at vector(3))")


def test_data_outlives_a_restart_and_a_throwaway_does_not(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    query(cluster, "CREATE TABLE kept AS SELECT 7 AS seven")
    postgres.stop(cluster.var_dir)
    postgres.ensure_running(cluster.var_dir, durable=False)
    assert query(cluster, "SELECT seven FROM kept") == 7
    assert query(cluster, "SHOW fsync") == "off"
    postgres.stop(cluster.var_dir)
    assert not cluster.data_dir.exists()


def test_a_dropped_database_is_created_again(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir, durable=True)
    elsewhere = postgres.local_url(cluster.var_dir).removesuffix("kefu") + "postgres"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("DROP DATABASE kefu")
    postgres.stop(cluster.var_dir)
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT 1") == 1


def test_many_start_at_once_and_the_last_one_stops_it(cluster: Cluster) -> None:
    users = [User(cluster) for _ in range(4)]
    for user in users:
        user.joined()
    assert len(processes(cluster)) == 2
    for user in users[:-1]:
        assert user.leave() == 0
        assert query(cluster, "SELECT 1") == 1
    assert users[-1].leave() == 0
    assert processes(cluster) == []


def test_the_server_follows_a_user_that_was_killed(cluster: Cluster) -> None:
    User(cluster).joined().kill()
    wait_until_gone(cluster)
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT 1") == 1


def test_a_killed_keeper_is_replaced_by_the_next_user(cluster: Cluster) -> None:
    first = User(cluster).joined()
    server = server_of(cluster)
    kill(keeper_of(cluster))
    second = User(cluster).joined()
    assert server_of(cluster) == server, "the running server was not taken over"
    first.leave()
    assert query(cluster, "SELECT 1") == 1
    second.leave()
    assert processes(cluster) == []


def test_the_last_user_replaces_a_killed_keeper_to_stop_the_server(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    kill(keeper_of(cluster))
    postgres.stop(cluster.var_dir)
    assert processes(cluster) == []


def test_the_keeper_restarts_a_killed_server(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    query(cluster, "CREATE TABLE kept AS SELECT 7 AS seven")
    kill(server_of(cluster))
    deadline = time.monotonic() + 60
    while True:
        try:
            assert query(cluster, "SELECT seven FROM kept") == 7
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, cluster.log.read_text()
            time.sleep(0.1)


def test_everything_killed_at_once_is_mended_by_the_next_start(cluster: Cluster) -> None:
    user = User(cluster).joined()
    query(cluster, "CREATE TABLE kept AS SELECT 7 AS seven")
    kill(keeper_of(cluster))
    kill(server_of(cluster))
    user.kill()
    wait_until_gone(cluster)
    assert (cluster.data_dir / "postmaster.pid").exists()
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT seven FROM kept") == 7


@pytest.mark.parametrize("left_behind", ["another program's process id", "cut short", "empty"])
def test_a_stale_process_id_is_forgotten(cluster: Cluster, left_behind: str) -> None:
    postgres.ensure_running(cluster.var_dir)
    postgres.stop(cluster.var_dir)
    # A program of the same user as the server's: the only kind that Postgres takes for a running server.
    owner = cluster.data_dir.stat()
    other = subprocess.Popen(["sleep", "600"], user=owner.st_uid if os.geteuid() == 0 else None)
    lines = f"{other.pid}\n{cluster.data_dir}\n1\n5432\n{cluster.socket_dir}\n\n 1 1\nready   \n"
    stale = {"another program's process id": lines, "cut short": lines[-9:], "empty": ""}[left_behind]
    (cluster.data_dir / "postmaster.pid").write_text(stale)
    try:
        postgres.ensure_running(cluster.var_dir)
        assert query(cluster, "SELECT 1") == 1
    finally:
        other.kill()
        other.wait()


def test_a_kill_while_the_data_folder_is_made_leaves_nothing_in_the_way(cluster: Cluster) -> None:
    user = User(cluster)
    deadline = time.monotonic() + 60
    while not (keepers := psutil.Process(user.process.pid).children()):
        assert time.monotonic() < deadline
    while not list(cluster.var_dir.glob("postgres.unfinished-*")):
        assert time.monotonic() < deadline
    kill(keepers[0])
    user.kill()
    assert not cluster.data_dir.exists()
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT 1") == 1
    postgres.stop(cluster.var_dir)
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT 1") == 1


def test_signals_for_the_whole_group_leave_the_keeper_alone(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        keeper_of(cluster).send_signal(number)
    time.sleep(0.5)
    assert query(cluster, "SELECT 1") == 1


def test_lost_permissions_are_mended(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    postgres.stop(cluster.var_dir)
    cluster.data_dir.chmod(0o755)
    if os.geteuid() == 0:
        for path in (cluster.data_dir, *cluster.data_dir.rglob("*")):
            os.chown(path, 0, 0)  # as after `cp -r` by root
    postgres.ensure_running(cluster.var_dir)
    assert query(cluster, "SELECT 1") == 1


def test_another_version_of_postgres_is_refused_in_a_sentence(cluster: Cluster) -> None:
    postgres.ensure_running(cluster.var_dir)
    postgres.stop(cluster.var_dir)
    (cluster.data_dir / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        PostgresError, match="was made by Postgres 16, but Kefu brings 18: move that folder away"
    ):
        postgres.ensure_running(cluster.var_dir)
    assert processes(cluster) == []


def test_foreign_files_in_the_data_folder_are_not_touched(cluster: Cluster) -> None:
    cluster.data_dir.mkdir(parents=True)
    mine = cluster.data_dir / "thesis.txt"
    mine.write_text("ten years")
    with pytest.raises(PostgresError, match="holds files that are no Postgres cluster: move them away"):
        postgres.ensure_running(cluster.var_dir)
    assert mine.read_text() == "ten years"


def test_a_socket_folder_open_to_others_is_refused(cluster: Cluster) -> None:
    elsewhere = cluster.var_dir.parent / "elsewhere"
    elsewhere.mkdir()
    cluster.var_dir.mkdir()
    cluster.socket_dir.symlink_to(elsewhere)
    with pytest.raises(PostgresError, match="belongs to another user or is open to others: remove it"):
        postgres.ensure_running(cluster.var_dir)
    cluster.socket_dir.unlink()


def test_an_unusable_var_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(PostgresError, match=r"cannot write to .*/var .*KEFU_VAR_DIR"):
        postgres.ensure_running(tmp_path / "var")
