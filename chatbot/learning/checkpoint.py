"""Where a training stands, on disk: written whole or not at all, and only gone on from by the same training."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

# A process that takes over does so much again, at most.
CHECKPOINT_SECONDS = 10.0
# What AdamW remembers of a parameter; the first is a count, which stays where it is.
ADAM = ("step", "exp_avg", "exp_avg_sq")


class Checkpoint:
    """One training's checkpoint file; `identity` is what must be the same for a training to go on from it."""

    def __init__(self, path: Path, *, identity: Mapping[str, Any]) -> None:
        self._path = path
        self._identity = json.dumps(identity, sort_keys=True, ensure_ascii=False)
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Say whether it is time to save again."""
        return time.monotonic() - self._saved_at > CHECKPOINT_SECONDS

    def save(self, tensors: Mapping[str, torch.Tensor], told: Mapping[str, Any]) -> None:
        """Replace the checkpoint by tensors and plain JSON."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # An overtaken process may still be writing its own.
        beside = self._path.with_suffix(f".{os.getpid()}.part")
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(kept, beside, metadata={"identity": self._identity, "told": json.dumps(told)})
        beside.replace(self._path)
        self._saved_at = time.monotonic()

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return what this training last saved, or None."""
        try:
            with safe_open(self._path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("identity") != self._identity:
                    return None
                return {name: file.get_tensor(name) for name in file.keys()}, json.loads(metadata["told"])  # noqa: SIM118
        except (OSError, SafetensorError):
            return None


def adam_tensors(
    optimizer: torch.optim.Optimizer, named: Mapping[str, torch.nn.Parameter]
) -> dict[str, torch.Tensor]:
    """Return what AdamW remembers of its parameters, by names that tell them from the parameters' own."""
    return {
        f"{part}.{name}": optimizer.state[parameter][part]
        for name, parameter in named.items()
        for part in ADAM
    }


def adam_restore(
    optimizer: torch.optim.Optimizer,
    named: Mapping[str, torch.nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
) -> None:
    """Have AdamW remember what `adam_tensors` returned."""
    for name, parameter in named.items():
        step, *moments = (tensors[f"{part}.{name}"] for part in ADAM)
        moved = (moment.to(parameter.device) for moment in moments)
        optimizer.state[parameter] = dict(zip(ADAM, (step, *moved), strict=True))


def below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with a prefix and a point, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
