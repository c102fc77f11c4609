"""Who looks on while a training runs: writes down how far it is, and ends it where its claim is void."""

import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.db import InterfaceError, OperationalError, connection

from chatbot import training
from chatbot.training import Cancelled, Claim, Overtaken

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
# A curve has at most so many points: one that grows longer keeps every other of them.
CURVE_POINTS = 300

Point = list[float | None]


class Stopped(Exception):
    """This process is to end; the training goes on in another from its last checkpoint."""


class Progress:
    """A `chatbot.learning.run.Watch` that writes to the run's row and to TensorBoard's log.

    A thread of its own does the writing, once a second, so that no step waits for the database, and without any step
    tells that somebody is at it. Where Postgres is away for a while, the training goes on without.
    """

    def __init__(
        self,
        *,
        claim: Claim,
        curve: list[Point],
        board: Path,
        is_stopped: Callable[[], bool] = lambda: False,
        echo: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`curve`: as an earlier attempt left it; `board`: the folder of TensorBoard's log; `echo` takes lines."""
        self._claim, self._is_stopped, self._echo = claim, is_stopped, echo
        self._board: Any = None
        self._board_folder = board
        self._curve, self._stride = list(curve), 1
        self._values: dict[str, Any] = {}
        self._stage, self._steps = "", 0
        self._began = _Mark()
        self._told_at = 0.0
        self._end: Exception | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="training-progress", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._writer.join()
        if self._board is not None:
            self._board.close()

    # ---------------------------------------------------------------- what the training calls

    def stage(self, name: str, *, steps: int = 0) -> None:
        """Note that a stage begins. Raises Cancelled, Overtaken, Stopped."""
        with self._lock:
            self._values |= {"stage": name, "step": 0, "steps": steps, "seconds_left": None}
            self._began, self._steps = _Mark(), steps
        if name != self._stage:
            self._stage = name
            self._echo(name)
        self._write()
        self._raise_end()

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """Note that a stage has done so many of its steps. Raises Cancelled, Overtaken, Stopped."""
        self._raise_end()
        with self._lock:
            left = self._began.seconds_left(number, self._steps) if seconds_left is None else seconds_left
            self._values |= {"step": number, "seconds_left": left}
            self._add_to_curve(number, _finite(loss), _finite(held_out_loss))
        if loss is not None or held_out_loss is not None:
            self._log({"loss/train": loss, "loss/held_out": held_out_loss}, number)
        if time.monotonic() - self._told_at >= WRITE_SECONDS:
            self._told_at = time.monotonic()
            self._echo(_line(number, self._steps, loss, left))

    def look(self) -> None:
        """Find out whether the training is to go on. Raises Cancelled, Overtaken, Stopped."""
        self._raise_end()

    @property
    def has_ended(self) -> bool:
        """Whether the next look will raise."""
        return self._end is not None or self._is_stopped()

    def figures(self, values: dict[str, float | None]) -> None:
        """Log the figures of the finished version."""
        self._log({f"metrics/{name.replace('@', '_at_')}": value for name, value in values.items()}, 0)

    # ---------------------------------------------------------------- what is kept

    def _add_to_curve(self, number: int, loss: float | None, held_out: float | None) -> None:
        if loss is None and held_out is None:
            return
        # What was tuned before the checkpoint that it goes on from is tuned again.
        while self._curve and (self._curve[-1][0] or 0) >= number:
            self._curve.pop()
        if held_out is None and (loss is None or number % self._stride):
            return
        self._curve.append([number, loss, held_out])
        if len(self._curve) > CURVE_POINTS:
            self._stride *= 2
            self._curve = [
                point
                for point in self._curve
                if point[2] is not None or not int(point[0] or 0) % self._stride
            ]
        self._values["curve"] = list(self._curve)

    def _log(self, values: dict[str, float | None], number: int) -> None:
        if self._board is None:
            # Here, as it takes half a second to import.
            from tensorboardX import SummaryWriter

            self._board = SummaryWriter(logdir=str(self._board_folder), flush_secs=10)
        for name, value in values.items():
            if value is not None:
                self._board.add_scalar(name, value, number)

    # ---------------------------------------------------------------- writing

    def _write_on(self) -> None:
        written_at = time.monotonic()
        try:
            while not self._closed.wait(WRITE_SECONDS) and self._end is None:
                if self._values or time.monotonic() - written_at >= training.HEARTBEAT_SECONDS:
                    self._write()
                    written_at = time.monotonic()
        finally:
            connection.close()

    def _write(self) -> None:
        with self._writing:
            with self._lock:
                values, self._values = self._values, {}
            try:
                training.run_tell(claim=self._claim, **values)
            except (Cancelled, Overtaken) as end:
                self._end = end
            except (OperationalError, InterfaceError) as error:
                logger.warning("Postgres is out of reach; the training goes on: %s", error)
                connection.close()
                with self._lock:
                    self._values = values | self._values

    def _raise_end(self) -> None:
        if self._end is not None:
            raise self._end
        if self._is_stopped():
            raise Stopped


class _Mark:
    """When a stage began, and with which step."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._number = 0

    def seconds_left(self, number: int, steps: int) -> float | None:
        """Return how long the steps that are left will take, if they take as long as those so far."""
        now = time.monotonic()
        if self._at is None:
            self._at, self._number = now, number
        done = number - self._number
        return (now - self._at) / done * max(steps - number, 0) if done > 0 and steps else None


def _finite(value: float | None) -> float | None:
    return round(value, 5) if value is not None and math.isfinite(value) else None


def _line(number: int, steps: int, loss: float | None, left: float | None) -> str:
    parts = [f"  {number}/{steps}" if steps else f"  {number}"]
    parts += [f"loss {loss:.4f}"] if loss is not None else []
    parts += [f"{left:.0f} s left"] if left is not None else []
    return ", ".join(parts)
