"""What an exam was sat with is told apart by what it does, not by what is said about it."""

from pathlib import Path

import pytest

from chatbot.exam import versions


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cues").mkdir()
    (tmp_path / "guard.py").write_text('"""Says."""\n\n\ndef check(x):\n    """Check."""\n    return x + 1\n')
    for name in ("de", "ja", "und"):
        (tmp_path / "cues" / f"{name}.toml").write_text(f'cue = "{name}"')
    monkeypatch.setattr(versions, "GUARD", tmp_path)
    return tmp_path


def version(language: str) -> str:
    versions.guard_version.cache_clear()
    return versions.guard_version(language)


def test_code_counts_by_what_it_does(guard: Path) -> None:
    before = version("de")
    (guard / "guard.py").write_text("# New.\ndef check( x ):\n    '''Other.'''\n    return x+1\n")
    assert version("de") == before
    (guard / "guard.py").write_text("def check(x):\n    return x + 2\n")
    assert version("de") != before


def test_data_counts_for_its_own_language(guard: Path) -> None:
    german, japanese = version("de"), version("ja")
    (guard / "cues" / "ja.toml").write_text('cue = "x"')
    assert version("de") == german
    assert version("ja") != japanese
    (guard / "cues" / "und.toml").write_text('cue = "x"')
    assert version("de") != german
    (guard / "names.json").write_text("[]")
    assert len({version("de"), german}) == 2
