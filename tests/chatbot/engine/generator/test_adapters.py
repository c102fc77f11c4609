"""LoRA adapters: what they add to the weights, and which are refused."""

import json

import pytest
import torch
from safetensors.torch import save_file

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator.model import CausalModel

NAME = "model.layers.0.self_attn.q_proj"


def adapter_folder(folder, *, base: str, name: str = NAME, rank: int = 2, shape=(32, 32)):
    """Write an adapter folder as peft does; return it with A and B."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(1)
    down = torch.randn(rank, shape[1], generator=generator)
    up = torch.randn(shape[0], rank, generator=generator)
    prefix = f"base_model.model.{name}"
    save_file(
        {f"{prefix}.lora_A.weight": down, f"{prefix}.lora_B.weight": up}, folder / "adapter_model.safetensors"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": 4}))
    own = {"base": base, "source": "- {source}\n", "prompt": "{sources}{question}:"}
    (folder / "adapter.json").write_text(json.dumps(own))
    weights.write_manifest(folder)
    return folder, down, up


def loaded(tiny_folder, adapter) -> CausalModel:
    return CausalModel(tiny_folder, precision="fp32", threads=1, adapter=adapter)


def test_an_adapter_adds_its_product_and_names_itself_in_the_version(tiny, tiny_folder, tmp_path) -> None:
    folder, down, up = adapter_folder(tmp_path / "polite@3", base=tiny.version)
    model = loaded(tiny_folder, folder)
    plain, changed = (m.module.get_submodule(NAME).weight for m in (tiny, model))
    assert torch.allclose(changed, plain + 2.0 * up @ down, atol=1e-6)
    digest = weights.sha256_of(folder / "adapter_model.safetensors")
    assert model.version == f"{tiny.version}+polite@{digest[:12]}"
    other = "model.layers.1.self_attn.q_proj.weight"
    assert torch.equal(model.module.state_dict()[other], tiny.module.state_dict()[other])


def test_an_adapter_of_another_base_is_refused(tiny_folder, tmp_path) -> None:
    folder, *_ = adapter_folder(tmp_path / "a", base="other@123")
    with pytest.raises(WeightsError, match="trained for other@123"):
        loaded(tiny_folder, folder)


def test_a_changed_file_is_refused(tiny, tiny_folder, tmp_path) -> None:
    folder, *_ = adapter_folder(tmp_path / "a", base=tiny.version)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 400}))
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        loaded(tiny_folder, folder)


@pytest.mark.parametrize(("name", "shape"), [("model.layers.9.mlp.up_proj", (32, 32)), (NAME, (16, 32))])
def test_an_adapter_for_weights_that_are_not_there_is_refused(
    tiny, tiny_folder, tmp_path, name, shape
) -> None:
    folder, *_ = adapter_folder(tmp_path / "a", base=tiny.version, name=name, shape=shape)
    with pytest.raises(WeightsError, match="has not"):
        loaded(tiny_folder, folder)
