"""Tokens back into text as they come, up to the first of some stop texts."""

from collections.abc import Sequence

from tokenizers import Tokenizer

# What a decoder gives for bytes that are not a whole character yet.
INCOMPLETE = "\ufffd"


class TextStream:
    """Takes one token after the other and gives the text that is certain by then."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], *, is_beginning: bool) -> None:
        """`is_beginning`: white space before the first word is none of the text."""
        self._tokenizer = tokenizer
        self._stops = [stop for stop in stops if stop]
        self._ids: list[int] = []
        self._given = 0
        self._is_beginning = is_beginning
        self.has_stopped = False

    def take(self, token: int) -> str:
        """Return what a token adds. A stop text ends everything; what could become one is held back."""
        self._ids.append(token)
        text = self._text()
        if text.endswith(INCOMPLETE):
            return ""
        return self._give(text, end=self._safe_end(text))

    def rest(self) -> str:
        """Return what was held back, at the end of the tokens."""
        text = self._text().rstrip(INCOMPLETE)
        return self._give(text, end=len(text))

    def _text(self) -> str:
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return text.lstrip() if self._is_beginning else text

    def _give(self, text: str, *, end: int) -> str:
        if self.has_stopped:
            return ""
        found = [at for at in (text.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.has_stopped = True
            end = min(found)
        piece = text[self._given : end]
        self._given = max(self._given, end)
        return piece

    def _safe_end(self, text: str) -> int:
        """Return how much of the text cannot be the beginning of a stop text."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for count in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-count:]) for stop in self._stops):
                return len(text) - count
        return len(text)
