"""Who looks on while a training runs."""

from typing import Protocol


class Watch(Protocol):
    """Who looks on while a training runs. Every call may raise to end it: cancelled, or overtaken by another worker."""

    def stage(self, name: str, *, steps: int = 0) -> None:
        """A stage begins: reading, trunk, tuning, fitting or evaluating."""

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """A stage has done so many of its steps."""
