"""A model version as one file, to keep it or to take it to another Kefu: a zip of a manifest and safetensors.

An uploaded file is somebody's claim. What it says is read within fixed sizes and checked against its hashes, against
the shared encoder, and against the generator where it brings an adapter; what it says of how good the version is, is
not taken over: the gate has not seen it, and its adapter has sat no exam here.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from chatbot import bulk_encoder, drift, generation, training, version_adapters, versions
from chatbot.answering.rank import RankerError, Weights, weights_from_json, weights_to_json
from chatbot.engine.encoder import Encoder
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.upper_file import read_upper
from chatbot.models import ModelVersion, VersionAdapter, VersionSnapshot, VersionWeights
from chatbot.serving import serving
from customers.models import LocaleProfile
from customers.services import audit

FORMAT = 1
MANIFEST, WEIGHTS, SNAPSHOT = "manifest.json", "weights.safetensors", "faq.bin"
ADAPTER = "adapter.safetensors"
MIB = 2**20
# Four layers of a large encoder (hidden 1024) are 100 MB; a report with its questions is a tenth of a megabyte.
LIMITS: Mapping[str, int] = {MANIFEST: 2 * MIB, WEIGHTS: 128 * MIB, SNAPSHOT: 8 * MIB, ADAPTER: 64 * MIB}
MAX_BYTES = sum(LIMITS.values())
NAME_CHARS, VALUE_CHARS, VALUES = 64, 200, 100


class FileRefused(Exception):
    """An uploaded file is no version that can be used here; the text is a sentence for the person who sent it."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an uploaded file holds, checked. `weights` is None where nothing was tuned, `adapter` where it has none."""

    manifest: Mapping[str, Any]
    ranker: Weights
    weights: bytes | None
    snapshot: bytes
    adapter: Adapter | None = None


def pack(version: ModelVersion) -> bytes:
    """Return a version as a zip file. Raises WeightsError where its tuned layers or its adapter are damaged."""
    weights, adapter = versions.load(version=version), version_adapters.load(version)
    snapshot = VersionSnapshot.objects.filter(version=version).first()
    files = {SNAPSHOT: bytes(snapshot.entries) if snapshot else b""}
    if weights is not None:
        files[WEIGHTS] = weights
    if adapter is not None:
        files[ADAPTER] = adapter
    about = {
        "format": FORMAT,
        "name": version.name,
        "locale": version.profile.locale,
        "created_at": version.created_at.isoformat(),
        "base": version.base,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "ranker": version.ranker,
        "seed": version.seed,
        "recipe": version.recipe,
        "data": version.data,
        "data_sha256": version.data_sha256,
        "skipped": version.skipped,
        "seconds": version.seconds,
        "judged_against": version.judged_against,
        "verdict": version.verdict,
        "teaching": version.teaching,
        "report": version.report,
    }
    manifest = json.dumps(about | {"sha256": _digest(about)}, ensure_ascii=False, indent=1).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: manifest, **files}.items():
            archive.writestr(name, data)
    return made.getvalue()


def version_upload(*, profile: LocaleProfile, data: bytes, actor: str) -> ModelVersion:
    """Keep an uploaded version beside the others; it is not live, and the gate has not seen it. Raises FileRefused."""
    engine = serving.engine
    generator = generation.version_for(profile.locale)
    content = _read(data, engine.encoder if engine else bulk_encoder.encoder(), generator)
    return _store(profile, content, actor)


@transaction.atomic
def _store(profile: LocaleProfile, content: Content, actor: str) -> ModelVersion:
    locked = LocaleProfile.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=profile.pk)
    manifest, sha256 = content.manifest, versions.sha256_of(content.weights)
    adapter = content.adapter.read() if content.adapter else None
    version = ModelVersion.objects.create(
        profile=locked,
        number=training.next_number(locked),
        name=training.new_name(locked),
        parent=versions.live(profile_id=locked.pk),
        origin=_text(manifest.get("name"), NAME_CHARS),
        author=actor[:150],
        base=manifest["base"],
        vectors_key=versions.vectors_key(base=manifest["base"], weights_sha256=sha256),
        weights_sha256=sha256,
        weights_bytes=len(content.weights or b""),
        ranker=weights_to_json(content.ranker),
        adapter=content.adapter.about() if content.adapter else {},
        adapter_sha256=versions.sha256_of(adapter),
        adapter_bytes=len(adapter or b""),
        seed=_whole(manifest.get("seed")),
        recipe=_plain(manifest.get("recipe")),
        data_sha256=_text(manifest.get("data_sha256"), NAME_CHARS),
        data={name: value for name, value in _plain(manifest.get("data")).items() if _is_number(value)},
        seconds=_seconds(manifest.get("seconds")),
    )
    if content.weights is not None:
        VersionWeights.objects.create(version=version, data=content.weights)
    if adapter is not None:
        VersionAdapter.objects.create(version=version, data=adapter)
    if content.snapshot:
        VersionSnapshot.objects.create(version=version, entries=content.snapshot)
    audit(
        actor=actor,
        action="version_upload",
        target=str(locked),
        tenant=locked.tenant,
        data={"version": version.name, "origin": version.origin, "sha256": sha256},
    )
    return version


# ---------------------------------------------------------------- reading what somebody sent


def _read(data: bytes, encoder: Encoder, generator: str) -> Content:
    """Check an uploaded file. Raises FileRefused."""
    files = _unzip(data)
    manifest = _manifest(files.pop(MANIFEST))
    hashes = manifest.get("files")
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if hashes != found:
        raise FileRefused(
            _("The file is damaged: its contents do not have the hashes of its manifest. Download it again.")
        )
    if manifest.get("base") != encoder.version:
        raise FileRefused(
            _(
                "This version was made from the encoder %(its)s, but this Kefu runs %(ours)s. Only versions of the "
                "same encoder can be used."
            )
            % {"its": _text(manifest.get("base"), NAME_CHARS) or "?", "ours": encoder.version}
        )
    weights = files.get(WEIGHTS)
    try:
        ranker = weights_from_json(_object(manifest.get("ranker")))
        if weights is not None:
            read_upper(weights, like=encoder.upper_state())
    except (RankerError, OverflowError) as error:
        raise FileRefused(
            _("The weights of the signals in this file cannot be read. Download the version again.")
        ) from error
    except WeightsError as error:
        raise FileRefused(
            _(
                "The tuned layers in this file do not fit the encoder, or are damaged. Download the version again."
            )
        ) from error
    snapshot = files.get(SNAPSHOT, b"")
    if len(snapshot) % (2 * drift.HASH_BYTES):
        raise FileRefused(_("The file is damaged: its list of FAQs is cut off. Download the version again."))
    return Content(
        manifest=manifest,
        ranker=ranker,
        weights=weights,
        snapshot=snapshot,
        adapter=_adapter(files.get(ADAPTER), generator),
    )


def _adapter(data: bytes | None, generator: str) -> Adapter | None:
    """Check an uploaded adapter against the generator's version. Raises FileRefused."""
    if data is None:
        return None
    try:
        adapter = adapters.unpacked(data)
    except WeightsError as error:
        raise FileRefused(
            _("The generator's adapter in this file cannot be read. Download the version again.")
        ) from error
    if adapter.base != generator:
        raise FileRefused(
            _(
                "The adapter in this version was made for the generator %(its)s, but this Kefu runs %(ours)s. Only "
                "adapters of the same generator can be used."
            )
            % {"its": _text(adapter.base, VALUE_CHARS), "ours": generator or _("none")}
        )
    return adapter


def _unzip(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip, none larger than it may be. Raises FileRefused."""
    no_version = FileRefused(_("This file is no version of a model that Kefu has made."))
    if len(data) > MAX_BYTES:
        raise FileRefused(_("The file is too large for a version of a model."))
    files = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if MANIFEST not in names or not LIMITS.keys() >= set(names) or len(names) != len(set(names)):
                raise no_version
            for name in names:
                # What the zip says of its sizes need not be true.
                with archive.open(name) as file:
                    files[name] = file.read(LIMITS[name] + 1)
                if len(files[name]) > LIMITS[name]:
                    raise FileRefused(_("The file is too large for a version of a model."))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise no_version from error
    return files


def _manifest(data: bytes) -> dict[str, Any]:
    """Read a manifest whose own hash is right. Raises FileRefused."""
    try:
        manifest = _object(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise FileRefused(_("This file is no version of a model that Kefu has made.")) from error
    if manifest.get("format") != FORMAT:
        raise FileRefused(_("This file is of another version of Kefu, which this one cannot read."))
    if manifest.pop("sha256", None) != _digest(manifest):
        raise FileRefused(
            _("The file is damaged: its manifest does not have the hash that it states. Download it again.")
        )
    return manifest


def _digest(about: Mapping[str, Any]) -> str:
    text = json.dumps(about, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: Any) -> dict[str, Any]:
    """Return the names with texts and numbers of an object, none of them long."""
    found = {
        _text(name, NAME_CHARS): one if _is_number(one) else _text(one, VALUE_CHARS)
        for name, one in _object(value).items()
        if _is_number(one) or isinstance(one, str)
    }
    return dict(list(found.items())[:VALUES])


def _text(value: Any, longest: int) -> str:
    # Postgres keeps no NUL, and half a surrogate pair is no character.
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:longest]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _seconds(value: Any) -> float:
    return float(value) if _is_number(value) and value >= 0 else 0.0
