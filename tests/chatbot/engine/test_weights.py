"""Preparing the model folder: hashes, recovery, refusals."""

import json
import shutil

import pytest

from chatbot.engine import bundled, weights
from chatbot.engine.errors import WeightsError


def test_a_corrupt_cache_is_made_again(model_folder, tmp_path, monkeypatch) -> None:
    folder = tmp_path / model_folder.name
    folder.mkdir()
    for name in ("manifest.json", "config.json"):
        shutil.copy(model_folder / name, folder / name)
    (folder / "model.safetensors").write_bytes(b"half a file")
    assert not weights.verify(folder)
    made: list[str] = []

    def convert(target, progress) -> None:
        made.append(target.name)
        for path in model_folder.iterdir():
            if path.is_file() and path.name != weights.MANIFEST:
                (target / path.name).symlink_to(path)

    monkeypatch.setattr(bundled, "convert", convert)
    (tmp_path / f".{folder.name}.left-by-a-killed-run").mkdir()
    assert weights.prepare(None, tmp_path) == folder
    assert weights.verify(folder)
    assert made
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]


def test_a_good_cache_is_not_touched(model_folder) -> None:
    before = (model_folder / "model.safetensors").stat().st_mtime_ns
    assert weights.prepare(None, model_folder.parent) == model_folder
    assert (model_folder / "model.safetensors").stat().st_mtime_ns == before


def test_folder_without_weights_is_refused_with_the_file_named(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        weights.prepare(str(tmp_path), tmp_path)


def test_a_wrong_pin_is_refused(model_folder, tmp_path) -> None:
    with pytest.raises(WeightsError, match="ENCODER_SHA256"):
        weights.prepare(str(model_folder), tmp_path, pinned_sha256="0" * 64)


def test_a_hub_name_that_cannot_be_fetched_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="ENCODER_MODEL"):
        weights.prepare("no-such-owner/no-such-model", tmp_path)


def test_a_foreign_package_file_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bundled, "PACKAGE_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="Reinstall"):
        weights.prepare(None, tmp_path)


def test_version_names_folder_and_hash(model_folder) -> None:
    digest = json.loads((model_folder / weights.MANIFEST).read_text())["files"]["model.safetensors"]
    assert weights.fingerprint(model_folder) == f"multilingual-e5-small@{digest[:12]}"
