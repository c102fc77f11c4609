"""The bundled generator's folder, and the one time that it is made."""

import json
import multiprocessing
import struct
from pathlib import Path

import numpy as np
import pytest

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import bundled, gguf
from chatbot.engine.generator.gguf import GgufFile


def test_the_folder_is_whole_and_carries_the_terms(generator_folder) -> None:
    assert weights.verify(generator_folder)
    assert (
        "Gemma is provided under and subject to the Gemma Terms of Use"
        in (generator_folder / "NOTICE").read_text()
    )
    assert (generator_folder / "GEMMA_TERMS.html").stat().st_size > 10_000
    files = {path.name for path in generator_folder.iterdir()}
    assert not any(name.endswith((".gguf", ".bin", ".pt", ".py")) for name in files)


def test_the_tokenizer_is_sentencepieces(generator_folder) -> None:
    """Pieces as sentencepiece's own byte-pair encoder gives them for the same vocabulary."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(generator_folder / "tokenizer.json"))

    def pieces(text: str) -> list[str]:
        return tokenizer.encode(text, add_special_tokens=False).tokens

    assert pieces("Hello world") == ["Hello", "▁world"]
    assert pieces("a   b\n\nc") == ["a", "▁▁▁", "b", "\n\n", "c"]
    assert pieces("\x07") == ["<0x07>"]
    for text in ("返品は３０日以内です。", "يمكنك  الإرجاع", "naïve 🙂", "हिन्दी में", "\ttab\n"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode("x").ids[0] == tokenizer.token_to_id("<bos>")


def test_parts_that_make_another_file_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bundled, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="Reinstall"):
        weights.prepare(None, tmp_path, shipped=weights.GENERATOR)
    assert not any(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bundled, "PACKAGE", "no_such_package")
    with pytest.raises(WeightsError, match="no-such-package-part1"):
        weights.prepare(None, tmp_path, shipped=weights.GENERATOR)


def count_conversions(folder: str, module: str, log: str) -> None:
    """Prepare a folder in a process of its own, with a conversion that takes a while and is counted."""
    import time

    def convert(target: Path, _progress: object) -> None:
        with Path(log).open("a") as file:
            file.write("converted\n")
        time.sleep(0.3)
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (target / name).write_text("{}")

    bundled.convert = convert  # type: ignore[assignment]
    weights.prepare(None, Path(folder), shipped=weights.GENERATOR)


def test_of_processes_that_start_at_once_one_converts(tmp_path) -> None:
    context = multiprocessing.get_context("fork")
    arguments = (str(tmp_path / "models"), "", str(tmp_path / "log"))
    processes = [context.Process(target=count_conversions, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "converted\n"
    assert weights.verify(tmp_path / "models" / "gemma-3-270m@1")


def packed(name: str) -> gguf.Format:
    return next(known for known in gguf.FORMATS.values() if known.name == name)


def test_blocks_of_eight_bits() -> None:
    block = np.frombuffer(struct.pack("<e32b", 0.5, *range(-16, 16)), np.uint8)[None]
    assert packed("Q8_0").floats(block).tolist() == [[0.5 * value for value in range(-16, 16)]]


def test_blocks_of_five_bits() -> None:
    """The fifth bits are the bits of one number; nibbles hold weights 0 to 15 low and 16 to 31 high."""
    block = np.frombuffer(struct.pack("<eI16B", 2.0, 1 << 31, *([0xF0] * 16)), np.uint8)[None]
    expected = [2.0 * (0 - 16)] * 16 + [2.0 * (15 - 16)] * 15 + [2.0 * (31 - 16)]
    assert packed("Q5_0").floats(block).tolist() == [expected]


def test_what_is_no_gguf_file_is_refused(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"PK\x03\x04" + bytes(64))
    with pytest.raises(WeightsError, match="not a GGUF file"):
        GgufFile(tmp_path / "x")


def test_the_weights_are_the_files(generator_folder, tmp_path) -> None:
    """A row of every format, dequantised by hand from the packages' own bytes, is in the folder."""
    import torch
    from safetensors import safe_open

    path = tmp_path / "model.gguf"
    bundled._assemble(path)
    file = GgufFile(path)
    assert {stored.format.name for stored in file.tensors.values()} == {f.name for f in gguf.FORMATS.values()}
    assert json.loads((generator_folder / "config.json").read_text())["num_hidden_layers"] == 18
    with safe_open(generator_folder / "model.safetensors", "pt") as folder:
        for name, long in (("blk.3.ffn_down", "mlp.down_proj"), ("blk.3.attn_output", "self_attn.o_proj")):
            row = folder.get_tensor(f"model.layers.3.{long}.weight")[5]
            assert torch.equal(row, torch.from_numpy(file.floats(f"{name}.weight"))[5].bfloat16())
        norm = folder.get_tensor("model.layers.3.input_layernorm.weight")
        assert torch.allclose(
            norm.float() + 1, torch.from_numpy(file.floats("blk.3.attn_norm.weight")), atol=0.02
        )
