"""A tiny Gemma 3 with random weights, which decodes in a millisecond, and the bundled one, loaded once."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from django.conf import settings

from chatbot.engine import weights
from chatbot.engine.generator.generator import Generator
from chatbot.engine.generator.model import CausalModel

PROMPT = "Gift cards cannot be exchanged for cash. Orders ship within 3 days."


@pytest.fixture(scope="session")
def generator_folder() -> Path:
    return weights.prepare(None, settings.MODEL_DIR, shipped=weights.GENERATOR)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the bundled one's kind: windows and full attention, shared keys, tied head, bytes as tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    folder = tmp_path_factory.mktemp("models") / "tiny"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {
        piece: number for number, piece in enumerate(["<pad>", "<eos>", "<bos>", "<turn>", *letters])
    }
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<turn>"])
    torch.manual_seed(7)
    config = Gemma3TextConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=12,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        max_position_embeddings=512,
        eos_token_id=1,
        bos_token_id=2,
        pad_token_id=0,
        initializer_range=0.4,
    )
    Gemma3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> CausalModel:
    return CausalModel(tiny_folder, precision="fp32", threads=1)


@pytest.fixture
async def writer(tiny_folder: Path) -> AsyncIterator[Generator]:
    generator = Generator(tiny_folder, precision="fp32", threads=1, queue=4)
    generator.start()
    yield generator
    await asyncio.to_thread(generator.stop)


@pytest.fixture(scope="session")
def plain(tiny_folder: Path) -> Any:
    """The tiny model as transformers runs it, for comparison."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        tiny_folder, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()


def soon(seconds: float = 60.0) -> float:
    """Return a deadline that no test reaches."""
    return time.monotonic() + seconds


def greedy(model: Any, ids: Sequence[int], count: int) -> list[int]:
    """Return the tokens that transformers' own `generate` writes."""
    with torch.inference_mode():
        made = model.generate(
            torch.tensor([list(ids)]), max_new_tokens=count, do_sample=False, eos_token_id=1
        )
    return [int(token) for token in made[0, len(ids) :] if int(token) != 1]


async def collected(generator: Generator, text: str, **options: Any) -> str:
    """Return a whole reply."""
    options = {"max_tokens": 24, "deadline": soon()} | options
    return "".join([piece async for piece in generator.generate(text, **options)])
