"""FAQ entries as files that import again to the same entries."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db.models import QuerySet

from customers.faq_file.model import FaqRow
from customers.faq_file.writer import export
from customers.models import FaqEntry, FaqQuestion

READ_AT_ONCE = 2000
FIELDS = (
    "key",
    "answer",
    "category",
    "tags",
    "follow_ups",
    "valid_from",
    "valid_until",
    "is_active",
)


def rows_of(entries: QuerySet[FaqEntry]) -> Iterator[FaqRow]:
    """Yield the entries as rows, those of a locale together and by id, so that a workbook has a sheet per locale."""
    found = entries.order_by("profile__locale", "key", "pk").values_list("pk", "profile__locale", *FIELDS)
    rows = found.iterator(chunk_size=READ_AT_ONCE)
    while chunk := list(islice(rows, READ_AT_ONCE)):
        texts = _questions([pk for pk, *_ in chunk])
        for pk, locale, key, answer, category, tags, follow_ups, valid_from, valid_until, is_active in chunk:
            question, *alternates = texts.get(pk, [""])
            yield FaqRow(
                id=key,
                locale=locale,
                question=question,
                alternates=tuple(alternates),
                answer=answer,
                category=category,
                tags=tuple(tags),
                follow_ups=tuple(follow_ups),
                valid_from=valid_from,
                valid_until=valid_until,
                active=is_active,
            )


def _questions(entries: list[int]) -> dict[int, list[str]]:
    """Return the questions of each entry in their order."""
    found = defaultdict[int, list[str]](list)
    rows = FaqQuestion.objects.filter(entry__in=entries).order_by("entry_id", "position")
    for entry_id, text in rows.values_list("entry_id", "text"):
        found[entry_id].append(text)
    return found


def export_entries(entries: QuerySet[FaqEntry], *, format: str, header_locale: str) -> bytes:  # noqa: A002
    """Return the entries of one tenant as a file in one of `FORMATS`. Raises ValueError for another format."""
    return export(rows_of(entries), format=format, header_locale=header_locale)


def file_name(parts: Iterable[str], format: str) -> str:  # noqa: A002
    """Return a download's name, such as demo-ja-JP-2026-11-22.xlsx."""
    return "-".join(part for part in parts if part) + f".{format}"
