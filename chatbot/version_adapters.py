"""The generator's adapter that a version holds: read from its row, its file only when it is needed."""

import hashlib

from django.db import DatabaseError, connection

from chatbot.engine.errors import WeightsError
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter
from chatbot.models import ModelVersion, VersionAdapter


def adapter_of(version: ModelVersion | None) -> Adapter | None:
    """Return a version's adapter; None where it has none. Raises WeightsError."""
    if version is None or not version.adapter_sha256:
        return None
    pk, name, sha256 = version.pk, version.name, version.adapter_sha256
    return adapters.described(
        version.adapter, sha256=sha256, read=lambda: _read_apart(pk, name=name, sha256=sha256)
    )


def load(version: ModelVersion) -> bytes | None:
    """Return the file of a version's adapter, a safetensors file; None where it has none. Raises WeightsError."""
    if not version.adapter_sha256:
        return None
    return _read(version.pk, name=version.name, sha256=version.adapter_sha256)


def _read_apart(version_id: int, *, name: str, sha256: str) -> bytes:
    """Read as `load` does, on a thread that is nobody's: it keeps no connection."""
    try:
        return _read(version_id, name=name, sha256=sha256)
    except DatabaseError as error:
        raise WeightsError(f"The adapter of {name} is out of reach ({type(error).__name__}).") from error
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _read(version_id: int, *, name: str, sha256: str) -> bytes:
    row = VersionAdapter.objects.filter(version=version_id).first()
    data = bytes(row.data) if row else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise WeightsError(
            f"The generator's adapter of {name} is not the one that was stored: its sha256 is another. Make another "
            "version live, and train again."
        )
    return data
