"""One training in a process of its own, as the worker runs it: `python -m chatbot.bench.train_alone TEXTS`.

Prints JSON: seconds by stage, steps, and the process's peak memory.
"""

import csv
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from django.conf import settings

from chatbot import background
from chatbot.engine import weights
from chatbot.engine.encoder import Encoder
from chatbot.engine.index import Entry
from chatbot.learning.augment import augment
from chatbot.learning.run import Live, TrainingData, train_version

WORDINGS = 10


class _Clock:
    """Takes the time of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.steps = 0
        self._stage, self._since = "", time.monotonic()

    def stage(self, name: str, *, steps: int = 0) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = round(now - self._since, 2)
        self._stage, self._since = name, now
        if name == "tuning":
            self.steps = steps

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        pass


def entries(texts: int) -> Iterator[Entry]:
    """Yield entries of the demo's questions in ten languages, with so many wordings in all.

    Each has ten: its own, and for the rest those as somebody would mistype them.
    """
    random = np.random.default_rng(0)
    rows = [
        (path.stem, row)
        for path in sorted((settings.BASE_DIR / "customers" / "demo" / "faq").glob("*.csv"))
        for row in csv.DictReader(path.open(newline=""))
    ]
    for number, (locale, row) in enumerate(itertools.islice(itertools.cycle(rows), texts // WORDINGS)):
        known = [row["question"], *row["alternates"].splitlines()]
        while len(known) < WORDINGS:
            known.append(augment(known[len(known) % 3], locale=locale, random=random))
        yield Entry(key=f"{number}", questions=tuple(known[:WORDINGS]), answer=row["answer"])


def main(texts: int) -> None:
    """Train and print."""
    background.give_way()
    encoder = Encoder(
        weights.prepare(
            settings.ENCODER_MODEL or None, settings.MODEL_DIR, pinned_sha256=settings.ENCODER_SHA256 or None
        ),
        precision=settings.ENCODER_PRECISION,
        threads=1,
    )
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        trained = train_version(
            TrainingData(locale="en-US", entries=tuple(entries(texts))),
            encoder=encoder,
            live=Live(),
            seed=0,
            watch=clock,
            folder=Path(folder),
        )
    found = {
        "texts": texts,
        "steps": clock.steps,
        "threads": encoder.threads,
        "device": str(encoder.device),
        "precision": encoder.precision,
        "train_s": round(trained.seconds, 1),
        "stage_s": clock.seconds,
        # Linux counts in kilobytes.
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
