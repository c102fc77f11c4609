"""A sentence encoder: texts in, unit vectors out.

The forward pass is written out rather than left to transformers' BertModel, because for a question of ten tokens the
library's overhead is most of the time: here queries, keys and values are one product, weights are packed for oneDNN
once, and GELU is fused. `tests/chatbot/engine/test_encoder.py` holds it to transformers' own result.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch.nn import functional

from chatbot.engine import hardware, weights
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.errors import WeightsError

Precision = Literal["auto", "bf16", "fp32"]
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

# Architectures that share BERT's post-norm layers; the number is where their position ids start.
ARCHITECTURES = {"bert": 0, "roberta": None, "xlm-roberta": None}
MAX_TOKENS = 512
# Kernels that the CPU's matrix library keeps, about half a megabyte each; its own default is 1024.
KERNELS_KEPT = "256"
PROBE_TEXT = "how do I return a parcel that arrived yesterday?"


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

    def __init__(self, state: dict[str, torch.Tensor], *, heads: int, eps: float) -> None:
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


class _State:
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


class Encoder:
    """A loaded encoder. Not thread-safe: one engine thread owns it (see `batcher`)."""

    def __init__(self, folder: Path, *, precision: Precision = "auto", threads: int = 0) -> None:
        """Load a model folder; probe precision and thread count. Raises WeightsError."""
        config = _read_json(folder / "config.json")
        if config.get("model_type") not in ARCHITECTURES:
            raise WeightsError(
                f"{folder / 'config.json'} is of type {config.get('model_type')!r}; Kefu's encoder runs "
                f"{', '.join(ARCHITECTURES)}. Choose another ENCODER_MODEL."
            )
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS_KEPT)
        # A large FAQ is tokenized on one core; the others are the chats'.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.version = weights.fingerprint(folder)
        self.dim: int = config["hidden_size"]
        self.device = hardware.device()
        self._config = config
        self._prefixes = _prefixes(folder)
        self._pool_cls = _read_json(folder / "1_Pooling/config.json").get("pooling_mode_cls_token", False)
        pad = config.get("pad_token_id", 0)
        start = ARCHITECTURES[config["model_type"]]
        self._pad_id = pad
        self._first_position = pad + 1 if start is None else start
        self.max_tokens = min(MAX_TOKENS, config["max_position_embeddings"] - self._first_position)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)
        state = _State(folder / "model.safetensors")
        self.precision = self._choose_precision(state, precision)
        probe = self.tokenize([PROBE_TEXT], kind="query")
        self.threads = hardware.choose_threads(lambda: self.forward(probe), wanted=threads)

    def tokenize(self, texts: Sequence[str], *, kind: Kind) -> list[list[int]]:
        """Return token ids with the model's prefix and special tokens, cut at `max_tokens`."""
        prefix = self._prefixes[kind]
        return [e.ids for e in self.tokenizer.encode_batch([prefix + text for text in texts])]

    @torch.inference_mode()
    def forward(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Encode token ids together; returns unit vectors [len(batch), dim], fp32."""
        rows, width = bucket(len(batch), max(len(ids) for ids in batch))
        padded = np.full((rows, width), self._pad_id, np.int64)
        # A row that is there only for the shape holds one token, so that its attention has something to attend to.
        lengths = np.ones((rows, 1), np.int64)
        for row, tokens in enumerate(batch):
            padded[row, : len(tokens)] = tokens
            lengths[row] = len(tokens)
        ids = torch.from_numpy(padded).to(self.device)
        real = torch.from_numpy(np.arange(width) < lengths).to(self.device)
        mask = None if bool((lengths == width).all()) else real[:, None, None, :]
        x = self._norm(functional.embedding(ids, self._words) + self._positions[:width])
        for layer in self._layers:
            x = layer(x, mask)
        x = x.float()
        pooled = x[:, 0] if self._pool_cls else (x * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
        return functional.normalize(pooled[: len(batch)], dim=-1).cpu().numpy()

    def encode(self, texts: Sequence[str], *, kind: Kind, batch_tokens: int = 2048) -> Vectors:
        """Encode texts in length-sorted batches; returns unit vectors [len(texts), dim]."""
        ids = self.tokenize(texts, kind=kind)
        vectors = np.empty((len(ids), self.dim), np.float32)
        for rows in pack([len(i) for i in ids], batch_tokens):
            vectors[rows] = self.forward([ids[row] for row in rows])
        return vectors

    def _choose_precision(self, state: _State, wanted: Precision) -> str:
        """Build the model in the precision asked for, or in bf16 where that is native and a layer runs faster in it."""
        if wanted == "auto":
            wanted = "fp32"
            if hardware.bf16_is_native(self.device):
                wanted = min(DTYPES, key=lambda name: self._layer_seconds(state, DTYPES[name]))
        self._build(state, DTYPES[wanted])
        return wanted

    @torch.inference_mode()
    def _layer_seconds(self, state: _State, dtype: torch.dtype) -> float:
        """Return how long the first layer takes for three questions of 16 tokens."""
        layer = self._layer(state, 0, dtype)
        x = torch.randn(3, 16, self.dim).to(self.device, dtype)
        return hardware.median_seconds(lambda: layer(x, None).cpu(), runs=7)

    def _build(self, state: _State, dtype: torch.dtype) -> None:
        """Put the weights on the device in `dtype` and pack them."""

        def cast(name: str) -> torch.Tensor:
            return state[f"embeddings.{name}"].to(self.device, dtype)

        self._words = cast("word_embeddings.weight")
        positions = cast("position_embeddings.weight")[self._first_position :]
        self._positions = positions + cast("token_type_embeddings.weight")[0]
        self._norm = Norm(cast("LayerNorm.weight"), cast("LayerNorm.bias"), self._config["layer_norm_eps"])
        self._layers = [
            self._layer(state, number, dtype) for number in range(self._config["num_hidden_layers"])
        ]

    def _layer(self, state: _State, number: int, dtype: torch.dtype) -> Layer:
        prefix = f"encoder.layer.{number}."
        tensors = {
            name.removeprefix(prefix): state[name].to(self.device, dtype)
            for name in state
            if name.startswith(prefix)
        }
        return Layer(tensors, heads=self._config["num_attention_heads"], eps=self._config["layer_norm_eps"])


def bucket(rows: int, width: int) -> tuple[int, int]:
    """Round a batch's shape up, so that few shapes occur.

    The CPU's matrix library compiles and keeps a kernel per shape: with every length its own, hundreds of
    megabytes and several milliseconds at each new one.
    """
    return (rows if rows <= 8 else -(-rows // 8) * 8), min(-(-width // 8) * 8, MAX_TOKENS)


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group rows of similar length into batches of at most `budget` padded tokens (or of one row)."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batches: list[list[int]] = []
    width = 0
    for row in order:
        # Rows come longest first, so the batch's first row is its padded width.
        if not batches or (len(batches[-1]) + 1) * width > budget or lengths[row] * 2 < width:
            batches.append([])
            width = lengths[row]
        batches[-1].append(row)
    return batches


def _read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object, or an empty one where the file is not there."""
    return json.loads(path.read_text()) if path.is_file() else {}


def _prefixes(folder: Path) -> dict[str, str]:
    """Return what the model was trained to see before queries and passages."""
    prompts = _read_json(folder / "config_sentence_transformers.json").get("prompts", {})
    if not prompts.get("query") and "e5" in folder.name.lower():
        prompts = {"query": "query: ", "passage": "passage: "}
    return {"query": prompts.get("query", ""), "passage": prompts.get("passage", prompts.get("document", ""))}
