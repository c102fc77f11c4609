"""Applying an upload and taking it back: one short transaction each, exactly what was previewed or nothing at all."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from customers import faq_changes
from customers.models import FaqUpload, FaqUploadRow, LocaleProfile
from customers.services import audit, faq_announce
from customers.uploads import State, locked

Kind = FaqUploadRow.Kind


class FaqMoved(Exception):
    """Entries that an upload would write are not any more as they were; `keys` names them per locale."""

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        super().__init__(dict(keys))
        self.keys = keys

    def __str__(self) -> str:
        return ", ".join(f"{key} ({locale})" for locale, keys in self.keys.items() for key in keys)


@transaction.atomic
def upload_apply(
    *, upload_id: int, actor: str, retire: bool = False, without_invalid: bool = False
) -> FaqUpload:
    """Make the FAQ as the upload's preview showed it.

    `retire` takes the entries missing from the file out of the answers; `without_invalid` applies the good rows of a
    file with errors. Raises UploadMoved where somebody else was first, FaqMoved where an entry has changed since the
    preview.
    """
    states = (State.READY, State.INVALID) if without_invalid else (State.READY,)
    upload = locked(upload_id, states)
    kinds = [Kind.NEW, Kind.CHANGED, *([Kind.MISSING] if retire else [])]
    counts = _write(upload, kinds)
    upload.report["retired"] = retire
    upload.state = State.APPLIED
    upload.applied_by, upload.applied_at = actor[:150], timezone.now()
    upload.save()
    _audit(upload, actor, "faq_upload_apply", counts)
    return upload


@transaction.atomic
def upload_revert(*, upload_id: int, actor: str) -> FaqUpload:
    """Bring the entries that an upload wrote back to what they were.

    Raises UploadMoved where it is not applied, FaqMoved where an entry has changed since.
    """
    upload = locked(upload_id, [State.APPLIED])
    kinds = [Kind.NEW, Kind.CHANGED, *([Kind.MISSING] if upload.report.get("retired") else [])]
    counts = _write(upload, kinds, backwards=True)
    upload.state = State.REVERTED
    upload.reverted_by, upload.reverted_at = actor[:150], timezone.now()
    upload.save()
    _audit(upload, actor, "faq_upload_revert", counts)
    return upload


def _write(upload: FaqUpload, kinds: Sequence[str], *, backwards: bool = False) -> Mapping[str, int]:
    """Write the changes, after making sure that all is as it was, and note the profiles' new revisions.

    Returns how many entries came, changed and went. Raises FaqMoved.
    """
    with faq_changes.table() as cursor:
        faq_changes.from_upload(cursor, upload_id=upload.pk, kinds=kinds, backwards=backwards)
        changing = faq_changes.profile_ids(cursor)
        # In id order, so that two uploads of several locales cannot deadlock.
        profiles = LocaleProfile.objects.select_for_update().filter(pk__in=changing).order_by("pk")
        locales = {profile.pk: profile.locale for profile in profiles}
        if moved := faq_changes.moved(cursor):
            raise FaqMoved({locales[profile_id]: keys for profile_id, keys in moved.items()})
        faq_changes.write(cursor)
        counts = faq_changes.counts(cursor)
    faq_announce(profile_ids=changing)
    revisions = LocaleProfile.objects.filter(pk__in=changing).values_list("pk", "faq_revision")
    upload.report["revisions"] = {str(profile_id): revision for profile_id, revision in revisions}
    return counts


def _audit(upload: FaqUpload, actor: str, action: str, counts: Mapping[str, int]) -> None:
    data = {"upload": upload.pk, **counts}
    audit(actor=actor, action=action, target=upload.filename, tenant=upload.tenant, data=data)
