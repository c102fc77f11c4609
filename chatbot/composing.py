"""Answers put into words on files alone, as the site would with what is installed: for `manage.py evaluate`."""

import asyncio
from typing import TYPE_CHECKING, Any

from chatbot import exam_candidate, exams
from chatbot.answering.language import Detector
from chatbot.exam import results, traps
from chatbot.exam.lane import Lane
from chatbot.learning.dataset import Dataset
from chatbot.learning.evaluate_generation import Metered, bundle_of, evaluate_generation, figures
from chatbot.writing import writer_with

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.encoder import Encoder

GENERATIVE, EXTRACTIVE = "generative", "extractive"


def allowed_level(locale: str) -> str:
    """Return how freely answers of a locale may be composed: generative where the generator has passed its exam.

    Without a database only the shipped results count.
    """
    key = exams.key_of(traps.exam_of(locale)) if locale else None
    result = results.find(key) if key else None
    return GENERATIVE if result is not None and result.is_passed else EXTRACTIVE


def generate(dataset: Dataset, *, encoder: "Encoder", level: str) -> dict[str, Any]:
    """Answer a data set's queries up to a level, and return the figures. Raises NoGenerator, EngineError."""
    lane, detector = Lane(encoder), Detector()
    bundle = bundle_of(dataset, lane=lane, level=level, may_generate=level == GENERATIVE)
    if level != GENERATIVE:
        shown = asyncio.run(evaluate_generation(dataset, bundle=bundle, lane=lane, detector=detector))
        return figures(shown)
    with exam_candidate.running(dataset.locale) as generator:
        metered = Metered(generator)
        writer = writer_with(metered, detector=detector)
        shown = asyncio.run(
            evaluate_generation(dataset, bundle=bundle, lane=lane, detector=detector, writer=writer)
        )
    return figures(shown, tokens_per_s=metered.rate)
