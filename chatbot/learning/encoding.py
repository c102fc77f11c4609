"""An encoder of this process alone, for commands that work on files without a server."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.encoder import Encoder, Precision


class LocalEncoder:
    """Embeds and tokenizes as the server's engine does, without its queue."""

    def __init__(self, folder: Path, *, precision: Precision = "auto", threads: int = 0) -> None:
        """Load a model folder. Raises WeightsError."""
        self.encoder = Encoder(folder, precision=precision, threads=threads)
        self.version = self.encoder.version

    def embed(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return unit vectors [len(texts), dim] of prepared texts."""
        if not texts:
            return np.zeros((0, self.encoder.dim), np.float32)
        return self.encoder.encode(texts, kind=kind)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return token ids of prepared texts, without prefix and special tokens."""
        return [e.ids for e in self.encoder.tokenizer.encode_batch(texts, add_special_tokens=False)]
