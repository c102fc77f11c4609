"""Examples of replies from what a locale has to learn from, beside those that Kefu ships."""

import asyncio
import itertools

from chatbot.engine.encoder import Encoder
from chatbot.exam.lane import Lane
from chatbot.learning.rewriting import own_faq
from chatbot.learning.rewriting.examples import SHIPPED, Example, read_examples
from chatbot.learning.run import TrainingData
from customers import culture


def for_faq(data: TrainingData, *, encoder: Encoder, seed: int) -> tuple[Example, ...]:
    """Return a locale's own examples among those shipped for it, so that nothing is unlearned; none where it has few.

    They take turns, so that any beginning holds as many of both.
    A locale for which none are shipped learns beside those of its language, or of all. Raises EngineError.
    """
    shipped = _shipped(data.locale)
    own = asyncio.run(
        own_faq.examples_of(
            data.entries,
            data.confirmed,
            locale=data.locale,
            encoder=Lane(encoder),
            unknown_share=own_faq.unknown_share_of(shipped),
            seed=seed,
        )
    )
    turns = itertools.chain.from_iterable(itertools.zip_longest(shipped, own))
    return tuple(one for one in turns if one is not None) if own else ()


def _shipped(locale: str) -> tuple[Example, ...]:
    held = [path.stem for path in SHIPPED.glob("*.jsonl")]
    language = culture.language_of(locale)
    chosen = [one for one in held if one == locale] or [
        one for one in held if culture.language_of(one) == language
    ]
    return read_examples(SHIPPED, locales=tuple(chosen))
