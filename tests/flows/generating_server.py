"""`manage.py` whose generator can be made to fail: what a file in the var folder says happens when it writes a token.

The model, its thread and everything around it are the real ones.
"""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatbot import console

if TYPE_CHECKING:
    from chatbot.engine.generator.generator import Generator

# In the server's var folder: what is to go wrong, and how many steps of writing the model has made.
FAULT, STEPS = "generator.fault", "generator.steps"
DIES, HAS_NO_MEMORY, IS_SLOW = "dies", "has no memory", "is slow"
SLOW_SECONDS = 1.0


def main() -> None:
    """Run a command of manage.py with such a generator."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    from chatbot import generation

    load = generation.load

    def load_faulty(*arguments: Any, **options: Any) -> "Generator | None":
        from django.conf import settings

        generator = load(*arguments, **options)
        if generator is not None:
            make_faulty(generator, settings.VAR_DIR)
        return generator

    generation.load = load_faulty
    sys.exit(console.run(["manage.py", *sys.argv[1:]]))


def make_faulty(generator: "Generator", folder: Path) -> None:
    """Have a generator's model look at the file before it writes a token of each reply, and count these steps."""
    step = generator.model.hidden
    fault, steps = folder / FAULT, folder / STEPS
    made = 0

    def hidden(tokens: list[list[int]], *others: Any) -> Any:
        nonlocal made
        if any(len(row) > 1 for row in tokens):
            return step(tokens, *others)
        made += 1
        steps.write_text(str(made))
        wanted = fault.read_text() if fault.exists() else ""
        if wanted == IS_SLOW:
            time.sleep(SLOW_SECONDS)
        elif wanted:
            fault.unlink()
            fail(wanted)
        return step(tokens, *others)

    generator.model.hidden = hidden  # type: ignore[assignment, method-assign]


def fail(wanted: str) -> None:
    """Do what ends a thread, or what torch does when memory has run out."""
    import torch

    if wanted == DIES:
        raise SystemExit
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


if __name__ == "__main__":
    main()
