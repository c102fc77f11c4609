#!/usr/bin/env python3
"""Kefu's command line: `python manage.py serve` runs everything, `python manage.py help` lists the rest."""

import os
import sys


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 -- what an older Python says by itself helps nobody
        print(
            f"Kefu needs Python 3.11 or newer, but this is {sys.version.split()[0]}: install a newer one, "
            "remove .venv and run `make run` again.",
            file=sys.stderr,
        )
        return 1
    # Read when numpy is first imported: on two busy cores, two threads made a search of 2 ms take 30.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    try:
        from chatbot.console import run

        return run(sys.argv)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"chatbot", "customers"}:
            raise
        print(
            f"The package {error.name} is not installed: start Kefu with `make run`, or run "
            "`pip install -r requirements.txt` first.",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
