"""A prompt as the text that a model reads: by its chat template, its adapter's form, or with examples before it.

What customers and FAQs say is cleared of the model's own control tokens, so that nobody ends a turn or begins one.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from tokenizers import Tokenizer

from chatbot.engine.generator.adapters import Adapter

QUESTION, REPLY = "Q: ", "A:"
SOURCE = "- "
# What a model that was not trained for turns goes on with when its reply is complete.
PLAIN_STOPS = ("\n\n", "\nQ:")


class ExampleLike(Protocol):
    """A worked example: sources, a question, and the reply to it."""

    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def question(self) -> str: ...
    @property
    def reply(self) -> str: ...


class PromptLike(Protocol):
    """What a reply is to be written from."""

    @property
    def instructions(self) -> str: ...
    @property
    def examples(self) -> Sequence[ExampleLike]: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def question(self) -> str: ...


class Cleaner:
    """Takes a model's control tokens out of texts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Look up the control tokens, of which there may be thousands."""
        self._tokenizer = tokenizer
        self._special = {n for n, token in tokenizer.get_added_tokens_decoder().items() if token.special}

    def __call__(self, text: str) -> str:
        """Return the text without them; taking one out may make another, so until there is none."""
        while True:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            spans = [s for n, s in zip(encoding.ids, encoding.offsets, strict=True) if n in self._special]
            spans = [(start, end) for start, end in spans if text[start:end].strip()]
            if not spans:
                return text
            for start, end in reversed(spans):
                text = text[:start] + text[end:]


def render(prompt: PromptLike, *, clear: Cleaner, chat: Any, adapter: Adapter | None) -> str:
    """Return the whole prompt as text, up to where the reply begins."""
    if adapter is not None:
        sources = "".join(adapter.source.replace("{source}", clear(source)) for source in prompt.sources)
        filled = {"sources": sources, "question": clear(prompt.question)}
        return _fill(adapter.prompt, filled)
    if chat is not None:
        return _by_template(prompt, chat, clear)
    blocks = [prompt.instructions.strip()]
    blocks += [_plain(e.sources, e.question, clear) + f" {e.reply.strip()}" for e in prompt.examples]
    blocks.append(_plain(prompt.sources, prompt.question, clear))
    return "\n\n".join(block for block in blocks if block)


def _plain(sources: Sequence[str], question: str, clear: Cleaner) -> str:
    lines = [SOURCE + _one_paragraph(clear(source)) for source in sources]
    return "\n".join([*lines, QUESTION + " ".join(clear(question).split()), REPLY])


def _one_paragraph(text: str) -> str:
    """Return a text without empty lines: they part the examples."""
    return "\n".join(line for line in text.strip().splitlines() if line.strip())


def _by_template(prompt: PromptLike, chat: Any, clear: Cleaner) -> str:
    from jinja2.exceptions import TemplateError

    turns: list[dict[str, str]] = []
    for example in prompt.examples:
        turns.append({"role": "user", "content": _asked(example.sources, example.question, clear)})
        turns.append({"role": "assistant", "content": example.reply})
    turns.append({"role": "user", "content": _asked(prompt.sources, prompt.question, clear)})
    options = {"tokenize": False, "add_generation_prompt": True}
    try:
        system = {"role": "system", "content": prompt.instructions}
        return str(chat.apply_chat_template([system, *turns], **options))
    except TemplateError:  # a model without a system role: the first turn says it
        turns[0]["content"] = f"{prompt.instructions}\n\n{turns[0]['content']}"
        return str(chat.apply_chat_template(turns, **options))


def _asked(sources: Sequence[str], question: str, clear: Cleaner) -> str:
    return "\n".join([*(SOURCE + _one_paragraph(clear(source)) for source in sources), "", clear(question)])


def _fill(form: str, values: dict[str, str]) -> str:
    """Fill a form's places in one go, so that what is filled in is not taken for a place."""
    filled = form
    parts: list[str] = []
    while filled:
        places = {name: filled.find(f"{{{name}}}") for name in values}
        first = min(
            (name for name in places if places[name] >= 0), key=lambda name: places[name], default=None
        )
        if first is None:
            break
        parts += [filled[: places[first]], values[first]]
        filled = filled[places[first] + len(first) + 2 :]
    return "".join([*parts, filled])
