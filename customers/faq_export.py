"""FAQ entries as files that import again to the same entries."""

from collections.abc import Iterable, Iterator

from django.db.models import Prefetch, QuerySet

from customers.faq_file.model import FaqRow
from customers.faq_file.writer import export
from customers.models import FaqEntry, FaqQuestion

READ_AT_ONCE = 2000


def rows_of(entries: QuerySet[FaqEntry]) -> Iterator[FaqRow]:
    """Yield the entries as rows, those of a locale together and by id, so that a workbook has a sheet per locale."""
    questions = Prefetch("questions", FaqQuestion.objects.order_by("position"))
    found = (
        entries.order_by("profile__locale", "key", "pk").select_related("profile").prefetch_related(questions)
    )
    for entry in found.iterator(chunk_size=READ_AT_ONCE):
        texts = [question.text for question in entry.questions.all()]
        yield FaqRow(
            id=entry.key,
            locale=entry.profile.locale,
            question=texts[0] if texts else "",
            alternates=tuple(texts[1:]),
            answer=entry.answer,
            category=entry.category,
            tags=tuple(entry.tags),
            follow_ups=tuple(entry.follow_ups),
            valid_from=entry.valid_from,
            valid_until=entry.valid_until,
            active=entry.is_active,
        )


def export_entries(entries: QuerySet[FaqEntry], *, format: str, header_locale: str) -> bytes:  # noqa: A002
    """Return the entries of one tenant as a file in one of `FORMATS`. Raises ValueError for another format."""
    return export(rows_of(entries), format=format, header_locale=header_locale)


def file_name(parts: Iterable[str], format: str) -> str:  # noqa: A002
    """Return a download's name, such as demo-ja-JP-2026-11-22.xlsx."""
    return "-".join(part for part in parts if part) + f".{format}"
