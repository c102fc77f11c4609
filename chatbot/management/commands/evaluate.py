"""Evaluate answering on files alone."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.composing import allowed_level, generate
from chatbot.engine import weights
from chatbot.learning.dataset import Dataset, DatasetError, find_datasets, read_dataset
from chatbot.learning.encoding import LocalEncoder
from chatbot.learning.evaluate import Report, evaluate
from chatbot.learning.evaluate_generation import LEVELS
from chatbot.learning.evaluate_trained import evaluate_trained

COLUMNS = ("n", "hit@1", "hit@5", "mrr@10", "ndcg@10", "recall@10", "auroc", "coverage@p95", "ece")


class Command(BaseCommand):
    """Measure retrieval, ranking and calibration on an FAQ and labelled questions; needs no database."""

    help = "Evaluate the served retrieve-rank-calibrate code on a data set, or on a folder of them."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, help="a folder of data sets, not one")
        parser.add_argument("--faq", type=Path, help="FAQ as JSON lines: id, question, alternates, answer")
        parser.add_argument(
            "--queries", type=Path, help="questions as JSON lines: id, text, relevant {id: grade}"
        )
        parser.add_argument("--locale", default="", help="the FAQ's locale, for the report")
        parser.add_argument(
            "--seed", type=int, default=0, help="of the bootstrap and of the own fit (default 0)"
        )
        parser.add_argument("--compare", action="store_true", help="also measure plain cosine")
        parser.add_argument(
            "--own", action="store_true", help="also measure weights fitted to the FAQ's alternates"
        )
        parser.add_argument(
            "--train",
            action="store_true",
            help="first tune the model to the alternates of the FAQ, as Retrain does",
        )
        parser.add_argument(
            "--generate", action="store_true", help="also put the answers into words, and measure that"
        )
        parser.add_argument(
            "--level",
            choices=LEVELS,
            help="compose up to this level (default: generative where the generator has passed its exam)",
        )
        parser.add_argument(
            "--json", action="store_true", help="print JSON: an object, or a list for a folder"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["generate"] and options["train"]:
            raise CommandError("--generate measures the shipped model: leave --train out.")
        if options["level"] and not options["generate"]:
            raise CommandError("--level says how answers are composed: add --generate.")
        try:
            datasets = list(_datasets(options))
            encoder = LocalEncoder(
                weights.prepare(
                    settings.ENCODER_MODEL or None,
                    settings.MODEL_DIR,
                    pinned_sha256=settings.ENCODER_SHA256 or None,
                ),
                precision=settings.ENCODER_PRECISION,
                threads=settings.ENCODER_THREADS,
            )
        except DatasetError as error:
            raise CommandError(str(error)) from error
        found = []
        for dataset in datasets:
            report = self._report(dataset, encoder, options)
            row = report.to_json()
            if not options["json"]:
                self._print(report)
            if options["generate"]:
                row["generate"] = self._generate(dataset, encoder, options)
            found.append(row)
        if options["json"]:
            self.stdout.write(json.dumps(found if options["folder"] else found[0], ensure_ascii=False))

    def _generate(self, dataset: Dataset, encoder: LocalEncoder, options: dict[str, Any]) -> dict[str, Any]:
        """Put one data set's answers into words as they are served, and print the figures of that."""
        level = options["level"] or allowed_level(dataset.locale)
        found = generate(dataset, encoder=encoder.encoder, level=level)
        if not options["json"]:
            told = ", ".join(f"{name} {'-' if value is None else value}" for name, value in found.items())
            self.stdout.write(f"  up to {level}: {told}")
        return found

    def _report(self, dataset: Dataset, encoder: LocalEncoder, options: dict[str, Any]) -> Report:
        """Evaluate one data set as the options say."""
        if not options["train"]:
            return evaluate(
                dataset,
                embed=encoder.embed,
                tokenize=encoder.tokenize,
                seed=options["seed"],
                own=options["own"],
                plain=options["compare"],
            )
        with tempfile.TemporaryDirectory() as folder:
            return evaluate_trained(
                dataset,
                encoder=encoder.encoder,
                watch=_Told(self.stderr.write),
                seed=options["seed"],
                own=options["own"],
                plain=options["compare"],
                folder=Path(folder),
            )

    def _print(self, report: Report) -> None:
        """Print one data set's rows of the table."""
        figures = report.to_json()
        self.stdout.write(
            f"{report.dataset} {report.locale}: {report.in_scope} in scope, {report.out_of_scope} out of scope, "
            f"embed {report.embed_ms_p50:.1f} ms, rank {report.rank_ms_p50:.2f} ms"
        )
        self.stdout.write(f"  {'':8}" + "".join(f"{name:>14}" for name in COLUMNS[1:]))
        for name, row in (("served", figures), ("own", figures.get("own")), ("plain", figures.get("plain"))):
            if row is not None:
                self.stdout.write(
                    f"  {name:8}" + "".join(f"{_cell(row, column):>14}" for column in COLUMNS[1:])
                )


class _Told:
    """Tells on standard error how far a training is."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def stage(self, name: str, *, steps: int = 0) -> None:
        self._write(f"{name}: {steps} steps" if steps else name)

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        if loss is not None and number % 25 == 0:
            left = "" if seconds_left is None else f", {seconds_left:.0f} s left"
            self._write(f"  step {number}: loss {loss:.3f}{left}")


def _datasets(options: dict[str, Any]) -> Iterator[Dataset]:
    """Yield what the options name. Raises CommandError, DatasetError."""
    if options["folder"] is not None:
        if options["faq"] or options["queries"]:
            raise CommandError("Give either a folder of data sets, or --faq and --queries.")
        yield from find_datasets(options["folder"])
    elif options["faq"] and options["queries"]:
        name = options["faq"].resolve().parent.name
        yield read_dataset(options["faq"], options["queries"], name=name, locale=options["locale"])
    else:
        raise CommandError("Give --faq and --queries, or a folder of data sets.")


def _cell(row: dict[str, Any], name: str) -> str:
    """Return a figure with half the width of its interval."""
    if row[name] is None:
        return "-"
    low, high = row["intervals"][name]
    return f"{row[name]:.3f} ±{(high - low) / 2:.3f}"
