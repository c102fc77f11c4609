"""Decoding on a GPU: transformers' continuous batching, held where it would hurt.

Its thread can die (of a prompt that does not fit, of memory, of a callback), and then keeps silent: a thread of our own
takes its results off its queue, gives it no callbacks, lets in only what fits into its cache however long it gets, and
starts another when it is gone. Ratings, and replies with an adapter beside the model, which it has no place for, run
beside it, over slots, on the same weights.
"""

import dataclasses
import gc
import logging
import math
import threading
import time
from collections import deque
from typing import Any

import torch

from chatbot.engine.errors import GeneratorBusy, GeneratorFailed, GeneratorStopped
from chatbot.engine.generator.jobs import End, Job, Writing
from chatbot.engine.generator.model import CausalModel
from chatbot.engine.generator.plain import twin
from chatbot.engine.generator.slots import Slots

logger = logging.getLogger(__name__)

STREAMS = 256
PAGE_TOKENS = 256
BATCH_TOKENS = 2048
# How much of the free memory the cache may take.
MEMORY_SHARE = 0.5
# Ratings and adapted replies that are worked on together.
OVER_SLOTS = 4
LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0


class Continuous:
    """The backend for GPUs; it runs on a CPU too, for tests."""

    def __init__(
        self, model: CausalModel, *, queue: int, streams: int = 0, context_tokens: int | None = None
    ) -> None:
        """`queue`: jobs that may wait beside `streams` being written (0: as many as memory has room for)."""
        self._model = model
        self._context = context_tokens or model.context_tokens
        self._streams = streams or _streams(model, self._context)
        self._queue = queue
        self._over_slots = Slots(model, queue=queue, together=OVER_SLOTS)
        self._module = twin(model.module)
        self._manager: Any = None
        self._lock = threading.RLock()
        self._waiting: deque[Writing] = deque()
        self._running: dict[str, Writing] = {}
        self._number = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generator-results", daemon=True)

    def start(self) -> None:
        """Start transformers' thread and ours."""
        self._over_slots.start()
        self._begin()
        self._thread.start()

    def stop(self) -> None:
        """Fail everything with GeneratorStopped, and end the threads."""
        with self._lock:
            self._stopping.set()
            self._fail_all(GeneratorStopped("The generator has stopped."))
        if self._thread.is_alive():
            self._thread.join()
        if self._manager is not None:
            self._manager.stop(block=True, timeout=STOP_SECONDS, hard_stop=True)
        self._over_slots.stop()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises GeneratorBusy, GeneratorFailed, GeneratorStopped."""
        if not isinstance(job, Writing) or job.terms is not None:
            if not self._model.has_slots:
                raise GeneratorFailed("This model rates nothing on a GPU, and takes no adapter beside it.")
            self._over_slots.submit(job)
            return
        with self._lock:
            if self._stopping.is_set() or self._manager is None:
                raise GeneratorStopped("The generator is not running.")
            if len(job.ids) + job.max_tokens > self._context:
                raise GeneratorFailed(
                    f"{len(job.ids)} + {job.max_tokens} tokens do not fit into {self._context}."
                )
            self._check_has_room()
            self._waiting.append(job)
            self._let_in()

    def check_has_room(self, *, wait: float) -> None:
        """Raise GeneratorBusy where as many wait as may; for how long they would is not known here."""
        with self._lock:
            self._check_has_room()

    def cancel(self, job: Job) -> None:
        """Have a job dropped before the next step."""
        job.ear.is_gone = True
        with self._lock:
            for name, running in list(self._running.items()):
                if running is job:
                    self._drop(name)
            self._let_in()

    # ---------------------------------------------------------------- under the lock

    def _check_has_room(self) -> None:
        if len(self._running) >= self._streams and len(self._waiting) >= self._queue:
            raise GeneratorBusy(f"{len(self._waiting)} requests are waiting already, as many as may.")

    def _begin(self) -> None:
        """Start transformers' thread with a cache that every stream fits into to its end."""
        from transformers import ContinuousBatchingConfig, GenerationConfig

        known = {field.name for field in dataclasses.fields(ContinuousBatchingConfig)}
        options: dict[str, Any] = {
            "num_blocks": _blocks(self._model.module.config, self._streams, self._context, known),
            "max_batch_tokens": max(BATCH_TOKENS, self._streams),
            # Its flash attention would be fetched from the hub.
            "auto_switch_to_flash": False,
        }
        self._manager = self._module.init_continuous_batching(
            generation_config=GenerationConfig(
                do_sample=False, max_new_tokens=self._context, eos_token_id=sorted(self._model.ends)
            ),
            continuous_batching_config=ContinuousBatchingConfig(
                **{name: value for name, value in options.items() if name in known}
            ),
        )
        self._manager.start()

    def _let_in(self) -> None:
        """Hand waiting jobs over while there is room, so that handing over never blocks."""
        while self._waiting and len(self._running) < self._streams and not self._stopping.is_set():
            job = self._waiting.popleft()
            if job.is_left or job.fail_if_late():
                continue
            self._number += 1
            name = f"kefu-{self._number}"
            self._running[name] = job
            given = self._manager.add_request(
                job.ids, request_id=name, max_new_tokens=job.max_tokens, streaming=True
            )
            if given is None:
                del self._running[name]
                job.fail(GeneratorFailed("The generator takes no requests at this moment."))

    def _drop(self, name: str) -> None:
        self._running.pop(name, None)
        self._manager.cancel_request(name)

    def _fail_all(self, error: GeneratorFailed | GeneratorStopped) -> None:
        for job in [*self._running.values(), *self._waiting]:
            job.fail(error)
        self._running.clear()
        self._waiting.clear()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._stopping.is_set():
            try:
                output = self._manager.get_result(timeout=LOOK_SECONDS)
                if output is not None:
                    self._take(output)
                if output is None or time.monotonic() - looked > LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look()
            except Exception:
                logger.exception("Taking the generator's results failed; what was running is given up")
                with self._lock:
                    self._fail_all(GeneratorFailed("The generator failed."))
                self._stopping.wait(1.0)

    def _take(self, output: Any) -> None:
        """Tell a job what is new for it. Results of a job that was dropped are late, and nobody's."""
        with self._lock:
            job = self._running.get(output.request_id)
            if job is None:
                return
            if output.error is not None:
                del self._running[output.request_id]
                job.fail(GeneratorFailed(f"Writing failed: {output.error[:200]}"))
            else:
                new = output.generated_tokens[job.made :]
                job.made += len(new)
                for token in new:
                    if token not in self._model.ends:
                        job.ear.tell(int(token))
                if output.is_finished():
                    del self._running[output.request_id]
                    job.ear.tell(End())
            self._let_in()

    def _look(self) -> None:
        """Drop what was left or is late, and start another thread when transformers' has died."""
        with self._lock:
            for name, job in list(self._running.items()):
                if job.is_left or job.fail_if_late():
                    self._drop(name)
            self._waiting = deque(
                job for job in self._waiting if not (job.is_left or job.fail_if_kept_waiting())
            )
            if not self._manager.is_running() and not self._stopping.is_set():
                logger.error("The generation thread of transformers has died; starting another")
                self._fail_all(GeneratorFailed("The generator's thread has ended."))
                self._manager.batch_processor = None
                gc.collect()
                if self._model.device.type == "cuda":
                    torch.cuda.empty_cache()
                self._begin()
            self._let_in()


def _streams(model: CausalModel, context: int) -> int:
    """Return how many replies of the longest kind the memory holds beside the model."""
    if model.device.type != "cuda":
        return 4
    free, _ = torch.cuda.mem_get_info()
    return max(1, min(STREAMS, int(free * MEMORY_SHARE) // (context * _bytes_per_token(model.module.config))))


def _bytes_per_token(config: Any) -> int:
    """Return what the keys and values of one token take in all layers, at two bytes a number."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return int(config.num_hidden_layers * heads * size * 2 * 2)


def _blocks(config: Any, streams: int, context: int, known: set[str]) -> int:
    """Return how many blocks of the cache hold as many replies to their end, with what is lost at their edges."""
    blocks = streams * (math.ceil(context / PAGE_TOKENS) + 2)
    if "page_size" in known:  # a block spans all layers
        return blocks
    kinds = list(getattr(config, "layer_types", None) or ["full_attention"])
    counts = [kinds.count(kind) for kind in set(kinds)]
    return blocks * (len(kinds) // math.gcd(*counts))  # before 5.18, a block spans one group of layers
