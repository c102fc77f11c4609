"""Changes to many FAQ entries, made where the entries are: in Postgres, without an object per entry in this process.

The changes stand in a temporary table: each entry as `FaqDraft.to_json` gives it, before and after, null where there
is none. In Python the same is so much work that the chats of the process would wait for it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from customers.models import FaqEntry

Cursor = psycopg.Cursor[Any]

TEXT_FIELDS = {"category": "text", "answer": "text"}
LIST_FIELDS = {"tags": "text[]", "follow_ups": "text[]"}
OTHER_FIELDS = {"valid_from": "date", "valid_until": "date", "is_active": "boolean"}
FIELDS = TEXT_FIELDS | LIST_FIELDS | OTHER_FIELDS
# The image of a live entry `e`, as `FaqDraft.to_json` gives it.
LIVE = f"""
    jsonb_build_object('key', e.key, {", ".join(f"'{name}', to_jsonb(e.{name})" for name in FIELDS)}, 'questions',
        coalesce((SELECT jsonb_agg(q.text ORDER BY q.position) FROM customers_faqquestion q WHERE q.entry_id = e.id),
            '[]'))
"""  # noqa: S608 -- the names are constants of this module


@contextmanager
def table() -> Iterator[Cursor]:
    """Open the table of changes, empty, for a block within the caller's transaction."""
    connection.ensure_connection()
    # Django's own cursors bind on the client and cannot copy.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE faq_change (position bigint, profile_id bigint, key text, before jsonb, after jsonb,
                PRIMARY KEY (profile_id, key)) ON COMMIT DROP
            """
        )
        yield cursor
        cursor.execute("DROP TABLE faq_change")


def from_upload(cursor: Cursor, *, upload_id: int, kinds: Sequence[str], backwards: bool = False) -> None:
    """Fill the table with what applying an upload's rows of these kinds does, or taking that back."""
    columns = "after, before" if backwards else "before, after"
    cursor.execute(
        f"""
        INSERT INTO faq_change (position, profile_id, key, {columns})
        SELECT position, profile_id, key, before, coalesce(draft, before || '{{"is_active": false}}')
        FROM customers_faquploadrow WHERE upload_id = %s AND kind = ANY(%s) AND NOT is_left_out
        """,  # noqa: S608
        [upload_id, list(kinds)],
    )
    cursor.execute("ANALYZE faq_change")


def profile_ids(cursor: Cursor) -> list[int]:
    """Return whose entries change."""
    return [pk for (pk,) in cursor.execute("SELECT DISTINCT profile_id FROM faq_change ORDER BY 1")]


def moved(cursor: Cursor) -> Mapping[int, Sequence[str]]:
    """Return the keys per profile of entries that are not as they were before; the caller locks the profiles first."""
    found = defaultdict[int, list[str]](list)
    rows = cursor.execute(
        f"""
        SELECT c.profile_id, c.key FROM faq_change c
        LEFT JOIN customers_faqentry e ON e.profile_id = c.profile_id AND e.key = c.key
        WHERE c.before IS DISTINCT FROM CASE WHEN e.id IS NOT NULL THEN {LIVE} END ORDER BY c.position
        """  # noqa: S608
    )
    for profile_id, key in rows:
        found[profile_id].append(key)
    return found


def counts(cursor: Cursor) -> Mapping[str, int]:
    """Return how many entries come, change and go."""
    row = cursor.execute(
        """
        SELECT count(*) FILTER (WHERE before IS NULL), count(*) FILTER (WHERE num_nulls(before, after) = 0),
            count(*) FILTER (WHERE after IS NULL) FROM faq_change
        """
    ).fetchone()
    return dict(zip(("created", "changed", "deleted"), row or (), strict=True))


def write(cursor: Cursor) -> None:
    """Make the live entries as they are to be after the changes."""
    _write_entries(cursor)
    _write_questions(cursor)
    for profile_id in profile_ids(cursor):
        rows = cursor.execute(
            "SELECT key FROM faq_change WHERE profile_id = %s AND after IS NULL", [profile_id]
        )
        gone = [key for (key,) in rows]
        FaqEntry.objects.filter(profile_id=profile_id, key__in=gone).delete()


def _write_entries(cursor: Cursor) -> None:
    columns = ", ".join(FIELDS)
    cursor.execute(
        f"""
        INSERT INTO customers_faqentry (profile_id, key, {columns}, created_at, updated_at)
        SELECT c.profile_id, c.key, {", ".join(f"a.{name}" for name in FIELDS)}, clock_timestamp(), clock_timestamp()
        FROM faq_change c, jsonb_to_record(c.after) AS a({", ".join(f"{name} {kind}" for name, kind in FIELDS.items())})
        WHERE c.after IS NOT NULL ORDER BY c.position
        ON CONFLICT (profile_id, key) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIELDS)},
            updated_at = excluded.updated_at
        """  # noqa: S608
    )


def _write_questions(cursor: Cursor) -> None:
    cursor.execute(
        """
        DELETE FROM customers_faqquestion q USING customers_faqentry e, faq_change c
        WHERE q.entry_id = e.id AND e.profile_id = c.profile_id AND e.key = c.key AND c.after IS NOT NULL
        """
    )
    cursor.execute(
        """
        INSERT INTO customers_faqquestion (entry_id, position, text)
        SELECT e.id, asked.number - 1, asked.text FROM faq_change c
        JOIN customers_faqentry e ON e.profile_id = c.profile_id AND e.key = c.key
        CROSS JOIN jsonb_array_elements_text(c.after -> 'questions') WITH ORDINALITY AS asked(text, number)
        WHERE c.after IS NOT NULL ORDER BY c.position, asked.number
        """
    )
