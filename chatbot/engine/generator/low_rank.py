"""Adapters beside one model in memory: their low-rank terms are added for the rows that they are for, and only those.

y = W x + scale * B (A x) for a row with an adapter (Hu et al., arXiv:2106.09685, as S-LoRA, arXiv:2311.03285, serves
many): the model's own weights stay as they are, so rows with and without adapters are computed in one pass.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter, Pairs

MOST, MOST_BYTES = 32, 512 * 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """A loaded adapter: A [rank, in] and scale * B [out, rank] by module, in the model's precision."""

    version: str
    pairs: Pairs = field(repr=False)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(tensor.nbytes for pair in self.pairs.values() for tensor in pair)


class LowRank:
    """The adapters of one model. `on` is for the thread that runs the model; `load` for any."""

    def __init__(self, module: nn.Module, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        """Keep at most so many loaded, the last used longest; who is being written for keeps its own till the end."""
        self._linears = {name: one for name, one in module.named_modules() if isinstance(one, nn.Linear)}
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[str, Terms] = OrderedDict()
        self._loading = threading.Lock()
        self._hooked: set[str] = set()
        self._rows: Sequence[Terms | None] = ()

    def load(self, adapter: Adapter) -> Terms:
        """Return an adapter's terms, read the first time. Raises WeightsError."""
        with self._loading:
            if adapter.version not in self._kept:
                self._kept[adapter.version] = self._read(adapter)
            self._kept.move_to_end(adapter.version)
            while len(self._kept) > 1 and (len(self._kept) > self._most or self._bytes() > self._most_bytes):
                self._kept.popitem(last=False)
            return self._kept[adapter.version]

    @contextmanager
    def on(self, rows: Sequence[Terms | None]) -> Iterator[None]:
        """Add each row's terms to what the model computes meanwhile for inputs [rows, new, in]."""
        terms = [one for one in rows if one is not None]
        if not terms:
            yield
            return
        for name in {name for one in terms for name in one.pairs} - self._hooked:
            self._linears[name].register_forward_hook(_Hook(self, name))
            self._hooked.add(name)
        self._rows = rows
        try:
            yield
        finally:
            self._rows = ()

    def add(self, name: str, given: torch.Tensor, made: torch.Tensor) -> None:
        """Add the terms of a module's rows to its output [rows, new, out], made of its input [rows, new, in]."""
        for terms in {id(one): one for one in self._rows if one is not None}.values():
            pair = terms.pairs.get(name)
            if pair is None:
                continue
            down, up = pair
            places = [row for row, one in enumerate(self._rows) if one is terms]
            if len(places) == len(self._rows):
                made += functional.linear(functional.linear(given, down), up)
            else:
                made[places] += functional.linear(functional.linear(given[places], down), up)

    def _read(self, adapter: Adapter) -> Terms:
        pairs = {}
        for name, (down, up) in adapters.fitting(adapter, self._linears).items():
            like = self._linears[name].weight
            pairs[name] = (down.to(like), (adapter.scale * up.float()).to(like))
        return Terms(version=adapter.version, pairs=pairs)

    def _bytes(self) -> int:
        return sum(terms.bytes for terms in self._kept.values())


class _Hook:
    """What a linear layer calls with what it was given and has made."""

    def __init__(self, owner: LowRank, name: str) -> None:
        self._owner, self._name = owner, name

    def __call__(self, _module: nn.Module, given: tuple[Any, ...], made: torch.Tensor) -> None:
        self._owner.add(self._name, given[0], made)

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Hook":
        # A copy of the model that is run in another way has no rows to add anything to.
        return _Hook(LowRank(nn.Module()), self._name)
