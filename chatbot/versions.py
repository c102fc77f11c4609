"""Which version of the model answers for a locale, and every change of that.

A change waits until the version has the vectors of the whole FAQ. Then one transaction makes it live, and the nodes
look at the table; what answers until then is what did before.
"""

import datetime as dt
import hashlib
from collections.abc import Collection

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot import tasks
from chatbot.engine.errors import WeightsError
from chatbot.models import LiveVersion, ModelVersion, QuestionVector, VersionChange, VersionWeights
from customers.models import LocaleProfile
from customers.services import FAQ_CHANNEL, audit

Kind = VersionChange.Kind
State = VersionChange.State
Failure = VersionChange.Failure

BASE_CHARS, HASH_CHARS = 40, 16


class ChangeRefused(Exception):
    """This version cannot be made live like this; the text is a sentence for the person who asked."""


def live(*, profile_id: int) -> ModelVersion | None:
    """Return the version that answers for a profile; None is the model that Kefu ships."""
    row = LiveVersion.objects.select_related("version").filter(profile_id=profile_id).first()
    return row.version if row else None


def load(*, version: ModelVersion) -> bytes | None:
    """Return a version's tuned layers, a safetensors file; None where it has none. Raises WeightsError."""
    if not version.weights_sha256:
        return None
    row = VersionWeights.objects.filter(version=version).first()
    data = bytes(row.data) if row else b""
    if sha256_of(data) != version.weights_sha256:
        raise WeightsError(
            f"The tuned layers of {version.name} are not those that were stored: their sha256 is another. Make "
            "another version live, and train again."
        )
    return data


def sha256_of(data: bytes | None) -> str:
    """Return the sha256 of tuned layers in hexadecimal, empty where there are none."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def vectors_key(*, base: str, weights_sha256: str) -> str:
    """Return the name that a version's vectors are stored under: the encoder's own where nothing was tuned."""
    return f"{base[:BASE_CHARS]}+{weights_sha256[:HASH_CHARS]}" if weights_sha256 else base


def may_promote(*, version: ModelVersion) -> bool:
    """Say whether the gate let a version pass, held against what is live now."""
    now_live = live(profile_id=version.profile_id)
    return version.verdict.get("passed") is True and version.judged_against == _name(now_live)


def was_live(*, version: ModelVersion) -> bool:
    """Say whether a version has been live before."""
    return VersionChange.objects.filter(version=version, state=State.DONE).exists()


# ---------------------------------------------------------------- a change from the button to its end


@transaction.atomic
def change_open(
    *, profile: LocaleProfile, version: ModelVersion | None, kind: Kind, actor: str, reason: str = ""
) -> VersionChange:
    """Have a version made live (None: the model that Kefu ships), as soon as its vectors are there.

    Asked for the same twice, the change that waits is returned. Raises ChangeRefused.
    """
    locked = LocaleProfile.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=profile.pk)
    if version is not None and version.profile_id != locked.pk:
        raise ChangeRefused(_("This version was trained for another locale or tenant."))
    waiting = VersionChange.objects.filter(profile=locked, state=State.WAITING).first()
    if waiting is not None:
        if waiting.version == version:
            return waiting
        raise ChangeRefused(
            _("%(name)s is just being made live. Wait until it is, or cancel that.")
            % {"name": waiting.to_name or _("The shipped model")}
        )
    before = live(profile_id=locked.pk)
    _check(version, before, kind, reason)
    change = VersionChange.objects.create(
        profile=locked,
        kind=kind,
        version=version,
        to_name=_name(version),
        from_name=_name(before),
        author=actor[:150],
        reason=reason.strip(),
    )
    _audit(change, actor=actor, action="version_change")
    tasks.defer_change(change.pk)
    return change


@transaction.atomic
def change_cancel(*, change_id: int, actor: str) -> bool:
    """Give a waiting change up: what is live stays. Says whether it was still waiting."""
    change = VersionChange.objects.select_for_update().filter(pk=change_id, state=State.WAITING).first()
    if change is None:
        return False
    change.state = State.CANCELLED
    change.save()
    _audit(change, actor=actor, action="version_change_cancel")
    return True


def change_tell(*, change_id: int, done: int, total: int) -> bool:
    """Write how many of a waiting change's vectors there are. Says whether it is still waiting."""
    waiting = VersionChange.objects.filter(pk=change_id, state=State.WAITING)
    return bool(waiting.update(done=done, total=total, progress_at=timezone.now()))


@transaction.atomic
def change_fail(*, change_id: int, failure: Failure = Failure.ERROR) -> None:
    """Give up a change that cannot be made: what is live stays."""
    change = VersionChange.objects.select_for_update().filter(pk=change_id, state=State.WAITING).first()
    if change is not None:
        change.state, change.failure = State.FAILED, failure
        change.save()
        _audit(change, actor=change.author, action="version_change_fail", data={"failure": failure.value})


@transaction.atomic
def change_finish(*, change: VersionChange) -> bool:
    """Make a change's version live, in the caller's transaction, which holds the profile and has seen its vectors.

    Says whether the change was still waiting.
    """
    waiting = VersionChange.objects.select_for_update().filter(pk=change.pk, state=State.WAITING).first()
    if waiting is None:
        return False
    before = live(profile_id=waiting.profile_id)
    LiveVersion.objects.update_or_create(profile_id=waiting.profile_id, defaults={"version": waiting.version})
    waiting.state, waiting.from_name, waiting.progress_at = State.DONE, _name(before), timezone.now()
    waiting.save()
    _audit(waiting, actor=waiting.author, action="version_live", data={"kind": waiting.kind})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [FAQ_CHANNEL, str(waiting.profile_id)])
    return True


def _check(version: ModelVersion | None, before: ModelVersion | None, kind: Kind, reason: str) -> None:
    """Raise ChangeRefused where a version may not go live in this way."""
    if version == before:
        raise ChangeRefused(
            _("%(name)s is live already.") % {"name": _name(version) or _("The shipped model")}
        )
    if kind == Kind.OVERRIDDEN:
        if not reason.strip():
            raise ChangeRefused(
                _("Say why this version is to go live although the gate did not let it pass.")
            )
        return
    if version is None or may_promote(version=version):
        return
    if kind != Kind.ROLLED_BACK:
        raise ChangeRefused(
            _(
                "The gate has not let %(name)s pass against what is live now. Give a reason to promote it anyway."
            )
            % {"name": version.name}
        )
    if not was_live(version=version):
        raise ChangeRefused(
            _("%(name)s was never live, so there is nothing to go back to. Promote it instead.")
            % {"name": version.name}
        )


# ---------------------------------------------------------------- how long versions are kept


def versions_retire() -> int:
    """Delete versions beyond the newest VERSIONS_KEPT of a profile or older than VERSIONS_KEPT_DAYS; returns how many.

    The newest one, the live one, the one before that, and one that is being made live stay.
    """
    gone = 0
    for profile_id in ModelVersion.objects.values_list("profile_id", flat=True).distinct().order_by():
        gone += _retire(profile_id)
    return gone


@transaction.atomic
def _retire(profile_id: int) -> int:
    # So that none of them is made live meanwhile.
    LocaleProfile.objects.select_for_update().get(pk=profile_id)
    long_ago = timezone.now() - dt.timedelta(days=settings.VERSIONS_KEPT_DAYS)
    needed = _needed(profile_id)
    kept = ModelVersion.objects.filter(profile_id=profile_id).order_by("-number")
    old = [
        version
        for place, version in enumerate(kept)
        if place and version.pk not in needed
        if place >= settings.VERSIONS_KEPT or version.created_at < long_ago
    ]
    for version in old:
        version_delete(version=version)
    return len(old)


def _needed(profile_id: int) -> Collection[int | None]:
    """Return the versions that are live, were so before that, or are just being made live."""
    changes = VersionChange.objects.filter(profile_id=profile_id)
    last = changes.filter(state=State.DONE).first()
    before = ModelVersion.objects.filter(profile_id=profile_id, name=last.from_name).first() if last else None
    now_live = live(profile_id=profile_id)
    waiting = changes.filter(state=State.WAITING).values_list("version_id", flat=True)
    return {now_live.pk if now_live else None, before.pk if before else None, *waiting}


def version_delete(*, version: ModelVersion) -> None:
    """Delete a version that is not live, and its vectors, in the caller's transaction."""
    others = ModelVersion.objects.filter(profile_id=version.profile_id, vectors_key=version.vectors_key)
    if version.weights_sha256 and not others.exclude(pk=version.pk).exists():
        QuestionVector.objects.filter(
            entry__profile_id=version.profile_id, version=version.vectors_key
        ).delete()
    audit(
        actor="retention",
        action="version_delete",
        target=str(version.profile),
        tenant=version.profile.tenant,
        data={"version": version.name},
    )
    version.delete()


def _name(version: ModelVersion | None) -> str:
    return version.name if version else ""


def _audit(change: VersionChange, *, actor: str, action: str, data: dict[str, str] | None = None) -> None:
    profile = change.profile
    audit(
        actor=actor,
        action=action,
        target=str(profile),
        tenant=profile.tenant,
        data={"kind": change.kind, "from": change.from_name, "to": change.to_name, "reason": change.reason}
        | (data or {}),
    )
