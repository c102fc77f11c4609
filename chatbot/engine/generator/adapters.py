"""A LoRA adapter's weights, put into a model when it is loaded: W + scale * B @ A (Hu et al., arXiv:2106.09685).

An adapter folder is what `peft` writes (adapter_config.json, adapter_model.safetensors), with `adapter.json`, which
names the base model and says how the prompts were written that it was trained with, and a manifest of hashes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """An adapter folder that was checked: its version, how it scales, and how its prompts are written.

    `source` is the form of one source, with {source}; `prompt` the whole, with {sources} and {question}.
    """

    folder: Path
    version: str
    scale: float
    source: str
    prompt: str


def read(folder: Path, *, base: str) -> Adapter:
    """Check an adapter's hashes and its base model's version. Raises WeightsError."""
    if not weights.verify(folder):
        raise WeightsError(
            f"The files of the adapter {folder} are not those of its {weights.MANIFEST}. Train it, or copy it, again."
        )
    try:
        own = json.loads((folder / "adapter.json").read_text())
        peft = json.loads((folder / "adapter_config.json").read_text())
        adapter = Adapter(
            folder=folder,
            version=weights.adapter_version(folder),
            scale=float(peft["lora_alpha"]) / int(peft["r"]),
            source=own["source"],
            prompt=own["prompt"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"The adapter {folder} is incomplete ({error}). Train it again.") from error
    if own["base"] != base:
        raise WeightsError(
            f"The adapter {folder} was trained for {own['base']}, but the generator is {base}. Train it for this one."
        )
    return adapter


def apply(adapter: Adapter, modules: Mapping[str, torch.nn.Module]) -> None:
    """Add an adapter's product to the weights of the named modules. Raises WeightsError for one that is not there."""
    state = load_file(adapter.folder / WEIGHTS)
    for name, down in state.items():
        module, kind, _ = name.removeprefix(PREFIX).rpartition(".lora_A")
        if not kind:
            continue
        up = state[name.replace(".lora_A", ".lora_B")]
        linear = modules.get(module)
        if not isinstance(linear, torch.nn.Linear) or linear.weight.shape != (up.shape[0], down.shape[1]):
            raise WeightsError(f"The adapter {adapter.folder} changes {module}, which this model has not.")
        with torch.no_grad():
            product = adapter.scale * (up.float() @ down.float())
            linear.weight.copy_(linear.weight.float() + product.to(linear.weight.device))
