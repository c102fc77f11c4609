"""Train an adapter from examples to a folder that the generator can load."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from chatbot.answering.composition.prompt import prompt_for
from chatbot.engine import hardware, weights
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import WEIGHTS, Adapter
from chatbot.engine.generator.rendering import Cleaner, render
from chatbot.learning.checkpoint import Checkpoint
from chatbot.learning.rewriting.examples import Example
from chatbot.learning.rewriting.train import LAYERS, Fitted, Lesson, Recipe, fit
from chatbot.learning.watch import Watch
from customers.culture import Manners

# A turn of a dialogue, by the marks that Gemma knows; other models read them as any other text.
SOURCE = "{source}\n\n"
PROMPT = "<start_of_turn>user\n{sources}{question}<end_of_turn>\n<start_of_turn>model\n"
FORM = Adapter(version="", base="", scale=0.0, source=SOURCE, prompt=PROMPT, read=bytes)
# The share of a batch that is no padding, at least.
FILLED = 0.8
NOTICES = ("NOTICE", "GEMMA_TERMS.html")


def train_adapter(
    base: Path,
    examples: Sequence[Example],
    out: Path,
    *,
    recipe: Recipe,
    seed: int,
    watch: Watch,
    shared: Path | None = None,
    most_steps: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> dict[str, Any]:
    """Train an adapter of the model folder `base` and write it to the empty or missing folder `out`.

    It is made for the model with the adapter folder `shared` in its weights, where there is one. With `most_steps` only
    so many of the examples are learned, the first ones. A checkpoint of the same training is gone on from. Returns what
    is also in its adapter.json. Raises WeightsError, and whatever `watch` raises.
    """
    watch.stage("reading")
    disable_progress_bar()
    on = hardware.device()
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    clear = Cleaner(tokenizer)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="sdpa", use_safetensors=True, trust_remote_code=False
    )
    model = loaded.to(on)
    model.requires_grad_(False)
    version = weights.fingerprint(base)
    if shared is not None:
        merged = adapters.read(shared, base=version)
        adapters.apply(merged, dict(model.named_modules()))
        version += f"+{merged.version}"
    _check(model)
    end = int(model.config.eos_token_id)
    lessons, held_out = (
        _within(
            [
                _lesson(one, tokenizer, clear=clear, end=end)
                for one in examples
                if one.is_held_out is is_held_out
            ],
            recipe=recipe,
            steps=most_steps,
        )
        for is_held_out in (False, True)
    )
    fitted = fit(
        model,
        lessons,
        held_out,
        recipe=recipe,
        seed=seed,
        watch=watch,
        bf16=hardware.bf16_is_native(on),
        checkpoint=checkpoint,
    )
    watch.stage("saving")
    told = _told(version, examples, fitted)
    _write(base, out, fitted, told)
    return told


def _check(model: Any) -> None:
    """Raise WeightsError for a model that is not made of the layers that an adapter is for."""
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if not names.issuperset((*LAYERS, "lm_head")) or not hasattr(model, "model"):
        raise WeightsError(
            f"No adapter can be trained for a {type(model).__name__}: it needs the layers {', '.join(LAYERS)}. "
            "Choose a model of the kind of Gemma, Llama or Qwen as GENERATOR_MODEL."
        )


def _within(lessons: Sequence[Lesson], *, recipe: Recipe, steps: int | None) -> list[Lesson]:
    """Return the first lessons, as many as all epochs read in so many steps; padding fills a part of each."""
    if steps is None:
        return list(lessons)
    left = steps * recipe.batch_tokens * FILLED / recipe.epochs
    kept = []
    for lesson in lessons:
        if len(lesson) > recipe.longest:
            continue
        left -= len(lesson)
        if left < 0:
            break
        kept.append(lesson)
    return kept


def _lesson(example: Example, tokenizer: Tokenizer, *, clear: Cleaner, end: int) -> Lesson:
    """Return an example as the generator will be asked it and as it must reply, with its end."""
    manners = Manners(
        locale=example.locale,
        brand="",
        persona_name="",
        persona_role="",
        time_zone="UTC",
        phrases={},
        greetings={},
        suggestions=(),
    )
    prompt = prompt_for(manners, sources=example.sources, question=example.question)
    given = render(prompt, clear=clear, chat=None, adapter=FORM)
    reply = tokenizer.encode(example.reply or prompt.unknown, add_special_tokens=False)
    return Lesson(given=tuple(tokenizer.encode(given).ids), reply=(*reply.ids, end))


def _told(base: str, examples: Sequence[Example], fitted: Fitted) -> dict[str, Any]:
    """Return what was trained on what, and how it went."""
    counts = {
        locale: sum(example.locale == locale for example in examples)
        for locale in sorted({example.locale for example in examples})
    }
    return {
        "base": base,
        "source": SOURCE,
        "prompt": PROMPT,
        "examples": counts,
        "recipe": fitted.recipe,
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 1),
        "loss": {
            name: None if math.isnan(value) else round(value, 4)
            for name, value in (
                ("trained", fitted.loss),
                ("held_out_before", fitted.held_out_before),
                ("held_out_after", fitted.held_out_after),
            )
        },
    }


def _write(base: Path, out: Path, fitted: Fitted, told: dict[str, Any]) -> None:
    """Write the adapter's files, in peft's own names and layout, and the manifest of their hashes."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name.replace(".default.", "."): tensor for name, tensor in fitted.tensors.items()}
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "r": fitted.recipe["rank"],
        "lora_alpha": fitted.recipe["alpha"],
        "target_modules": list(LAYERS),
        "bias": "none",
    }
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "adapter.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    for notice in NOTICES:
        if (base / notice).is_file():
            shutil.copyfile(base / notice, out / notice)
    weights.write_manifest(out)
