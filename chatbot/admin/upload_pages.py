"""What the screens of an upload show: rows with their differences, findings, the impact, and how far the jobs are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatbot.admin.upload_forms import FIELD_NAMES
from customers import upload_comparison
from customers.faq_store import FaqDraft
from customers.models import FaqUpload, FaqUploadFinding, FaqUploadRow
from customers.upload_texts import finding_sentence
from customers.word_diff import Piece, diff

ROWS_PER_PAGE = 25
PROPOSALS_PER_PAGE = 20
KEYS_NAMED = 10
_OPEN = (FaqUpload.State.READY, FaqUpload.State.INVALID)
PROPOSALS, IMPACT = "proposals", "impact"
TABS: tuple[tuple[str, str | Promise], ...] = (
    (PROPOSALS, gettext_lazy("Proposals")),
    (FaqUploadFinding.Kind.ERROR, gettext_lazy("Errors")),
    (FaqUploadRow.Kind.NEW, gettext_lazy("New")),
    (FaqUploadRow.Kind.CHANGED, gettext_lazy("Changed")),
    (FaqUploadRow.Kind.UNCHANGED, gettext_lazy("Unchanged")),
    (FaqUploadRow.Kind.MISSING, gettext_lazy("Missing from the file")),
    (FaqUploadFinding.Kind.SIMILAR, gettext_lazy("Similar questions")),
    (FaqUploadFinding.Kind.LANGUAGE, gettext_lazy("Other language")),
    (FaqUploadFinding.Kind.TRANSLATION, gettext_lazy("Missing translations")),
    (FaqUploadFinding.Kind.NOTE, gettext_lazy("Notes")),
    (IMPACT, gettext_lazy("Test questions")),
)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One part of the preview; `count` None where it is still being found out."""

    name: str
    label: str | Promise
    count: int | None
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class FieldView:
    """One field of an entry, as the pieces that stayed, came and went."""

    label: str | Promise
    pieces: Sequence[Piece]


@dataclass(frozen=True, kw_only=True)
class RowView:
    """One entry of the preview."""

    key: str
    locale: str
    place: str
    question: str
    is_left_out: bool
    fields: Sequence[FieldView]


@dataclass(frozen=True, kw_only=True)
class FindingView:
    """One finding in words."""

    locale_place: str
    column: str
    value: str
    sentence: str
    key: str


@dataclass(frozen=True, kw_only=True)
class ImpactView:
    """One test question before and after; `change` is better, worse, other or same."""

    locale: str
    text: str
    expected: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    change: str
    before_right: bool
    after_right: bool


def tabs(upload: FaqUpload, chosen: str | None) -> list[Tab]:
    """Return the parts of the preview that have something to show; the chosen one, or else the first, is open."""
    found = []
    for name, label in TABS:
        count: int | None = upload.counts.get(name, 0)
        if name == PROPOSALS:
            count = upload.counts.get("rows", 0) if upload.is_document and upload.state in _OPEN else 0
        elif name == IMPACT:
            count = len(upload.report.get("impact", ()))
        elif name == FaqUploadFinding.Kind.SIMILAR and upload_comparison.is_comparing(upload):
            count = None
        if count != 0:
            found.append((name, label, count))
    names = [name for name, _label, _count in found]
    opened = chosen if chosen in names else next(iter(names), None)
    return [Tab(name=name, label=label, count=count, is_open=name == opened) for name, label, count in found]


def page_of(request: HttpRequest, upload: FaqUpload, name: str) -> "Page[Any]":
    """Return the asked-for page of one part of the preview."""
    number = request.GET.get("part", 1)
    if name == PROPOSALS:
        rows = (
            upload.rows.exclude(kind=FaqUploadRow.Kind.MISSING).select_related("profile").order_by("position")
        )
        return Paginator(rows, PROPOSALS_PER_PAGE).get_page(number)
    if name == IMPACT:
        return Paginator(impact(upload.report.get("impact", ())), ROWS_PER_PAGE).get_page(number)
    if name in FaqUploadRow.Kind.values:
        rows = upload.rows.filter(kind=name).select_related("profile").order_by("position")
        return Paginator(rows, ROWS_PER_PAGE).get_page(number)
    findings = upload.findings.filter(kind=name).order_by("position")
    return Paginator(findings, ROWS_PER_PAGE).get_page(number)


def lines_of(page: "Page[Any]", name: str) -> list[Any]:
    """Return what the page shows, prepared for the template."""
    if name in FaqUploadRow.Kind.values:
        return [row_view(row) for row in page.object_list]
    if name in FaqUploadFinding.Kind.values:
        return [finding_view(finding) for finding in page.object_list]
    return list(page.object_list)


def row_view(row: FaqUploadRow) -> RowView:
    """Return a row with its differences, or for an unchanged or missing one with its question alone."""
    draft = FaqDraft.from_json(row.draft) if row.draft else None
    before = FaqDraft.from_json(row.before) if row.before else None
    shown = draft or before
    fields: list[FieldView] = []
    if draft is not None and row.kind in (FaqUploadRow.Kind.NEW, FaqUploadRow.Kind.CHANGED):
        fields = list(_fields(before, draft))
    return RowView(
        key=row.key,
        locale=row.profile.locale,
        place=place(row.sheet, row.row),
        question=shown.questions[0] if shown and shown.questions else "",
        is_left_out=row.is_left_out,
        fields=fields,
    )


def _fields(before: FaqDraft | None, draft: FaqDraft) -> Iterable[FieldView]:
    """Yield the fields that differ, of a new entry those that say something."""
    new, old = _texts(draft), _texts(before) if before else {}
    for name, text in new.items():
        if before is None:
            if text and not (name == "active" and draft.is_active):
                yield FieldView(label=FIELD_NAMES[name], pieces=[Piece(change="same", text=text)])
        elif text != old[name]:
            yield FieldView(label=FIELD_NAMES[name], pieces=diff(old[name], text))


def _texts(draft: FaqDraft) -> dict[str, str]:
    return {
        "question": draft.questions[0] if draft.questions else "",
        "alternates": "\n".join(draft.questions[1:]),
        "answer": draft.answer,
        "category": draft.category,
        "tags": ", ".join(draft.tags),
        "follow_ups": ", ".join(draft.follow_ups),
        "valid_from": draft.valid_from.isoformat() if draft.valid_from else "",
        "valid_until": draft.valid_until.isoformat() if draft.valid_until else "",
        "active": _("yes") if draft.is_active else _("no"),
    }


def place(sheet: str, row: int) -> str:
    """Say where in the file something stands."""
    if sheet and row:
        return _("%(sheet)s, row %(row)s") % {"sheet": sheet, "row": row}
    return sheet or (_("row %(row)s") % {"row": row} if row else "")


def finding_view(finding: FaqUploadFinding) -> FindingView:
    """Put a finding into words."""
    return FindingView(
        locale_place=place(finding.sheet, finding.row),
        column=finding.column,
        value=finding.value,
        sentence=finding_sentence(finding),
        key=finding.data.get("key", ""),
    )


def impact(found: Iterable[Mapping[str, Any]]) -> list[ImpactView]:
    """Return the test questions, those that change first, the ones that get worse before the others."""
    order = {"worse": 0, "other": 1, "better": 2, "same": 3}
    return sorted((_impact(item) for item in found), key=lambda view: order[view.change])


def _impact(item: Mapping[str, Any]) -> ImpactView:
    before, after = item["before"], item["after"]
    right_before, right_after = (_is_right(item["expected"], side) for side in (before, after))
    if right_before != right_after:
        change = "better" if right_after else "worse"
    else:
        same = (before["outcome"], before["key"]) == (after["outcome"], after["key"])
        change = "same" if same else "other"
    return ImpactView(
        locale=item["locale"],
        text=item["text"],
        expected=", ".join(item["expected"]),
        before=before,
        after=after,
        change=change,
        before_right=right_before,
        after_right=right_after,
    )


def _is_right(expected: Sequence[str], side: Mapping[str, Any]) -> bool:
    """Say whether a question gets what it should: one of its FAQs, or nothing where nothing answers it."""
    if not expected:
        return bool(side["outcome"] == "declined")
    return bool(side["outcome"] == "answered" and side["key"] in expected)


def impact_counts(upload: FaqUpload) -> dict[str, int]:
    """Return how many test questions are answered right before and after, of how many."""
    views = impact(upload.report.get("impact", ()))
    return {
        "all": len(views),
        "before": sum(view.before_right for view in views),
        "after": sum(view.after_right for view in views),
        "worse": sum(view.change == "worse" for view in views),
    }


def summary(upload: FaqUpload) -> str:
    """Return an upload's counts in a few words."""
    counts = upload.counts
    parts = [
        (counts.get("new", 0), _("%(count)s new")),
        (counts.get("changed", 0), _("%(count)s changed")),
        (counts.get("unchanged", 0), _("%(count)s unchanged")),
        (counts.get("error", 0), _("%(count)s errors")),
    ]
    return " · ".join(text % {"count": count} for count, text in parts if count) or "–"


def moved_sentence(upload: FaqUpload) -> str:
    """Say what became of an upload that somebody else was quicker with."""
    if upload.state == FaqUpload.State.APPLIED:
        return _("Nothing was done: %(user)s applied this upload already.") % {"user": upload.applied_by}
    if upload.state == FaqUpload.State.REVERTED:
        return _("Nothing was done: %(user)s reverted this upload already.") % {"user": upload.reverted_by}
    return _("Nothing was done, because this upload has changed meanwhile: it is %(state)s.") % {
        "state": upload.get_state_display()
    }


def faq_moved_sentence(keys: Mapping[str, Sequence[str]], upload: FaqUpload) -> str:
    """Say which FAQs somebody has changed meanwhile, and what to do."""
    named = [f"{key} ({locale})" for locale, found in keys.items() for key in found]
    shown = ", ".join(named[:KEYS_NAMED]) + (" …" if len(named) > KEYS_NAMED else "")
    if upload.state == FaqUpload.State.APPLIED:
        text = _(
            "Nothing was reverted: %(count)s of these FAQs were changed since: %(keys)s. Change them by hand."
        )
    else:
        text = _(
            "Nothing was applied: %(count)s of these FAQs were changed since this preview: %(keys)s. Check again."
        )
    return text % {"count": len(named), "keys": shown}
