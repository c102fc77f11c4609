"""Tune an encoder's upper layers to one FAQ: wordings of one entry together, those of others apart.

The loss is supervised contrastive (Khosla et al., NeurIPS 2020). What the frozen trunk makes of each text is computed
once, so a step costs only the tuned layers; leaving out some of its tokens stands in for dropout (Shen et al., A simple
but tough-to-beat data augmentation approach, 2020).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from chatbot.engine.encoder import Encoder
from chatbot.learning.batches import Batches, Recipe, cut
from chatbot.learning.checkpoint import Checkpoint, adam_restore, adam_tensors, below
from chatbot.learning.tuned import TunedUpper

# The held-out loss looks at so many texts, and is taken so often in a training.
HELD_OUT_TEXTS, TRAINED_TEXTS, LOOKS = 256, 1024, 8
NO_GRADIENT_BATCH = 128


class Progress(Protocol):
    """Told after every step; may raise to end the training."""

    def __call__(
        self, number: int, *, loss: float | None, held_out_loss: float | None, seconds_left: float | None
    ) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Views:
    """Texts as the trunk sees them: `states` each [tokens, dim], `owners` [texts] the number of each one's entry."""

    states: Sequence[torch.Tensor]
    owners: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """Tuned layers by the names of the model's file, and the course of the training: (step, loss, held-out loss)."""

    tensors: dict[str, torch.Tensor]
    curve: list[tuple[int, float, float | None]]
    steps: int


def tune(
    views: Views,
    *,
    encoder: Encoder,
    recipe: Recipe,
    seed: int,
    neighbours: Sequence[Sequence[int]] = (),
    held_out: Views | None = None,
    progress: Progress,
    checkpoint: Checkpoint,
) -> Tuned:
    """Tune the encoder's upper layers; with `held_out` texts, return them as they were when those had the least loss.

    `neighbours`: for each entry the numbers of those it is most easily taken for. A checkpoint of the same training is
    gone on from, and the result is the same as without the interruption. Raises what `progress` raises.
    """
    run = _Training(
        views, encoder=encoder, recipe=recipe, held_out=held_out, seed=seed, checkpoint=checkpoint
    )
    batches = Batches(views.owners, recipe=recipe, neighbours=neighbours, seed=seed)
    began, first = time.monotonic(), run.done
    looks = max(recipe.steps // LOOKS, 1)
    for step in range(run.done, recipe.steps):
        loss = run.step(batches.at(step), step)
        due = (step + 1) % looks == 0 or step + 1 == recipe.steps
        held_out_loss = run.look() if due and held_out is not None else None
        run.curve.append((step + 1, loss, held_out_loss))
        a_step = (time.monotonic() - began) / (step + 1 - first)
        progress(
            step + 1,
            loss=loss,
            held_out_loss=held_out_loss,
            seconds_left=a_step * (recipe.steps - step - 1),
        )
        if checkpoint.is_due:
            run.save()
    return Tuned(tensors=run.best, curve=run.curve, steps=run.done)


class _Training:
    """The state of one training: the layers, their optimizer, and what was best so far."""

    def __init__(
        self,
        views: Views,
        *,
        encoder: Encoder,
        recipe: Recipe,
        held_out: Views | None,
        seed: int,
        checkpoint: Checkpoint,
    ) -> None:
        self._views, self._held_out, self._recipe, self._seed = views, held_out, recipe, seed
        self._upper = TunedUpper(encoder)
        self._optimizer = torch.optim.AdamW(
            self._upper.parameters(), lr=0.0, weight_decay=recipe.weight_decay, fused=True
        )
        self._checkpoint = checkpoint
        self.done, self._best_loss = 0, float("inf")
        self.curve: list[tuple[int, float, float | None]] = []
        self._best: dict[str, torch.Tensor] | None = None
        self._samples = _samples(views, held_out) if held_out is not None else None
        self._resume()

    @property
    def best(self) -> dict[str, torch.Tensor]:
        """Return the layers that had the least held-out loss, or else the last ones."""
        return self._best or self._upper.tensors()

    def step(self, rows: NDArray[np.int64], step: int) -> float:
        """Learn from some texts; returns the loss."""
        recipe = self._recipe
        rate = min(1.0, (step + 1) / recipe.warmup_steps) * (1 - step / recipe.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate
        random = np.random.default_rng([self._seed, step, 1])
        vectors = self._upper([cut(self._views.states[row], recipe.cutoff, random) for row in rows])
        loss = contrast(vectors, torch.from_numpy(self._views.owners[rows]), temperature=recipe.temperature)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._upper.parameters(), recipe.clip)
        self._optimizer.step()
        self.done = step + 1
        return float(loss.detach())

    @torch.no_grad()
    def look(self) -> float:
        """Return the loss of held-out texts against the entries' means; remember the layers if it is the least."""
        assert self._samples is not None
        trained, held_out = self._samples
        vectors, owners = self._embed(trained.states), torch.from_numpy(trained.owners)
        entries, places = owners.unique(return_inverse=True)
        means = torch.zeros(len(entries), vectors.shape[1]).index_add_(0, places, vectors)
        asked = self._embed(held_out.states)
        scores = asked @ functional.normalize(means, dim=-1).T / self._recipe.temperature
        right = (torch.from_numpy(held_out.owners)[:, None] == entries[None]).float().argmax(1)
        loss = float(functional.cross_entropy(scores, right))
        if loss < self._best_loss:
            self._best_loss = loss
            self._best = {name: tensor.clone() for name, tensor in self._upper.tensors().items()}
        return loss

    def _embed(self, states: Sequence[torch.Tensor]) -> torch.Tensor:
        order = sorted(range(len(states)), key=lambda at: len(states[at]))
        vectors = torch.empty(len(states), states[0].shape[1])
        for start in range(0, len(order), NO_GRADIENT_BATCH):
            places = order[start : start + NO_GRADIENT_BATCH]
            vectors[places] = self._upper([states[place] for place in places]).cpu()
        return vectors

    def save(self) -> None:
        """Keep where the training stands, so that a process that takes over can go on from here."""
        tensors = {f"now.{name}": tensor for name, tensor in self._upper.state_dict().items()}
        tensors |= adam_tensors(self._optimizer, dict(self._upper.named_parameters()))
        tensors |= {f"best.{name}": tensor for name, tensor in (self._best or {}).items()}
        self._checkpoint.save(
            tensors, {"done": self.done, "curve": self.curve, "best_loss": min(self._best_loss, 1e9)}
        )

    def _resume(self) -> None:
        found = self._checkpoint.load()
        if found is None:
            return
        tensors, told = found
        self.done, self.curve = told["done"], [(step, loss, other) for step, loss, other in told["curve"]]
        self._best_loss = told["best_loss"]
        self._upper.load_state_dict(below("now", tensors))
        adam_restore(self._optimizer, dict(self._upper.named_parameters()), tensors)
        self._best = below("best", tensors) or None


def contrast(vectors: torch.Tensor, owners: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Return the supervised contrastive loss of unit vectors [texts, dim], to whom `owners` [texts] are the classes.

    A text whose owner has no other text here counts only against the others.
    """
    alone = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    owners = owners.to(vectors.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(alone, -1e9)
    logs = scores - scores.logsumexp(1, keepdim=True)
    positive = (owners[:, None] == owners[None]) & ~alone
    means = (logs * positive).sum(1) / positive.sum(1).clamp(min=1)
    return -means[positive.any(1)].mean()


def _samples(views: Views, held_out: Views) -> tuple[Views, Views]:
    """Return what the held-out loss is taken of: some learned texts, each entry in turn, and some held-out ones."""
    turn = np.zeros(len(views.owners), np.int64)
    seen: dict[int, int] = {}
    for row, owner in enumerate(views.owners.tolist()):
        turn[row] = seen[owner] = seen.get(owner, -1) + 1
    known = np.isin(held_out.owners, views.owners)
    asked = np.flatnonzero(known)
    asked = asked[:: max(1, len(asked) // HELD_OUT_TEXTS)][:HELD_OUT_TEXTS]
    wanted = np.isin(views.owners, held_out.owners[asked])
    first = np.lexsort((turn, ~wanted))[:TRAINED_TEXTS]
    return _some(views, first), _some(held_out, asked)


def _some(views: Views, rows: NDArray[np.int64]) -> Views:
    return Views(states=[views.states[row] for row in rows], owners=views.owners[rows])
