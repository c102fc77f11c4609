"""The stored vectors of a profile, read and written in binary: as text, 100,000 of them would take a minute."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector

# Of COPY's binary format (the Postgres manual, COPY, "Binary Format"), and of the rows that are read with it.
HEADER_BYTES, TRAILER_BYTES = 19, 2
DIGEST_BYTES = 32
DIM_OFFSET = 2 + (4 + 8) + (4 + 8) + (4 + DIGEST_BYTES) + 4


@dataclass(frozen=True, kw_only=True)
class StoredVector:
    """One row of QuestionVector: which entry's, of which text, and the unit vector [dim]."""

    entry_id: int
    digest: bytes
    vector: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Rows of QuestionVector: their ids, which text of which entry each is of, and the unit vectors [rows, dim]."""

    ids: list[int]
    keys: list[tuple[int, bytes]]
    matrix: NDArray[np.float32]

    def places(self) -> dict[tuple[int, bytes], int]:
        """Return each text's row."""
        return {key: row for row, key in enumerate(self.keys)}


def load_all(*, profile_id: int, version: str) -> Stored:
    """Return all of a profile's stored vectors; the matrix is [0, 0] where there are none."""
    connection.ensure_connection()
    with (
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(
            """
        COPY (
            SELECT v.id, v.entry_id, v.text_sha256, v.vector FROM chatbot_questionvector v
            JOIN customers_faqentry e ON e.id = v.entry_id WHERE e.profile_id = %s AND v.version = %s
        ) TO STDOUT (FORMAT binary)
        """,
            [profile_id, version],
        ) as copy,
    ):
        data = b"".join(copy)
    rows = _rows(data)
    return Stored(
        ids=rows["id"].tolist(),
        keys=list(zip(rows["entry_id"].tolist(), rows["digest"].tolist(), strict=True)),
        matrix=rows["vector"].astype(np.float32),
    )


def load(
    *, profile_id: int, version: str, known: set[tuple[int, bytes]]
) -> tuple[list[StoredVector], list[int]]:
    """Return the profile's stored vectors that are among `known` texts, and the row ids of all others."""
    stored = load_all(profile_id=profile_id, version=version)
    found = [
        StoredVector(entry_id=key[0], digest=key[1], vector=vector)
        for key, vector in zip(stored.keys, stored.matrix, strict=True)
        if key in known
    ]
    return found, [row_id for row_id, key in zip(stored.ids, stored.keys, strict=True) if key not in known]


def save(*, version: str, vectors: Iterable[StoredVector]) -> None:
    """Store vectors; a row that another node stored first stays, and an entry deleted meanwhile is skipped."""
    connection.ensure_connection()
    register_vector(connection.connection)
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.executemany(
            """
            INSERT INTO chatbot_questionvector (entry_id, version, text_sha256, vector)
            SELECT e.id, %s, %s, %s FROM customers_faqentry e WHERE e.id = %s FOR KEY SHARE
            ON CONFLICT DO NOTHING
            """,
            [(version, v.digest, Vector(v.vector), v.entry_id) for v in vectors],
        )


def prune(*, ids: list[int]) -> None:
    """Delete rows whose text is gone."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM chatbot_questionvector WHERE id = ANY(%s)", [ids])


def stored_keys(*, profile_id: int, version: str) -> set[tuple[int, bytes]]:
    """Return of which texts of which entries a vector is stored."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            """
            SELECT v.entry_id, v.text_sha256 FROM chatbot_questionvector v
            JOIN customers_faqentry e ON e.id = v.entry_id WHERE e.profile_id = %s AND v.version = %s
            """,
            [profile_id, version],
            binary=True,
        )
        return {(entry_id, bytes(digest)) for entry_id, digest in cursor.fetchall()}


def load_by_digest(*, profile_id: int, version: str) -> dict[bytes, NDArray[np.float32]]:
    """Return the profile's stored vectors [dim] by the digest of their text."""
    stored = load_all(profile_id=profile_id, version=version)
    return {digest: vector for (_, digest), vector in zip(stored.keys, stored.matrix, strict=True)}


def save_for_upload(*, upload_id: int, version: str, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
    """Keep the vectors [dim] of an upload's texts until it is applied; an upload deleted meanwhile is skipped."""
    connection.ensure_connection()
    register_vector(connection.connection)
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.executemany(
            """
            INSERT INTO chatbot_uploadvector (upload_id, version, text_sha256, vector)
            SELECT u.id, %s, %s, %s FROM customers_faqupload u WHERE u.id = %s FOR KEY SHARE
            ON CONFLICT DO NOTHING
            """,
            [(version, digest, Vector(vector), upload_id) for digest, vector in vectors.items()],
        )


def load_for_uploads(
    *, tenant_id: int, version: str, digests: Collection[bytes]
) -> dict[bytes, NDArray[np.float32]]:
    """Return the vectors [dim] of those of the texts that were embedded for an upload of the tenant."""
    connection.ensure_connection()
    register_vector(connection.connection)
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (v.text_sha256) v.text_sha256, v.vector FROM chatbot_uploadvector v
            JOIN customers_faqupload u ON u.id = v.upload_id
            WHERE u.tenant_id = %s AND v.version = %s AND v.text_sha256 = ANY(%s)
            """,
            [tenant_id, version, list(digests)],
            binary=True,
        )
        return {bytes(digest): _array(vector) for digest, vector in cursor.fetchall()}


def _array(vector: "Vector | NDArray[np.float32]") -> NDArray[np.float32]:
    return np.asarray(vector.to_numpy() if isinstance(vector, Vector) else vector, np.float32)


def _rows(data: bytes) -> "NDArray[np.void]":
    """Read what COPY gives in binary: every row is as long as the others, so that all are one array."""
    body = memoryview(data)[HEADER_BYTES:-TRAILER_BYTES]
    dim = int.from_bytes(body[DIM_OFFSET : DIM_OFFSET + 2], "big") if len(body) else 0
    # Each field has its length before it; a vector is its dimension, two spare bytes, and its numbers.
    row = np.dtype(
        [
            ("fields", ">i2"),
            *[("id_bytes", ">i4"), ("id", ">i8")],
            *[("entry_bytes", ">i4"), ("entry_id", ">i8")],
            *[("digest_bytes", ">i4"), ("digest", f"V{DIGEST_BYTES}")],
            *[("vector_bytes", ">i4"), ("dim", ">i2"), ("spare", ">i2"), ("vector", ">f4", (dim,))],
        ]
    )
    return np.frombuffer(body, row)
