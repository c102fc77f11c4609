"""What the tests of uploads share: files from a few rows, checked as the background job checks them."""

import csv
import io
from collections.abc import Sequence

from customers import faq_store, uploads
from customers.models import FaqUpload, LocaleProfile
from customers.services import FaqDraft

HEADER = ("id", "question", "alternates", "answer", "category")
Row = Sequence[str]


def csv_file(*rows: Row, header: Sequence[str] = HEADER) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *(list(row) + [""] * (len(header) - len(row)) for row in rows)])
    return out.getvalue().encode()


def checked(
    profile: LocaleProfile, data: bytes, *, filename: str = "faq.csv", named_in_file: bool = False
) -> FaqUpload:
    upload = uploads.upload_create(
        tenant=profile.tenant,
        locale="" if named_in_file else profile.locale,
        filename=filename,
        data=data,
        actor="lena",
    )
    uploads.upload_check(upload_id=upload.pk)
    upload.refresh_from_db()
    return upload


def live(profile: LocaleProfile) -> dict[str, FaqDraft]:
    return faq_store.load(profile_id=profile.pk)


def keys(upload: FaqUpload, kind: str) -> list[str]:
    return list(upload.rows.filter(kind=kind).order_by("position").values_list("key", flat=True))


def found(upload: FaqUpload, kind: str) -> list[tuple[str, int]]:
    rows = upload.findings.filter(kind=kind).order_by("position")
    return list(rows.values_list("code", "row"))
