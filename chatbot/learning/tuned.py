"""An encoder's upper layers with gradients: what training changes, and `engine.layers` then runs.

Texts lie one after another instead of padded side by side: most are short and a few long, so padding would be most of
the work. Only attention looks at them side by side, and it is a small part. Attention is written out, for its fused
form is many times slower backwards than forwards on a CPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from chatbot.engine.encoder import Encoder

# Shapes are filled up, so that few occur: the CPU's matrix library compiles for each and keeps what it compiled.
TOKENS_STEP = 256
TEXTS_STEP = 16
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Texts of like length that attention looks at side by side.

    `tokens`: which of all real tokens are theirs; `places` [those] where each is in [texts x width]; `mask` [texts, 1,
    1, width] is 0 where a token is real and very low elsewhere.
    """

    tokens: slice
    places: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Texts one after another: `states` [tokens, dim], of which the first `count` are real; `row` [count] is whose.

    `lengths` [texts, 1] are their numbers of tokens, `starts` [texts] their first.
    """

    states: torch.Tensor
    count: int
    row: torch.Tensor
    lengths: torch.Tensor
    starts: torch.Tensor
    groups: Sequence[Group]


def pack_states(states: Sequence[torch.Tensor], device: torch.device) -> Packed:
    """Pack what the trunk made of some texts, each [tokens, dim], which come longest first."""
    lengths = torch.tensor([len(one) for one in states])
    starts = lengths.cumsum(0) - lengths
    count = int(lengths.sum())
    packed = torch.cat([*states, states[0].new_zeros(-count % TOKENS_STEP, states[0].shape[1])])
    groups, first = [], 0
    while first < len(states):
        width = next(width for width in WIDTHS if width >= lengths[first])
        # Those that need more than half of it; the least width is everybody's.
        last = first + int((lengths[first:] * 2 > (width if width > WIDTHS[0] else 0)).sum())
        groups.append(
            _group(lengths[first:last], width, begin=int(starts[first]), like=packed, device=device)
        )
        first = last
    row = torch.repeat_interleave(torch.arange(len(states)), lengths)
    return Packed(
        states=packed.to(device),
        count=count,
        row=row.to(device),
        lengths=lengths[:, None].to(device),
        starts=starts.to(device),
        groups=groups,
    )


def _group(
    lengths: torch.Tensor, width: int, *, begin: int, like: torch.Tensor, device: torch.device
) -> Group:
    """Return texts of some lengths [texts] as a group whose tokens begin at `begin`; rows are filled up with none."""
    filled = functional.pad(lengths, (0, -len(lengths) % TEXTS_STEP))
    real = torch.arange(width) < filled[:, None]
    mask = torch.zeros(real.shape, dtype=like.dtype).masked_fill(~real, torch.finfo(like.dtype).min)
    return Group(
        tokens=slice(begin, begin + int(lengths.sum())),
        places=real.flatten().nonzero().flatten().to(device),
        mask=mask[:, None, None, :].to(device),
    )


class TunedLayer(nn.Module):
    """One post-norm transformer layer with gradients; weights are fp32, sums are made in the states' precision."""

    NAMES = {
        "out": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm_attention": "attention.output.LayerNorm",
        "norm_output": "output.LayerNorm",
    }
    QKV = tuple(f"attention.self.{name}" for name in ("query", "key", "value"))

    def __init__(self, state: Mapping[str, torch.Tensor], prefix: str, *, heads: int, eps: float) -> None:
        super().__init__()
        self.prefix, self.heads, self.eps = prefix, heads, eps
        for part in ("weight", "bias"):
            joined = torch.cat([state[f"{prefix}{name}.{part}"].float() for name in self.QKV])
            self.register_parameter(f"qkv_{part}", nn.Parameter(joined))
            for short, name in self.NAMES.items():
                self.register_parameter(
                    f"{short}_{part}", nn.Parameter(state[f"{prefix}{name}.{part}"].float())
                )

    def forward(self, x: torch.Tensor, packed: Packed) -> torch.Tensor:
        """[tokens, hidden] -> the same."""
        x = self._norm("norm_attention", self._linear("out", self._attention(x, packed)) + x)
        return self._norm("norm_output", self._linear("down", functional.gelu(self._linear("up", x))) + x)

    def _attention(self, x: torch.Tensor, packed: Packed) -> torch.Tensor:
        """Let each token look at those of its text: [tokens, hidden] -> the same."""
        joined = self._linear("qkv", x)
        found = [self._attend(joined[group.tokens], group) for group in packed.groups]
        return functional.pad(torch.cat(found), (0, 0, 0, len(x) - packed.count))

    def _attend(self, joined: torch.Tensor, group: Group) -> torch.Tensor:
        """Let the tokens of a group look at one another: [tokens, 3 x hidden] -> [tokens, hidden]."""
        texts, width = group.mask.shape[0], group.mask.shape[-1]
        hidden = joined.shape[1] // 3
        padded = joined.new_zeros(texts * width, 3 * hidden).index_copy(0, group.places, joined)
        q, k, v = padded.view(texts, width, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (hidden // self.heads) ** -0.5) @ k.transpose(-1, -2) + group.mask
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(texts * width, hidden)
        return context.index_select(0, group.places)

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = (getattr(self, f"{name}_{part}").to(x.dtype) for part in ("weight", "bias"))
        return functional.linear(x, weight, bias)

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = (getattr(self, f"{name}_{part}").to(x.dtype) for part in ("weight", "bias"))
        return functional.layer_norm(x, (x.shape[-1],), weight, bias, self.eps)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the weights under the names that the model's file gives them."""
        found: dict[str, torch.Tensor] = {}
        for part in ("weight", "bias"):
            joined = getattr(self, f"qkv_{part}").detach().chunk(3)
            found |= {f"{self.prefix}{name}.{part}": one for name, one in zip(self.QKV, joined, strict=True)}
            for short, name in self.NAMES.items():
                found[f"{self.prefix}{name}.{part}"] = getattr(self, f"{short}_{part}").detach()
        return found


class TunedUpper(nn.Module):
    """The upper layers of an encoder, ready to be trained on its device."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        state = encoder.upper_state()
        prefixes = dict.fromkeys(".".join(name.split(".")[:3]) + "." for name in sorted(state, key=_number))
        self._layers = [
            TunedLayer(state, prefix, heads=encoder.heads, eps=encoder.eps).to(encoder.device)
            for prefix in prefixes
        ]
        self.layers = nn.ModuleList(self._layers)
        self.device = encoder.device
        self.pools_first = encoder.pools_first

    def forward(self, states: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the unit vectors [texts, dim], fp32, of texts of which the trunk made `states`: each [tokens, dim]."""
        order = sorted(range(len(states)), key=lambda at: -len(states[at]))
        packed = pack_states([states[at] for at in order], self.device)
        x = packed.states
        for layer in self._layers:
            x = layer(x, packed)
        if self.pools_first:
            pooled = x[packed.starts].float()
        else:
            summed = x.new_zeros(len(states), x.shape[1], dtype=torch.float32)
            pooled = summed.index_add(0, packed.row, x[: packed.count].float()) / packed.lengths
        back = torch.empty(len(order), dtype=torch.long)
        back[order] = torch.arange(len(order))
        return functional.normalize(pooled, dim=-1)[back.to(self.device)]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all weights under the names that the model's file gives them."""
        return {name: tensor for layer in self._layers for name, tensor in layer.tensors().items()}


def _number(name: str) -> int:
    """Return a tensor's layer: "encoder.layer.8.output.dense.bias" -> 8."""
    return int(name.split(".")[2])
