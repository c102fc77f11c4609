"""Applying an upload and taking it back: one short transaction each, exactly what was previewed or nothing at all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils import timezone

from customers import faq_store
from customers.faq_store import FaqDraft
from customers.models import FaqEntry, FaqUpload, FaqUploadRow, LocaleProfile
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


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry before and after; None is an entry that does not exist."""

    key: str
    before: FaqDraft | None
    after: FaqDraft | None


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
    changes = _changes(upload, kinds)
    upload.report["revisions"] = _write(changes)
    upload.report["retired"] = retire
    upload.state = State.APPLIED
    upload.applied_by, upload.applied_at = actor[:150], timezone.now()
    upload.save()
    _audit(upload, actor, "faq_upload_apply", changes)
    return upload


@transaction.atomic
def upload_revert(*, upload_id: int, actor: str) -> FaqUpload:
    """Bring the entries that an upload wrote back to what they were.

    Raises UploadMoved where it is not applied, FaqMoved where an entry has changed since.
    """
    upload = locked(upload_id, [State.APPLIED])
    kinds = [Kind.NEW, Kind.CHANGED, *([Kind.MISSING] if upload.report.get("retired") else [])]
    changes = {
        profile_id: [Change(key=change.key, before=change.after, after=change.before) for change in found]
        for profile_id, found in _changes(upload, kinds).items()
    }
    upload.report["revisions"] = _write(changes)
    upload.state = State.REVERTED
    upload.reverted_by, upload.reverted_at = actor[:150], timezone.now()
    upload.save()
    _audit(upload, actor, "faq_upload_revert", changes)
    return upload


def _changes(upload: FaqUpload, kinds: Iterable[str]) -> dict[int, list[Change]]:
    """Return what applying an upload's rows of these kinds does to each profile."""
    changes = defaultdict[int, list[Change]](list)
    rows = upload.rows.filter(kind__in=list(kinds), is_left_out=False).order_by("position")
    for profile_id, key, draft, image in rows.values_list("profile_id", "key", "draft", "before").iterator():
        before = FaqDraft.from_json(image) if image else None
        after = FaqDraft.from_json(draft) if draft else replace(_known(before), is_active=False)
        changes[profile_id].append(Change(key=key, before=before, after=after))
    return changes


def _known(draft: FaqDraft | None) -> FaqDraft:
    assert draft is not None  # an entry missing from the file was live
    return draft


def _write(changes: Mapping[int, Sequence[Change]]) -> dict[str, int]:
    """Write the changes, after making sure that all is as it was; returns the profiles' new revisions.

    Raises FaqMoved.
    """
    moved: dict[str, list[str]] = {}
    # In id order, so that two uploads of several locales cannot deadlock.
    profiles = LocaleProfile.objects.select_for_update().filter(pk__in=changes.keys()).order_by("pk")
    for profile in profiles:
        live = faq_store.load(profile_id=profile.pk, keys=[change.key for change in changes[profile.pk]])
        differing = [change.key for change in changes[profile.pk] if live.get(change.key) != change.before]
        if differing:
            moved[profile.locale] = differing
    if moved:
        raise FaqMoved(moved)
    for profile_id, found in changes.items():
        faq_store.write(profile_id=profile_id, drafts=[change.after for change in found if change.after])
        gone = [change.key for change in found if change.after is None]
        FaqEntry.objects.filter(profile_id=profile_id, key__in=gone).delete()
    faq_announce(profile_ids=changes.keys())
    revisions = LocaleProfile.objects.filter(pk__in=changes.keys()).values_list("pk", "faq_revision")
    return {str(profile_id): revision for profile_id, revision in revisions}


def _audit(upload: FaqUpload, actor: str, action: str, changes: Mapping[int, Sequence[Change]]) -> None:
    every = [change for found in changes.values() for change in found]
    audit(
        actor=actor,
        action=action,
        target=upload.filename,
        tenant=upload.tenant,
        data={
            "upload": upload.pk,
            "created": sum(change.before is None for change in every),
            "changed": sum(change.before is not None and change.after is not None for change in every),
            "deleted": sum(change.after is None for change in every),
        },
    )
