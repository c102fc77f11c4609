"""The background: its texts, and its vectors, made once per encoder version."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chatbot.answering import background
from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Kind, Vectors

# Languages whose files are translations of one another, text by text.
PARALLEL = {"ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "zh"}
THEMES = ["world", "everyday", "tasks", "advice", "services", "secrets", "orders", "insults", "noise"]


def test_files_have_the_themes_and_translations_keep_their_places() -> None:
    places = list(background.by_place())
    for language in sorted({of for of, _, _ in places}):
        themes = [theme for of, theme, _ in places if of == language]
        assert list(dict.fromkeys(themes)) == [theme for theme in THEMES if theme in themes]
    for theme in THEMES[:-1]:
        counts = {of: sum((one, kind) == (of, theme) for one, kind, _ in places) for of in PARALLEL}
        # Hindi has one more where it is also written in Latin letters.
        assert max(counts.values()) - min(counts.values()) <= 1, (theme, counts)


def test_texts_are_prepared_and_none_is_twice_in_a_language() -> None:
    by_place = background.by_place()
    assert all(text and text == prepare(text) for text in by_place.values())
    assert len({(of, text) for (of, _, _), text in by_place.items()}) == len(by_place)
    assert background.texts() == list(by_place.values())


def test_vectors_are_made_once_per_version(tmp_path: Path) -> None:
    made: list[Kind] = []

    def embed(texts: Sequence[str], kind: Kind) -> Vectors:
        made.extend([kind] * len(texts))
        return np.random.default_rng(len(made)).normal(size=(len(texts), 4)).astype(np.float32)

    first = background.vectors(embed, version="a@1", folder=tmp_path / "new")
    again = background.vectors(embed, version="a@1", folder=tmp_path / "new")
    other = background.vectors(embed, version="b@1", folder=tmp_path / "new")
    assert first.shape == (len(background.texts()), 4)
    assert (first == again).all()
    assert (first != other).any()
    assert made == ["query"] * (2 * len(background.texts()))
    assert sorted(path.suffix for path in (tmp_path / "new").iterdir()) == [".safetensors"] * 2


def test_files_of_versions_long_gone_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(texts: Sequence[str], _kind: Kind) -> Vectors:
        return np.ones((len(texts), 2), np.float32)

    monkeypatch.setattr(background, "KEPT", 2)
    (tmp_path / "model.safetensors").touch()
    for place, version in enumerate("abc"):
        background.vectors(embed, version=version, folder=tmp_path)
        for path in tmp_path.glob("background-*"):
            if path.stat().st_mtime > 1000:
                os.utime(path, (place, place))
    assert sorted(path.stat().st_mtime for path in tmp_path.glob("background-*")) == [1, 2]
    assert (tmp_path / "model.safetensors").exists()


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def embed(texts: Sequence[str], _kind: Kind) -> Vectors:
        return np.ones((len(texts), 2), np.float32)

    (tmp_path / "file").touch()
    assert (background.vectors(embed, version="a@1", folder=tmp_path / "file" / "models") == 1).all()
    assert "make the folder writable" in caplog.text


def test_a_broken_file_is_made_again(tmp_path: Path) -> None:
    def embed(texts: Sequence[str], _kind: Kind) -> Vectors:
        return np.ones((len(texts), 2), np.float32)

    background.vectors(embed, version="a@1", folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"half")
    assert (background.vectors(embed, version="a@1", folder=tmp_path) == 1).all()
    assert len(path.read_bytes()) > 1000
