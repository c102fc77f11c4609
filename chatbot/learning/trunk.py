"""Texts as the shared trunk sees them, computed once: each version adds only its upper layers to them."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.encoder import Encoder
from chatbot.engine.upper import Upper

# Tokens that are kept, of 768 bytes each with the bundled encoder in bfloat16; further texts are computed when asked
# for.
KEPT_TOKENS = 1_000_000
STEP_TEXTS = 256


class Trunk:
    """An encoder that remembers what its trunk made of texts."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._states: dict[tuple[Kind, str], torch.Tensor] = {}
        self._tokens = 0

    def prepare(
        self, texts: Iterable[tuple[Kind, str]], *, progress: Callable[[int], None] = lambda done: None
    ) -> None:
        """Compute texts ahead; `progress` is told how many are done, and may raise to end it."""
        wanted = [key for key in dict.fromkeys(texts) if key not in self._states]
        done = 0
        for kind in ("query", "passage"):
            # Texts of like length make full batches.
            its = sorted((text for its_kind, text in wanted if its_kind == kind), key=len)
            for start in range(0, len(its), STEP_TEXTS):
                step = its[start : start + STEP_TEXTS]
                if self._tokens < KEPT_TOKENS:
                    self._keep(kind, step)
                done += len(step)
                progress(done)

    def states(self, texts: Sequence[str], kind: Kind) -> list[torch.Tensor]:
        """Return what the trunk makes of texts: each [tokens, dim]."""
        missing = [text for text in dict.fromkeys(texts) if (kind, text) not in self._states]
        made = dict(zip(missing, self.encoder.trunk(missing, kind=kind), strict=True)) if missing else {}
        return [self._states[kind, text] if (kind, text) in self._states else made[text] for text in texts]

    def embed(self, texts: Sequence[str], kind: Kind, *, upper: Upper | None = None) -> Vectors:
        """Return the unit vectors [len(texts), dim] that a version makes of prepared texts; None is the shipped one."""
        vectors = np.zeros((len(texts), self.encoder.dim), np.float32)
        known = [row for row, text in enumerate(texts) if (kind, text) in self._states]
        if known:
            states = [self._states[kind, texts[row]] for row in known]
            vectors[known] = self.encoder.finish(states, upper=upper)
        others = [row for row, text in enumerate(texts) if (kind, text) not in self._states]
        if others:
            vectors[others] = self.encoder.encode([texts[row] for row in others], kind=kind, upper=upper)
        return vectors

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return token ids of prepared texts, without prefix and special tokens."""
        return [e.ids for e in self.encoder.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def _keep(self, kind: Kind, texts: Sequence[str]) -> None:
        for text, states in zip(texts, self.encoder.trunk(texts, kind=kind), strict=True):
            self._states[kind, text] = states
            self._tokens += len(states)
