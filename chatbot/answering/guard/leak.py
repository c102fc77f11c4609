"""What is no part of an answer: the instructions given to a generator, its roles, talk of itself, forbidden claims."""

import re
from collections.abc import Sequence

from chatbot.answering.guard.folding import bare, fold
from chatbot.answering.guard.lexicon import orders, self_talk

# Marks of chat templates and prompts.
ROLES = re.compile(
    r"<\|?/?\s*(?:im_start|im_end|start_of_turn|end_of_turn|system|user|assistant|model|eos|bos|s|inst|endoftext|think)\s*\|?>"
    r"|\[/?INST\]|<</?SYS>>|^\s*#{2,}\s*(?:instruction|system|response|user|assistant)"
    r"|^\s*(?:system|user|assistant|human|ai|bot|model|customer|agent)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
# So many words in a row of the prompt are no accident.
RUN_WORDS = 6
RUN_CHARS = 14


def gives_orders(text: str) -> bool:
    """Say whether a text speaks to the model that reads it: such a sentence of a source is nothing to say."""
    folded = fold(text)
    return any(phrase in folded for phrase in orders())


class Leaks:
    """Finds what must not be shown in sentences of one answer."""

    def __init__(self, *, prompt: str, sources: Sequence[str], forbidden: Sequence[str]) -> None:
        """Prepare the instructions and examples of a prompt; what the sources say themselves is no leak."""
        self._prompt = bare(prompt)
        self._sources = " ".join(bare(source) for source in sources)
        self._forbidden = [(claim, bare(claim)) for claim in forbidden if bare(claim)]

    def leaks(self, sentence: str) -> bool:
        """Say whether a sentence repeats the prompt, has the marks of one, or speaks of itself as a model."""
        if ROLES.search(sentence):
            return True
        folded, lower = bare(sentence), fold(sentence) + " "
        if any(phrase in lower and bare(phrase) not in self._sources for phrase in self_talk()):
            return True
        return bool(self._prompt) and any(
            run in self._prompt and run not in self._sources for run in _runs(folded)
        )

    def forbidden(self, sentence: str) -> bool:
        """Say whether a sentence makes a claim that the profile forbids."""
        folded = f" {bare(sentence)} "
        return any(claim in folded for _name, claim in self._forbidden)


def _runs(folded: str) -> list[str]:
    words = folded.split()
    if len(words) >= RUN_WORDS:
        return [" ".join(words[i : i + RUN_WORDS]) for i in range(len(words) - RUN_WORDS + 1)]
    # Without spaces a word is a clause.
    longest = max(words, key=len, default="")
    return [longest[i : i + RUN_CHARS] for i in range(len(longest) - RUN_CHARS + 1)]
