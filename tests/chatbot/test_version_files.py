"""Versions as files: what comes back is what went out, and nothing else comes in."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from chatbot import bulk_encoder, generation, version_adapters, version_files, versions
from chatbot.engine.errors import WeightsError
from chatbot.models import ModelVersion, VersionAdapter, VersionSnapshot, VersionWeights
from chatbot.version_files import ADAPTER, MANIFEST, SNAPSHOT, WEIGHTS, FileRefused
from customers.models import AuditRecord, LocaleProfile
from tests.chatbot import taught, trainings
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def weights(model_folder: Path) -> Path:
    """The encoder that files are checked against."""
    return model_folder


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


@pytest.fixture
def version(profile: LocaleProfile) -> ModelVersion:
    encoder = bulk_encoder.encoder()
    made = trainings.version_of(profile, encoder.version, weights=trainings.tuned(encoder))
    VersionSnapshot.objects.update(entries=b"k" * 32)
    return made


def upload(profile: LocaleProfile, data: bytes) -> ModelVersion:
    return version_files.version_upload(profile=profile, data=data, actor="omar")


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def remade(data: bytes, change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> bytes:
    """Change a version's file as somebody would who knows how its hashes are made."""
    files = unzipped(data)
    manifest = json.loads(files.pop(MANIFEST))
    change(manifest, files)
    manifest["files"] = {name: hashlib.sha256(one).hexdigest() for name, one in files.items()}
    manifest.pop("sha256")
    sealed = manifest | {"sha256": version_files._digest(manifest)}
    return zipped({MANIFEST: json.dumps(sealed).encode(), **files})


def test_a_version_comes_back_as_it_went(version: ModelVersion) -> None:
    other = make_profile("other", "fr-FR")
    data = version_files.pack(version)
    assert unzipped(data).keys() == {MANIFEST, WEIGHTS, SNAPSHOT}
    taken = upload(other, data)
    taken.refresh_from_db()
    assert versions.load(version=taken) == versions.load(version=version)
    for name in (
        "base",
        "vectors_key",
        "weights_sha256",
        "weights_bytes",
        "ranker",
        "recipe",
        "data",
        "seconds",
    ):
        assert getattr(taken, name) == getattr(version, name)
    assert (taken.profile, taken.number, taken.origin, taken.author) == (other, 1, version.name, "omar")
    assert taken.name.startswith("fr-FR-v1-")
    assert bytes(VersionSnapshot.objects.get(version=taken).entries) == b"k" * 32
    record = AuditRecord.objects.get(action="version_upload")
    assert (record.tenant, record.actor) == (other.tenant, "omar")
    assert upload(other, version_files.pack(taken)).number == 2


def test_an_uploaded_version_has_not_passed_the_gate(version: ModelVersion) -> None:
    taken = upload(version.profile, version_files.pack(version))
    assert version.verdict["passed"]
    assert (taken.verdict, taken.report) == ({}, {})
    assert not versions.may_promote(version=taken)


def test_a_version_without_tuned_layers_is_a_file_too(profile: LocaleProfile) -> None:
    untuned = trainings.version_of(profile, bulk_encoder.encoder().version)
    data = version_files.pack(untuned)
    assert unzipped(data).keys() == {MANIFEST, SNAPSHOT}
    taken = upload(profile, data)
    assert (taken.weights_sha256, taken.vectors_key) == ("", untuned.base)
    assert not VersionWeights.objects.exists()


def damage(data: bytes, at: bytes) -> bytes:
    place = data.index(at)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def with_tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[..., None]:
    def apply(_manifest: dict[str, Any], files: dict[str, bytes]) -> None:
        tensors = load(files[WEIGHTS])
        change(tensors)
        files[WEIGHTS] = save(tensors)

    return apply


def first(tensors: Mapping[str, torch.Tensor]) -> str:
    return sorted(tensors)[0]


FORGERIES: dict[str, tuple[Callable[..., object], str]] = {
    "another encoder": (lambda manifest, _: manifest.update(base="other@123"), "from the encoder other@123"),
    "no encoder": (lambda manifest, _: manifest.update(base=None), "Only versions of the same encoder"),
    "another format": (lambda manifest, _: manifest.update(format=2), "another version of Kefu"),
    "no ranker": (lambda manifest, _: manifest.pop("ranker"), "weights of the signals"),
    "a ranker of text": (lambda manifest, _: manifest.update(ranker="x"), "weights of the signals"),
    "an endless number": (
        lambda manifest, _: manifest["ranker"]["calibrator"].update(slope=float("inf")),
        "weights of the signals",
    ),
    "a number beyond all floats": (
        lambda manifest, _: manifest["ranker"]["calibrator"].update(slope=10**400),
        "weights of the signals",
    ),
    "no number": (
        lambda manifest, _: manifest["ranker"]["nothing"].update(size=float("nan")), "weights of the signals",
    ),
    "no safetensors": (lambda _, files: files.update({WEIGHTS: b"\x80\x04pickle"}), "do not fit"),
    "another shape": (
        with_tensors(lambda tensors: tensors.update({first(tensors): torch.zeros(3)})), "do not fit",
    ),
    "another type": (
        with_tensors(lambda tensors: tensors.update({first(tensors): tensors[first(tensors)].int()})),
        "do not fit",
    ),
    "a tensor missing": (with_tensors(lambda tensors: tensors.pop(first(tensors))), "do not fit"),
    "a tensor more": (with_tensors(lambda tensors: tensors.update(more=torch.zeros(3))), "do not fit"),
    "an endless weight": (
        with_tensors(lambda tensors: tensors[first(tensors)].view(-1)[0:1].fill_(float("inf"))), "do not fit",
    ),
    "a list of FAQs cut off": (lambda _, files: files.update({SNAPSHOT: b"k" * 31}), "list of FAQs"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), FORGERIES.values(), ids=FORGERIES)
def test_a_file_that_does_not_fit_is_refused(
    version: ModelVersion, change: Callable[..., object], says: str
) -> None:
    with pytest.raises(FileRefused, match=says):
        upload(version.profile, remade(version_files.pack(version), change))
    assert ModelVersion.objects.count() == 1


def test_a_damaged_file_is_refused(version: ModelVersion) -> None:
    files = unzipped(version_files.pack(version))
    for name, says in ((WEIGHTS, "hashes of its manifest"), (SNAPSHOT, "hashes of its manifest")):
        with pytest.raises(FileRefused, match=says):
            upload(version.profile, zipped(files | {name: files[name][:-1] + b"\x01"}))
    manifest = files[MANIFEST].replace(b'"steps": 5', b'"steps": 6')
    with pytest.raises(FileRefused, match="hash that it states"):
        upload(version.profile, zipped(files | {MANIFEST: manifest}))
    without = {name: data for name, data in files.items() if name != WEIGHTS}
    with pytest.raises(FileRefused, match="hashes of its manifest"):
        upload(version.profile, zipped(without))


def test_what_is_no_version_is_refused(profile: LocaleProfile) -> None:
    manifest = json.dumps({"format": 1}).encode()
    for data in (
        b"",
        b"PK\x03\x04",
        b"%PDF-1.7",
        zipped({}),
        zipped({"readme.txt": b"hello"}),
        zipped({MANIFEST: manifest, "../../etc/passwd": b"x"}),
        zipped({MANIFEST: b"not json"}),
        zipped({MANIFEST: b"\xff\xfe"}),
        zipped({MANIFEST: b"[" * 100_000}),
        zipped({MANIFEST: b"{" + b'"a":{' * 100_000}),
        zipped({MANIFEST: manifest + b"9" * 5000}),
        version_of_zip(profile, cut=200),
    ):
        with pytest.raises(FileRefused):
            upload(profile, data)
    assert not ModelVersion.objects.filter(origin__gt="").exists()


def version_of_zip(profile: LocaleProfile, *, cut: int) -> bytes:
    data = version_files.pack(trainings.version_of(profile, bulk_encoder.encoder().version))
    return data[:-cut]


def test_a_zip_bomb_is_not_unpacked(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {MANIFEST: 1000, WEIGHTS: 100_000, SNAPSHOT: 1000}
    monkeypatch.setattr(version_files, "LIMITS", limits)
    for name in limits:
        bomb = zipped({MANIFEST: b"{}", name: b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)
        assert len(bomb) < 100_000
        with pytest.raises(FileRefused, match="too large"):
            upload(profile, bomb)
        # One that lies about its size.
        honest = (50_000_000).to_bytes(4, "little")
        liar = bomb.replace(honest, (10).to_bytes(4, "little"))
        assert liar != bomb
        with pytest.raises(FileRefused):
            upload(profile, liar)
    monkeypatch.setattr(version_files, "MAX_BYTES", 10)
    with pytest.raises(FileRefused, match="too large"):
        upload(profile, zipped({MANIFEST: b"{}"}))


def test_a_file_that_names_a_part_twice_is_refused(version: ModelVersion) -> None:
    made = io.BytesIO(version_files.pack(version))
    with zipfile.ZipFile(made, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SNAPSHOT, b"k" * 16)
    with pytest.raises(FileRefused, match="no version"):
        upload(version.profile, made.getvalue())


def test_what_a_file_says_of_itself_is_kept_within_bounds(version: ModelVersion) -> None:
    def boast(manifest: dict[str, Any], _files: object) -> None:
        manifest.update(
            name="n" * 500 + "\0",
            seed=-1,
            seconds=float("nan"),
            data_sha256=7,
            data={"entries": 5, "note": "<script>", "nan": float("nan"), "huge": 10**400},
            recipe={
                "deep": {"a": 1},
                "\0name": "v" * 500,
                "half": "\ud800",
                **{f"k{n}": n for n in range(500)},
            },
            verdict={"passed": True},
            report={"metrics": {}},
        )

    taken = upload(version.profile, remade(version_files.pack(version), boast))
    taken.refresh_from_db()
    assert (taken.origin, taken.seed, taken.seconds, taken.data_sha256) == ("n" * 64, 0, 0, "")
    assert (taken.data, taken.verdict, taken.report) == ({"entries": 5}, {}, {})
    assert taken.recipe["name"] == "v" * 200
    assert "deep" not in taken.recipe
    assert len(taken.recipe) <= 100


def test_a_damaged_version_is_not_given_out(version: ModelVersion) -> None:
    VersionWeights.objects.update(data=b"other")
    from chatbot.engine.errors import WeightsError

    with pytest.raises(WeightsError):
        version_files.pack(version)


# ---------------------------------------------------------------- the generator's adapter


@pytest.fixture
def adapted(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """A version with an adapter of the generator that is installed."""
    monkeypatch.setattr(generation, "version_for", lambda locale: taught.BASE)
    return trainings.version_of(profile, bulk_encoder.encoder().version, taught=taught.taught())


def test_an_adapter_comes_back_as_it_went_and_unexamined(adapted: ModelVersion) -> None:
    other = make_profile("other", "fr-FR")
    data = version_files.pack(adapted)
    assert unzipped(data).keys() == {MANIFEST, SNAPSHOT, ADAPTER}
    assert json.loads(unzipped(data)[MANIFEST])["teaching"]["code"] == "passed"
    taken = upload(other, data)
    taken.refresh_from_db()
    assert version_adapters.load(taken) == version_adapters.load(adapted)
    for name in ("adapter", "adapter_sha256", "adapter_bytes"):
        assert getattr(taken, name) == getattr(adapted, name)
    assert taken.teaching == {}
    assert not taken.exams.exists()
    assert version_adapters.adapter_of(taken) == version_adapters.adapter_of(adapted)
    assert VersionAdapter.objects.count() == 2


@pytest.mark.parametrize(("installed", "said"), [("llama@def", "llama@def"), ("", "runs none")])
def test_an_adapter_of_another_generator_is_refused(
    adapted: ModelVersion, monkeypatch: pytest.MonkeyPatch, installed: str, said: str
) -> None:
    data = version_files.pack(adapted)
    monkeypatch.setattr(generation, "version_for", lambda locale: installed)
    with pytest.raises(FileRefused, match=f"gemma@abc.*{said}"):
        upload(adapted.profile, data)
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize("file", [b"", b"\x80\x04pickle", (2**60).to_bytes(8, "little") + b"{}"])
def test_what_is_no_adapter_is_refused(adapted: ModelVersion, file: bytes) -> None:
    def forge(_manifest: object, files: dict[str, bytes]) -> None:
        files[ADAPTER] = file

    with pytest.raises(FileRefused, match="adapter in this file cannot be read"):
        upload(adapted.profile, remade(version_files.pack(adapted), forge))
    assert ModelVersion.objects.count() == 1


def test_a_damaged_adapter_is_not_given_away(adapted: ModelVersion) -> None:
    VersionAdapter.objects.update(data=b"other")
    with pytest.raises(WeightsError, match="another"):
        version_files.pack(adapted)
