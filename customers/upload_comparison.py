"""Every write about an upload's comparison: what the encoder finds out about it while it waits to be applied."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from customers.models import FaqUpload, FaqUploadFinding
from customers.uploads import COMPARISON_FAILED, State, UploadMoved, counts_of, locked


@transaction.atomic
def upload_compared(*, upload_id: int, findings: Sequence[FaqUploadFinding], impact: Sequence[Any]) -> None:
    """Store what the encoder found out about an upload that is still waiting to be applied."""
    try:
        upload = locked(upload_id, (State.READY, State.INVALID))
    except UploadMoved:
        return
    upload.findings.filter(kind=FaqUploadFinding.Kind.SIMILAR).exclude(code="same_question").delete()
    start = upload.findings.filter(kind=FaqUploadFinding.Kind.SIMILAR).count()
    for position, finding in enumerate(findings, start):
        finding.position = position
    FaqUploadFinding.objects.bulk_create(findings, batch_size=2000)
    upload.report["impact"] = list(impact)
    upload.report.pop(COMPARISON_FAILED, None)
    upload.counts = counts_of(upload)
    upload.compared = True
    upload.save()


@transaction.atomic
def upload_compare_fail(*, upload_id: int) -> None:
    """Note that comparing an upload ended in a fault of ours, so that nobody waits for it; it can still be applied."""
    try:
        upload = locked(upload_id, (State.READY, State.INVALID))
    except UploadMoved:
        return
    upload.report[COMPARISON_FAILED] = True
    upload.save()


@transaction.atomic
def upload_compare_again(*, upload_id: int) -> None:
    """Have an upload whose comparison failed be waited for again. Raises UploadMoved."""
    upload = locked(upload_id, (State.READY, State.INVALID))
    upload.report.pop(COMPARISON_FAILED, None)
    upload.done = upload.total = 0
    upload.save()


def is_comparing(upload: FaqUpload) -> bool:
    """Say whether what the encoder finds out about an upload is still to come."""
    waits = upload.state in (State.READY, State.INVALID) and not upload.compared
    return waits and not comparison_failed(upload)


def comparison_failed(upload: FaqUpload) -> bool:
    """Say whether the encoder's part was given up."""
    return bool(upload.report.get(COMPARISON_FAILED))
