"""From a FAQ file's rows to drafts of FAQ entries."""

from collections.abc import Collection, Iterable

from customers.faq_file.model import FaqRow, ParsedFile
from customers.faq_file.reader import parse
from customers.services import FaqDraft


class UnreadableFile(Exception):
    """The file has errors; `parsed` lists every one."""

    def __init__(self, parsed: ParsedFile) -> None:
        super().__init__(f"{len(parsed.errors)} errors")
        self.parsed = parsed


def draft_of(row: FaqRow) -> FaqDraft:
    """Return the entry that a row describes."""
    return FaqDraft(
        key=row.id,
        questions=(row.question, *row.alternates),
        answer=row.answer,
        category=row.category,
        tags=row.tags,
        follow_ups=row.follow_ups,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        is_active=row.active,
    )


def drafts_by_locale(rows: Iterable[FaqRow]) -> dict[str, list[FaqDraft]]:
    """Return the drafts of each locale that the rows name, in file order."""
    drafts: dict[str, list[FaqDraft]] = {}
    for row in rows:
        drafts.setdefault(row.locale, []).append(draft_of(row))
    return drafts


def read_drafts(
    data: bytes, *, filename: str, locale: str, locales: Collection[str] | None = None
) -> list[FaqDraft]:
    """Read a file that must be wholly good, of one locale. Raises UnreadableFile or faq_file's FileRefused."""
    parsed = parse(data, filename=filename, locale=locale, locales=locales)
    if parsed.errors or parsed.missing or parsed.needs_encoding:
        raise UnreadableFile(parsed)
    return [draft_of(row) for row in parsed.rows]
