"""How approved texts are put next to one another: connectives, openings and closings, and the space between."""

import itertools
import re
from collections.abc import Sequence

from chatbot.answering.compose import headed
from chatbot.answering.composition.level import length_of
from chatbot.answering.composition.sentences import sentences

# Answers that are together no longer than this (`length_of`) need no headings to be told apart.
SHORT_TOGETHER = 600
# What Markdown reads as a list, table, quotation, heading or code only at the beginning of a line.
BLOCK = re.compile(r"\s*(?:[-*+•|#>]\s?|\d{1,3}[.)]\s|```|!\[)")
# Scripts that put no space between sentences.
UNSPACED = re.compile("[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uff00-\uff65]")


def together(texts: Sequence[str], *, questions: Sequence[str], connectives: Sequence[str]) -> str:
    """Return answers to several questions as one: joined by the first connective, or under headings where long."""
    if sum(map(length_of, texts)) > SHORT_TOGETHER:
        return "\n\n".join(headed(question, text) for question, text in zip(questions, texts, strict=True))
    first, *others = texts
    joining = connectives[0] if connectives else ""
    return "\n\n".join([first, *(opened(joining, text) for text in others)])


def opened(phrase: str, text: str) -> str:
    """Return a text with a phrase before it, on a line of its own where the text begins a list or a table."""
    if not phrase:
        return text
    return f"{phrase}\n\n{text}" if BLOCK.match(text) else f"{phrase}{space_after(phrase)}{text}"


def closed(text: str, phrase: str) -> str:
    """Return a text with a phrase below it."""
    return f"{text}\n\n{phrase}" if phrase else text


def after(shown: str, sentence: str) -> str:
    """Return a sentence with the space that parts it from what is shown already.

    Behind an item of a list, which needs no final point, it begins a paragraph, or both would be read as one sentence.
    """
    if not shown or shown.endswith(("\n", " ")) or sentence.startswith(("\n", " ")):
        return sentence
    space = space_after(shown)
    last = sentences(shown)[-1] + space
    ends = itertools.accumulate(map(len, sentences(last + sentence)))
    return (space if len(last) in ends else "\n\n") + sentence


def space_after(text: str) -> str:
    """Return what the script of a text puts behind it before it goes on."""
    return "" if UNSPACED.match(text[-1:]) else " "
