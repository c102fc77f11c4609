"""The upper layers of one model version: what it adds to the trunk that all versions share. Knows no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

TUNED_LAYERS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Upper:
    """A version's upper layers, ready to run; `name` is the key under which its vectors are kept.

    Vectors that are compared with one another are always of one version. Each of `layers` takes states [batch, tokens,
    hidden] and a mask [batch, 1, 1, tokens] or None, and returns the states after it.
    """

    name: str
    layers: Sequence[Callable[[Any, Any], Any]]
