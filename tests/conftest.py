"""The run's own var folder and Postgres: tests need nothing installed and touch nothing of yours."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR_KEY = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Point the settings at a fresh var folder before anything reads them."""
    var_dir = Path(tempfile.mkdtemp(prefix="kefu-test-"))
    # The weights are the same for every run, and too long in the making to be made anew each time.
    weights = BASE_DIR / "var" / "models"
    weights.mkdir(parents=True, exist_ok=True)
    (var_dir / "models").symlink_to(weights)
    os.environ["KEFU_VAR_DIR"] = str(var_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatbot.settings"
    config.stash[VAR_DIR_KEY] = var_dir

    from django.conf import settings

    assert var_dir == settings.VAR_DIR  # reading one makes pytest-django find the settings configured


def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete the var folder; only this process knows it, so nothing else can be in it."""
    if var_dir := config.stash.get(VAR_DIR_KEY, None):
        shutil.rmtree(var_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Start a throwaway Postgres for the run, unless DATABASE_URL names one."""
    from django.conf import settings

    from chatbot import console, postgres

    if not console.uses_local_postgres():
        yield
        return
    postgres.ensure_running(settings.VAR_DIR, durable=False)
    yield
    postgres.stop(settings.VAR_DIR)
