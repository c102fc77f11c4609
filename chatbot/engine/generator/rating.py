"""How likely texts are, each after another: all pairs stand side by side, and each sees only itself."""

from collections.abc import Iterator, Sequence

import torch

from chatbot.engine.generator.attention import SlotCache, Step
from chatbot.engine.generator.model import CausalModel

# The tokens that are given, and those that are rated.
Pair = tuple[Sequence[int], Sequence[int]]
# New tokens in one pass.
TOKENS_AT_ONCE = 512


def rate(
    model: CausalModel,
    cache: SlotCache,
    slot: int,
    ids: Sequence[int],
    pairs: Sequence[Pair],
) -> list[float]:
    """Return the mean log-probability of the second of each pair after the first; 0.0 for one without tokens.

    `slot` holds all tokens `ids` but the last, which begins every pair; what is written behind them is left over.
    """
    found: list[float] = []
    for group in _groups(pairs, min(TOKENS_AT_ONCE, cache.tokens - len(ids))):
        branches = [[ids[-1], *given, *said][:-1] for given, said in group if said]
        if not branches:
            found.extend(0.0 for _ in group)
            continue
        step = _side_by_side(cache, slot, len(ids) - 1, [len(branch) for branch in branches], model.device)
        hidden = model.hidden([[token for branch in branches for token in branch]], step)[0]
        # Only the states that a rated token follows go through the vocabulary, which is most of the work.
        is_rated = [is_said for given, said in group if said for is_said in _marks(given, said)]
        targets = [token for _given, said in group for token in said]
        values = model.log_probabilities(hidden[torch.tensor(is_rated, device=model.device)], targets)
        rated = iter(values.split([len(said) for _given, said in group if said]))
        found.extend(float(next(rated).mean()) if said else 0.0 for _given, said in group)
    return found


def _marks(given: Sequence[int], said: Sequence[int]) -> list[bool]:
    """Say of each state of a branch whether the token that follows it is rated."""
    return [False] * len(given) + [True] * len(said)


def _groups(pairs: Sequence[Pair], tokens: int) -> Iterator[list[Pair]]:
    """Split pairs into groups of at most so many tokens."""
    group: list[Pair] = []
    size = 0
    for pair in pairs:
        length = sum(map(len, pair))
        if group and size + length > tokens:
            yield group
            group, size = [], 0
        group.append(pair)
        size += length
    if group:
        yield group


def _side_by_side(
    cache: SlotCache, slot: int, start: int, lengths: Sequence[int], device: torch.device
) -> Step:
    """Return the pass in which branches of some lengths all begin behind `start` tokens."""
    sizes = torch.tensor(lengths, device=device)
    branch = torch.repeat_interleave(torch.arange(len(lengths), device=device), sizes)
    firsts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
    positions = start + torch.arange(len(branch), device=device) - firsts
    sees = (branch[:, None] == branch[None, :]) & (positions[:, None] >= positions[None, :])
    return Step(cache=cache, slots=[slot], starts=[start], positions=positions[None], sees=sees)
