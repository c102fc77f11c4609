"""Writes to tenants, profiles and FAQs: what is stored, counted, audited and announced."""

import datetime as dt
import threading

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from customers import services
from customers.models import AuditRecord, FaqEntry, FaqQuestion, LocaleProfile, Tenant
from customers.services import FAQ_CHANNEL, FaqDraft, ImportCounts, ProfileDraft
from tests.customers.screens import make_entries, make_profile

pytestmark = pytest.mark.django_db

RETURNS = FaqDraft(
    key="returns",
    questions=("Can I return it?", "send it back"),
    answer="Yes.",
    category="orders",
    tags=("return", "refund"),
    follow_ups=("shipping",),
    valid_from=dt.date(2026, 1, 1),
    valid_until=dt.date(2026, 12, 31),
    is_active=False,
)
SHIPPING = FaqDraft(key="shipping", questions=("What does shipping cost?",), answer="$5.")


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


def imported(profile: LocaleProfile, *drafts: FaqDraft, dry_run: bool = False) -> ImportCounts:
    return services.faq_import(profile=profile, drafts=drafts, actor="lena", dry_run=dry_run)


def revision(profile: LocaleProfile) -> int:
    return LocaleProfile.objects.get(pk=profile.pk).faq_revision


def stored(profile: LocaleProfile) -> dict[str, tuple[str, list[str]]]:
    entries = FaqEntry.objects.filter(profile=profile).prefetch_related("questions")
    return {
        entry.key: (entry.answer, [question.text for question in entry.questions.all()]) for entry in entries
    }


def test_an_import_stores_every_field(profile: LocaleProfile) -> None:
    assert imported(profile, RETURNS) == ImportCounts(created=1)
    entry = FaqEntry.objects.get()
    assert [question.text for question in entry.questions.order_by("position")] == list(RETURNS.questions)
    for name in ("key", "answer", "category", "valid_from", "valid_until", "is_active"):
        assert getattr(entry, name) == getattr(RETURNS, name)
    assert (entry.tags, entry.follow_ups) == (["return", "refund"], ["shipping"])


def test_importing_again_changes_nothing(profile: LocaleProfile) -> None:
    imported(profile, RETURNS, SHIPPING)
    before = (
        revision(profile),
        list(FaqQuestion.objects.values_list("pk", flat=True)),
        AuditRecord.objects.count(),
    )
    assert imported(profile, SHIPPING, RETURNS) == ImportCounts(unchanged=2)
    assert before == (
        revision(profile), list(FaqQuestion.objects.values_list("pk", flat=True)), AuditRecord.objects.count()
    )  # fmt: skip


def test_an_import_counts_what_is_new_changed_and_kept(profile: LocaleProfile) -> None:
    imported(profile, RETURNS, SHIPPING)
    entry = FaqEntry.objects.get(key="shipping")
    cheaper = FaqDraft(key="shipping", questions=("Postage?", "What does shipping cost?"), answer="Free.")
    payment = FaqDraft(key="payment", questions=("Cards?",), answer="All.")
    assert imported(profile, cheaper, RETURNS, payment) == ImportCounts(created=1, changed=1, unchanged=1)
    assert stored(profile)["shipping"] == ("Free.", ["Postage?", "What does shipping cost?"])
    again = FaqEntry.objects.get(key="shipping")
    assert (again.pk, again.created_at) == (entry.pk, entry.created_at)
    assert again.updated_at > entry.updated_at
    assert imported(profile, payment) == ImportCounts(unchanged=1)
    assert len(stored(profile)) == 3  # what a file does not name stays


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "No."},
        {"questions": ("send it back", "Can I return it?")},
        {"questions": ("Can I return it?",)},
        {"category": ""},
        {"tags": ()},
        {"follow_ups": ("shipping", "payment")},
        {"valid_from": None},
        {"is_active": True},
    ],
)
def test_every_field_counts_as_a_change(profile: LocaleProfile, change: dict[str, object]) -> None:
    imported(profile, RETURNS)
    before = revision(profile)
    assert imported(profile, FaqDraft(**{**vars(RETURNS), **change})) == ImportCounts(changed=1)
    assert revision(profile) == before + 1


def test_a_dry_run_counts_and_stores_nothing(profile: LocaleProfile) -> None:
    imported(profile, SHIPPING)
    before = revision(profile), AuditRecord.objects.count(), stored(profile)
    changed = FaqDraft(key="shipping", questions=("Postage?",), answer="Free.")
    assert imported(profile, changed, RETURNS, dry_run=True) == ImportCounts(created=1, changed=1)
    assert before == (revision(profile), AuditRecord.objects.count(), stored(profile))


def test_an_import_touches_its_own_profile_only(profile: LocaleProfile) -> None:
    other = make_profile("rival")
    imported(other, RETURNS)
    before = stored(other), revision(other)
    imported(profile, FaqDraft(key="returns", questions=("Mine?",), answer="Mine."))
    assert (stored(other), revision(other)) == before


def test_an_act_is_audited_and_raises_the_revision_once(profile: LocaleProfile) -> None:
    AuditRecord.objects.all().delete()
    before = revision(profile)
    imported(profile, RETURNS, SHIPPING)
    record = AuditRecord.objects.get()
    assert (record.actor, record.action, record.target) == ("lena", "faq_import", str(profile))
    assert (record.tenant, record.data) == (profile.tenant, {"created": 2, "changed": 0})
    assert revision(profile) == before + 1
    imported(profile)
    assert (AuditRecord.objects.count(), revision(profile)) == (1, before + 1)


def test_a_failed_import_leaves_nothing(profile: LocaleProfile) -> None:
    before = revision(profile), AuditRecord.objects.count()
    too_long = FaqDraft(key="x" * 201, questions=("?",), answer="")
    with pytest.raises(Exception, match="value too long"):
        imported(profile, SHIPPING, too_long)
    assert (revision(profile), AuditRecord.objects.count(), stored(profile)) == (*before, {})


def test_statements_do_not_grow_with_the_file(profile: LocaleProfile, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(20):
        make_entries(profile, 500)
    with django_assert_max_num_queries(20):
        make_entries(profile, 500)


def test_single_entries_are_saved_retired_and_deleted_with_a_record_each(profile: LocaleProfile) -> None:
    AuditRecord.objects.all().delete()
    entry = services.faq_entry_save(profile=profile, draft=SHIPPING, actor="lena")
    services.faq_entry_save(profile=profile, draft=SHIPPING, actor="lena")
    assert services.faq_entries_retire(entries=[entry], actor="lena") == 1
    entry.refresh_from_db()
    assert not entry.is_active
    assert services.faq_entries_retire(entries=[entry], actor="lena") == 0
    before = revision(profile)
    assert services.faq_entries_delete(entries=[entry], actor="lena") == 1
    assert revision(profile) == before + 1
    assert (FaqEntry.objects.count(), FaqQuestion.objects.count()) == (0, 0)
    acts = AuditRecord.objects.order_by("pk").values_list("action", "data")
    assert list(acts) == [
        (action, {"keys": ["shipping"]}) for action in ("faq_create", "faq_retire", "faq_delete")
    ]


def test_a_tenant_is_made_once_and_never_overwritten() -> None:
    tenant = services.tenant_ensure(slug="new", name="New", default_locale="de-DE", actor="test")
    again = services.tenant_ensure(slug="new", name="Other", default_locale="ja-JP", actor="test")
    assert (again.pk, again.name, again.default_locale) == (tenant.pk, "New", "de-DE")
    assert AuditRecord.objects.filter(action="tenant_create").count() == 1


@pytest.mark.parametrize(
    ("slug", "locale"),
    [("two words", "de-DE"), ("x" * 51, "de-DE"), ("new", "german"), ("new", "de_de"), ("", "de-DE")],
)
def test_a_tenant_that_cannot_be_is_refused_whole(slug: str, locale: str) -> None:
    with pytest.raises(ValidationError):
        services.tenant_ensure(slug=slug, name="New", default_locale=locale, actor="test")
    assert not Tenant.objects.exists()


def test_a_profile_is_saved_with_its_holidays_and_keeps_later_revisions(profile: LocaleProfile) -> None:
    day = dt.date(2026, 12, 25)
    stale = LocaleProfile.objects.get(pk=profile.pk)
    imported(profile, SHIPPING)
    draft = ProfileDraft(locale="de-DE", values={"brand": "New brand"}, holidays={day: "Weihnachten"})
    saved = services.profile_save(tenant=profile.tenant, draft=draft, actor="lena")
    assert (saved.pk, saved.brand) == (profile.pk, "New brand")
    assert list(saved.holidays.values_list("date", "name")) == [(day, "Weihnachten")]
    before = revision(profile)
    stale.persona_name = "Mia"
    services.profile_store(profile=stale, actor="lena")
    assert revision(profile) == before + 1
    assert saved.holidays.count() == 1
    with pytest.raises(ValidationError):
        services.profile_save(
            tenant=profile.tenant,
            draft=ProfileDraft(locale="de-DE", values={"currency": "Euro"}),
            actor="lena",
        )


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_profile_apply_one_after_the_other() -> None:
    profile = make_profile("demo")
    start = threading.Barrier(4)
    failures: list[Exception] = []
    counts: list[ImportCounts] = []

    def work(name: str) -> None:
        drafts = [FaqDraft(key=f"faq-{number}", questions=(f"Q{number} by {name}?", "alt"), answer=name)
                  for number in range(40)]  # fmt: skip
        try:
            start.wait(60)
            for _ in range(3):
                counts.append(imported(profile, *drafts))
        except Exception as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    entries = stored(profile)
    assert len(entries) == 40
    (winner,) = {answer for answer, _ in entries.values()}
    assert all(questions == [f"Q{key[4:]} by {winner}?", "alt"] for key, (_, questions) in entries.items())
    # Each saw what the ones before had stored: one created the entries, the others changed or kept them.
    assert sorted(count.created for count in counts) == [0] * 11 + [40]
    imports = AuditRecord.objects.filter(action="faq_import")
    assert imports.count() == revision(profile)


@pytest.mark.django_db(transaction=True)
def test_other_processes_hear_of_a_change_when_it_is_committed() -> None:
    profile = make_profile("demo")
    at = connection.settings_dict
    with psycopg.connect(
        dbname=at["NAME"], user=at["USER"], password=at["PASSWORD"], host=at["HOST"], port=at["PORT"] or None,
        autocommit=True,
    ) as listener:  # fmt: skip
        listener.execute(f"LISTEN {FAQ_CHANNEL}")
        imported(profile, RETURNS, dry_run=True)
        assert list(listener.notifies(timeout=0.1)) == []
        imported(profile, RETURNS)
        heard = list(listener.notifies(timeout=60, stop_after=1))
    assert [notice.payload for notice in heard] == [str(profile.pk)]
