"""The encoder of a process that answers nobody, in the shape in which answering asks for one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chatbot.engine.arrays import Vectors
from chatbot.engine.upper import Upper

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.encoder import Encoder


class Lane:
    """A `QueryEncoder` that embeds at once, in the caller's thread; what it embedded before is kept."""

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder = encoder
        self._known: dict[tuple[str, str], Vectors] = {}

    @property
    def base(self) -> Upper:
        """The layers of the shipped model."""
        return self.encoder.base

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        """Return the unit vector [dim] of a prepared text."""
        return (await self.embed_queries([text], upper=upper))[0]

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        """Return the unit vectors [len(texts), dim] of prepared texts."""
        new = [text for text in dict.fromkeys(texts) if (upper.name, text) not in self._known]
        if new:
            made = self.encoder.encode(new, kind="query", upper=upper)
            self._known |= {(upper.name, text): vector for text, vector in zip(new, made, strict=True)}
        return np.stack([self._known[upper.name, text] for text in texts])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of prepared texts."""
        return [found.ids for found in self.encoder.tokenizer.encode_batch(texts, add_special_tokens=False)]
