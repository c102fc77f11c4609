"""Running management commands: the local Postgres around them, and one sentence for what a person can mend."""

import errno
import os
import sys

import dj_database_url
import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, connections
from procrastinate.exceptions import ConnectorException

from chatbot import postgres
from chatbot.engine.errors import WeightsError

# `serve` starts Postgres itself, after it has made sure that it is the only one.
WITHOUT_DATABASE = frozenset(
    {"serve", "evaluate", "help", "version", "check", "collectstatic", "compilemessages", "makemessages"}
)
NOT_POSTGRES = (
    "DATABASE_URL is not a Postgres address: write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset "
    "it to use the Postgres that Kefu brings."
)
CONNECT_SECONDS = "10"
DATABASE_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (
        psycopg.errors.UndefinedTable,
        "The database has no tables of Kefu yet: start `python manage.py serve` once, or run "
        "`python manage.py migrate`.",
    ),
    (
        psycopg.errors.FeatureNotSupported,
        "The Postgres of DATABASE_URL lacks the extension pgvector: install pgvector 0.8 on it, or unset "
        "DATABASE_URL to use the one that Kefu brings.",
    ),
    (
        psycopg.errors.InsufficientPrivilege,
        "The user of DATABASE_URL may not do that in its database: let a superuser run `CREATE EXTENSION vector` "
        "there and make that user the database's owner.",
    ),
)


class StartError(Exception):
    """Kefu cannot start; the text is one sentence that says what to do."""


def run(argv: list[str]) -> int:
    """Run one management command and return its exit status."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        return 1


def _run(argv: list[str]) -> int:
    # Else a server that is out of reach would keep every command waiting for minutes.
    os.environ.setdefault("PGCONNECT_TIMEOUT", CONNECT_SECONDS)
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise StartError(NOT_POSTGRES)
    if not _needs_local_postgres(argv):
        execute_from_command_line(argv)
        return 0
    try:
        postgres.ensure_running(settings.VAR_DIR)
        execute_from_command_line(argv)
    finally:
        connections.close_all()
        postgres.stop(settings.VAR_DIR)
    return 0


def uses_local_postgres() -> bool:
    """Whether the database is the one that Kefu brings, because DATABASE_URL is unset."""
    return bool(postgres.local_url(settings.VAR_DIR) == settings.DATABASE_URL)


def _needs_local_postgres(argv: list[str]) -> bool:
    command = argv[1] if len(argv) > 1 else "help"
    asks_for_help = command.startswith("-") or "--help" in argv or "-h" in argv
    return not asks_for_help and command not in WITHOUT_DATABASE and uses_local_postgres()


def explain(error: BaseException) -> str | None:
    """Say in one sentence what went wrong and what to do, or return None where only a traceback helps."""
    if isinstance(error, StartError | postgres.PostgresError | WeightsError | ImproperlyConfigured):
        return str(error)
    if isinstance(error, dj_database_url.ParseError | dj_database_url.UnknownSchemeError):
        return NOT_POSTGRES
    if isinstance(error, ConnectorException) and error.__cause__ is not None:
        return explain(error.__cause__)
    if isinstance(error, DatabaseError | psycopg.Error):
        return _explain_database(error)
    if isinstance(error, OSError):
        return _explain_system(error)
    return None


def _explain_database(error: DatabaseError | psycopg.Error) -> str | None:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if isinstance(cause, psycopg.errors.DiskFull) or _is_disk_full():
        return _disk_full_sentence()
    for kind, sentence in DATABASE_REASONS:
        if isinstance(cause, kind):
            return sentence
    if isinstance(cause, psycopg.OperationalError):
        reason = (str(cause).strip() or "no reason given").splitlines()[0]
        if uses_local_postgres():
            return f"Postgres went away ({reason}): see {settings.VAR_DIR / 'postgres.log'} and start Kefu again."
        return f"Postgres cannot be used ({reason}): check DATABASE_URL, and that the server runs."
    return None


def _explain_system(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _disk_full_sentence()
    if (
        error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR}
        and error.filename
    ):
        return (
            f"Kefu cannot use {error.filename} ({os.strerror(error.errno)}): make it accessible to this user, or "
            "set KEFU_VAR_DIR to another folder."
        )
    return None


def _is_disk_full() -> bool:
    try:
        return uses_local_postgres() and postgres.is_disk_full(settings.VAR_DIR)
    except OSError:
        return False


def _disk_full_sentence() -> str:
    return f"The disk that holds {settings.VAR_DIR}, or the database's, is full: free some space and start again."
