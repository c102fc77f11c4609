"""The layers of a BERT-like encoder, written out, and the file that their weights are read from.

For a question of ten tokens transformers' BertModel is mostly overhead: here queries, keys and values are one product,
weights are packed for oneDNN once, and GELU is fused. `tests/chatbot/engine/test_encoder.py` holds it to transformers'
own result.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch.nn import functional

from chatbot.engine.errors import WeightsError


class Linear:
    """A linear layer [out, in] whose weights are packed once for the device that runs it."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.bias = bias
        self.packed = weight.device.type == "cpu"
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous()) if self.packed else weight

    def __call__(self, x: torch.Tensor, *, gelu: bool = False) -> torch.Tensor:
        """Return x W^T + b, with GELU (erf form) if asked: [..., in] -> [..., out]."""
        if self.packed:
            post: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *post)
        y = functional.linear(x, self.weight, self.bias)
        return functional.gelu(y) if gelu else y


class Norm:
    """Layer normalisation over the last dimension."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> None:
        self.weight, self.bias, self.eps = weight, bias, eps

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class Layer:
    """One post-norm transformer layer (Vaswani et al. 2017; Devlin et al. 2019)."""

    def __init__(self, state: Mapping[str, torch.Tensor], *, heads: int, eps: float) -> None:
        attention = [f"attention.self.{name}" for name in ("query", "key", "value")]
        self.heads = heads
        self.qkv = Linear(
            torch.cat([state[f"{name}.weight"] for name in attention]),
            torch.cat([state[f"{name}.bias"] for name in attention]),
        )
        self.out, self.up, self.down = (
            Linear(state[f"{name}.weight"], state[f"{name}.bias"])
            for name in ("attention.output.dense", "intermediate.dense", "output.dense")
        )
        self.norm_attention, self.norm_output = (
            Norm(state[f"{name}.LayerNorm.weight"], state[f"{name}.LayerNorm.bias"], eps)
            for name in ("attention.output", "output")
        )

    def __call__(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """[batch, tokens, hidden] -> the same; mask [batch, 1, 1, tokens] is True where a token is real."""
        batch, tokens, hidden = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        context = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.norm_attention(self.out(context.transpose(1, 2).reshape(batch, tokens, hidden)) + x)
        return self.norm_output(self.down(self.up(x, gelu=True)) + x)


class State(Mapping[str, torch.Tensor]):
    """The tensors of a safetensors file by name, without a leading "bert." or "roberta."; each read when asked for.

    Reading them one by one keeps the file's pages out of memory: together they are twice the model.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            names = file.keys()
        self._names = {name.removeprefix("bert.").removeprefix("roberta."): name for name in names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> torch.Tensor:
        with self._opened() as file:
            return file.get_tensor(self._names[name])

    def _opened(self) -> safe_open:
        try:
            return safe_open(self._path, framework="pt")
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"{self._path} is not a readable safetensors file. Delete its folder to make it anew."
            ) from error
