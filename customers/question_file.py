"""Test questions as a table: a question per row, the ids of the FAQs that may answer it, the locale that must."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from customers import culture
from customers.faq_file.model import NAMES_LIMIT, FileRefused
from customers.faq_file.opening import open_file
from customers.faq_file.text import forbidden_character, guard, split_names, unguard
from customers.faq_file.writer import write_table
from customers.models import FaqEntry, LocaleProfile, TestQuestion

COLUMNS = ("question", "expected", "locale")
ROWS_MAX = 10_000
TEXT_MAX = 1_000
PROBLEMS_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class QuestionRow:
    """A test question as a file has it, in the file's row `number`; an empty `lang` is the profile's own locale."""

    number: int
    text: str
    expected_keys: tuple[str, ...]
    lang: str


def write(questions: Iterable[TestQuestion]) -> bytes:
    """Return the questions as CSV, which `read` reads back."""
    rows = [(guard(it.text), guard(", ".join(it.expected_keys)), it.lang) for it in questions]
    return write_table([COLUMNS, *rows], ",")


def read(data: bytes, *, filename: str, languages: Sequence[str]) -> list[QuestionRow]:
    """Return the rows of a CSV, TSV, XLSX or ODS file; `languages` help to tell encodings apart.

    The first row is left out where it has the columns' names. Raises FileRefused.
    """
    contents = open_file(data, filename=filename, languages=languages)
    if contents.encoding_candidates:
        raise FileRefused(
            "unknown_encoding", encoding=", ".join(it.encoding for it in contents.encoding_candidates)
        )
    if any(not sheet.is_grid for sheet in contents.sheets):
        raise FileRefused("unsupported_format", format=contents.format.upper())
    found = []
    for sheet in contents.sheets:
        for number, cells in sheet.rows:
            text, keys, lang = ([unguard(str(cell).strip()) for cell in cells] + [""] * 3)[:3]
            if text.casefold() == COLUMNS[0]:
                continue
            found.append(
                QuestionRow(
                    number=number,
                    text=" ".join(text.split()),
                    expected_keys=tuple(dict.fromkeys(split_names(keys))),
                    lang=culture.canonical_locale(lang) or lang,
                )
            )
    return found


def problems(rows: Sequence[QuestionRow], *, profile: LocaleProfile) -> list[str]:
    """Return what is wrong with the rows, a sentence each; one query for all of them."""
    if len(rows) > ROWS_MAX:
        return [
            _("The file has %(count)s questions; at most %(most)s are possible.")
            % {"count": len(rows), "most": ROWS_MAX}
        ]
    known: dict[str, set[str]] = {
        locale: set() for locale in profile.tenant.profiles.values_list("locale", flat=True)
    }
    entries = FaqEntry.objects.filter(profile__tenant_id=profile.tenant_id)
    for locale, key in entries.values_list("profile__locale", "key"):
        known[locale].add(key)
    found, seen = [], set[str]()
    for row in rows:
        for sentence in _problems(row, known, seen, locale=row.lang or profile.locale):
            found.append(_("Row %(row)s: %(problem)s") % {"row": row.number, "problem": sentence})
        seen.add(row.text)
    return found


def _problems(row: QuestionRow, known: dict[str, set[str]], seen: set[str], *, locale: str) -> Iterable[str]:
    if not row.text:
        yield _("The question is missing.")
    if len(row.text) > TEXT_MAX:
        yield _("The question has %(count)s characters; at most %(most)s are possible.") % {
            "count": len(row.text), "most": TEXT_MAX,
        }  # fmt: skip
    if character := forbidden_character(row.text):
        yield _("The text contains %(character)s, an invisible control character: delete it.") % {
            "character": character
        }
    if row.text in seen:
        yield _("The question “%(text)s” is in the file twice.") % {"text": row.text[:80]}
    if len(row.expected_keys) > NAMES_LIMIT:
        yield _("At most %(most)s are possible, but there are %(count)s.") % {
            "most": NAMES_LIMIT, "count": len(row.expected_keys),
        }  # fmt: skip
    if locale not in known:
        yield _("This tenant has no locale “%(locale)s”.") % {"locale": locale[:40]}
    elif unknown := [key for key in row.expected_keys if key not in known[locale]]:
        yield _("There is no FAQ with this id: %(keys)s") % {"keys": ", ".join(unknown)[:200]}
