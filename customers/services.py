"""Every write to tenants, profiles and FAQs: one transaction, its audit record, its announcement.

Announcements ride on Postgres NOTIFY, which delivers at commit. They are only a hint to look sooner: the truth
is `LocaleProfile.faq_revision`, which every node also polls.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from customers import faq_store
from customers.faq_store import FaqDraft as FaqDraft
from customers.models import AuditRecord, FaqEntry, Holiday, LocaleProfile, Tenant, TestQuestion

FAQ_CHANNEL = "kefu_faq"


@dataclass(frozen=True, kw_only=True)
class ImportCounts:
    """What applying a file did, in entries."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, kw_only=True)
class ProfileDraft:
    """A locale profile as its file describes it; `values` are model fields, `holidays` maps dates to names."""

    locale: str
    values: Mapping[str, object]
    holidays: Mapping[dt.date, str] = field(default_factory=dict)


def audit(
    *, actor: str, action: str, target: str, tenant: Tenant | None, data: Mapping[str, object] | None = None
) -> None:
    """Record an act in the current transaction."""
    AuditRecord.objects.create(
        tenant=tenant, actor=actor[:150], action=action, target=target[:255], data=dict(data or {})
    )


def faq_announce(*, profile_ids: Iterable[int]) -> None:
    """Raise the profiles' FAQ revision and wake every node when the transaction commits."""
    ids = sorted(set(profile_ids))
    # In id order, so that two transactions that touch several profiles cannot deadlock.
    for profile_id in ids:
        LocaleProfile.objects.filter(pk=profile_id).update(faq_revision=F("faq_revision") + 1)
    with connection.cursor() as cursor:
        for profile_id in ids:
            cursor.execute("SELECT pg_notify(%s, %s)", [FAQ_CHANNEL, str(profile_id)])


@transaction.atomic
def tenant_ensure(*, slug: str, name: str, default_locale: str, actor: str) -> Tenant:
    """Return the tenant with this slug, creating it if there is none. Raises ValidationError."""
    Tenant(slug=slug, name=name, default_locale=default_locale).clean_fields()
    tenant, created = Tenant.objects.get_or_create(
        slug=slug, defaults={"name": name, "default_locale": default_locale}
    )
    if created:
        audit(actor=actor, action="tenant_create", target=slug, tenant=tenant)
    return tenant


@transaction.atomic
def tenant_save(*, tenant: Tenant, actor: str) -> Tenant:
    """Store a tenant whose fields the caller has set and validated."""
    created = tenant.pk is None
    tenant.save()
    audit(
        actor=actor, action="tenant_create" if created else "tenant_change", target=tenant.slug, tenant=tenant
    )
    return tenant


@transaction.atomic
def profile_save(*, tenant: Tenant, draft: ProfileDraft, actor: str) -> LocaleProfile:
    """Create or update the tenant's profile for a locale, holidays included."""
    profile = LocaleProfile.objects.filter(tenant=tenant, locale=draft.locale).first()
    profile = profile or LocaleProfile(tenant=tenant, locale=draft.locale)
    for name, value in draft.values.items():
        setattr(profile, name, value)
    profile.full_clean()
    return profile_store(profile=profile, holidays=draft.holidays, actor=actor)


@transaction.atomic
def profile_store(
    *, profile: LocaleProfile, actor: str, holidays: Mapping[dt.date, str] | None = None
) -> LocaleProfile:
    """Store a profile whose fields the caller has set and validated; holidays None leaves those as they are."""
    # The FAQ revision is not among the fields: a value read earlier must not undo a later announcement.
    fields = [
        field.name
        for field in LocaleProfile._meta.concrete_fields
        if field.editable and not field.primary_key
    ]
    profile.save(update_fields=fields if profile.pk else None)
    if holidays is not None:
        profile.holidays.all().delete()
        Holiday.objects.bulk_create(
            Holiday(profile=profile, date=day, name=name) for day, name in holidays.items()
        )
    audit(actor=actor, action="profile_save", target=str(profile), tenant=profile.tenant)
    faq_announce(profile_ids=[profile.pk])
    return profile


@transaction.atomic
def faq_import(
    *, profile: LocaleProfile, drafts: Sequence[FaqDraft], actor: str, dry_run: bool = False
) -> ImportCounts:
    """Create or update the profile's entries from drafts; entries that the drafts do not name stay.

    Keys must be unique among the drafts. One transaction, and as many statements for 10 rows as for 20,000.
    """
    counts = _apply(profile, drafts, dry_run=dry_run)
    if not dry_run and (counts.created or counts.changed):
        audit(
            actor=actor,
            action="faq_import",
            target=str(profile),
            tenant=profile.tenant,
            data={"created": counts.created, "changed": counts.changed},
        )
    return counts


@transaction.atomic
def faq_entry_save(*, profile: LocaleProfile, draft: FaqDraft, actor: str) -> FaqEntry:
    """Create or update the profile's one entry with the draft's key; returns it as stored."""
    counts = _apply(profile, [draft], dry_run=False)
    if counts.created or counts.changed:
        audit(
            actor=actor,
            action="faq_create" if counts.created else "faq_change",
            target=str(profile),
            tenant=profile.tenant,
            data={"keys": [draft.key]},
        )
    return FaqEntry.objects.get(profile=profile, key=draft.key)


@transaction.atomic
def faq_alternate_add(*, profile: LocaleProfile, key: str, text: str, actor: str) -> FaqEntry:
    """Add one more way to ask the question of the profile's entry with this key. Raises FaqEntry.DoesNotExist."""
    # Read under the lock that every writer of this FAQ takes, so that no other change is lost.
    LocaleProfile.objects.select_for_update().get(pk=profile.pk)
    draft = faq_store.load(profile_id=profile.pk, keys=[key]).get(key)
    if draft is None:
        raise FaqEntry.DoesNotExist(f"{profile} has no FAQ with the id {key!r}.")
    questions = tuple(dict.fromkeys((*draft.questions, text)))
    return faq_entry_save(profile=profile, draft=replace(draft, questions=questions), actor=actor)


def _apply(profile: LocaleProfile, drafts: Sequence[FaqDraft], *, dry_run: bool) -> ImportCounts:
    """Make the profile's entries as the drafts say, and announce it, in the caller's transaction."""
    # One writer per profile at a time: two imports at once apply one after the other, never interleaved.
    LocaleProfile.objects.select_for_update().get(pk=profile.pk)
    existing = faq_store.load(profile_id=profile.pk, keys=[draft.key for draft in drafts])
    created = [draft for draft in drafts if draft.key not in existing]
    changed = [draft for draft in drafts if draft.key in existing and existing[draft.key] != draft]
    counts = ImportCounts(
        created=len(created), changed=len(changed), unchanged=len(drafts) - len(created) - len(changed)
    )
    if not dry_run and (created or changed):
        faq_store.write(profile_id=profile.pk, drafts=[*created, *changed])
        faq_announce(profile_ids=[profile.pk])
    return counts


@transaction.atomic
def faq_entries_retire(*, entries: Iterable[FaqEntry], actor: str, active: bool = False) -> int:
    """Take entries out of the answers (or, with `active`, back in); returns how many changed."""
    changed = [entry for entry in entries if entry.is_active != active]
    FaqEntry.objects.filter(pk__in=[entry.pk for entry in changed]).update(
        is_active=active, updated_at=timezone.now()
    )
    _audit_entries(entries=changed, action="faq_activate" if active else "faq_retire", actor=actor)
    return len(changed)


@transaction.atomic
def faq_entries_delete(*, entries: Iterable[FaqEntry], actor: str) -> int:
    """Delete entries with their questions and vectors; returns how many."""
    gone = list(entries)
    _audit_entries(entries=gone, action="faq_delete", actor=actor)
    FaqEntry.objects.filter(pk__in=[entry.pk for entry in gone]).delete()
    return len(gone)


def _audit_entries(*, entries: Sequence[FaqEntry], action: str, actor: str) -> None:
    """Audit one act on several entries and announce their profiles."""
    profiles = LocaleProfile.objects.select_related("tenant").in_bulk({entry.profile_id for entry in entries})
    for profile_id, profile in profiles.items():
        keys = sorted(entry.key for entry in entries if entry.profile_id == profile_id)
        audit(actor=actor, action=action, target=str(profile), tenant=profile.tenant, data={"keys": keys})
    faq_announce(profile_ids=profiles)


@transaction.atomic
def test_question_save(*, question: TestQuestion, actor: str) -> TestQuestion:
    """Store a test question whose fields the caller has set and validated."""
    question.save()
    profile = question.profile
    audit(
        actor=actor, action="test_question_save", target=str(profile), tenant=profile.tenant,
        data={"text": question.text, "expected": question.expected_keys},
    )  # fmt: skip
    return question


@transaction.atomic
def test_questions_import(*, profile: LocaleProfile, questions: Sequence[TestQuestion], actor: str) -> int:
    """Add test questions to a profile, or change those with the same text; returns how many that were.

    The caller has validated them; their texts must be unique.
    """
    stored = {it.text: it for it in TestQuestion.objects.filter(profile=profile)}
    changed = [
        it
        for it in questions
        if it.text not in stored
        or (stored[it.text].expected_keys, stored[it.text].lang) != (it.expected_keys, it.lang)
    ]
    for question in changed:
        question.profile = profile
    TestQuestion.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["profile", "text"],
        update_fields=["expected_keys", "lang"],
    )
    if changed:
        data = {"count": len(changed)}
        audit(
            actor=actor, action="test_questions_import", target=str(profile), tenant=profile.tenant, data=data
        )
    return len(changed)


@transaction.atomic
def test_questions_delete(*, questions: Iterable[TestQuestion], actor: str) -> int:
    """Delete test questions; returns how many."""
    gone = list(questions)
    for question in gone:
        profile = question.profile
        data = {"text": question.text, "expected": question.expected_keys}
        audit(
            actor=actor, action="test_question_delete", target=str(profile), tenant=profile.tenant, data=data
        )
    TestQuestion.objects.filter(pk__in=[question.pk for question in gone]).delete()
    return len(gone)
