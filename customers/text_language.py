"""Whether a text is in the language it should be in: naive Bayes over byte n-grams (Lui and Baldwin, langid.py, 2012).

Only texts that are clearly in another of the tenant's languages are named; a doubtful one is left alone.
"""

import copy
import functools
import itertools
import re
from collections.abc import Collection

from py3langid.langid import MODEL_FILE, LanguageIdentifier

CERTAIN = 0.99
SAMPLE_CHARS = 500
LETTERS_MIN = 12
# One character of these scripts says as much as several letters.
_DENSE = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MARKUP = re.compile(r"https?://\S+|\S+@\S+|[#*_`>|\[\](){}<]|\d+")


@functools.cache
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@functools.lru_cache(maxsize=64)
def identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    """Return a model that knows these languages only; it is read-only from here on."""
    limited = copy.copy(_model())
    limited.set_languages(languages)
    return limited


def known_languages() -> frozenset[str]:
    """Return the primary subtags of all languages that the model knows."""
    return frozenset(_model().labels)


def other_language(text: str, *, expected: str, languages: Collection[str]) -> str | None:
    """Return which other of the languages a text is clearly in, as a primary subtag; None if in none.

    `expected` and `languages` are primary subtags; those that the model does not know are left out.
    """
    sample = _MARKUP.sub(" ", text[:SAMPLE_CHARS])
    # Counted no further than matters.
    letters = sum(1 for _ in itertools.islice(filter(str.isalpha, sample), LETTERS_MIN))
    if letters < LETTERS_MIN and letters + 3 * len(_DENSE.findall(sample)) < LETTERS_MIN:
        return None
    choices = tuple(sorted({expected, *languages} & known_languages()))
    if expected not in choices or len(choices) < 2:
        return None
    language, probability = identifier(choices).classify(sample)
    return str(language) if language != expected and probability >= CERTAIN else None
