"""The process's generator: loaded beside the site, or not at all, and never in its way."""

import logging
import threading

import pytest

from chatbot import generation
from chatbot.engine import weights
from chatbot.generation import Generation


def test_none_is_loaded_where_none_is_set(settings) -> None:
    settings.GENERATOR_MODEL = "none"
    assert generation.version_for("de-DE") == ""
    assert generation.load("de-DE") is None
    held = Generation()
    held.want()
    held.start()
    held._loader.join(60)
    assert held.generator is None
    assert held.state == "none"
    held.stop()


def test_none_is_loaded_that_nobody_wants(settings, monkeypatch) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(generation, "load", loaded.set)
    held = Generation()
    held.start()
    assert not loaded.wait(1)
    held.want()
    assert loaded.wait(60)
    held.stop()
    loaded.clear()
    held.start()
    assert loaded.wait(60), "one that was stopped starts again"
    held.stop()


def test_the_version_is_told_without_loading(settings) -> None:
    folder = weights.prepare(None, settings.MODEL_DIR, shipped=weights.GENERATOR)
    adapter = weights.adapter_version(weights.GENERATOR_ADAPTER)
    assert generation.version_for("de-DE") == f"{weights.fingerprint(folder)}+{adapter}"
    assert generation.version_for("") == ""
    settings.GENERATOR_ADAPTER = "none"
    assert generation.version_for("de-DE") == weights.fingerprint(folder)


def test_the_shipped_adapter_is_whole_and_made_for_the_shipped_model(settings) -> None:
    from chatbot.engine.generator import adapters

    adapter = adapters.read(weights.GENERATOR_ADAPTER, base=weights.GENERATOR.version)
    assert adapter.version.startswith("grounded@")
    assert (weights.GENERATOR_ADAPTER / "NOTICE").is_file()
    files = [path.stat().st_size for path in weights.GENERATOR_ADAPTER.iterdir()]
    assert sum(files) < 16 * 2**20


def test_the_shipped_ones_version_is_known_before_it_is_made(settings, tmp_path) -> None:
    made = generation.version_for("de-DE")
    settings.MODEL_DIR = tmp_path
    assert generation.version_for("de-DE") == made
    assert not any(tmp_path.iterdir())


def test_an_adapter_is_a_part_of_the_version_and_a_broken_one_leaves_none(settings, tmp_path, caplog) -> None:
    settings.GENERATOR_ADAPTER = "none"
    plain = generation.version_for("de-DE")
    adapter = tmp_path / "polite"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    weights.write_manifest(adapter)
    settings.GENERATOR_ADAPTER = str(adapter)
    digest = weights.sha256_of(adapter / "adapter_model.safetensors")
    assert generation.version_for("de-DE") == f"{plain}+polite@{digest[:12]}"
    (adapter / "manifest.json").unlink()
    with caplog.at_level(logging.ERROR, "chatbot.generation"):
        assert generation.version_for("de-DE") == ""
    assert "Train it again" in caplog.text


def test_one_that_is_not_there_yet_has_no_version(settings, tmp_path) -> None:
    settings.MODEL_DIR = tmp_path
    settings.GENERATOR_MODEL = "example/model"
    assert generation.version_for("de-DE") == ""
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_used_leaves_the_site_without_and_says_why(
    settings, tmp_path, caplog
) -> None:
    settings.GENERATOR_MODEL = str(tmp_path)
    held = Generation()
    held.want()
    with caplog.at_level(logging.ERROR, "chatbot.generation"):
        held.start()
        held._loader.join(60)
    assert held.generator is None
    assert "GENERATOR_MODEL needs a folder" in caplog.text
    assert held.state == "failed"
    held.stop()


def test_starting_does_not_wait_for_the_model(settings, monkeypatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(generation, "load", lambda: gate.wait(60) and None)
    held = Generation()
    assert held.state == "none"
    held.want()
    held.start()
    assert held.generator is None
    assert held.state == "loading"
    gate.set()
    held.stop()
    assert not held._loader.is_alive()


@pytest.mark.slow
async def test_the_bundled_one_is_loaded_and_ended(settings) -> None:
    import time

    held = Generation()
    held.want()
    held.start()
    held._loader.join(120)
    assert held.generator is not None
    assert held.generator.version == generation.version_for("de-DE")
    assert held.state == "ready"
    pieces = [p async for p in held.generator.generate("1 2 3", max_tokens=3, deadline=time.monotonic() + 60)]
    assert pieces
    held.stop()
