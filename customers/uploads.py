"""Every write to FAQ uploads, up to the point where they are applied (see `upload_apply`)."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from customers.faq_file.apart import parse_apart
from customers.faq_file.model import FileRefused, ParsedFile
from customers.faq_store import FaqDraft
from customers.models import (
    FaqUpload,
    FaqUploadFile,
    FaqUploadRow,
    LocaleProfile,
    Tenant,
)
from customers.services import audit
from customers.upload_review import Review, kind_of, review

State = FaqUpload.State
# The file of a refused upload is gone, unless the fault was ours.
OPEN = (State.REFUSED, State.CHECKING, State.NEEDS_ENCODING, State.NEEDS_MAPPING, State.INVALID, State.READY)
# In the report of an upload whose comparison was given up.
COMPARISON_FAILED = "comparison_failed"


class UploadMoved(Exception):
    """The upload is not in a state any more in which this can be done; `upload` is as it stands now."""

    def __init__(self, upload: FaqUpload) -> None:
        super().__init__(upload.state)
        self.upload = upload


@transaction.atomic
def upload_create(*, tenant: Tenant, locale: str, filename: str, data: bytes, actor: str) -> FaqUpload:
    """Keep a file that is to be checked; `locale` is empty where the file names the locales itself."""
    upload = FaqUpload.objects.create(
        tenant=tenant, locale=locale, filename=filename[-255:], size=len(data), author=actor[:150]
    )
    # Django would write the bytes into the statement, twice as many and many milliseconds of them.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "INSERT INTO customers_faquploadfile (upload_id, data) VALUES (%s, %b)", [upload.pk, data]
        )
    audit(actor=actor, action="faq_upload", target=filename, tenant=tenant, data={"upload": upload.pk})
    return upload


@transaction.atomic
def upload_recheck(
    *,
    upload_id: int,
    actor: str,
    encoding: str | None = None,
    mapping: Mapping[str, str] | None = None,
    locale: str | None = None,
) -> FaqUpload:
    """Check an upload that is not applied yet again, with the encoding, columns or locale that a person chose.

    Raises UploadMoved.
    """
    upload = locked(upload_id, OPEN)
    if not FaqUploadFile.objects.filter(upload=upload).exists():
        raise UploadMoved(upload)
    upload.encoding = upload.encoding if encoding is None else encoding
    upload.mapping = upload.mapping if mapping is None else dict(mapping)
    upload.locale = upload.locale if locale is None else locale
    if encoding is not None or mapping is not None:
        data = {
            "upload": upload.pk,
            "encoding": upload.encoding,
            "mapping": upload.mapping,
            "locale": upload.locale,
        }
        audit(
            actor=actor, action="faq_upload_settle", target=upload.filename, tenant=upload.tenant, data=data
        )
    _clear(upload)
    upload.state = State.CHECKING
    upload.done = upload.total = 0
    upload.progress_at = timezone.now()
    upload.save()
    return upload


def upload_check(*, upload_id: int) -> FaqUpload | None:
    """Read and review an upload's file and store what was found; None when there is nothing to check (any more)."""
    upload = FaqUpload.objects.filter(pk=upload_id, state=State.CHECKING).select_related("tenant").first()
    if upload is None:
        return None
    upload_progress(upload_id=upload_id, done=0, total=3)
    profiles = {
        profile.locale: profile for profile in LocaleProfile.objects.filter(tenant_id=upload.tenant_id)
    }
    try:
        parsed = parse_upload(upload, profiles.keys())
    except FileRefused as refusal:
        return _refuse(upload, refusal.code, dict(refusal.data))
    upload_progress(upload_id=upload_id, done=1, total=3)
    reviewed = None
    if not (parsed.needs_encoding or parsed.needs_mapping):
        reviewed = review(parsed, profiles=profiles)
    upload_progress(upload_id=upload_id, done=2, total=3)
    return _store(upload, parsed, reviewed)


def upload_fail(*, upload_id: int) -> None:
    """Note that checking an upload ended in a fault of ours; its file stays, so that it can be checked again."""
    FaqUpload.objects.filter(pk=upload_id, state=State.CHECKING).update(
        state=State.REFUSED, report={"refusal": {"code": "failed", "data": {}}}
    )


def upload_progress(*, upload_id: int, done: int, total: int) -> None:
    """Tell whoever watches how far a background job is with an upload."""
    FaqUpload.objects.filter(pk=upload_id).update(done=done, total=total, progress_at=timezone.now())


def parse_upload(upload: FaqUpload, locales: Collection[str]) -> ParsedFile:
    """Read an upload's file as it has been settled. Raises FileRefused."""
    if upload.locale and upload.locale not in locales:
        raise FileRefused("no_profile", locale=upload.locale)
    return parse_apart(
        bytes(upload.file.data),
        filename=upload.filename,
        locale=upload.locale or None,
        locales=locales,
        mapping=upload.mapping or None,
        encoding=upload.encoding or None,
    )


@transaction.atomic
def upload_rows_edit(
    *, upload_id: int, drafts: Mapping[int, FaqDraft], left_out: Collection[int], actor: str
) -> FaqUpload:
    """Replace the proposals at these positions, and take out or put back those shown. Raises UploadMoved."""
    upload = locked(upload_id, (State.READY, State.INVALID))
    rows = upload.rows.filter(position__in=drafts.keys())
    changed = []
    for row in rows:
        draft = drafts[row.position]
        row.draft, row.is_left_out = draft.to_json(), row.position in left_out
        row.kind = kind_of(draft, FaqDraft.from_json(row.before) if row.before else None)
        changed.append(row)
    FaqUploadRow.objects.bulk_update(changed, ["draft", "is_left_out", "kind"])
    upload.counts = counts_of(upload)
    upload.compared = False
    upload.report.pop(COMPARISON_FAILED, None)
    upload.save()
    audit(
        actor=actor,
        action="faq_upload_edit",
        target=upload.filename,
        tenant=upload.tenant,
        data={"upload": upload.pk, "keys": sorted(row.key for row in changed)},
    )
    return upload


def locked(upload_id: int, states: Iterable[str]) -> FaqUpload:
    """Lock an upload that must be in one of these states, in the caller's transaction. Raises UploadMoved."""
    upload = FaqUpload.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=upload_id)
    if upload.state not in set(states):
        raise UploadMoved(upload)
    return upload


@transaction.atomic
def _refuse(upload: FaqUpload, code: str, data: dict[str, Any]) -> FaqUpload | None:
    """Note why a file cannot be read, and keep nothing of what it holds."""
    try:
        upload = locked(upload.pk, [State.CHECKING])
    except UploadMoved:
        return None
    _clear(upload)
    FaqUploadFile.objects.filter(upload=upload).delete()
    upload.state = State.REFUSED
    upload.report = {"refusal": {"code": code, "data": data}}
    upload.save()
    audit(
        actor=upload.author, action="faq_upload_refuse", target=upload.filename, tenant=upload.tenant,
        data={"upload": upload.pk, "code": code},
    )  # fmt: skip
    return upload


@transaction.atomic
def _store(upload: FaqUpload, parsed: ParsedFile, reviewed: Review | None) -> FaqUpload | None:
    """Store a finished check, unless the upload was settled otherwise meanwhile."""
    asked = (upload.encoding, upload.mapping)
    try:
        upload = locked(upload.pk, [State.CHECKING])
    except UploadMoved:
        return None
    if (upload.encoding, upload.mapping) != asked:
        return None
    _clear(upload)
    upload.format, upload.is_document = parsed.format, parsed.proposed
    upload.encoding = parsed.encoding
    upload.report = {
        "encodings": [{"encoding": c.encoding, "preview": c.preview} for c in parsed.encoding_candidates],
        "columns": [{"sheet": c.sheet, "header": c.header, "field": c.field or ""} for c in parsed.columns],
        "missing": list(parsed.missing),
    }
    if reviewed is None:
        upload.state = State.NEEDS_ENCODING if parsed.needs_encoding else State.NEEDS_MAPPING
    else:
        _copy_rows(upload, reviewed)
        _copy_findings(upload, reviewed)
        upload.state = State.INVALID if parsed.errors else State.READY
    upload.counts = counts_of(upload)
    upload.done = upload.total = 0
    upload.save()
    return upload


def _clear(upload: FaqUpload) -> None:
    """Forget what an earlier check found."""
    upload.rows.all().delete()
    upload.findings.all().delete()
    upload.counts, upload.report, upload.compared = {}, {}, False


def counts_of(upload: FaqUpload) -> dict[str, int]:
    """Count an upload's rows and findings by kind."""
    counts = {"rows": 0, "left_out": 0}
    rows = upload.rows.order_by().values("kind", "is_left_out").annotate(count=Count("pk"))
    for row in rows:
        name = "left_out" if row["is_left_out"] else row["kind"]
        counts[name] = counts.get(name, 0) + row["count"]
        counts["rows"] += 0 if row["kind"] == FaqUploadRow.Kind.MISSING else row["count"]
    for found in upload.findings.order_by().values("kind").annotate(count=Count("pk")):
        counts[found["kind"]] = found["count"]
    return counts


def _copy_rows(upload: FaqUpload, reviewed: Review) -> None:
    columns = "upload_id, position, profile_id, key, kind, draft, before, sheet, row, is_left_out"
    unchanged = FaqUploadRow.Kind.UNCHANGED
    _copy(
        f"COPY customers_faquploadrow ({columns}) FROM STDIN",
        (
            (
                upload.pk, position, row.profile_id, row.key, row.kind, _json(row.draft),
                # What is unchanged says the same twice.
                None if row.kind == unchanged else _json(row.before), row.sheet, row.row, False,
            )
            for position, row in enumerate(reviewed.rows)
        ),
    )  # fmt: skip


def _copy_findings(upload: FaqUpload, reviewed: Review) -> None:
    columns = 'upload_id, kind, position, sheet, "row", "column", value, code, data'
    _copy(
        f"COPY customers_faquploadfinding ({columns}) FROM STDIN",
        (
            (upload.pk, f.kind, position, f.sheet, f.row, f.column, f.value, f.code, json.dumps(dict(f.data)))
            for position, f in enumerate(reviewed.findings)
        ),
    )


def _json(draft: FaqDraft | None) -> str | None:
    return None if draft is None else json.dumps(draft.to_json())


def _copy(statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    connection.ensure_connection()
    # Django's own cursors bind on the client and cannot copy.
    with psycopg.Cursor(connection.connection) as cursor, cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)
