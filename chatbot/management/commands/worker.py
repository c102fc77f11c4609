"""`manage.py worker`: runs background jobs, such as training, until it is told to stop."""

import asyncio
import signal
from argparse import ArgumentParser
from collections.abc import Callable

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from procrastinate import App, JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.worker import Worker

from chatbot import background, supervisor, tasks

# Jobs at a time, by queue. Trainings are long: they have a place of their own, so that they never keep the short jobs
# waiting, and one at a time, as each uses all cores.
CONCURRENT_JOBS = {tasks.DEFAULT_QUEUE: 3, tasks.TRAINING_QUEUE: 1}
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
        background.give_way()
        assert isinstance(app.connector, DjangoConnector)
        with app.replace_connector(app.connector.get_worker_connector()) as worker_app:
            asyncio.run(_work(worker_app))


async def _work(worker_app: App) -> None:
    """Work on every queue until told to stop, or until the work on one of them has ended."""
    async with worker_app.open_async():
        works = [
            asyncio.create_task(
                worker_app.run_worker_async(
                    name=queue,
                    queues=[queue],
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=STOP_SECONDS,
                    delete_jobs="successful",
                    update_heartbeat_interval=tasks.HEARTBEAT_SECONDS,
                    stalled_worker_timeout=tasks.STALLED_SECONDS,
                    task_middleware=[_with_live_connection],
                )
            )
            for queue, concurrency in CONCURRENT_JOBS.items()
        ]

        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await asyncio.wait(
            [*works, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        for work in works:
            # Once only: it then waits for its jobs, and a second time would leave them behind.
            work.cancel()
        ended = await asyncio.gather(*works, return_exceptions=True)
    for end in ended:
        if isinstance(end, Exception):
            raise end


def _with_live_connection(work: Callable[[], object], _context: JobContext, _worker: Worker) -> object:
    """Do a job's work in a thread whose database connection may have died since its last job."""
    close_old_connections()
    return work()
