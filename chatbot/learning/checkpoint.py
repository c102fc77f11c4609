"""Where a training stands, on disk: written whole or not at all, and only gone on from by the same training."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file


class Checkpoint:
    """One training's checkpoint file; `identity` is what must be the same for a training to go on from it."""

    def __init__(self, path: Path, *, identity: Mapping[str, Any]) -> None:
        self._path = path
        self._identity = json.dumps(identity, sort_keys=True, ensure_ascii=False)

    def save(self, tensors: Mapping[str, torch.Tensor], told: Mapping[str, Any]) -> None:
        """Replace the checkpoint by tensors and plain JSON."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # An overtaken process may still be writing its own.
        beside = self._path.with_suffix(f".{os.getpid()}.part")
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(kept, beside, metadata={"identity": self._identity, "told": json.dumps(told)})
        beside.replace(self._path)

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
