"""What is asked of any chat and is none of an FAQ's business: it competes with what the FAQ holds.

The texts are data, one file per language in `off_topic/`. An encoder puts what is off topic near texts that are, as it
puts paraphrases near one another (a cohort, as in score normalisation: Auckenthaler, Carey and Lloyd-Thomas, Digital
Signal Processing 2000).
"""

import functools
import hashlib
import logging
import secrets
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Kind, Vectors

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("off_topic")
CACHED = "background"
# Texts embedded at a time: an engine that serves takes no more than so many at once.
PIECE = 256
# Files kept, of the versions that were made last: about 2.5 MB each with the bundled encoder.
KEPT = 100


@functools.cache
def by_place() -> dict[tuple[str, str, int], str]:
    """Return the prepared texts by language subtag, theme and place; translations share theme and place."""
    found: dict[tuple[str, str, int], str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for theme, texts in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found |= {(path.stem, theme, place): prepare(text) for place, text in enumerate(texts)}
    return found


def texts() -> list[str]:
    """Return all texts, those of a file after another."""
    return list(by_place().values())


def vectors(embed: Callable[[list[str], Kind], Vectors], *, version: str, folder: Path) -> Vectors:
    """Return the texts' unit vectors [texts, dim] under an encoder version, from `folder` once they are known there.

    `embed` returns unit vectors [len(texts), dim]. Where the folder cannot be written, they are made each time.
    """
    digest = hashlib.sha256("\n".join([version, *texts()]).encode()).hexdigest()[:16]
    path = folder / f"{CACHED}-{digest}.safetensors"
    try:
        known: Vectors = load_file(path)[CACHED]
    except (OSError, KeyError, SafetensorError):
        pieces = [texts()[start : start + PIECE] for start in range(0, len(texts()), PIECE)]
        known = np.concatenate([embed(piece, "query") for piece in pieces], dtype=np.float32)
        _write(path, known)
    return known


def _write(path: Path, vectors: Vectors) -> None:
    """Write vectors where another process may read at any moment, and delete the oldest beyond `KEPT`."""
    half = path.with_suffix(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(save({CACHED: vectors}))
        half.replace(path)
        files = {file: file.stat().st_mtime for file in path.parent.glob(f"{CACHED}-*")}
        for old in sorted(files, key=files.__getitem__)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.warning(
            "The vectors of what is off topic are not kept in %s (%s), so they are made anew with every index; make "
            "the folder writable",
            path.parent, error,
        )  # fmt: skip
