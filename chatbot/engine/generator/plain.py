"""A model as transformers itself runs it: for continuous batching, and to compare our own way with."""

import copy
from collections.abc import Sequence
from typing import Any

import torch

from chatbot.engine.generator.model import CausalModel


def twin(module: Any) -> Any:
    """Return a model over the same tensors with transformers' own attention."""
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    copied = copy.deepcopy(module, tensors)
    copied.set_attn_implementation("sdpa")
    return copied


def write(module: Any, model: CausalModel, ids: Sequence[int], *, max_tokens: int) -> list[int]:
    """Return the tokens that transformers' `generate` writes behind `ids` with a twin of a model, on its threads."""
    torch.set_num_threads(model.threads)
    given = torch.tensor([list(ids)], device=model.device)
    with torch.inference_mode():
        made = module.generate(
            given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=sorted(model.ends),
        )
    return [int(token) for token in made[0, len(ids) :]]
