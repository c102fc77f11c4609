"""The stored vectors of a profile, read and written in binary: as text, 100,000 of them would take a minute."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector


@dataclass(frozen=True, kw_only=True)
class StoredVector:
    """One row of QuestionVector: which entry's, of which text, and the unit vector [dim]."""

    entry_id: int
    digest: bytes
    vector: NDArray[np.float32]


def load(
    *, profile_id: int, version: str, known: set[tuple[int, bytes]]
) -> tuple[list[StoredVector], list[int]]:
    """Return the profile's stored vectors that are among `known` texts, and the row ids of all others."""
    connection.ensure_connection()
    register_vector(connection.connection)
    # Django's own cursors bind parameters on the client, which knows no binary form.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            """
            SELECT v.id, v.entry_id, v.text_sha256, v.vector FROM chatbot_questionvector v
            JOIN customers_faqentry e ON e.id = v.entry_id WHERE e.profile_id = %s AND v.version = %s
            """,
            [profile_id, version],
            binary=True,
        )
        rows = cursor.fetchall()
    found, stale = [], []
    for row_id, entry_id, digest, vector in rows:
        if (entry_id, bytes(digest)) in known:
            array = np.asarray(vector.to_numpy() if isinstance(vector, Vector) else vector, np.float32)
            found.append(StoredVector(entry_id=entry_id, digest=bytes(digest), vector=array))
        else:
            stale.append(row_id)
    return found, stale


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
