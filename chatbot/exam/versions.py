"""What an exam was sat with: each part that could change its outcome, as a short hash.

Code counts by what it does: its comments, docstrings and layout change no hash.
"""

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chatbot.exam import traps
from customers import culture

ANSWERING = Path(__file__).parent.parent / "answering"
COMPOSITION, GUARD = ANSWERING / "composition", ANSWERING / "guard"
LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a result holds for: generator (with adapter), prompts, guard and traps, each as a version, and locale."""

    locale: str
    generator: str
    prompts: str
    guard: str
    traps: str


def key(locale: str, generator: str) -> Key:
    """Return what an exam of a generator would be sat with now. Raises TrapError."""
    language = culture.language_of(locale)
    return Key(
        locale=locale,
        generator=generator,
        prompts=prompts_version(language),
        guard=guard_version(language),
        traps=traps.digest(traps.load(locale)),
    )


@cache
def prompts_version(language: str) -> str:
    """Return the version of what a generator is told in a language, and of how it is told."""
    files = [COMPOSITION / name for name in ("prompt.py", "writer.py", "core.py", "core.json", "coverage.py")]
    return _digest([*files, *_data(COMPOSITION / "prompts", language)])


@cache
def guard_version(language: str) -> str:
    """Return the version of what judges a sentence in a language."""
    return _digest([*sorted(GUARD.glob("*.py")), *_data(GUARD, language)])


def _data(folder: Path, language: str) -> list[Path]:
    """Return a package's data files, less those of other languages."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".toml", ".json", ".txt")]
    return [path for path in files if not _is_of_language(path) or path.stem in (language, "und")]


def _is_of_language(path: Path) -> bool:
    return 2 <= len(path.stem) <= 3 and culture.parse_locale(path.stem) is not None


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = _meaning(path.read_text("utf-8")) if path.suffix == ".py" else path.read_bytes()
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:LENGTH]


def _meaning(source: str) -> bytes:
    """Return what a module does, whatever is said about it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_said(part)]
    return ast.dump(tree).encode()


def _is_said(part: ast.stmt) -> bool:
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
