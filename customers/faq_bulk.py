"""Writes to many FAQ entries at once: one transaction, its audit record, its announcement each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from customers.models import FaqEntry, FaqQuestion, LocaleProfile
from customers.services import audit, faq_announce


@dataclass(frozen=True, kw_only=True)
class MovePlan:
    """What moving entries to a profile would do.

    `free` can move as they are. `same_key` meet an entry with their id there, `same_question` one that answers
    their question under another id; `already` are there.
    """

    free: Sequence[FaqEntry]
    same_key: Sequence[FaqEntry]
    same_question: Sequence[FaqEntry]
    already: Sequence[FaqEntry]


@dataclass(frozen=True, kw_only=True)
class MoveCounts:
    """What a move did: `moved` entries, of which `replaced` took another's place, and `kept` where they were."""

    moved: int
    replaced: int
    kept: int


@transaction.atomic
def faq_entry_confirm(*, entry: FaqEntry, actor: str) -> None:
    """Record that an entry says what its source says now, so that it no longer counts as stale."""
    FaqEntry.objects.filter(pk=entry.pk).update(updated_at=timezone.now())
    profile = entry.profile
    audit(
        actor=actor,
        action="faq_confirm",
        target=str(profile),
        tenant=profile.tenant,
        data={"keys": [entry.key]},
    )


@transaction.atomic
def faq_entries_label(
    *,
    entries: Iterable[FaqEntry],
    actor: str,
    category: str | None = None,
    add_tags: Sequence[str] = (),
    remove_tags: Collection[str] = (),
) -> int:
    """Set the category (None leaves it) and add and remove tags; returns how many entries changed.

    `updated_at` stays: it tells when the words last changed, by which translations are known to be stale.
    """
    changed = []
    for entry in (
        FaqEntry.objects.select_for_update().filter(pk__in=[entry.pk for entry in entries]).order_by("pk")
    ):
        tags = [tag for tag in dict.fromkeys([*entry.tags, *add_tags]) if tag not in remove_tags]
        wanted = entry.category if category is None else category
        if (entry.category, entry.tags) != (wanted, tags):
            entry.category, entry.tags = wanted, tags
            changed.append(entry)
    FaqEntry.objects.bulk_update(changed, ["category", "tags"], batch_size=1000)
    data = {"category": category, "add_tags": list(add_tags), "remove_tags": sorted(remove_tags)}
    _audit_each_profile(changed, action="faq_label", actor=actor, data=data)
    faq_announce(profile_ids={entry.profile_id for entry in changed})
    return len(changed)


def move_plan(*, entries: Iterable[FaqEntry], target: LocaleProfile) -> MovePlan:
    """Return what moving entries to a profile of their own tenant would do. Raises ValueError for another's."""
    chosen = list(
        FaqEntry.objects.filter(pk__in=[entry.pk for entry in entries])
        .select_related("profile")
        .order_by("pk")
    )
    if any(entry.profile.tenant_id != target.tenant_id for entry in chosen):
        raise ValueError(f"FAQs move within their own tenant only, not to {target}.")
    already = [entry for entry in chosen if entry.profile_id == target.pk]
    others = [entry for entry in chosen if entry.profile_id != target.pk]
    taken = set(FaqEntry.objects.filter(profile=target).values_list("key", flat=True))
    asked = {
        text.casefold(): key
        for text, key in FaqQuestion.objects.filter(entry__profile=target, position=0).values_list(
            "text", "entry__key"
        )
    }
    texts = dict(FaqQuestion.objects.filter(entry__in=others, position=0).values_list("entry_id", "text"))
    free, same_key, same_question = [], [], []
    for entry in others:
        question = texts.get(entry.pk, "").casefold()
        if question and asked.get(question, entry.key) != entry.key:
            same_question.append(entry)
        elif entry.key in taken:
            same_key.append(entry)
        else:
            free.append(entry)
            # Two of the chosen entries may have one id, too, when they come from two locales.
            taken.add(entry.key)
            asked[question] = entry.key
    return MovePlan(free=free, same_key=same_key, same_question=same_question, already=already)


@transaction.atomic
def faq_entries_move(
    *, entries: Iterable[FaqEntry], target: LocaleProfile, replace: bool, actor: str
) -> MoveCounts:
    """Move entries to another locale profile of their tenant.

    Where the target has an entry with the same id, `replace` deletes that one; otherwise, and where it answers
    the same question under another id, the entry stays where it is. Raises ValueError for another tenant's.
    """
    chosen = list(entries)
    involved = {target.pk, *(entry.profile_id for entry in chosen)}
    # In id order, as every writer that takes several: what is planned here is what happens.
    list(LocaleProfile.objects.select_for_update().filter(pk__in=involved).order_by("pk"))
    plan = move_plan(entries=chosen, target=target)
    arriving = {entry.key: entry for entry in plan.free}
    if replace:
        # Of two with one id, from two locales, the first moves.
        for entry in plan.same_key:
            arriving.setdefault(entry.key, entry)
    moving = list(arriving.values())
    replaced = FaqEntry.objects.filter(profile=target, key__in=arriving)
    gone = replaced.count()
    replaced.delete()
    _audit_each_profile(moving, action="faq_move", actor=actor, data={"to": target.locale, "replaced": gone})
    FaqEntry.objects.filter(pk__in=[entry.pk for entry in moving]).update(
        profile=target, updated_at=timezone.now()
    )
    if moving:
        faq_announce(profile_ids={target.pk, *(entry.profile_id for entry in moving)})
    return MoveCounts(moved=len(moving), replaced=gone, kept=len(chosen) - len(moving))


def _audit_each_profile(
    entries: Sequence[FaqEntry], *, action: str, actor: str, data: Mapping[str, object]
) -> None:
    """Record one act on several entries, once per profile they are in."""
    profiles = LocaleProfile.objects.select_related("tenant").in_bulk({entry.profile_id for entry in entries})
    for profile_id, profile in profiles.items():
        keys = sorted(entry.key for entry in entries if entry.profile_id == profile_id)
        audit(
            actor=actor,
            action=action,
            target=str(profile),
            tenant=profile.tenant,
            data={"keys": keys, **data},
        )
