"""What applying a file would do to the live FAQ, row by row, and what a person should look at first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from customers import culture, faq_store
from customers.faq_file.model import FaqRow, ParsedFile, RowError
from customers.faq_file.text import question_key
from customers.faq_store import FaqDraft
from customers.faq_upload import draft_of
from customers.models import FaqUploadFinding, FaqUploadRow, LocaleProfile
from customers.text_language import other_language

Kind = FaqUploadRow.Kind
Found = FaqUploadFinding.Kind


@dataclass(frozen=True, kw_only=True)
class ReviewRow:
    """One entry as the file would have it (`draft`, None: the file does not name it) and as it is (`before`)."""

    profile_id: int
    key: str
    kind: str
    draft: FaqDraft | None
    before: FaqDraft | None
    sheet: str = ""
    row: int = 0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found; `code` and `data` choose and fill the sentence."""

    kind: str
    code: str
    sheet: str = ""
    row: int = 0
    column: str = ""
    value: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Review:
    """The rows in file order, those missing from the file last, and the findings in file order within their kind."""

    rows: Sequence[ReviewRow]
    findings: Sequence[Finding]


def review(parsed: ParsedFile, *, profiles: Mapping[str, LocaleProfile]) -> Review:
    """Compare a parsed file with the live FAQ; `profiles` are the tenant's by locale, those of the rows among them."""
    rows: list[ReviewRow] = []
    findings = [_finding(Found.ERROR, error) for error in parsed.errors]
    findings += [_finding(Found.NOTE, note) for note in parsed.warnings]
    by_locale = defaultdict[str, list[FaqRow]](list)
    for row in parsed.rows:
        by_locale[row.locale].append(row)
    live = {locale: faq_store.load(profile_id=profile.pk) for locale, profile in profiles.items()}
    missing: list[ReviewRow] = []
    for locale, file_rows in by_locale.items():
        profile, entries = profiles[locale], live[locale]
        named = _with_known_ids(file_rows, entries)
        drafts = [draft_of(row) for row in named]
        rows += [_row(profile, row, draft, entries) for row, draft in zip(named, drafts, strict=True)]
        keys = {draft.key for draft in drafts}
        # Of a page of questions, or of a file with faulty rows, nobody can say what it lacks.
        if not (parsed.proposed or parsed.errors):
            missing += [
                ReviewRow(profile_id=profile.pk, key=key, kind=Kind.MISSING, draft=None, before=entry)
                for key, entry in entries.items()
                if key not in keys and entry.is_active
            ]
        findings += _unknown_follow_ups(named, keys | entries.keys())
        findings += _taken_questions(named, entries)
        findings += _other_languages(named, {culture.language_of(other) for other in profiles})
    findings += _missing_translations(by_locale, live)
    return Review(rows=[*rows, *missing], findings=findings)


def kind_of(draft: FaqDraft, before: FaqDraft | None) -> str:
    """Return what applying a draft would do."""
    return Kind.NEW if before is None else Kind.UNCHANGED if draft == before else Kind.CHANGED


def _row(profile: LocaleProfile, row: FaqRow, draft: FaqDraft, entries: Mapping[str, FaqDraft]) -> ReviewRow:
    before = entries.get(draft.key)
    return ReviewRow(
        profile_id=profile.pk,
        key=draft.key,
        kind=kind_of(draft, before),
        draft=draft,
        before=before,
        sheet=row.sheet,
        row=row.row,
    )


def _with_known_ids(rows: Iterable[FaqRow], entries: Mapping[str, FaqDraft]) -> list[FaqRow]:
    """Give a row without an id of its own that of the live entry with the same question: it means that one."""
    taken = {row.id for row in rows if not row.id_derived}
    by_question = {
        question_key(entry.questions[0]): key
        for key, entry in entries.items()
        if entry.questions and key not in taken
    }
    return [
        replace(row, id=by_question.get(question_key(row.question), row.id)) if row.id_derived else row
        for row in rows
    ]


def _finding(kind: str, error: RowError) -> Finding:
    return Finding(
        kind=kind,
        code=error.code,
        sheet=error.sheet,
        row=error.row,
        column=error.column,
        value=error.value,
        data=dict(error.data),
    )


def _at(row: FaqRow, kind: str, code: str, value: str, **data: object) -> Finding:
    return Finding(
        kind=kind, code=code, sheet=row.sheet, row=row.row, value=value, data={"key": row.id, **data}
    )


def _unknown_follow_ups(rows: Iterable[FaqRow], known: set[str]) -> list[Finding]:
    return [
        _at(row, Found.NOTE, "unknown_follow_up", follow_up)
        for row in rows
        for follow_up in row.follow_ups
        if follow_up not in known
    ]


def _taken_questions(rows: Sequence[FaqRow], entries: Mapping[str, FaqDraft]) -> list[Finding]:
    """Name the rows whose question a live entry with another id, one that the file leaves as it is, answers too."""
    named = {row.id for row in rows}
    by_question = {
        question_key(entry.questions[0]): key
        for key, entry in entries.items()
        if entry.questions and entry.is_active and key not in named
    }
    found = ((row, by_question.get(question_key(row.question))) for row in rows)
    return [
        _at(
            row,
            Found.SIMILAR,
            "same_question",
            row.question,
            other=key,
            other_text=row.question,
            likeness=1.0,
        )
        for row, key in found
        if key is not None
    ]


def _other_languages(rows: Iterable[FaqRow], languages: set[str]) -> list[Finding]:
    findings = []
    for row in rows:
        expected = culture.language_of(row.locale)
        found = other_language(f"{row.question}\n{row.answer}", expected=expected, languages=languages)
        if found is not None:
            findings.append(
                _at(row, Found.LANGUAGE, "other_language", row.question, locale=row.locale, found=found)
            )
    return findings


def _missing_translations(
    by_locale: Mapping[str, Sequence[FaqRow]], live: Mapping[str, Mapping[str, FaqDraft]]
) -> list[Finding]:
    """Name each topic of the file that some of the tenant's locales would still not have."""
    if len(live) < 2:
        return []
    has = {
        locale: {key for key, entry in entries.items() if entry.is_active} for locale, entries in live.items()
    }
    first: dict[str, FaqRow] = {}
    for locale, rows in by_locale.items():
        for row in rows:
            # An id made from the question's words says nothing about other languages.
            if not row.id_derived:
                first.setdefault(row.id, row)
                has[locale].add(row.id)
    findings = []
    for key, row in first.items():
        lacking = sorted(locale for locale, keys in has.items() if key not in keys)
        if lacking:
            findings.append(
                _at(row, Found.TRANSLATION, "missing_translation", row.question, locales=", ".join(lacking))
            )
    return findings
