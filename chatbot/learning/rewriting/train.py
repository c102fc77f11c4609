"""Fit a low-rank adapter to a causal language model, so that it rewrites approved answers instead of inventing any.

Method: LoRA (Hu et al., arXiv:2106.09685), through peft. The loss is the cross-entropy of the replies' tokens alone;
the vocabulary's matrix, most of a small model, is only multiplied where a reply stands.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.functional import cross_entropy

from chatbot.learning.checkpoint import Checkpoint, adam_restore, adam_tensors, below
from chatbot.learning.watch import Watch

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How an adapter is trained; a batch holds at most `batch_tokens`, padding included."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    epochs: int = 3
    learning_rate: float = 3e-4
    warm_up: float = 0.06
    batch_tokens: int = 768
    longest: int = 768
    clip: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One example as token ids: what is given, and what must follow."""

    given: tuple[int, ...]
    reply: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.given) + len(self.reply)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """An adapter's tensors by their names in peft, and how its training went."""

    tensors: dict[str, torch.Tensor]
    recipe: dict[str, Any]
    loss: float
    held_out_before: float
    held_out_after: float
    steps: int
    seconds: float


def fit(
    model: nn.Module,
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    *,
    recipe: Recipe,
    seed: int,
    watch: Watch,
    bf16: bool,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Train an adapter for `model`, a causal LM of transformers, whose own weights stay as they are.

    `bf16`: compute in it under autocast, for hardware that has it. A checkpoint of the same training is gone on from,
    and the result is the same as without the interruption. Raises whatever `watch` raises.
    """
    torch.manual_seed(seed)
    usable = [lesson for lesson in lessons if len(lesson) <= recipe.longest]
    adapted = get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules=list(LAYERS)
        ),
    )
    try:
        before = mean_loss(adapted, held_out, recipe=recipe, bf16=bf16)
        training = _Training(adapted, usable, recipe=recipe, seed=seed, bf16=bf16, checkpoint=checkpoint)
        _train(training, adapted, watch=watch)
        after = mean_loss(adapted, held_out, recipe=recipe, bf16=bf16)
        tensors = {
            name: parameter.detach().to(torch.bfloat16).cpu().contiguous()
            for name, parameter in adapted.named_parameters()
            if parameter.requires_grad
        }
    finally:
        adapted.unload()
    return Fitted(
        tensors=tensors,
        recipe=asdict(recipe)
        | {"seed": seed, "lessons": len(usable), "left_out": len(lessons) - len(usable)},
        loss=training.mean,
        held_out_before=before,
        held_out_after=after,
        steps=training.done,
        seconds=training.seconds,
    )


class _Training:
    """The state of one training: the adapter, its optimizer, and how far it is."""

    def __init__(
        self,
        adapted: nn.Module,
        lessons: Sequence[Lesson],
        *,
        recipe: Recipe,
        seed: int,
        bf16: bool,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._adapted, self._recipe, self._bf16, self._checkpoint = adapted, recipe, bf16, checkpoint
        self._named = {name: each for name, each in adapted.named_parameters() if each.requires_grad}
        self._optimizer = torch.optim.AdamW(self._named.values(), lr=0.0, weight_decay=0.0)
        order = torch.Generator().manual_seed(seed)
        epochs = [_batches(lessons, recipe.batch_tokens, order) for _ in range(recipe.epochs)]
        self.total = sum(map(len, epochs))
        self._batches = [batch for batches in epochs for batch in batches]
        self._begins = {sum(map(len, epochs[:number])) for number in range(recipe.epochs)}
        self.done, self._spent, self._began = 0, 0.0, time.monotonic()
        self._summed, self._tokens = 0.0, 0
        self._resume()

    @property
    def mean(self) -> float:
        """Return this epoch's mean loss per token."""
        return self._summed / max(self._tokens, 1)

    @property
    def seconds(self) -> float:
        """Return how long it has taken, with what went before a checkpoint."""
        return self._spent + time.monotonic() - self._began

    def step(self) -> float:
        """Learn from the next batch; returns its loss per token."""
        if self.done in self._begins:
            self._summed, self._tokens = 0.0, 0
        rate = _rate(self.done, self.total, self._recipe.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * rate
        loss, count = _summed_loss(self._adapted, self._batches[self.done], bf16=self._bf16)
        (loss / count).backward()
        nn.utils.clip_grad_norm_(self._named.values(), self._recipe.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._summed, self._tokens = self._summed + loss.item(), self._tokens + count
        self.done += 1
        return loss.item() / count

    def save_if_due(self) -> None:
        """Keep where the training stands, now and then, so that a process that takes over can go on from here."""
        if self._checkpoint is None or not self._checkpoint.is_due:
            return
        tensors: dict[str, torch.Tensor] = {f"now.{name}": each for name, each in self._named.items()}
        tensors |= adam_tensors(self._optimizer, self._named)
        told = {
            "done": self.done,
            "summed": self._summed,
            "tokens": self._tokens,
            "seconds": self.seconds,
        }
        self._checkpoint.save(tensors, told)

    def _resume(self) -> None:
        found = self._checkpoint.load() if self._checkpoint is not None else None
        if found is None:
            return
        tensors, told = found
        self.done, self._summed, self._tokens = told["done"], told["summed"], told["tokens"]
        self._spent = told["seconds"]
        kept = below("now", tensors)
        with torch.no_grad():
            for name, parameter in self._named.items():
                parameter.copy_(kept[name])
        adam_restore(self._optimizer, self._named, tensors)


def _train(training: _Training, adapted: nn.Module, *, watch: Watch) -> None:
    """Run the epochs to their end."""
    watch.stage("tuning", steps=training.total)
    began, first = time.monotonic(), training.done
    adapted.train()
    while training.done < training.total:
        loss = training.step()
        a_step = (time.monotonic() - began) / (training.done - first)
        watch.step(training.done, loss=loss, seconds_left=a_step * (training.total - training.done))
        training.save_if_due()
    adapted.eval()


def mean_loss(model: nn.Module, lessons: Sequence[Lesson], *, recipe: Recipe, bf16: bool) -> float:
    """Return the mean cross-entropy per reply token, in nats; NaN without lessons."""
    model.eval()
    summed, tokens = 0.0, 0
    with torch.no_grad():
        for batch in _batches(lessons, recipe.batch_tokens, None):
            loss, count = _summed_loss(model, batch, bf16=bf16)
            summed, tokens = summed + loss.item(), tokens + count
    return summed / tokens if tokens else math.nan


def _summed_loss(model: nn.Module, batch: Sequence[Lesson], *, bf16: bool) -> tuple[torch.Tensor, int]:
    """Return the cross-entropy summed over a batch's reply tokens, and their number."""
    adapted: Any = model
    causal = adapted.get_base_model() if hasattr(model, "get_base_model") else adapted
    on = causal.lm_head.weight.device
    ids, mask, labels = (tensor.to(on) for tensor in _padded(batch))
    with torch.autocast(on.type, torch.bfloat16, enabled=bf16):
        hidden = causal.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        # What stands at a place foretells the next one.
        asked = labels[:, 1:] != IGNORED
        logits = causal.lm_head(hidden[:, :-1][asked])
    return cross_entropy(logits.float(), labels[:, 1:][asked], reduction="sum"), int(asked.sum())


def _padded(batch: Sequence[Lesson]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return token ids, attention mask and labels, each [lessons, longest]."""
    longest = max(map(len, batch))
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, lesson in enumerate(batch):
        text = torch.tensor(lesson.given + lesson.reply)
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
        labels[row, len(lesson.given) : len(text)] = text[len(lesson.given) :]
    return ids, mask, labels


def _batches(lessons: Sequence[Lesson], tokens: int, order: torch.Generator | None) -> list[list[Lesson]]:
    """Put lessons of like length together, at most `tokens` with padding; shuffled where there is an order."""
    places = range(len(lessons)) if order is None else torch.randperm(len(lessons), generator=order).tolist()
    batches = list(_filled(sorted((lessons[place] for place in places), key=len), tokens))
    if order is not None:
        batches = [batches[place] for place in torch.randperm(len(batches), generator=order).tolist()]
    return batches


def _filled(ordered: Sequence[Lesson], tokens: int) -> Iterator[list[Lesson]]:
    batch: list[Lesson] = []
    for lesson in ordered:
        if batch and len(lesson) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(lesson)
    if batch:
        yield batch


def _rate(step: int, total: int, warm_up: float) -> float:
    """Return the share of the learning rate at a step: a linear rise, then half a cosine down to nothing."""
    rise = max(1, round(total * warm_up))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))
