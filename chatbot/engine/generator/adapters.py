"""LoRA adapters: a term scale * B @ A beside some of a model's weights (Hu et al., arXiv:2106.09685).

An adapter is either a folder as `peft` writes it (adapter_config.json, adapter_model.safetensors), with `adapter.json`,
which names the base model and says how the prompts were written that it was trained with, and a manifest of hashes; or
one safetensors file whose metadata says all that.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
OWN = "own"
# The metadata of an adapter that is one file.
ABOUT = "kefu_adapter"
HEADER_BYTES, FORM_CHARS, NAME_CHARS = 2**20, 2000, 200

# By module: A [rank, in] and B [out, rank].
Pairs = Mapping[str, tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """An adapter that was checked: its version and its base model's, how it scales, how its prompts are written.

    `source` is the form of one source, with {source}; `prompt` the whole, with {sources} and {question}. `read` gives
    its safetensors file and may raise WeightsError.
    """

    version: str
    base: str
    scale: float
    source: str
    prompt: str
    read: Callable[[], bytes] = field(repr=False, compare=False)

    def about(self) -> dict[str, Any]:
        """Return what `described` makes it from again, as values that JSON knows."""
        return {"base": self.base, "scale": self.scale, "source": self.source, "prompt": self.prompt}


def read(folder: Path, *, base: str) -> Adapter:
    """Check an adapter folder's hashes and its base model's version. Raises WeightsError."""
    if not weights.verify(folder):
        raise WeightsError(
            f"The files of the adapter {folder} are not those of its {weights.MANIFEST}. Train it, or copy it, again."
        )
    try:
        own = json.loads((folder / "adapter.json").read_text())
        peft = json.loads((folder / "adapter_config.json").read_text())
        adapter = Adapter(
            version=weights.adapter_version(folder),
            base=own["base"],
            scale=float(peft["lora_alpha"]) / int(peft["r"]),
            source=own["source"],
            prompt=own["prompt"],
            read=(folder / WEIGHTS).read_bytes,
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"The adapter {folder} is incomplete ({error}). Train it again.") from error
    if own["base"] != base:
        raise WeightsError(
            f"The adapter {folder} was trained for {own['base']}, but the generator is {base}. Train it for this one."
        )
    return adapter


def packed(adapter: Adapter) -> bytes:
    """Return an adapter as one safetensors file. Raises WeightsError."""
    return save(_tensors(adapter.read()), metadata={ABOUT: json.dumps(adapter.about())})


def unpacked(data: bytes) -> Adapter:
    """Check a file of `packed`, which may come from anybody. Raises WeightsError."""
    size = int.from_bytes(data[:8], "little")
    if size > HEADER_BYTES:
        raise WeightsError("This file is no adapter: its header is too large.")
    try:
        about = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][ABOUT])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(
            "This file is no adapter: its header does not say what it was made for."
        ) from error
    adapter = described(about, sha256=hashlib.sha256(data).hexdigest(), read=lambda: data)
    for down, up in pairs_of(adapter).values():
        if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
            raise WeightsError("This adapter holds numbers that are not finite. Train it again.")
    return adapter


def described(about: Any, *, sha256: str, read: Callable[[], bytes]) -> Adapter:
    """Return the adapter that `Adapter.about` says, with the hash of its file. Raises WeightsError."""
    try:
        adapter = Adapter(
            version=f"{OWN}@{sha256[:12]}",
            base=str(about["base"]),
            scale=float(about["scale"]),
            source=str(about["source"]),
            prompt=str(about["prompt"]),
            read=read,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"The adapter does not say how it is used ({error}). Train it again.") from error
    is_form = (
        "{source}" in adapter.source and "{sources}" in adapter.prompt and "{question}" in adapter.prompt
    )
    is_short = len(adapter.source) + len(adapter.prompt) <= FORM_CHARS and len(adapter.base) <= NAME_CHARS
    if not (is_form and is_short and math.isfinite(adapter.scale)):
        raise WeightsError("The adapter does not say how its prompts are written. Train it again.")
    return adapter


def pairs_of(adapter: Adapter) -> Pairs:
    """Return an adapter's matrices. Raises WeightsError."""
    state = _tensors(adapter.read())
    found = {}
    for name, down in state.items():
        module, kind, _ = name.removeprefix(PREFIX).rpartition(".lora_A")
        if not kind:
            continue
        up = state.get(name.replace(".lora_A", ".lora_B"))
        if up is None or down.dim() != 2 or up.dim() != 2 or down.shape[0] != up.shape[1]:
            raise WeightsError(
                f"The adapter {adapter.version} has no two matrices for {module}. Train it again."
            )
        found[module] = (down, up)
    if not found:
        raise WeightsError(f"The adapter {adapter.version} changes nothing. Train it again.")
    return found


def fitting(adapter: Adapter, modules: Mapping[str, torch.nn.Module]) -> Pairs:
    """Return an adapter's matrices, if they fit the named modules. Raises WeightsError."""
    pairs = pairs_of(adapter)
    for name, (down, up) in pairs.items():
        linear = modules.get(name)
        if not isinstance(linear, torch.nn.Linear) or linear.weight.shape != (up.shape[0], down.shape[1]):
            raise WeightsError(f"The adapter {adapter.version} changes {name}, which this model has not.")
    return pairs


def apply(adapter: Adapter, modules: Mapping[str, torch.nn.Module]) -> None:
    """Add an adapter's product to the weights of the named modules. Raises WeightsError for one that is not there."""
    for name, (down, up) in fitting(adapter, modules).items():
        weight = modules[name].weight
        assert isinstance(weight, torch.Tensor)
        with torch.no_grad():
            product = adapter.scale * (up.float() @ down.float())
            weight.copy_(weight.float() + product.to(weight.device))


def _tensors(data: bytes) -> dict[str, torch.Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"An adapter's file cannot be read ({error}). Train it again.") from error
