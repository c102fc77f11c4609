"""FAQ entries in bulk: as many statements for 20,000 entries as for ten, and no model objects in between."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from django.db import connection

from customers.models import FaqEntry, FaqQuestion

DATES = ("valid_from", "valid_until")
LISTS = ("questions", "tags", "follow_ups")
ENTRY_FIELDS = ("category", "answer", "tags", "follow_ups", "valid_from", "valid_until", "is_active")


@dataclass(frozen=True, kw_only=True)
class FaqDraft:
    """The content of one FAQ entry as it should be; `questions[0]` is the question, the rest its alternates."""

    key: str
    questions: tuple[str, ...]
    answer: str
    category: str = ""
    tags: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    is_active: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON."""
        values = vars(self)
        return values | {name: values[name] and values[name].isoformat() for name in DATES}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        dates = {name: values[name] and dt.date.fromisoformat(values[name]) for name in DATES}
        return cls(**{**values, **dates, **{name: tuple(values[name]) for name in LISTS}})


def load(*, profile_id: int, keys: Collection[str] | None = None) -> dict[str, FaqDraft]:
    """Return a profile's entries by key; all of them, or those with these keys."""
    entries = FaqEntry.objects.filter(profile_id=profile_id).order_by("pk")
    questions = FaqQuestion.objects.filter(entry__profile_id=profile_id).order_by("entry_id", "position")
    if keys is not None:
        entries = entries.filter(key__in=keys)
        questions = questions.filter(entry__key__in=keys)
    texts = defaultdict[int, list[str]](list)
    for entry_id, text in questions.values_list("entry_id", "text").iterator(chunk_size=10_000):
        texts[entry_id].append(text)
    found = {}
    rows = entries.values_list("pk", "key", *ENTRY_FIELDS).iterator(chunk_size=5_000)
    for entry_id, key, category, answer, tags, follow_ups, valid_from, valid_until, is_active in rows:
        found[key] = FaqDraft(
            key=key,
            questions=tuple(texts.get(entry_id, ())),
            answer=answer,
            category=category,
            tags=tuple(tags),
            follow_ups=tuple(follow_ups),
            valid_from=valid_from,
            valid_until=valid_until,
            is_active=is_active,
        )
    return found


def write(*, profile_id: int, drafts: Iterable[FaqDraft]) -> None:
    """Create the entries with these keys, or make those that exist as the drafts say; in the caller's transaction."""
    drafts = list(drafts)
    if not drafts:
        return
    connection.ensure_connection()
    # Django's own cursors bind on the client and cannot copy.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE faq_draft (key text PRIMARY KEY, category text, answer text, tags text[],
                follow_ups text[], valid_from date, valid_until date, is_active boolean) ON COMMIT DROP;
            CREATE TEMPORARY TABLE faq_draft_question (key text, position integer, text text) ON COMMIT DROP
            """
        )
        columns = ", ".join(ENTRY_FIELDS)
        with cursor.copy(f"COPY faq_draft (key, {columns}) FROM STDIN") as copy:
            for draft in drafts:
                values = [getattr(draft, name) for name in ENTRY_FIELDS]
                copy.write_row(
                    [draft.key, *(list(value) if isinstance(value, tuple) else value for value in values)]
                )
        with cursor.copy("COPY faq_draft_question (key, position, text) FROM STDIN") as copy:
            for draft in drafts:
                for position, text in enumerate(draft.questions):
                    copy.write_row((draft.key, position, text))
        _merge(cursor, profile_id, columns)
        cursor.execute("DROP TABLE faq_draft, faq_draft_question")


def _merge(cursor: "psycopg.Cursor[Any]", profile_id: int, columns: str) -> None:
    """Bring the two temporary tables into the real ones."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in ENTRY_FIELDS)
    cursor.execute("ANALYZE faq_draft; ANALYZE faq_draft_question")
    cursor.execute(
        f"""
        INSERT INTO customers_faqentry (profile_id, key, {columns}, created_at, updated_at)
        SELECT %s, key, {columns}, clock_timestamp(), clock_timestamp() FROM faq_draft
        ON CONFLICT (profile_id, key) DO UPDATE SET {changes}, updated_at = excluded.updated_at
        """,  # noqa: S608 -- the names are constants of this module
        [profile_id],
    )
    cursor.execute(
        """
        DELETE FROM customers_faqquestion q USING customers_faqentry e, faq_draft d
        WHERE q.entry_id = e.id AND e.profile_id = %s AND e.key = d.key
        """,
        [profile_id],
    )
    cursor.execute(
        """
        INSERT INTO customers_faqquestion (entry_id, position, text)
        SELECT e.id, q.position, q.text FROM faq_draft_question q
        JOIN customers_faqentry e ON e.profile_id = %s AND e.key = q.key
        """,
        [profile_id],
    )
