"""Who writes answers freely in this process: a generator under the guard, as the settings bound it."""

from django.conf import settings

from chatbot.answering.composition.writer import TextGenerator, Writer
from chatbot.answering.language import Detector


def writer_with(generator: TextGenerator, *, detector: Detector) -> Writer:
    """Return who writes with a generator."""
    return Writer(
        generator,
        detector=detector,
        max_tokens=settings.GENERATOR_MAX_TOKENS,
        seconds=settings.GENERATOR_DEADLINE_SECONDS,
    )
