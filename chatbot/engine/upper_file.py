"""The file that a version's upper layers are kept in.

It is safetensors, its tensors named as in the model's own file, in bfloat16: 14 MB for four layers of 384.
"""

from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from chatbot.engine.errors import WeightsError


def write_upper(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return upper layers as a safetensors file."""
    return save({name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in tensors.items()})


def read_upper(data: bytes, *, like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Read upper layers that have the names and shapes of `like`. Raises WeightsError."""
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(
            "The tuned layers are not a readable safetensors file. Download the version again."
        ) from error
    if tensors.keys() != like.keys():
        odd = sorted(tensors.keys() ^ like.keys())
        raise WeightsError(
            f"The tuned layers do not fit the encoder: {len(odd)} tensors are missing or unknown, such as {odd[0]!r}. "
            "Use a version that was trained on this encoder."
        )
    for name, tensor in tensors.items():
        if tensor.shape != like[name].shape or not tensor.is_floating_point():
            raise WeightsError(
                f"The tuned layers do not fit the encoder: {name!r} is {tuple(tensor.shape)} {tensor.dtype}, but must "
                f"be {tuple(like[name].shape)} floating point. Use a version that was trained on this encoder."
            )
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"The tuned layers hold a number that is not finite, in {name!r}. Train them again."
            )
    return tensors
