"""Who writes answers freely in this process: a generator under the guard, as the settings bound it."""

from django.conf import settings

from chatbot.answering.composition.writer import TextGenerator, Writer
from chatbot.answering.language import Detector

# Of what an answer may take: what was shown of a reply that is late is still finished in time.
SHARE = 0.8


def writer_with(generator: TextGenerator, *, detector: Detector) -> Writer:
    """Return who writes with a generator."""
    return Writer(
        generator,
        detector=detector,
        max_tokens=settings.GENERATOR_MAX_TOKENS,
        seconds=min(settings.GENERATOR_DEADLINE_SECONDS, SHARE * settings.ANSWER_DEADLINE_SECONDS),
    )
