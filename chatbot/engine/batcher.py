"""Dynamic batching: one thread owns the encoder, and takes whatever is waiting each time it is free.

No timer: a lone question starts at once, and under load the batch grows by itself. Interactive work goes before bulk
work (vectors of a freshly imported FAQ), and bulk batches are kept small, so that a question never waits long for one.
"""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.encoder import pack
from chatbot.engine.errors import EngineFailed, EngineOverloaded, EngineStopped
from chatbot.engine.upper import Upper

logger = logging.getLogger(__name__)

# A question that arrives during a bulk batch waits for it: 512 padded tokens are about 15 ms on two cores.
BULK_BATCH_TOKENS = 512


class TextEncoder(Protocol):
    """What the batcher needs of an encoder."""

    dim: int

    def tokenize(self, texts: Sequence[str], *, kind: Kind) -> list[list[int]]: ...

    def forward(self, batch: Sequence[Sequence[int]], uppers: Sequence[Upper]) -> Vectors: ...


@dataclass(eq=False)
class _Job:
    """Texts submitted together; `left` counts those not encoded yet."""

    ids: list[list[int]]
    upper: Upper
    vectors: Vectors
    future: Future[Vectors] = field(default_factory=Future)
    left: int = 0


class Batcher:
    """Encodes texts from many callers on one thread, in shared batches."""

    def __init__(self, encoder: TextEncoder, *, batch_tokens: int, queue_texts: int) -> None:
        """`batch_tokens`: padded tokens per batch; `queue_texts`: interactive texts that may wait."""
        self._encoder = encoder
        self._batch_tokens = batch_tokens
        self._queue_texts = queue_texts
        self._interactive: deque[tuple[_Job, int]] = deque()
        self._bulk: deque[tuple[_Job, int]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def start(self) -> None:
        """Start the engine thread."""
        self._thread.start()

    def stop(self) -> None:
        """Fail everything that waits with EngineStopped, and end the thread after its current batch."""
        with self._wake:
            self._stopping = True
            waiting = [job for job, _ in itertools.chain(self._interactive, self._bulk)]
            self._interactive.clear()
            self._bulk.clear()
            self._wake.notify()
        for job in waiting:
            _fail(job, EngineStopped("The engine has stopped."))
        if self._thread.is_alive():
            self._thread.join()

    def submit(
        self, texts: Sequence[str], *, kind: Kind, upper: Upper, bulk: bool = False
    ) -> Future[Vectors]:
        """Queue texts for one version's upper layers; the future gives unit vectors [len(texts), dim].

        Cancelling the future drops what has not been batched yet. Raises EngineOverloaded when too many interactive
        texts wait, EngineStopped when the engine is not running. Bulk work waits without a limit: its caller holds it.
        """
        ids = self._encoder.tokenize(texts, kind=kind)
        vectors = np.empty((len(ids), self._encoder.dim), np.float32)
        job = _Job(ids=ids, upper=upper, vectors=vectors, left=len(ids))
        if not ids:
            job.future.set_result(job.vectors)
            return job.future
        with self._wake:
            if self._stopping or not self._thread.is_alive():
                raise EngineStopped("The engine is not running.")
            queue = self._bulk if bulk else self._interactive
            if not bulk and len(queue) + len(ids) > self._queue_texts:
                raise EngineOverloaded(
                    f"{len(queue)} texts are waiting already; at most {self._queue_texts} may."
                )
            queue.extend((job, row) for row in range(len(ids)))
            self._wake.notify()
        return job.future

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._interactive or self._bulk)
                if self._stopping:
                    return
                items = self._take()
            lengths = [len(job.ids[row]) for job, row in items]
            for rows in pack(lengths, self._batch_tokens):
                self._encode([items[row] for row in rows])

    def _take(self) -> list[tuple[_Job, int]]:
        """Remove the next batch's worth of live texts: interactive ones, or else a small piece of the bulk."""
        queue, budget = (
            (self._interactive, self._batch_tokens) if self._interactive else (self._bulk, BULK_BATCH_TOKENS)
        )
        items: list[tuple[_Job, int]] = []
        tokens = 0
        while queue and (not items or tokens + len(queue[0][0].ids[queue[0][1]]) <= budget):
            job, row = queue.popleft()
            if job.future.cancelled() or job.future.done():
                continue
            tokens += len(job.ids[row])
            items.append((job, row))
        return items

    def _encode(self, items: list[tuple[_Job, int]]) -> None:
        """Encode one batch and hand out what it completes; on failure every waiter gets the error."""
        try:
            vectors = self._encoder.forward(
                [job.ids[row] for job, row in items], [job.upper for job, _ in items]
            )
        except Exception as error:
            logger.exception("Encoding a batch of %d texts failed", len(items))
            for job, _ in items:
                failure = EngineFailed(f"Encoding failed: {type(error).__name__}.")
                failure.__cause__ = error
                _fail(job, failure)
            return
        for (job, row), vector in zip(items, vectors, strict=True):
            job.vectors[row] = vector
            job.left -= 1
            if job.left == 0 and not job.future.done() and job.future.set_running_or_notify_cancel():
                job.future.set_result(job.vectors)


def _fail(job: _Job, error: Exception) -> None:
    """Give a waiter the error, unless it has left or has been answered."""
    if not job.future.done() and job.future.set_running_or_notify_cancel():
        job.future.set_exception(error)
