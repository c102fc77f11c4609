"""A member sees and changes the rows of their own tenants, and no others, on every screen."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from customers import services
from customers.models import AuditRecord, FaqEntry, Tenant, TenantMember
from customers.services import FaqDraft
from tests.customers.screens import faq_form, make_entries, make_profile, profile_form, screen, shown

pytestmark = pytest.mark.django_db


def test_filters_narrow_and_offer_own_values_only(login: Callable[..., Client]) -> None:
    mine, second, other = make_profile("demo"), make_profile("demo", "fr-FR"), make_profile("other", "ja-JP")
    entries = make_entries(mine, 5) and [*make_entries(mine, 5), *make_entries(second, 2)]
    services.faq_entry_save(
        profile=other, draft=FaqDraft(key="k", questions=("q?",), answer="", category="secret"), actor="test"
    )
    client = login(demo="support")
    for query, count in (
        ({"locale": "fr-FR"}, 2),
        ({"category": "category-0"}, 2),
        ({"is_active__exact": "0"}, 0),
    ):
        assert len(shown(client.get(screen("faqentry"), query))) == count
    page = client.get(screen("faqentry"))
    assert len(shown(page)) == len(entries)
    for secret in ("ja-JP", "secret", "Other"):
        assert secret not in page.content.decode()
    assert shown(client.get(screen("faqentry"), {"tenant": "other"})) == []
    assert shown(client.get(screen("faqentry"), {"q": "secret"})) == []


def test_bulk_actions_reach_own_rows_only(login: Callable[..., Client]) -> None:
    mine, other = make_entries(make_profile("demo"), 2), make_entries(make_profile("other"), 2)
    client = login(demo="support")
    every = [entry.pk for entry in (*mine, *other)]
    for action, active in (("retire", False), ("activate", True)):
        for across in ("0", "1"):
            data = {"action": action, "select_across": across, "index": "0", "_selected_action": every}
            assert client.post(screen("faqentry"), data).status_code == 302
            assert set(FaqEntry.objects.filter(pk__in=every[:2]).values_list("is_active", flat=True)) == {
                active
            }
            assert set(FaqEntry.objects.filter(pk__in=every[2:]).values_list("is_active", flat=True)) == {
                True
            }
    data = {
        "action": "delete_selected",
        "post": "yes",
        "select_across": "1",
        "index": "0",
        "_selected_action": every,
    }
    client.post(screen("faqentry"), data)
    assert set(FaqEntry.objects.values_list("pk", flat=True)) == set(every[2:])


@pytest.mark.parametrize("role", TenantMember.Role.values)
def test_another_tenants_rows_do_not_exist(login: Callable[..., Client], role: str) -> None:
    make_profile("demo")
    theirs = make_profile("other")
    entry = make_entries(theirs, 1)[0]
    record = AuditRecord.objects.filter(tenant=theirs.tenant).first()
    assert record is not None
    client = login(demo=role)
    rows = {
        "tenant": theirs.tenant_id,
        "localeprofile": theirs.pk,
        "faqentry": entry.pk,
        "auditrecord": record.pk,
    }
    for model, pk in rows.items():
        for name in ("change", "delete", "history"):
            for response in (
                client.get(screen(model, name, pk)),
                client.post(screen(model, name, pk), faq_form(post="yes")),
            ):
                # The admin answers for a row it cannot find with a redirect to its index, or forbids it outright.
                assert response.status_code in {302, 403, 404}
                if response.status_code == 302:
                    assert response.headers["Location"] == reverse("admin:index")
        listing = client.get(screen(model))
        if listing.status_code != 403:
            assert pk not in shown(listing)
    assert client.post(screen("faqentry", "add"), faq_form(profile=theirs.pk)).status_code == 200
    assert str(theirs) not in client.get(screen("faqentry", "add")).content.decode()
    assert FaqEntry.objects.get().answer == "Answer 0"


def test_roles_decide(login: Callable[..., Client]) -> None:
    profile, managed = make_profile("demo"), make_profile("managed")
    client = login(demo="support", managed="manager")
    assert (
        client.post(screen("localeprofile", "change", profile.pk), profile_form(profile)).status_code == 403
    )
    assert (
        client.post(screen("localeprofile", "change", managed.pk), profile_form(managed)).status_code == 302
    )
    assert client.get(screen("localeprofile", "delete", managed.pk)).status_code == 403
    assert client.get(screen("tenant", "add")).status_code == 403
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403
    tenants = {row.tenant_id for row in client.get(screen("auditrecord")).context["cl"].result_list}
    assert tenants == {managed.tenant_id}


def test_staff_without_a_tenant_and_outsiders_see_nothing(client: Client) -> None:
    make_entries(make_profile("demo"), 1)
    member = User.objects.create_user("guest", is_staff=False)
    TenantMember.objects.create(user=member, tenant=Tenant.objects.get(), role="manager")
    client.force_login(member)
    assert client.get(screen("faqentry")).status_code == 302
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(screen("faqentry")).status_code == 403
    assert "FAQs" not in client.get(reverse("admin:index")).content.decode()
