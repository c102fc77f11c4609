"""Measure Kefu on this machine."""

import importlib
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

SUITE = ("embed", "answer", "chat", "upload", "train", "generate")


class Command(BaseCommand):
    """Run benchmarks one after the other; each is a module of `chatbot.bench` with a `run()`."""

    help = f"Run benchmarks: {', '.join(SUITE)}. Measure on an idle machine; quote ratios and medians."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", nargs="*", choices=[*SUITE, []], default=[], help="which ones; all if none"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        results: dict[str, dict[str, object]] = {}
        for name in options["name"] or SUITE:
            results[name] = importlib.import_module(f"chatbot.bench.{name}").run()
            if not options["json"]:
                self.stdout.write(f"{name}")
                for figure, value in results[name].items():
                    self.stdout.write(f"  {figure}: {value}")
        if options["json"]:
            self.stdout.write(json.dumps(results))
