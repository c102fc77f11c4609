"""A sentence encoder: texts in, unit vectors out.

Its lower layers, the trunk, are shared by every tenant and locale; the upper ones may be tuned, and a model version
holds nothing but those (see `upper`). The trunk runs on a mixed batch, the upper layers once per version in it.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from chatbot.engine import hardware, weights
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.errors import WeightsError
from chatbot.engine.layers import Layer, Norm, State
from chatbot.engine.upper import TUNED_LAYERS, Upper
from chatbot.engine.upper_file import read_upper

Precision = Literal["auto", "bf16", "fp32"]
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

# Architectures that share BERT's post-norm layers; the number is where their position ids start.
ARCHITECTURES = {"bert": 0, "roberta": None, "xlm-roberta": None}
MAX_TOKENS = 512
# Kernels that the CPU's matrix library keeps, about half a megabyte each; its own default is 1024.
KERNELS_KEPT = "256"
PROBE_TEXT = "how do I return a parcel that arrived yesterday?"


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
        self._prefixes = _prefixes(folder)
        self.pools_first: bool = _read_json(folder / "1_Pooling/config.json").get(
            "pooling_mode_cls_token", False
        )
        pad = config.get("pad_token_id", 0)
        start = ARCHITECTURES[config["model_type"]]
        self._pad_id = pad
        self._first_position = pad + 1 if start is None else start
        self.max_tokens = min(MAX_TOKENS, config["max_position_embeddings"] - self._first_position)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)
        self._file = folder / "model.safetensors"
        state = State(self._file)
        self._depth: int = config["num_hidden_layers"]
        self._first_upper = max(self._depth - TUNED_LAYERS, 0)
        self.heads: int = config["num_attention_heads"]
        self.eps: float = config["layer_norm_eps"]
        self.precision = self._choose_precision(state, precision)
        probe = self.tokenize([PROBE_TEXT], kind="query")
        self.threads = hardware.choose_threads(lambda: self.forward(probe, [self.base]), wanted=threads)

    def tokenize(self, texts: Sequence[str], *, kind: Kind) -> list[list[int]]:
        """Return token ids with the model's prefix and special tokens, cut at `max_tokens`."""
        prefix = self._prefixes[kind]
        return [e.ids for e in self.tokenizer.encode_batch([prefix + text for text in texts])]

    @torch.inference_mode()
    def forward(self, batch: Sequence[Sequence[int]], uppers: Sequence[Upper]) -> Vectors:
        """Encode token ids together, each with its version's upper layers; returns unit vectors [len(batch), dim]."""
        x, real = self._embed(batch)
        x = run(self._trunk, x, real)
        if all(upper is uppers[0] for upper in uppers):
            return self.pool(run(uppers[0].layers, x, real), real)[: len(batch)].cpu().numpy()
        vectors = np.empty((len(batch), self.dim), np.float32)
        for upper in dict.fromkeys(uppers):
            places = [place for place, its in enumerate(uppers) if its is upper]
            # Filled up with its first row, for few shapes here too.
            filled = places + places[:1] * (bucket(len(places), 8)[0] - len(places))
            made = self.pool(run(upper.layers, x[filled], real[filled]), real[filled])
            vectors[places] = made[: len(places)].cpu().numpy()
        return vectors

    @torch.inference_mode()
    def trunk(self, texts: Sequence[str], *, kind: Kind, batch_tokens: int = 2048) -> list[torch.Tensor]:
        """Return what the trunk makes of each text: [tokens, dim] in the model's precision, on the CPU."""
        ids = self.tokenize(texts, kind=kind)
        found: list[torch.Tensor] = [torch.empty(0)] * len(ids)
        for rows in pack([len(i) for i in ids], batch_tokens):
            x = run(self._trunk, *self._embed([ids[row] for row in rows])).cpu()
            for place, row in enumerate(rows):
                found[row] = x[place, : len(ids[row])].clone()
        return found

    @torch.inference_mode()
    def finish(
        self, states: Sequence[torch.Tensor], *, upper: Upper | None = None, batch_tokens: int = 2048
    ) -> Vectors:
        """Return the unit vectors [len(states), dim] of what `trunk` made of texts: the cheaper part of `encode`."""
        upper = upper or self.base
        vectors = np.empty((len(states), self.dim), np.float32)
        for rows in pack([len(one) for one in states], batch_tokens):
            count, width = bucket(len(rows), max(len(states[row]) for row in rows))
            x = states[rows[0]].new_zeros(count, width, self.dim)
            lengths = torch.ones(count, 1, dtype=torch.long)
            for place, row in enumerate(rows):
                x[place, : len(states[row])] = states[row]
                lengths[place] = len(states[row])
            real = (torch.arange(width) < lengths).to(self.device)
            made = self.pool(run(upper.layers, x.to(self.device), real), real)
            vectors[rows] = made[: len(rows)].cpu().numpy()
        return vectors

    def pool(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Return the unit vectors [batch, dim], fp32, of the last layer's states [batch, tokens, dim]."""
        x = x.float()
        pooled = x[:, 0] if self.pools_first else (x * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
        return functional.normalize(pooled, dim=-1)

    def upper(self, name: str, data: bytes) -> Upper:
        """Make the upper layers of a version from its safetensors file, packed for this device. Raises WeightsError."""
        tensors = read_upper(data, like=self.upper_state())
        return Upper(
            name=name,
            layers=[
                self._layer(tensors, number, self._dtype) for number in range(self._first_upper, self._depth)
            ],
        )

    def upper_state(self) -> dict[str, torch.Tensor]:
        """Return the tensors of the shipped model's upper layers, as its file has them."""
        prefixes = tuple(f"encoder.layer.{number}." for number in range(self._first_upper, self._depth))
        state = State(self._file)
        return {name: state[name] for name in state if name.startswith(prefixes)}

    def _embed(self, batch: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a batch's embeddings [rows, tokens, dim] and which tokens are real [rows, tokens]."""
        rows, width = bucket(len(batch), max(len(ids) for ids in batch))
        padded = np.full((rows, width), self._pad_id, np.int64)
        # A row that is there only for the shape holds one token, so that its attention has something to attend to.
        lengths = np.ones((rows, 1), np.int64)
        for row, tokens in enumerate(batch):
            padded[row, : len(tokens)] = tokens
            lengths[row] = len(tokens)
        ids = torch.from_numpy(padded).to(self.device)
        real = torch.from_numpy(np.arange(width) < lengths).to(self.device)
        return self._norm(functional.embedding(ids, self._words) + self._positions[:width]), real

    def encode(
        self, texts: Sequence[str], *, kind: Kind, upper: Upper | None = None, batch_tokens: int = 2048
    ) -> Vectors:
        """Encode texts in length-sorted batches; returns unit vectors [len(texts), dim]; None is the base's upper."""
        upper = upper or self.base
        ids = self.tokenize(texts, kind=kind)
        vectors = np.empty((len(ids), self.dim), np.float32)
        for rows in pack([len(i) for i in ids], batch_tokens):
            vectors[rows] = self.forward([ids[row] for row in rows], [upper] * len(rows))
        return vectors

    def _choose_precision(self, state: State, wanted: Precision) -> str:
        """Build the model in the precision asked for, or in bf16 where that is native and a layer runs faster in it."""
        if wanted == "auto":
            wanted = "fp32"
            if hardware.bf16_is_native(self.device):
                wanted = hardware.fastest({name: self._layer_work(state, DTYPES[name]) for name in DTYPES})
        self._build(state, DTYPES[wanted])
        return wanted

    def _layer_work(self, state: State, dtype: torch.dtype) -> Callable[[], object]:
        """Return what runs the first layer on three questions of 16 tokens."""
        layer = self._layer(state, 0, dtype)
        x = torch.randn(3, 16, self.dim).to(self.device, dtype)

        @torch.inference_mode()
        def work() -> object:
            return layer(x, None).cpu()

        return work

    def _build(self, state: State, dtype: torch.dtype) -> None:
        """Put the weights on the device in `dtype` and pack them."""

        def cast(name: str) -> torch.Tensor:
            return state[f"embeddings.{name}"].to(self.device, dtype)

        self._dtype = dtype
        self._words = cast("word_embeddings.weight")
        positions = cast("position_embeddings.weight")[self._first_position :]
        self._positions = positions + cast("token_type_embeddings.weight")[0]
        self._norm = Norm(cast("LayerNorm.weight"), cast("LayerNorm.bias"), self.eps)
        layers = [self._layer(state, number, dtype) for number in range(self._depth)]
        self._trunk = layers[: self._first_upper]
        self.base = Upper(name=self.version, layers=layers[self._first_upper :])

    def _layer(self, state: Mapping[str, torch.Tensor], number: int, dtype: torch.dtype) -> Layer:
        prefix = f"encoder.layer.{number}."
        tensors = {
            name.removeprefix(prefix): state[name].to(self.device, dtype)
            for name in state
            if name.startswith(prefix)
        }
        return Layer(tensors, heads=self.heads, eps=self.eps)


def run(
    layers: Sequence[Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]],
    x: torch.Tensor,
    real: torch.Tensor,
) -> torch.Tensor:
    """Run layers on states [batch, tokens, dim], of which `real` [batch, tokens] are of a text."""
    mask = None if bool(real.all()) else real[:, None, None, :]
    for layer in layers:
        x = layer(x, mask)
    return x


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
