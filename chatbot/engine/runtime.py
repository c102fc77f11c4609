"""The running engine of one process: encoder, batcher and the cache of query vectors."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.batcher import Batcher
from chatbot.engine.encoder import Encoder, Precision
from chatbot.engine.upper import Upper


class VectorCache:
    """The most recently used query vectors, keyed by encoder version and prepared text. Thread-safe."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._vectors: OrderedDict[tuple[str, str], Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version: str, text: str) -> Vectors | None:
        """Return the vector [dim], or None."""
        with self._lock:
            vector = self._vectors.get((version, text))
            if vector is not None:
                self._vectors.move_to_end((version, text))
            return vector

    def put(self, version: str, text: str, vector: Vectors) -> None:
        """Remember a vector [dim], forgetting the one longest unused beyond the limit."""
        with self._lock:
            self._vectors[version, text] = vector
            self._vectors.move_to_end((version, text))
            while len(self._vectors) > self._entries:
                self._vectors.popitem(last=False)


class Engine:
    """What answering and serving use of the model."""

    def __init__(
        self,
        folder: Path,
        *,
        precision: Precision = "auto",
        threads: int = 0,
        batch_tokens: int = 2048,
        queue_texts: int = 512,
        cache_entries: int = 10_000,
    ) -> None:
        """Load the model folder (seconds). Raises WeightsError."""
        self.encoder = Encoder(folder, precision=precision, threads=threads)
        self.version = self.encoder.version
        self._batcher = Batcher(self.encoder, batch_tokens=batch_tokens, queue_texts=queue_texts)
        self._cache = VectorCache(cache_entries)

    def start(self) -> None:
        """Start the engine thread."""
        self._batcher.start()

    def stop(self) -> None:
        """Fail what waits with EngineStopped and end the engine thread."""
        self._batcher.stop()

    @property
    def base(self) -> Upper:
        """Return the shipped model's upper layers."""
        return self.encoder.base

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        """Return the unit vector [dim] of a prepared question; see `embed_queries`."""
        (vector,) = await self.embed_queries([text], upper=upper)
        return vector

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        """Return the unit vectors [len(texts), dim] of prepared questions, from the cache where they are known.

        The others are encoded together. Raises EngineOverloaded, EngineStopped, EngineFailed; cancelling drops the
        texts before they are batched.
        """
        cached = {text: self._cache.get(upper.name, text) for text in texts}
        known = {text: vector for text, vector in cached.items() if vector is not None}
        missing = [text for text in cached if text not in known]
        if missing:
            made = await asyncio.wrap_future(self._batcher.submit(missing, kind="query", upper=upper))
            known |= dict(zip(missing, made, strict=True))
            for text in missing:
                self._cache.put(upper.name, text, known[text])
        return np.stack([known[text] for text in texts])

    def embed_bulk(self, texts: Sequence[str], kind: Kind, *, upper: Upper) -> Future[Vectors]:
        """Queue texts behind all interactive work; the future gives unit vectors [len(texts), dim]."""
        return self._batcher.submit(texts, kind=kind, upper=upper, bulk=True)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of prepared texts, without prefix and special tokens, for matching words."""
        return [e.ids for e in self.encoder.tokenizer.encode_batch(list(texts), add_special_tokens=False)]
