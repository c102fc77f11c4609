"""The running generator of one process: text in, text out, as it is written; with an adapter or without."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from chatbot.engine.errors import GeneratorFailed, PromptTooLong, WeightsError
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.generator.continuous import Continuous
from chatbot.engine.generator.jobs import Backend, Ear, End, Job, Rating, Writing
from chatbot.engine.generator.low_rank import Terms
from chatbot.engine.generator.model import CausalModel, Precision
from chatbot.engine.generator.rendering import PLAIN_STOPS, Cleaner, PromptLike, render
from chatbot.engine.generator.slots import Slots
from chatbot.engine.generator.text import TextStream


class Generator:
    """What answering uses of a causal language model."""

    def __init__(
        self,
        folder: Path,
        *,
        precision: Precision = "auto",
        threads: int = 0,
        adapter: Path | None = None,
        queue: int = 32,
        wait: float = 60.0,
        max_tokens: int = 256,
        seconds: float = 60.0,
    ) -> None:
        """Load the model folder (seconds). Raises WeightsError.

        `queue`: requests that may wait, each at most `wait` seconds; `max_tokens`, `seconds`: what no request gets more
        of.
        """
        self.model = CausalModel(folder, precision=precision, threads=threads, adapter=adapter)
        self.version = self.model.version
        self.is_chat = self.model.chat is not None
        self.context_tokens = self.model.context_tokens
        is_gpu = self.model.device.type == "cuda"
        self._backend: Backend = (Continuous if is_gpu else Slots)(self.model, queue=queue)
        self._clear = Cleaner(self.model.tokenizer)
        self._wait, self._max_tokens, self._seconds = wait, max_tokens, seconds
        # A model that was trained for neither turns nor replies has only learnt from examples where one ends.
        self._is_plain = not self.is_chat and self.model.adapter is None

    def start(self) -> None:
        """Start to serve."""
        self._backend.start()

    def stop(self) -> None:
        """Fail what is being written and what waits with GeneratorStopped, and end."""
        self._backend.stop()

    def check_has_room(self) -> None:
        """Raise GeneratorBusy where a reply would be refused now: to be asked before it is prepared."""
        self._backend.check_has_room(wait=self._wait)

    def adapted(self, adapter: Adapter) -> "Adapted":
        """Return this generator with an adapter of its model, which is loaded when it is first asked for anything."""
        return Adapted(self, adapter)

    def render(self, prompt: PromptLike, *, adapter: Adapter | None = None) -> str:
        """Return a prompt as the text that this model reads, or that it reads with an adapter."""
        return render(
            prompt,
            clear=self._clear,
            chat=self.model.chat,
            adapter=adapter or self.model.adapter,
        )

    async def generate(
        self,
        text: str,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        prefix: str = "",
        deadline: float,
        adapter: Adapter | None = None,
    ) -> AsyncIterator[str]:
        """Yield the reply to a rendered prompt piece by piece, the likeliest token each time.

        `prefix` is what of the reply stands already: it is gone on with, and not yielded. `deadline` is a
        `time.monotonic()`. Closing the iterator ends the work within two tokens. Raises GeneratorBusy, GeneratorFailed,
        GeneratorStopped, GeneratorLate.
        """
        is_plain = self._is_plain and adapter is None
        between = " " if prefix and is_plain else ""  # in examples a space stands before a reply
        ids = self.model.encode(f"{text}{between}{prefix}", is_adapted=adapter is not None)
        max_tokens = min(max_tokens, self._max_tokens)
        self._check_fits(len(ids), max_tokens)
        stops = [*stop, *(PLAIN_STOPS if is_plain else ())]
        stream = TextStream(self.model.tokenizer, stops, is_beginning=not prefix)
        job = Writing(
            ids=ids,
            ear=Ear(),
            begin_by=self._begin_by(),
            deadline=self._bounded(deadline),
            terms=await self._terms(adapter),
            max_tokens=max_tokens,
        )
        async with self._running(job):
            while isinstance(item := await job.ear.hear(), int):
                if piece := stream.take(item):
                    yield piece
                if stream.has_stopped:
                    return
            _raise(item)
        if piece := stream.rest():
            yield piece

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        """Return the mean log-probability per token of the second of each pair, behind `text` and the first.

        `text` is read once. Raises what `generate` raises.
        """
        if not pairs:
            return []
        ids = self.model.encode(text)
        read = [(self._tokens(given), self._tokens(said)) for given, said in pairs]
        self._check_fits(len(ids), max(len(given) + len(said) for given, said in read))
        job = Rating(
            ids=ids, ear=Ear(), begin_by=self._begin_by(), deadline=self._bounded(deadline), pairs=read
        )
        async with self._running(job):
            found = await job.ear.hear()
            _raise(found)
        assert isinstance(found, list)
        return found

    def _tokens(self, text: str) -> list[int]:
        return list(self.model.tokenizer.encode(text, add_special_tokens=False).ids)

    async def _terms(self, adapter: Adapter | None) -> Terms | None:
        """Return what an adapter adds, read elsewhere than on the event loop. Raises GeneratorFailed."""
        if adapter is None:
            return None
        try:
            return await asyncio.to_thread(self.model.low_rank.load, adapter)
        except WeightsError as error:
            raise GeneratorFailed(f"The adapter {adapter.version} cannot be used: {error}") from error

    def _begin_by(self) -> float:
        return time.monotonic() + self._wait

    def _bounded(self, deadline: float) -> float:
        return min(deadline, time.monotonic() + self._seconds)

    def _check_fits(self, prompt: int, more: int) -> None:
        if prompt + more > self.context_tokens:
            raise PromptTooLong(
                f"A prompt of {prompt} tokens and {more} more do not fit into {self.context_tokens}. Give it fewer or "
                "shorter sources."
            )

    @contextlib.asynccontextmanager
    async def _running(self, job: Job) -> AsyncIterator[None]:
        self._backend.submit(job)
        try:
            yield
        finally:
            self._backend.cancel(job)


class Adapted:
    """A generator with an adapter beside its model: what others ask of it meanwhile is answered as without."""

    def __init__(self, generator: Generator, adapter: Adapter) -> None:
        self._generator, self._adapter = generator, adapter

    @property
    def version(self) -> str:
        """Return the generator's version with the adapter's."""
        return f"{self._generator.version}+{self._adapter.version}"

    def check_has_room(self) -> None:
        """Raise what `Generator.check_has_room` does."""
        self._generator.check_has_room()

    def render(self, prompt: PromptLike) -> str:
        """Return a prompt in the adapter's form."""
        return self._generator.render(prompt, adapter=self._adapter)

    def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]:
        """Yield what `Generator.generate` does."""
        return self._generator.generate(
            text, max_tokens=max_tokens, stop=stop, prefix=prefix, deadline=deadline, adapter=self._adapter
        )

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        """Return what `Generator.likelihoods` does: how likely texts are is asked of the model alone.

        What weighs such likelihoods was fitted to it, and an adapter only learns to reply.
        """
        return await self._generator.likelihoods(text, pairs, deadline=deadline)


def _raise(item: object) -> None:
    """Raise the error that ends a job, if one does."""
    if isinstance(item, End) and item.error is not None:
        raise item.error
