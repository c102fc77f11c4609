"""The job queue as tests use it."""

from django.db import connection
from django.db.models import QuerySet
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob


def run_jobs() -> None:
    """Do what waits in the queue, as `manage.py worker` does, until nothing does."""
    assert isinstance(app.connector, DjangoConnector)
    with app.replace_connector(app.connector.get_worker_connector()) as worker_app:
        worker_app.run_worker(
            wait=False, listen_notify=False, install_signal_handlers=False, delete_jobs="successful"
        )


def deferred() -> QuerySet[ProcrastinateJob]:
    """Return the jobs that are not done, without those that the clock defers, which come when they like."""
    by_clock = {name for name, _ in app.periodic_registry.periodic_tasks}
    return ProcrastinateJob.objects.filter(status__in=["todo", "doing"]).exclude(task_name__in=by_clock)


def waiting() -> list[str]:
    """Return the names of the jobs that wait, the oldest first."""
    jobs = deferred().filter(status="todo").order_by("id")
    return [name.rpartition(".")[2] for name in jobs.values_list("task_name", flat=True)]


def forget_jobs() -> None:
    """Empty the queue, whose tables Django does not empty between tests."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
