"""The requirement files name what the code imports, each at one exact version."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
OWN = {"chatbot", "customers", "tests"}
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==[0-9][0-9a-z.]*")


def pinned(path: Path) -> set[str]:
    """Return the normalised names that a requirements file pins; fail on a line that pins nothing."""
    names = set()
    for line in path.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            match = PIN.fullmatch(requirement)
            assert match, f"{path.name}: {requirement!r} is no exact version"
            names.add(normalised(match["name"]))
    return names


def normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(paths: set[Path]) -> dict[str, Path]:
    """Return the top-level modules that the files import, each with a file that does."""
    found: dict[str, Path] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0]: path for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                found[node.module.partition(".")[0]] = path
    return found


def code(*folders: str) -> set[Path]:
    """Return the Python files under the folders."""
    return {path for folder in folders for path in (BASE_DIR / folder).rglob("*.py")}


BENCHMARKS = code("chatbot/bench")


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        (code("chatbot", "customers") - BENCHMARKS, ["requirements.txt"]),
        (code("tests") | BENCHMARKS, ["requirements.txt", "tests/requirements.txt"]),
    ],
    ids=["what runs", "tests and benchmarks"],
)
def test_everything_imported_is_pinned(paths: set[Path], files: list[str]) -> None:
    names = set().union(*(pinned(BASE_DIR / file) for file in files))
    distributions = importlib.metadata.packages_distributions()
    unpinned = {
        f"{module} (in {path.relative_to(BASE_DIR)})"
        for module, path in imported(paths).items()
        if module not in sys.stdlib_module_names | OWN
        and not names & {normalised(name) for name in distributions.get(module, [module])}
    }
    assert not unpinned
