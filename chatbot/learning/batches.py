"""How to tune, and which texts each step learns from."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

# A step learns from this many texts, two of each entry, as far as the FAQ has so many entries.
CLASSES, WORDINGS = 32, 2
# Steps grow with the number of texts up to a limit: each text is then seen some ten times, or fewer of very many.
STEPS_MIN, STEPS_MAX, VIEWS = 60, 600, 10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to tune. `cutoff`: the mean share of a text's tokens that is left out; `confusable`: the share of a batch's

    entries that are there because they are easily taken for another one in it.
    """

    steps: int
    classes: int = CLASSES
    wordings: int = WORDINGS
    learning_rate: float = 1e-4
    warmup_steps: int = 15
    weight_decay: float = 0.01
    temperature: float = 0.05
    clip: float = 1.0
    cutoff: float = 0.1
    confusable: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return all of it by name."""
        return asdict(self)


def recipe_for(*, texts: int) -> Recipe:
    """Return how to tune to so many texts."""
    steps = texts * VIEWS // (CLASSES * WORDINGS)
    return Recipe(steps=min(max(steps, STEPS_MIN), STEPS_MAX))


class Batches:
    """Which texts each step learns from; a function of the seed and the step's number alone."""

    def __init__(
        self, owners: NDArray[np.int64], *, recipe: Recipe, neighbours: Sequence[Sequence[int]], seed: int
    ) -> None:
        order = np.argsort(owners, kind="stable")
        entries, starts = np.unique(owners[order], return_index=True)
        self._rows = dict(zip(entries.tolist(), np.split(order, starts[1:]), strict=True))
        # An entry with one wording has nothing to be drawn to; it only pushes others away.
        self._paired = [entry for entry, rows in self._rows.items() if len(rows) > 1]
        self._recipe, self._neighbours, self._seed = recipe, neighbours, seed

    def at(self, step: int) -> NDArray[np.int64]:
        """Return the rows of a step's texts."""
        random = np.random.default_rng([self._seed, step])
        classes = min(self._recipe.classes, len(self._rows))
        wanted = max(1, round(classes * (1 - self._recipe.confusable)))
        chosen = dict.fromkeys(random.permutation(self._paired)[:wanted].tolist())
        for entry in self._confusable(list(chosen), random):
            if len(chosen) >= classes:
                break
            chosen.setdefault(entry)
        rest = (int(entry) for entry in random.permutation(list(self._rows)))
        while len(chosen) < classes:
            chosen.setdefault(next(rest))
        return np.concatenate(
            [
                random.choice(rows, min(self._recipe.wordings, len(rows)), replace=False)
                for rows in (self._rows[entry] for entry in chosen)
            ]
        )

    def _confusable(self, chosen: Sequence[int], random: np.random.Generator) -> Iterator[int]:
        """Yield entries that are easily taken for the chosen ones: the nearest of each, then the next of each."""
        if self._neighbours:
            mixed = [self._neighbours[entry] for entry in random.permutation(chosen)]
            yield from (near for rank in zip(*mixed, strict=False) for near in rank if near in self._rows)


def cut(states: torch.Tensor, share: float, random: np.random.Generator) -> torch.Tensor:
    """Return a text's states [tokens, dim] without some of its tokens; the first stays."""
    kept = random.random(len(states)) >= 2 * share * random.random()
    kept[0] = True
    return states[torch.from_numpy(np.flatnonzero(kept))]
