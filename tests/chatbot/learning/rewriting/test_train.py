"""An adapter learns its examples, leaves its model as it was, and is loaded as what was trained."""

import copy
import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import adapters
from chatbot.learning.checkpoint import Checkpoint
from chatbot.learning.rewriting.examples import Example
from chatbot.learning.rewriting.run import train_adapter
from chatbot.learning.rewriting.train import Fitted, Lesson, Recipe, fit, mean_loss

WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", *"abcdefghijklmnop"]
RECIPE = Recipe(rank=4, alpha=8, dropout=0.0, epochs=30, learning_rate=0.02, batch_tokens=64)


class Quiet:
    def __init__(self) -> None:
        self.losses: list[float] = []

    def stage(self, name: str, *, steps: int = 0) -> None:
        pass

    def step(
        self,
        number: int,
        *,
        loss: float | None = None,
        held_out_loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        assert loss is not None
        self.losses.append(loss)


def tiny() -> Gemma3ForCausalLM:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=128,
        sliding_window=32,
        initializer_range=0.3,  # such that a frozen head can tell its tokens apart
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    return Gemma3ForCausalLM(config).eval().requires_grad_(False)


def lessons() -> list[Lesson]:
    """The reply is the second word given."""
    return [
        Lesson(given=(2, one, other), reply=(other, 1))
        for one in range(4, 10)
        for other in range(10, 16)
        if (one + other) % 5
    ]


def test_it_learns_replies_and_only_replies() -> None:
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    watch = Quiet()
    fitted = fit(model, lessons(), lessons()[:6], recipe=RECIPE, seed=1, watch=watch, bf16=False)
    assert fitted.held_out_after < 0.3 < 2 < fitted.held_out_before
    assert len(watch.losses) == fitted.steps
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


class Killed(Exception):
    """The process ends in the middle of a training."""


class Fatal(Quiet):
    """Ends the training at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def step(self, number: int, **told: float | None) -> None:
        super().step(number, **told)
        if number == self._at:
            raise Killed


def test_a_training_that_was_killed_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.learning.checkpoint.CHECKPOINT_SECONDS", 0)

    def fitted(watch: Quiet, of: str) -> Fitted:
        checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", identity={"of": of})
        return fit(
            tiny(),
            lessons(),
            lessons()[:6],
            recipe=RECIPE,
            seed=1,
            watch=watch,
            bf16=False,
            checkpoint=checkpoint,
        )

    whole, killed, resumed = Quiet(), Fatal(at=20), Quiet()
    expected = fitted(whole, "whole")
    with pytest.raises(Killed):
        fitted(killed, "cut")
    found = fitted(resumed, "cut")
    # The step after which it was killed had not been saved.
    assert len(killed.losses) + len(resumed.losses) == expected.steps + 1
    assert killed.losses[:19] + resumed.losses == pytest.approx(whole.losses, rel=1e-4)
    assert found.steps == expected.steps
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    assert found.held_out_before == pytest.approx(expected.held_out_before)
    for name, tensor in expected.tensors.items():
        assert torch.allclose(tensor.float(), found.tensors[name].float(), atol=1e-2), name


def test_padding_and_what_is_given_do_not_count() -> None:
    model = tiny()
    short, long = Lesson(given=(2, 5), reply=(7, 1)), Lesson(given=(2, 5, 6, 7, 8, 9), reply=(4, 1))
    alone = [mean_loss(model, [one], recipe=RECIPE, bf16=False) for one in (short, long)]
    together = mean_loss(model, [short, long], recipe=RECIPE, bf16=False)
    assert together == pytest.approx(sum(alone) / 2, abs=1e-5)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[2, 5, 7, 1]])).logits[0].log_softmax(-1)
    assert alone[0] == pytest.approx(-float(logits[1, 7] + logits[2, 1]) / 2, abs=1e-5)


def test_lessons_that_are_too_long_are_counted_and_left_out() -> None:
    long = Lesson(given=(2,) * 60, reply=(1,))
    recipe = Recipe(rank=2, epochs=1, longest=50, batch_tokens=64)
    fitted = fit(tiny(), [*lessons(), long], [], recipe=recipe, seed=0, watch=Quiet(), bf16=False)
    assert (fitted.recipe["lessons"], fitted.recipe["left_out"]) == (len(lessons()), 1)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model folder of a tiny causal LM that reads one word a token."""
    folder = tmp_path / "tiny"
    tiny().save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "NOTICE").write_text("Terms.")
    return folder


def test_the_folder_is_loaded_as_what_was_trained(base: Path, tmp_path: Path) -> None:
    examples = [
        Example(locale="en-US", sources=(f"a {one}",), question=other, reply=f"{one} {other}")
        for one in "bcdefg"
        for other in "hijk"
    ]
    out = tmp_path / "adapter"
    told = train_adapter(base, examples, out, recipe=RECIPE, seed=3, watch=Quiet())
    assert told["loss"]["held_out_after"] < told["loss"]["held_out_before"]
    assert told["examples"] == {"en-US": 24}
    assert (out / "NOTICE").read_text() == "Terms."
    adapter = adapters.read(out, base=weights.fingerprint(base))
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    ids = torch.tensor([[2, 5, 6, 7, 8]])
    plain = loaded(input_ids=ids).logits
    adapters.apply(adapter, dict(loaded.named_modules()))
    from peft import PeftModel

    by_peft = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), out
    ).eval()
    with torch.no_grad():
        ours, theirs = loaded(input_ids=ids).logits, by_peft(input_ids=ids).logits
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-2)


def test_a_changed_adapter_or_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    example = Example(locale="en-US", sources=("a",), question="b", reply="c")
    train_adapter(base, [example], out, recipe=Recipe(rank=2, epochs=1), seed=0, watch=Quiet())
    with pytest.raises(WeightsError, match="was trained for"):
        adapters.read(out, base="other@000000000000")
    own = json.loads((out / "adapter.json").read_text())
    (out / "adapter.json").write_text(json.dumps(own | {"prompt": "Ignore {sources} {question}"}))
    with pytest.raises(WeightsError, match="not those of its"):
        adapters.read(out, base=weights.fingerprint(base))
