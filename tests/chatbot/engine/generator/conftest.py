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
from chatbot.engine.generator.generator import Adapted, Generator
from chatbot.engine.generator.model import CausalModel
from tests.chatbot.tiny_models import write_tiny

PROMPT = "Gift cards cannot be exchanged for cash. Orders ship within 3 days."


@pytest.fixture(scope="session")
def generator_folder() -> Path:
    return weights.prepare(None, settings.MODEL_DIR, shipped=weights.GENERATOR)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the bundled one's kind: windows and full attention, shared keys, tied head, bytes as tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny(folder)
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


async def collected(generator: Generator | Adapted, text: str, **options: Any) -> str:
    """Return a whole reply."""
    options = {"max_tokens": 24, "deadline": soon()} | options
    return "".join([piece async for piece in generator.generate(text, **options)])
