"""What a generator is asked to reply to: instructions and worked examples in its language, the sources, the question.

A prompt is the same for every model; how it becomes text is the generator's affair (`TextGenerator.render`). Sources
and the question are data: what could end their place in a prompt, or pass for another's turn, is taken out.
"""

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.answering.composition.text import sentences, units_of
from chatbot.answering.guard.leak import gives_orders
from customers.culture import Manners, language_of

FOLDER = Path(__file__).with_name("prompts")
DEFAULT = "en"
CASUAL = "casual"
QUESTION_CHARS = 500
# Roles and frames that prompts and chat templates are made of, at the beginning of a line.
_FRAME = re.compile(
    r"^[\s>#*\-\[(]*(?:q|a|question|answer|system|user|assistant|human|model|bot|instructions?|sources?)\s*[\])]?\s*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_TOKEN = re.compile(
    r"<\|[^|>\n]{0,40}\|>|</?(?:s|bos|eos|start_of_turn|end_of_turn|system|user|assistant)>|\[/?INST\]|<</?SYS>>"
)
_RULE = re.compile(r"^\s*(?:-{3,}|={3,}|#{3,}|`{3,}|~{3,}).*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A worked example: approved sources, a question, and the reply that rests on them alone."""

    sources: tuple[str, ...]
    question: str
    reply: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Everything that a reply is to be written from; `unknown` is what it is where the sources do not say."""

    instructions: str
    examples: tuple[Example, ...]
    sources: tuple[str, ...]
    question: str
    locale: str
    unknown: str

    @property
    def text(self) -> str:
        """Return what a reply must not repeat: the instructions and the examples."""
        parts = [self.instructions]
        for example in self.examples:
            parts += [*example.sources, example.question, example.reply]
        return "\n".join(parts)


@dataclass(frozen=True, kw_only=True)
class _Language:
    """A language's file: instructions with places for the persona, and the examples by form of address."""

    instructions: str
    unknown: str
    examples: tuple[Example, ...]
    casual: tuple[Example, ...]
    casual_manner: str
    formal_manner: str


def prompt_for(manners: Manners, *, sources: Sequence[str], question: str) -> Prompt:
    """Build the prompt of a profile's persona for approved answers (Markdown) and a visitor's question."""
    language = _language(language_of(manners.locale))
    is_casual = manners.formality == CASUAL
    instructions = language.instructions.format(
        name=manners.persona_name,
        role=manners.persona_role,
        brand=manners.brand,
        manner=language.casual_manner if is_casual else language.formal_manner,
        unknown=language.unknown,
    )
    return Prompt(
        instructions=instructions,
        examples=language.casual if is_casual and language.casual else language.examples,
        sources=tuple(cleared(readable(source)) for source in sources),
        question=" ".join(cleared(question[:QUESTION_CHARS]).split()),
        locale=manners.locale,
        unknown=language.unknown,
    )


def readable(answer: str) -> str:
    """Return an approved answer as lines of plain text, one for each of its sentences, items and rows."""
    return "\n".join(filter(None, (_addressed(unit.text) for unit in units_of(answer))))


def _addressed(text: str) -> str:
    """Return the sentences of a text that speak to the customer."""
    return "".join(part for part in sentences(text) if not gives_orders(part)).strip()


def cleared(text: str) -> str:
    """Return a text without what could pass for a part of the prompt."""
    return _FRAME.sub("", _RULE.sub("", _TOKEN.sub("", text))).strip()


@functools.cache
def _language(language: str) -> _Language:
    path = FOLDER / f"{language}.toml"
    data = tomllib.loads((path if path.is_file() else FOLDER / f"{DEFAULT}.toml").read_text(encoding="utf-8"))
    unknown: str = data["unknown"]
    return _Language(
        instructions=data["instructions"].strip(),
        unknown=unknown,
        examples=_examples(data["examples"], unknown, key="reply"),
        casual=_examples(data["examples"], unknown, key="casual"),
        casual_manner=data["manner"]["casual"],
        formal_manner=data["manner"]["formal"],
    )


def _examples(rows: Sequence[dict[str, str]], unknown: str, *, key: str) -> tuple[Example, ...]:
    """Read the examples of one form of address; an empty reply is the mark of what is not known."""
    return tuple(
        Example(
            sources=(row["source"].strip(),),
            question=row["question"].strip(),
            reply=(row.get(key) or row["reply"]).strip() or unknown,
        )
        for row in rows
    )
