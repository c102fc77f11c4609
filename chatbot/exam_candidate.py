"""Who sits an exam in this process: the generator as installed, loaded for that alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from chatbot.exam.candidate import SECONDS, Written
from chatbot.exam.lane import Lane

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.generator.generator import Generator


class NoGenerator(Exception):
    """No generator is installed: `GENERATOR_MODEL` is "none"."""


@contextmanager
def running(locale: str) -> Iterator["Generator"]:
    """Load the generator that would answer in a locale, and end it. Raises NoGenerator, WeightsError."""
    from chatbot import generation

    generator = generation.load(locale)
    if generator is None:
        raise NoGenerator("No generator is installed: GENERATOR_MODEL is “none”.")
    generator.start()
    try:
        yield generator
    finally:
        generator.stop()


@contextmanager
def loaded(locale: str, *, is_bare: bool = False) -> Iterator[Written]:
    """Load a locale's candidate, with the encoder that the guard needs. Raises NoGenerator, WeightsError."""
    from chatbot import bulk_encoder
    from chatbot.answering.composition.writer import Writer
    from chatbot.answering.language import Detector

    lane = Lane(bulk_encoder.encoder())
    with running(locale) as generator:
        writer = Writer(
            generator,
            detector=Detector(),
            max_tokens=settings.GENERATOR_MAX_TOKENS,
            seconds=SECONDS,
            is_guarded=not is_bare,
        )
        yield Written(writer, locale=locale, encoder=lane)
