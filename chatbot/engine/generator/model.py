"""A causal language model from a folder, in the precision that this machine computes fastest with.

Weights come from safetensors only, and no code of the folder runs. The model attends over slots (see `attention`); on a
GPU a twin of it with transformers' own attention serves its continuous batching.
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from chatbot.engine import hardware, weights
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import adapters, attention
from chatbot.engine.generator.attention import SlotCache, Step, causal
from chatbot.engine.generator.low_rank import LowRank
from chatbot.engine.generator.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

Precision = Literal["auto", "bf16", "fp32"]
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# Prompts hold a few approved answers and examples; more context than this would only take memory.
CONTEXT_TOKENS = 4096
# Rows of logits over the whole vocabulary that are in memory at once: 64 x 262,144 x 4 bytes are 67 MB.
LOGIT_ROWS = 64
# What the slots' result may differ from the model's own, as cosine and in log-probability.
SAME_COSINE, SAME_LOG_PROBABILITY = 0.99, 0.25


class CausalModel:
    """A loaded model: tokens in, hidden states and log-probabilities out. Used by one thread at a time."""

    def __init__(
        self, folder: Path, *, precision: Precision = "auto", threads: int = 0, adapter: Path | None = None
    ) -> None:
        """Load the folder (seconds). Raises WeightsError."""
        config = _config(folder)
        self.device = hardware.device()
        self.threads = 1
        if self.device.type == "cpu":
            self.threads = hardware.threads_apart(_layer_work(config, "fp32"), wanted=threads)
        self.precision = _fastest_precision(config, self.device) if precision == "auto" else precision
        self.version = weights.fingerprint(folder)
        self.adapter = None if adapter is None else adapters.read(adapter, base=self.version)
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.chat = _chat_tokenizer(folder)
        self.module = _load(folder, DTYPES[self.precision], self.device)
        if self.adapter is not None:
            adapters.apply(self.adapter, dict(self.module.named_modules()))
            self.version += f"+{self.adapter.version}"
        self.low_rank = LowRank(self.module)
        self.ends = _ends(folder, config)
        self.context_tokens = min(
            int(getattr(config, "max_position_embeddings", CONTEXT_TOKENS)), CONTEXT_TOKENS
        )
        self._head = self.module.get_output_embeddings()
        self._softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self.vocabulary = Vocabulary(self.tokenizer, self._head.weight, ends=self.ends)
        # Stands for a mask: given one of four axes, a model makes none of its own; `attend` has its own anyway.
        self._no_mask = torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=self.device)
        self.has_slots = True
        try:
            _attend_over_slots(self)
        except WeightsError as error:
            if self.device.type == "cpu":
                raise
            # Continuous batching serves it all the same.
            self.has_slots = False
            logger.warning("This model can rate nothing and take no adapter beside it: %s", error)

    def encode(self, text: str, *, is_adapted: bool = False) -> list[int]:
        """Return a prompt's tokens; a chat template has written its own beginning, other text gets the model's."""
        is_by_template = self.chat is not None and self.adapter is None and not is_adapted
        return list(self.tokenizer.encode(text, add_special_tokens=not is_by_template).ids)

    def new_cache(self, *, slots: int) -> SlotCache:
        """Return an empty cache for as many sequences."""
        return SlotCache(slots=slots, tokens=self.context_tokens)

    def hidden(self, ids: Sequence[Sequence[int]], step: Step) -> torch.Tensor:
        """Return the last layer's states [rows, new, hidden size] of new tokens [rows, new]."""
        tokens = torch.tensor(ids, device=self.device)
        positions = step.positions
        if positions is None:
            positions = torch.tensor(step.starts, device=self.device)[:, None]
        with torch.inference_mode(), self.low_rank.on(step.terms):
            return (
                self.module.get_decoder()(
                    input_ids=tokens,
                    attention_mask=self._no_mask,
                    position_ids=positions,
                    use_cache=False,
                    step=step,
                )
            ).last_hidden_state

    def log_probabilities(self, hidden: torch.Tensor, targets: Sequence[int]) -> torch.Tensor:
        """Return how likely each target token [n] is after its state [n, hidden size], over the whole vocabulary."""
        found = []
        wanted = torch.tensor(targets, device=hidden.device)
        with torch.inference_mode():
            for rows, tokens in zip(hidden.split(LOGIT_ROWS), wanted.split(LOGIT_ROWS), strict=True):
                logits = self._head(rows).float()
                if self._softcap is not None:
                    logits = torch.tanh(logits / self._softcap) * self._softcap
                found.append(functional.log_softmax(logits, dim=-1).gather(1, tokens[:, None])[:, 0])
        return torch.cat(found)


def _config(folder: Path) -> Any:
    """Return the model's configuration, if it is of a kind that transformers itself implements."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        ).get_text_config()
    except (ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f"transformers knows no model like {folder / 'config.json'} ({type(error).__name__}: {error}). "
            "GENERATOR_MODEL needs a causal language model without code of its own."
        ) from error


def _load(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        module = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation="sdpa",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (ValueError, OSError) as error:
        raise WeightsError(
            f"{folder} cannot be loaded ({type(error).__name__}: {error}). GENERATOR_MODEL needs a causal language "
            "model of transformers with weights in safetensors."
        ) from error
    return module.eval().requires_grad_(False).to(device)


def _chat_tokenizer(folder: Path) -> Any:
    """Return transformers' tokenizer where the model has a chat template, which it renders in a sandbox."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    if not config.get("chat_template") and not (folder / "chat_template.jinja").is_file():
        return None
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _ends(folder: Path, config: Any) -> frozenset[int]:
    """Return the tokens that end a reply."""
    path = folder / "generation_config.json"
    own = json.loads(path.read_text()).get("eos_token_id") if path.is_file() else None
    ends = config.eos_token_id if own is None else own
    return frozenset([ends] if isinstance(ends, int) else ends or [])


def _layer_work(config: Any, precision: str) -> Callable[[], object]:
    """Return work like a reply's: one token, time and again, through matrices of this model's size."""
    hidden, inner = config.hidden_size, int(getattr(config, "intermediate_size", 4 * config.hidden_size))
    dtype = DTYPES[precision]
    # Enough different matrices that they do not all stay in a cache, as a whole model's do not.
    matrices = [torch.randn(inner, hidden).to(dtype) for _ in range(max(2, 2**24 // (inner * hidden)))]
    one, many = torch.randn(1, hidden).to(dtype), torch.randn(64, hidden).to(dtype)

    def work() -> None:
        for matrix in matrices:
            functional.linear(one, matrix)
        functional.linear(many, matrices[0])

    return work


def _fastest_precision(config: Any, device: torch.device) -> Precision:
    if device.type == "cuda":
        return "bf16" if hardware.bf16_is_native(device) else "fp32"
    works: dict[Literal["bf16", "fp32"], Callable[[], object]] = {
        "bf16": _layer_work(config, "bf16"),
        "fp32": _layer_work(config, "fp32"),
    }
    return hardware.fastest(works)


def _attend_over_slots(model: CausalModel) -> None:
    """Let the model attend over slots, after a look whether it says the same then. Raises WeightsError."""
    from transformers import AttentionInterface

    ids = list(model.tokenizer.encode("Kefu 123, ¿sí? 好的。").ids)
    with torch.inference_mode():
        tokens = torch.tensor([ids], device=model.device)
        logits = model.module(input_ids=tokens, use_cache=False).logits[0, -1].float()
    AttentionInterface.register(attention.NAME, attention.attend)
    model.module.set_attn_implementation(attention.NAME)
    cache, last = model.new_cache(slots=2), len(ids) - 1
    try:
        positions, sees = causal(0, last, model.device)
        model.hidden([ids[:-1]], Step(cache=cache, slots=[1], starts=[0], positions=positions, sees=sees))
        ours = model.hidden([[ids[-1]]], Step(cache=cache, slots=[1], starts=[last]))[0]
        best = int(logits.argmax())
        plain = float(functional.log_softmax(logits, dim=-1)[best])
        is_same = abs(float(model.log_probabilities(ours, [best])) - plain) < SAME_LOG_PROBABILITY
    except (TypeError, AttributeError, RuntimeError, KeyError) as error:
        raise _not_served(model, f"{type(error).__name__}: {error}") from error
    if not is_same:
        raise _not_served(model, "it says something else than alone")


def _not_served(model: CausalModel, why: str) -> WeightsError:
    return WeightsError(
        f"A model of the kind {type(model.module).__name__} cannot attend over slots ({why}). On a CPU, choose another "
        "as GENERATOR_MODEL, a machine with a GPU, or GENERATOR_MODEL=none."
    )
