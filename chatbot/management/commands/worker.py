"""`manage.py worker`: runs background jobs, such as training, until it is told to stop."""

import os
from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from chatbot import supervisor

# One long job, a training run, must not keep the short ones waiting.
CONCURRENT_JOBS = 3
# The chats of this machine go first.
NICENESS = 10
STOP_SECONDS = 5.0


class Command(BaseCommand):
    help = "Run background jobs. `serve` starts one worker itself; more of them may run anywhere."

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
            )
