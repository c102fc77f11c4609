"""`manage.py worker`: runs background jobs, such as training, until it is told to stop."""

import os
from argparse import ArgumentParser
from collections.abc import Callable

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.worker import Worker

from chatbot import supervisor, tasks

# One long job, a training run, must not keep the short ones waiting.
CONCURRENT_JOBS = 3
# The chats of this machine go first.
NICENESS = 10
STOP_SECONDS = 5.0


class Command(BaseCommand):
    help = "Run background jobs. `serve` starts one worker itself; more of them may run anywhere."
    # They import the whole site, and with it torch: 190 MB that no job may ever need.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--until-stdin-closes",
            action="store_true",
            help="end together with the process at the other end of standard input",
        )

    def handle(self, *, until_stdin_closes: bool, **_options: object) -> None:
        if until_stdin_closes:
            supervisor.end_with_parent()
        os.nice(NICENESS)
        assert isinstance(app.connector, DjangoConnector)
        with app.replace_connector(app.connector.get_worker_connector()) as worker_app:
            worker_app.run_worker(
                concurrency=CONCURRENT_JOBS,
                shutdown_graceful_timeout=STOP_SECONDS,
                delete_jobs="successful",
                update_heartbeat_interval=tasks.HEARTBEAT_SECONDS,
                stalled_worker_timeout=tasks.STALLED_SECONDS,
                task_middleware=[_with_live_connection],
            )


def _with_live_connection(work: Callable[[], object], _context: JobContext, _worker: Worker) -> object:
    """Do a job's work in a thread whose database connection may have died since its last job."""
    close_old_connections()
    return work()
