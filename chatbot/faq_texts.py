"""Which texts of a profile's FAQ have vectors: the same for serving, for the worker and for trying an upload."""

import datetime as dt
import zoneinfo
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Q, QuerySet
from django.utils import timezone

from chatbot.answering.retrieve import index_texts, text_digest
from chatbot.engine.arrays import Kind
from chatbot.engine.index import Entry
from customers.faq_store import FaqDraft
from customers.models import FaqEntry, FaqQuestion, LocaleProfile


@dataclass(frozen=True, kw_only=True)
class EntryTexts:
    """An entry as the index holds it, and the digests of its texts: one per question, then the passage's."""

    entry_id: int
    entry: Entry
    questions: tuple[bytes, ...]
    passage: bytes

    def needs(self) -> list[tuple[int, bytes]]:
        """Return the texts of this entry that need a vector."""
        return [(self.entry_id, digest) for digest in (*self.questions, self.passage)]


@dataclass(frozen=True, kw_only=True)
class FaqTexts:
    """The entries of one FAQ in index order, and every text of theirs by digest."""

    entries: tuple[EntryTexts, ...]
    texts: dict[bytes, tuple[Kind, str]]

    def wanted(self) -> set[tuple[int, bytes]]:
        """Return which entry needs the vector of which text."""
        return {key for it in self.entries for key in it.needs()}

    def having(self, known: set[tuple[int, bytes]]) -> "FaqTexts":
        """Return the part of the FAQ whose entries have all their vectors among the `known`."""
        return replace(self, entries=tuple(it for it in self.entries if known.issuperset(it.needs())))


def today_of(profile: LocaleProfile) -> dt.date:
    """Return the day it is at the profile's place."""
    return timezone.now().astimezone(zoneinfo.ZoneInfo(profile.time_zone)).date()


def answering(*, profile_id: int, today: dt.date) -> QuerySet[FaqEntry]:
    """Return the entries that answer on a day."""
    valid = Q(valid_from=None) | Q(valid_from__lte=today), Q(valid_until=None) | Q(valid_until__gte=today)
    return FaqEntry.objects.filter(*valid, profile_id=profile_id, is_active=True)


def read(*, profile_id: int, today: dt.date) -> FaqTexts:
    """Read the entries that answer on a day."""
    rows = answering(profile_id=profile_id, today=today).order_by("pk")
    asked = FaqQuestion.objects.filter(entry__in=rows.order_by()).order_by("entry_id", "position")
    questions = defaultdict[int, list[str]](list)
    for entry_id, text in asked.values_list("entry_id", "text").iterator(chunk_size=10_000):
        questions[entry_id].append(text)
    found = rows.values_list("pk", "key", "answer", "category", "follow_ups").iterator(chunk_size=5_000)
    return of(
        (
            entry_id,
            Entry(
                key=key,
                questions=tuple(questions[entry_id]),
                answer=answer,
                category=category,
                follow_ups=tuple(follow_ups),
            ),
        )
        for entry_id, key, answer, category, follow_ups in found
        if questions.get(entry_id)
    )


def of(entries: Iterable[tuple[int, Entry]]) -> FaqTexts:
    """Prepare entries, each with its row's id (or any number, where none is stored)."""
    texts: dict[bytes, tuple[Kind, str]] = {}
    made = []
    for entry_id, entry in entries:
        questions, passage = index_texts(entry)
        digests = tuple(text_digest("query", question) for question in questions)
        passage_digest = text_digest("passage", passage)
        texts.update(zip(digests, (("query", question) for question in questions), strict=True))
        texts[passage_digest] = ("passage", passage)
        made.append(EntryTexts(entry_id=entry_id, entry=entry, questions=digests, passage=passage_digest))
    return FaqTexts(entries=tuple(made), texts=texts)


def answers_on(draft: FaqDraft, today: dt.date) -> bool:
    """Say whether an entry answers on a day."""
    begun = draft.valid_from is None or draft.valid_from <= today
    ended = draft.valid_until is not None and draft.valid_until < today
    return draft.is_active and begun and not ended and bool(draft.questions)


def entry_of(draft: FaqDraft) -> Entry:
    """Return an entry as the index holds it."""
    return Entry(
        key=draft.key,
        questions=draft.questions,
        answer=draft.answer,
        category=draft.category,
        follow_ups=draft.follow_ups,
    )
