"""How likely continuations of one text are: all stand side by side behind it, and each sees only itself."""

from collections.abc import Iterator, Sequence

import torch

from chatbot.engine.generator.attention import SlotCache, Step
from chatbot.engine.generator.low_rank import Terms
from chatbot.engine.generator.model import CausalModel

# New tokens in one pass.
TOKENS_AT_ONCE = 512


def rate(
    model: CausalModel,
    cache: SlotCache,
    slot: int,
    ids: Sequence[int],
    continuations: Sequence[Sequence[int]],
    *,
    terms: Terms | None = None,
) -> list[float]:
    """Return the mean log-probability of every continuation's tokens; 0.0 for one without tokens.

    `slot` holds all tokens `ids` but the last, which begins every branch; what is written behind them is left over.
    """
    found: list[float] = []
    for group in _groups(continuations, min(TOKENS_AT_ONCE, cache.tokens - len(ids))):
        branches = [[ids[-1], *continuation[:-1]] for continuation in group if continuation]
        if not branches:
            found.extend(0.0 for _ in group)
            continue
        lengths = [len(branch) for branch in branches]
        step = _side_by_side(cache, slot, len(ids) - 1, lengths, model.device, terms)
        hidden = model.hidden([[token for branch in branches for token in branch]], step)[0]
        targets = [token for continuation in group for token in continuation]
        rated = iter(model.log_probabilities(hidden, targets).split([len(branch) for branch in branches]))
        found.extend(float(next(rated).mean()) if continuation else 0.0 for continuation in group)
    return found


def _groups(continuations: Sequence[Sequence[int]], tokens: int) -> Iterator[list[Sequence[int]]]:
    """Split continuations into groups of at most so many tokens."""
    group: list[Sequence[int]] = []
    for continuation in continuations:
        if group and sum(map(len, group)) + len(continuation) > tokens:
            yield group
            group = []
        group.append(continuation)
    if group:
        yield group


def _side_by_side(
    cache: SlotCache, slot: int, start: int, lengths: Sequence[int], device: torch.device, terms: Terms | None
) -> Step:
    """Return the pass in which branches of some lengths all begin behind `start` tokens."""
    sizes = torch.tensor(lengths, device=device)
    branch = torch.repeat_interleave(torch.arange(len(lengths), device=device), sizes)
    firsts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
    positions = start + torch.arange(len(branch), device=device) - firsts
    sees = (branch[:, None] == branch[None, :]) & (positions[:, None] >= positions[None, :])
    return Step(
        cache=cache, slots=[slot], starts=[start], positions=positions[None], sees=sees, terms=[terms]
    )
