"""Attention over slots: every sequence keeps its keys and values in a place of its own, from step to step.

Each slot holds one sequence, so that sequences of any length are decoded together without padding, a new one starts
behind what it shares with an old one, and nothing is moved when one of them ends.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from chatbot.engine.generator.low_rank import Terms

NAME = "kefu_slots"


class SlotCache:
    """Keys and values of all layers, [slots, heads, tokens, head size] each; memory is taken as it fills."""

    def __init__(self, *, slots: int, tokens: int) -> None:
        self.slots, self.tokens = slots, tokens
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def layer(self, number: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a layer's keys and values, made in the shape of `like` [rows, heads, new tokens, head size]."""
        if number not in self._layers:
            shape = (self.slots, like.shape[1], self.tokens, like.shape[3])
            self._layers[number] = (like.new_empty(shape), like.new_empty(shape))
        return self._layers[number]

    def copy(self, *, source: int, target: int, tokens: int) -> None:
        """Give one slot the first tokens of another."""
        for pair in self._layers.values():
            for stored in pair:
                stored[target, :, :tokens] = stored[source, :, :tokens]

    def clear(self) -> None:
        """Let go of the memory."""
        self._layers.clear()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One forward pass: rows of equally many new tokens, each behind the `starts` tokens of its slot.

    More than one new token is given to one row only. `positions` [1, new] are theirs, and `sees` [new, new] says which
    of them each may look at; everything before them is seen by all. `terms` [rows] are the rows' adapters, if any.
    """

    cache: SlotCache
    slots: Sequence[int]
    starts: Sequence[int]
    positions: torch.Tensor | None = None
    sees: torch.Tensor | None = None
    terms: Sequence[Terms | None] = ()
    _masks: dict[tuple[int | None, int], torch.Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, groups: int) -> torch.Tensor | None:
        """Return what the row's new tokens see, [1, 1, groups * new, stored + new]; None for one new token."""
        if self.sees is None or self.positions is None:
            return None
        if (window, groups) not in self._masks:
            start = self.starts[0]
            mask = functional.pad(self.sees, (start, 0), value=True)
            if window is not None:
                stored = torch.arange(start, device=mask.device)
                at = torch.cat([stored, self.positions[0]])
                mask = mask & (at[None, :] > self.positions[0][:, None] - window)
            self._masks[window, groups] = mask.repeat(groups, 1)[None, None]
        return self._masks[window, groups]


def causal(start: int, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return positions [1, count] and what sees what [count, count] for ordinary text behind `start` tokens."""
    positions = torch.arange(start, start + count, device=device)[None]
    return positions, _lower_triangle(count, device)


@functools.lru_cache(maxsize=8)
def _lower_triangle(count: int, device: torch.device) -> torch.Tensor:
    return torch.ones(count, count, dtype=torch.bool, device=device).tril()


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    step: Step,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Store the new keys and values, and attend; the attention function of transformers' models under NAME.

    `query` [rows, heads, new, size]; `key`, `value` [rows, key heads, new, size]; returns [rows, new, heads, size].
    Heads that share their keys are taken as further queries, so nothing is repeated.
    """
    keys, values = step.cache.layer(module.layer_idx, key)
    heads, new, size = query.shape[1:]
    groups = heads // key.shape[1]
    mask = step.mask(sliding_window, groups)
    found = torch.empty_like(query)
    for row, (slot, start) in enumerate(zip(step.slots, step.starts, strict=True)):
        end = start + new
        keys[slot, :, start:end] = key[row]
        values[slot, :, start:end] = value[row]
        first = max(0, start - sliding_window + 1) if sliding_window else 0
        found[row] = functional.scaled_dot_product_attention(
            query[row].reshape(1, -1, groups * new, size),
            keys[slot : slot + 1, :, first:end],
            values[slot : slot + 1, :, first:end],
            attn_mask=None if mask is None else mask[..., first:],
            scale=scaling,
        ).reshape(heads, new, size)
    return found.transpose(1, 2), None
