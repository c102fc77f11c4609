"""Who sits an exam in this process: the generator as installed, loaded for that alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from chatbot.engine.errors import WeightsError
from chatbot.exam.candidate import SECONDS, Written
from chatbot.exam.lane import Lane

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.generator.adapters import Adapter
    from chatbot.engine.generator.generator import Generator


class NoGenerator(Exception):
    """No generator is installed: `GENERATOR_MODEL` is "none"."""


@contextmanager
def running(locale: str) -> Iterator["Generator"]:
    """Load the generator that would answer in a locale, and end it. Raises NoGenerator, WeightsError."""
    from chatbot import generation

    generator = generation.load(locale, seconds=SECONDS)
    if generator is None:
        raise NoGenerator("No generator is installed: GENERATOR_MODEL is “none”.")
    generator.start()
    try:
        yield generator
    finally:
        generator.stop()


@contextmanager
def loaded(locale: str, *, is_bare: bool = False, adapter: "Adapter | None" = None) -> Iterator[Written]:
    """Load a locale's candidate, with the encoder that the guard needs. Raises NoGenerator, WeightsError.

    An adapter of the installed generator is put beside it.
    """
    with running(locale) as generator:
        yield candidate(generator, locale, is_bare=is_bare, adapter=adapter)


def candidate(
    generator: "Generator", locale: str, *, is_bare: bool = False, adapter: "Adapter | None" = None
) -> Written:
    """Return who sits an exam with a running generator. Raises WeightsError for an adapter of another one."""
    from chatbot import bulk_encoder
    from chatbot.answering.composition.writer import Writer
    from chatbot.answering.language import Detector

    if adapter is not None and adapter.base != generator.version:
        raise WeightsError(
            f"The adapter {adapter.version} was trained for {adapter.base}, but the generator is {generator.version}. "
            "Train it for this one."
        )
    writer = Writer(
        generator if adapter is None else generator.adapted(adapter),
        detector=Detector(),
        max_tokens=settings.GENERATOR_MAX_TOKENS,
        seconds=SECONDS,
        is_guarded=not is_bare,
    )
    return Written(writer, locale=locale, encoder=Lane(bulk_encoder.encoder()))
