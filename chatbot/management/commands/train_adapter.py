"""Train the adapter that makes the generator rewrite approved answers."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot import generation
from chatbot.engine import weights
from chatbot.learning.rewriting.examples import SHIPPED, Example, ExampleError, read_examples
from chatbot.learning.rewriting.run import train_adapter
from chatbot.learning.rewriting.train import Recipe
from chatbot.management.profiles import active_profile


class Command(BaseCommand):
    """Fit a low-rank adapter to examples of good replies; needs no database but for a tenant's own FAQ."""

    help = "Train an adapter for the generator on examples of good replies."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, help="the folder to write; it must not exist, or be empty")
        parser.add_argument(
            "--examples", type=Path, default=SHIPPED, help="a folder of <locale>.jsonl (default: Kefu's own)"
        )
        parser.add_argument("--locale", action="append", default=[], help="only this locale; may be repeated")
        parser.add_argument(
            "--tenant", help="learn from this tenant's FAQ in the one --locale too, as Retrain does: its slug"
        )
        parser.add_argument("--epochs", type=int, default=Recipe().epochs, help="times over all examples")
        parser.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
        parser.add_argument("--json", action="store_true", help="print what was trained as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} exists and is not an empty folder. Name a new one.")
        if options["epochs"] < 1:
            raise CommandError(f"--epochs must be 1 or more, but is {options['epochs']}.")
        examples, most_steps = self._examples(options)
        base = generation.prepare()
        if base is None:
            raise CommandError("GENERATOR_MODEL is none: there is nothing to train an adapter for.")
        told = train_adapter(
            base,
            examples,
            out,
            recipe=Recipe(epochs=options["epochs"]),
            seed=options["seed"],
            watch=_Told(self.stderr.write),
            shared=None if options["tenant"] is None else generation.shared_adapter(),
            most_steps=most_steps,
        )
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        loss = told["loss"]
        self.stdout.write(
            f"{out}: {told['steps']} steps in {told['seconds']:.0f} s; loss on held-out replies "
            f"{loss['held_out_before']} -> {loss['held_out_after']}, sha256 {weights.sha256_of(out / 'manifest.json')}"
        )

    def _examples(self, options: dict[str, Any]) -> tuple[tuple[Example, ...], int | None]:
        """Return what is to be learned, and in how many steps at most. Raises CommandError."""
        if options["tenant"] is None:
            try:
                return read_examples(options["examples"], locales=tuple(options["locale"])), None
            except ExampleError as error:
                raise CommandError(str(error)) from error
        if len(options["locale"]) != 1 or options["examples"] != SHIPPED:
            raise CommandError("--tenant goes with exactly one --locale, and without --examples.")
        profile = active_profile(options["tenant"], options["locale"][0])
        # Here, as only these need the encoder.
        from chatbot import bulk_encoder, training_data, training_examples, training_generator

        examples = training_examples.for_faq(
            training_data.read(profile=profile), encoder=bulk_encoder.encoder(), seed=options["seed"]
        )
        if not examples:
            raise CommandError(
                f"The FAQ of {profile} is too small to teach how to reply. Add FAQs, or leave --tenant out."
            )
        return examples, training_generator.MOST_STEPS


class _Told:
    """Tells on standard error how far a training is."""

    def __init__(self, write: Any) -> None:
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
        if loss is not None and number % 10 == 0:
            left = "" if seconds_left is None else f", {seconds_left:.0f} s left"
            self._write(f"  step {number}: loss {loss:.3f}{left}")
