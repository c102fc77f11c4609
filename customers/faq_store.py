"""FAQ entries in bulk: as many statements for 20,000 entries as for ten, and no model objects in between."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from customers import faq_changes
from customers.models import FaqEntry, FaqQuestion

DATES = ("valid_from", "valid_until")
FIELDS = ("category", "answer", "tags", "follow_ups", "valid_from", "valid_until", "is_active")
LISTS = ("questions", "tags", "follow_ups")


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
    rows = entries.values_list("pk", "key", *FIELDS).iterator(chunk_size=5_000)
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
    with faq_changes.table() as cursor:
        with cursor.copy("COPY faq_change (position, profile_id, key, after) FROM STDIN") as copy:
            for position, draft in enumerate(drafts):
                copy.write_row((position, profile_id, draft.key, json.dumps(draft.to_json())))
        cursor.execute("ANALYZE faq_change")
        faq_changes.write(cursor)
