"""Find a model's weights, check their hashes, and make a model folder of them.

A model folder is what `transformers` and `sentence-transformers` write: config.json, model.safetensors (or shards and
their index), tokenizer.json and what else the model has. The weights that come with packages are converted into such a
folder once; from then on there is one way to load a model.
"""

import errno
import fcntl
import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatbot.engine.errors import WeightsError

Progress = Callable[[float, str], None]

MANIFEST = "manifest.json"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
HUB_FILES = ["*.safetensors", "*.json", "*.model", "*.jinja", "1_Pooling/*", "LICENSE*", "NOTICE*"]


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A model that comes with packages, and the settings by which another takes its place.

    `conversion` is raised when the conversion changes, so that folders made by an older one are made again; `module`
    has the function `convert(target, progress)`. `version` is the fingerprint of what it makes, where that must be
    known before it is made.
    """

    name: str
    conversion: int
    module: str
    setting: str
    pin: str
    version: str = ""


ENCODER = Shipped(
    name="multilingual-e5-small",
    conversion=1,
    module="chatbot.engine.bundled",
    setting="ENCODER_MODEL",
    pin="ENCODER_SHA256",
)
GENERATOR = Shipped(
    name="gemma-3-270m",
    conversion=1,
    module="chatbot.engine.generator.bundled",
    setting="GENERATOR_MODEL",
    pin="GENERATOR_SHA256",
    version="gemma-3-270m@d9df495ac812",
)
# Trained by `manage.py train_adapter` on the examples that come with Kefu; recipe and hashes lie in the folder.
GENERATOR_ADAPTER = Path(__file__).parent / "generator" / "grounded"


def quiet(_fraction: float, _stage: str) -> None:
    """Report no progress."""


def prepare(
    source: str | None,
    cache_dir: Path,
    progress: Progress = quiet,
    *,
    pinned_sha256: str | None = None,
    shipped: Shipped = ENCODER,
) -> Path:
    """Return a checked model folder for a local folder, a hub name, or None for the shipped model.

    The shipped weights are converted on first use (about 10 s), by one process if several start at once; a folder that
    fails its hashes is made again. Raises WeightsError with a sentence that says what to do.
    """
    folder = place(source, cache_dir, shipped=shipped)
    if not source:
        _bundled(folder, progress, shipped)
    elif not Path(source).is_dir():
        _download(source, folder, progress, shipped)
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        if not (folder / name).is_file() and not (name == WEIGHTS and (folder / SHARDS).is_file()):
            raise WeightsError(
                f"The model folder {folder} has no {name}. {shipped.setting} needs a folder or hub name with "
                f"config.json, {WEIGHTS} (or shards with {SHARDS}) and tokenizer.json."
            )
    if pinned_sha256 and weights_sha256(folder) != pinned_sha256.lower():
        raise WeightsError(
            f"{folder / WEIGHTS} does not have the sha256 that {shipped.pin} pins ({pinned_sha256}). "
            "Get the right file, or correct the pin."
        )
    return folder


def place(source: str | None, cache_dir: Path, *, shipped: Shipped = ENCODER) -> Path:
    """Return where `prepare` puts a model, whether it is there yet or not."""
    if source and Path(source).is_dir():
        return Path(source).resolve()
    return cache_dir / (source.replace("/", "--") if source else f"{shipped.name}@{shipped.conversion}")


def fingerprint(folder: Path) -> str:
    """Return the name under which a model's work is kept: folder name and first 12 digits of its weights' hash."""
    manifest = folder / MANIFEST
    known = json.loads(manifest.read_text())["files"] if manifest.is_file() else {}
    digest = known.get(WEIGHTS) or weights_sha256(folder)
    return f"{folder.name.split('@')[0][:48]}@{digest[:12]}"


def adapter_version(folder: Path) -> str:
    """Return an adapter's part of a generator's version. Raises WeightsError."""
    try:
        digest = json.loads((folder / MANIFEST).read_text())["files"]["adapter_model.safetensors"]
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"The adapter {folder} has no {MANIFEST} that names adapter_model.safetensors ({error}). Train it again."
        ) from error
    return f"{folder.resolve().name.split('@')[0][:32]}@{digest[:12]}"


def weights_sha256(folder: Path) -> str:
    """Return the sha256 of a folder's weights: of the one file, or of the shards' names and hashes, line by line."""
    if (folder / WEIGHTS).is_file():
        return sha256_of(folder / WEIGHTS)
    names = sorted(set(json.loads((folder / SHARDS).read_text())["weight_map"].values()))
    lines = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


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


def _bundled(folder: Path, progress: Progress, shipped: Shipped) -> None:
    """Convert the packages' weights into the folder if needed."""
    progress(0.0, "checking the model's files")
    if verify(folder):
        return

    def convert(target: Path) -> None:
        importlib.import_module(shipped.module).convert(target, progress)
        progress(0.95, "hashing")
        write_manifest(target)

    _replace_whole(folder, convert)
    progress(1.0, "ready")


def _download(name: str, folder: Path, progress: Progress, shipped: Shipped) -> None:
    """Fetch a hub model's safetensors, tokenizer and configuration once; no code, no pickle."""
    if verify(folder):
        return
    progress(0.0, f"downloading {name}")

    def fetch(target: Path) -> None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            snapshot_download(name, local_dir=target, allow_patterns=HUB_FILES)
        except (OSError, HfHubHTTPError, HFValidationError) as error:
            raise WeightsError(
                f"{shipped.setting}={name!r} is neither a folder nor a model that could be downloaded "
                f"({type(error).__name__}). Give the path of a model folder, or unset {shipped.setting} to use the "
                "bundled weights."
            ) from error
        shutil.rmtree(target / ".cache", ignore_errors=True)
        write_manifest(target)

    _replace_whole(folder, fetch)


def _replace_whole(folder: Path, build: Callable[[Path], None]) -> None:
    """Build a folder beside its place and move it in whole, so a killed run leaves nothing half-made.

    Of several processes one builds; the others wait, and find it whole.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder.parent):
            if verify(folder):
                return
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
                f"The disk under {folder.parent} is full: a bundled model needs about 1 GB while it is unpacked. Free "
                "some space and start again."
            ) from error
        raise WeightsError(
            f"{folder.parent} cannot be written ({error.strerror}). Check its permissions."
        ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder's lock among processes; it goes with the process that holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
