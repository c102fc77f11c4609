"""Marking the words that two texts share, in any script."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.answering.retrieve import has_words
from chatbot.engine.runtime import Engine

SPACE = "\u2581"  # how sentencepiece writes the space before a word


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a text; `marked` where the other text has the same word."""

    text: str
    marked: bool


def marked(text: str, other: str, engine: Engine | None) -> Sequence[Part]:
    """Split a text where the other has the same words, as the encoder's own tokens cut them, in any script.

    Without the engine nothing is marked.
    """
    if engine is None or not text:
        return [Part(text=text, marked=False)]
    theirs = {piece for _start, _end, piece in _pieces(other, engine)}
    parts: list[Part] = []
    done = 0
    for start, end, piece in _pieces(text, engine):
        if piece not in theirs:
            continue
        gap = text[done:start]
        if parts and not gap.strip():
            parts[-1] = Part(text=parts[-1].text + gap + text[start:end], marked=True)
        else:
            parts += [Part(text=gap, marked=False)] * bool(gap) + [Part(text=text[start:end], marked=True)]
        done = end
    return parts + [Part(text=text[done:], marked=False)] * (done < len(text))


def _pieces(text: str, engine: Engine) -> list[tuple[int, int, str]]:
    """Return the tokens that hold letters or digits: where each starts and ends in the text, and how it reads."""
    # Capitals are cut into other tokens; where lower case is as long, the places are the same.
    lowered = text.lower()
    lowered = lowered if len(lowered) == len(text) else text
    (encoded,) = engine.encoder.tokenizer.encode_batch([lowered], add_special_tokens=False)
    found = []
    for token, (start, end) in zip(encoded.tokens, encoded.offsets, strict=True):
        piece = token.lstrip(SPACE)
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if has_words(piece):
            found.append((start, end, piece))
    return found
