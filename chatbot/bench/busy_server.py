"""`manage.py serve` whose generator writes all the time while a file says so, to measure the chats beside it."""

import asyncio
import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chatbot import console

if TYPE_CHECKING:
    from chatbot.engine.generator.generator import Generator

STREAMS = 8
TOKENS = 64
LOOK_SECONDS = 0.1
# In the server's var folder: the first says that the generator is loaded, the second that it is to be busy.
READY, BUSY = "generator.ready", "generator.busy"
PROMPT = "A list of words:\n\n- one\n- two\n- three {number}\n-"


def main() -> None:
    """Run a command of manage.py, and keep its generator busy beside it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    threading.Thread(target=keep_busy, name="busy", daemon=True).start()
    sys.exit(console.run(["manage.py", *sys.argv[1:]]))


def keep_busy() -> None:
    """Wait for the generator, say so, and have it write whenever it is to be busy."""
    from django.conf import settings

    from chatbot.generation import generation

    generation.want()
    while generation.generator is None:
        time.sleep(LOOK_SECONDS)
    from chatbot.serving import Serving

    # The chats get approved answers alone, so that none of them waits for a reply that is being written.
    Serving.writer_for = lambda self, bundle: None  # type: ignore[method-assign]
    (settings.VAR_DIR / READY).touch()
    with contextlib.suppress(RuntimeError):  # the process ends
        asyncio.run(_write_forever(generation.generator, settings.VAR_DIR / BUSY))


async def _write_forever(generator: "Generator", busy: Path) -> None:
    await asyncio.gather(*(_stream(generator, busy, number) for number in range(STREAMS)))


async def _stream(generator: "Generator", busy: Path, number: int) -> None:
    from chatbot.engine.errors import GeneratorBusy, GeneratorLate, GeneratorStopped

    while True:
        await asyncio.sleep(LOOK_SECONDS)
        while busy.exists():  # noqa: ASYNC240 -- a look at one name, in a process made for this
            text = PROMPT.format(number=number)
            try:
                async for _ in generator.generate(text, max_tokens=TOKENS, deadline=time.monotonic() + 60):
                    if not busy.exists():  # noqa: ASYNC240
                        break
            except (GeneratorBusy, GeneratorLate):
                await asyncio.sleep(LOOK_SECONDS)
            except GeneratorStopped:
                return


if __name__ == "__main__":
    main()
