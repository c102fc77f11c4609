"""Decoding on a CPU: one thread owns the model, and writes all replies together, a token each at a time.

Weights are read once a step however many replies are being written, so eight cost little more than one. A prompt is
read in pieces between the steps, so that nobody's reply pauses for long, and behind what it shares with a prompt that
was read before (examples of a locale, the sentences said so far), which is taken over.
"""

import contextlib
import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from chatbot.engine import hardware
from chatbot.engine.errors import GeneratorBusy, GeneratorError, GeneratorFailed, GeneratorStopped
from chatbot.engine.generator.attention import SlotCache, Step, causal
from chatbot.engine.generator.jobs import End, Job, Rating, Writing, failure
from chatbot.engine.generator.low_rank import Terms
from chatbot.engine.generator.model import CausalModel
from chatbot.engine.generator.rating import rate
from chatbot.engine.generator.vocabulary import Allowed

logger = logging.getLogger(__name__)

# Replies written together, and slots beyond them that keep what was read for prompts to come.
TOGETHER, KEPT = 8, 4
# Tokens of a prompt read between two steps: about 0.1 s on one core.
CHUNK = 128
# Fewer shared tokens than this are read again sooner than copied.
WORTH_COPYING = 16
# What the last job counts in how long jobs take; the ones before it count ever less.
PACE_SHARE = 0.1
NICENESS = 10


@dataclass(eq=False, kw_only=True)
class Slot:
    """A place in the cache: the tokens whose keys and values it holds, with which adapter, and the job that uses it.

    `begun_at` is a `time.monotonic()`, `used` a number that is higher the later it was used.
    """

    number: int
    ids: list[int] = field(default_factory=list)
    terms: Terms | None = None
    job: Job | None = None
    allowed: Allowed | None = None
    used: int = 0
    begun_at: float = 0.0

    @property
    def unread(self) -> int:
        """How many tokens of the job's prompt are still to be read; the last one is read by the first step."""
        return 0 if self.job is None else len(self.job.ids) - 1 - len(self.ids)


class Slots:
    """The backend for CPUs."""

    def __init__(self, model: CausalModel, *, queue: int, together: int = TOGETHER) -> None:
        """`queue`: jobs that may wait beside those being written, of which there are at most `together`."""
        self._model = model
        self._queue = queue
        self._together = together
        self._cache: SlotCache = model.new_cache(slots=together + KEPT)
        self._slots = [Slot(number=number) for number in range(together + KEPT)]
        self._waiting: deque[Job] = deque()
        # Between the queue and a slot, so that whatever happens then, they are not forgotten.
        self._taken: deque[Job] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._has_ended = False
        self._clock = 0
        # Seconds that a job takes, as the last ones did.
        self._pace = 0.0
        self._threads_elsewhere = torch.get_num_threads()
        self._thread = self._new_thread()

    # ---------------------------------------------------------------- from other threads

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Fail everything with GeneratorStopped, and end the thread after its current step."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, job: Job) -> None:
        """Queue a job; a thread that was killed is started again. Raises GeneratorBusy, GeneratorStopped."""
        with self._wake:
            if self._stopping or self._thread.ident is None:
                raise GeneratorStopped("The generator is not running.")
            self._check_has_room(job.begin_by - time.monotonic())
            self._check_is_worth_it(job)
            self._waiting.append(job)
            if self._has_ended:
                logger.error("The generator's thread has died; starting another")
                self._has_ended = False
                self._thread = self._new_thread()
                self._thread.start()
            self._wake.notify()

    def check_has_room(self, *, wait: float) -> None:
        """Raise GeneratorBusy where a reply would wait among too many, or, as things go, for longer than `wait` s."""
        with self._wake:
            self._check_has_room(wait)

    def cancel(self, job: Job) -> None:
        """Have a job dropped before the next step."""
        job.ear.is_gone = True

    def _check_has_room(self, wait: float) -> None:
        before = len(self._ahead()) - self._together
        if before >= self._queue:
            raise GeneratorBusy(f"{before} requests are waiting already, as many as may.")
        expected = max(0, before + 1) * self._pace / self._together
        if expected > wait:
            raise GeneratorBusy(f"It would be some {expected:.1f} s until this is begun.")

    def _check_is_worth_it(self, job: Job) -> None:
        """Raise GeneratorBusy for a second rating, and for one at all while half of the places are taken.

        It only betters a choice, which replies would have to wait for.
        """
        if not isinstance(job, Rating):
            return
        ahead = self._ahead()
        if 2 * len(ahead) >= self._together or any(isinstance(other, Rating) for other in ahead):
            raise GeneratorBusy("Nothing is rated while there is much to do.")

    def _ahead(self) -> list[Job]:
        """Return the jobs that were asked for before; one that is just given its place is in two."""
        begun = [slot.job for slot in self._slots if slot.job is not None]
        return list(dict.fromkeys([*self._waiting, *self._taken, *begun]))

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="generator", daemon=True)

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        """Serve until stopped; however this ends, nobody is left waiting."""
        error: GeneratorError = GeneratorFailed("The generator's thread has ended.")
        try:
            hardware.use_threads_here(self._model.threads, elsewhere=self._threads_elsewhere)
            hardware.give_way(NICENESS)
            with torch.inference_mode():
                while self._look():
                    self._turn()
            error = GeneratorStopped("The generator has stopped.")
        finally:
            with self._wake:
                self._has_ended = True
                jobs = [
                    *self._taken,
                    *self._waiting,
                    *(slot.job for slot in self._slots if slot.job is not None),
                ]
                self._waiting.clear()
                self._taken.clear()
            self._forget()
            for job in jobs:
                job.fail(error)

    def _look(self) -> bool:
        """Wait for work, give waiting jobs a slot, drop what was left; False when stopping."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._waiting or self._busy())
            if self._stopping:
                return False
            while self._waiting and len(self._busy()) + len(self._taken) < self._together:
                job = self._waiting.popleft()
                if not (job.is_left or job.fail_if_late()):
                    self._taken.append(job)
            self._waiting = deque(
                job for job in self._waiting if not (job.is_left or job.fail_if_kept_waiting())
            )
        while self._taken:
            self._place(self._taken[0])
            with self._wake:
                self._taken.popleft()
        for slot in self._busy():
            if slot.job is not None and (slot.job.is_left or slot.job.fail_if_late()):
                self._release(slot)
        return True

    def _busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.job is not None]

    def _turn(self) -> None:
        """Read a piece of one prompt, rate one job's pairs, and write a token of every reply."""
        reading = next((slot for slot in self._busy() if slot.unread > 0), None)
        if reading is not None:
            with self._guarded([reading], "Reading a prompt"):
                self._read(reading)
        for slot in self._busy():
            if isinstance(slot.job, Rating) and slot.unread == 0:
                with self._guarded([slot], "Rating"):
                    self._rate(slot, slot.job)
                break
        writing = [slot for slot in self._busy() if isinstance(slot.job, Writing) and slot.unread == 0]
        if writing:
            with self._guarded(writing, "Writing"):
                self._write(writing)

    @contextlib.contextmanager
    def _guarded(self, slots: Sequence[Slot], what: str) -> Iterator[None]:
        """Fail these slots' jobs when the model fails, free what memory there is, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- the edge of a task: logged, and every waiter hears of it
            failed = failure(error, what)
            for slot in slots:
                if slot.job is not None:
                    slot.job.fail(failed)
                self._release(slot)
                slot.ids = []
            if isinstance(error, torch.OutOfMemoryError | MemoryError):
                self._forget(only_idle=True)

    def _forget(self, *, only_idle: bool = False) -> None:
        """Let go of everything that was read, or of nothing while other jobs go on with it."""
        if only_idle and self._busy():
            return
        for slot in self._slots:
            slot.job, slot.allowed, slot.ids, slot.terms = None, None, [], None
        self._cache.clear()
        gc.collect()

    def _place(self, job: Job) -> None:
        """Give a job the slot that has read most of its prompt, or the one longest unused with a copy of that."""
        wanted = job.ids[:-1]
        # What one adapter has made of a prompt is not what another makes of it.
        shared = {
            slot.number: _shared(slot.ids, wanted) if slot.terms is job.terms else 0 for slot in self._slots
        }
        best = max(self._slots, key=lambda slot: (shared[slot.number], slot.job is None))
        count = shared[best.number] if shared[best.number] >= WORTH_COPYING else 0
        free = min((slot for slot in self._slots if slot.job is None), key=lambda slot: slot.used)
        slot = best if best.job is None and count else free
        slot.job, slot.begun_at = job, time.monotonic()
        with self._guarded([slot], "Preparing a prompt"):
            if count and slot is not best:
                self._cache.copy(source=best.number, target=slot.number, tokens=count)
            slot.ids, slot.terms = wanted[:count], job.terms
            slot.allowed = self._model.vocabulary.allowed(job.ids) if isinstance(job, Writing) else None

    def _release(self, slot: Slot) -> None:
        self._clock += 1
        self._pace += PACE_SHARE * (time.monotonic() - slot.begun_at - self._pace)
        slot.job, slot.allowed, slot.used = None, None, self._clock

    def _read(self, slot: Slot) -> None:
        """Read the next piece of a prompt."""
        assert slot.job is not None
        start = len(slot.ids)
        piece = slot.job.ids[start : min(start + CHUNK, len(slot.job.ids) - 1)]
        positions, sees = causal(start, len(piece), self._model.device)
        step = Step(
            cache=self._cache,
            slots=[slot.number],
            starts=[start],
            positions=positions,
            sees=sees,
            terms=[slot.terms],
        )
        self._model.hidden([piece], step)
        slot.ids.extend(piece)

    def _rate(self, slot: Slot, job: Rating) -> None:
        job.found = rate(self._model, self._cache, slot.number, job.ids, job.pairs)
        self._release(slot)
        job.ear.tell(job.found)
        job.ear.tell(End())

    def _write(self, slots: list[Slot]) -> None:
        """Write one token of every reply."""
        jobs = [slot.job for slot in slots if isinstance(slot.job, Writing)]
        last = [job.ids[-1] for job in jobs]
        step = Step(
            cache=self._cache,
            slots=[slot.number for slot in slots],
            starts=[len(slot.ids) for slot in slots],
            terms=[slot.terms for slot in slots],
        )
        hidden = self._model.hidden([[token] for token in last], step)[:, 0]
        with torch.inference_mode():
            tokens = self._model.vocabulary.best(hidden, [s.allowed for s in slots if s.allowed is not None])
        for slot, job, before, token in zip(slots, jobs, last, tokens, strict=True):
            slot.ids.append(before)
            job.made += 1
            is_end = token in self._model.ends
            if not is_end:
                job.ids.append(token)
                job.ear.tell(token)
            if is_end or job.made >= job.max_tokens:
                self._release(slot)
                job.ear.tell(End())


def _shared(known: Sequence[int], wanted: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    count = 0
    for ours, theirs in zip(known, wanted, strict=False):
        if ours != theirs:
            break
        count += 1
    return count
