"""Database work from asynchronous code: a few threads of our own, each with its lasting connection."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

# A connection used this recently is not checked again: the check is a round trip of its own.
TRUSTED_SECONDS = 5.0

_executor = ThreadPoolExecutor(max_workers=settings.DATABASE_THREADS, thread_name_prefix="database")
_thread = threading.local()


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that uses the database on a database thread.

    Django's own `sync_to_async` would queue every chat behind every other on one thread.
    """

    def run() -> R:
        if time.monotonic() - getattr(_thread, "used_at", 0.0) > TRUSTED_SECONDS:
            close_old_connections()
        try:
            return function(*args, **kwargs)
        except DatabaseError:
            # Drops the connection if it is the cause, so that the next call gets a fresh one.
            close_old_connections()
            raise
        finally:
            _thread.used_at = time.monotonic()

    return await sync_to_async(run, thread_sensitive=False, executor=_executor)()
