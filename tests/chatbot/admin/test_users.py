"""Accounts and memberships: superusers only, every write audited."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from customers import services
from customers.models import AuditRecord, Tenant, TenantMember

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def tenant() -> Tenant:
    return services.tenant_ensure(slug="demo", name="Demo", default_locale="de-DE", actor="test")


@pytest.fixture
def root(client: Client) -> Client:
    """A client logged in as a superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def user_form(user: User, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "username": user.username, "first_name": "Mei", "last_name": "", "email": "", "is_active": "on",
        "is_staff": "on", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-tenant": Tenant.objects.get().pk, "memberships-0-role": "support", "memberships-0-user": user.pk,
    }  # fmt: skip
    return fields | changes


def test_an_account_is_added_given_a_tenant_and_a_password(root: Client) -> None:
    tenant()
    data = {
        "username": "mei",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "is_staff": "on",
    }
    empty = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert root.post(reverse("admin:auth_user_add"), data | empty).status_code == 302
    mei = User.objects.get(username="mei")
    assert mei.is_staff
    assert mei.check_password(PASSWORD)

    change = reverse("admin:auth_user_change", args=[mei.pk])
    assert root.get(change).status_code == 200
    assert root.post(change, user_form(mei)).status_code == 302
    member = TenantMember.objects.get()
    assert (member.user, member.tenant.slug, member.role) == (mei, "demo", "support")
    kept = {"memberships-INITIAL_FORMS": "1", "memberships-0-id": member.pk}
    assert root.post(change, user_form(mei, **kept, **{"memberships-0-role": "manager"})).status_code == 302
    assert TenantMember.objects.get().role == "manager"
    kept["memberships-0-id"] = TenantMember.objects.get().pk
    assert root.post(change, user_form(mei, **kept, **{"memberships-0-DELETE": "on"})).status_code == 302
    assert not TenantMember.objects.exists()

    password = {
        "password1": PASSWORD + "!",
        "password2": PASSWORD + "!",
        "set-password": "1",
        "usable_password": "true",
    }
    assert root.post(reverse("admin:auth_user_password_change", args=[mei.pk]), password).status_code == 302
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD + "!")
    acts = AuditRecord.objects.filter(actor="root").order_by("pk").values_list("action", flat=True)
    assert list(dict.fromkeys(acts)) == [
        "user_create", "user_change", "member_set", "member_remove", "user_password_change",
    ]  # fmt: skip


def test_members_cannot_reach_accounts(client: Client) -> None:
    boss = User.objects.create_superuser("root")
    manager = User.objects.create_user("lena", is_staff=True)
    TenantMember.objects.create(user=manager, tenant=tenant(), role="manager")
    client.force_login(manager)
    for path in (
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_add"),
        reverse("admin:auth_user_change", args=[manager.pk]),
        reverse("admin:auth_user_password_change", args=[boss.pk]),
    ):
        assert client.get(path).status_code == 403
        assert client.post(path, user_form(manager, is_superuser="on")).status_code == 403
    manager.refresh_from_db()
    assert not manager.is_superuser


def test_accounts_are_not_deleted(root: Client) -> None:
    mei = User.objects.create_user("mei")
    assert root.post(reverse("admin:auth_user_delete", args=[mei.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=mei.pk).exists()


def test_a_weak_password_is_refused(root: Client) -> None:
    data = {"username": "mei", "usable_password": "true", "password1": "password", "password2": "password"}
    empty = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert root.post(reverse("admin:auth_user_add"), data | empty).status_code == 200
    assert not User.objects.filter(username="mei").exists()


def test_sidebar_shows_what_the_user_may_open(root: Client, client: Client) -> None:
    assert "Users" in root.get(reverse("admin:index")).content.decode()
    support = User.objects.create_user("lena", is_staff=True)
    TenantMember.objects.create(user=support, tenant=tenant(), role="support")
    client.force_login(support)
    page = client.get(reverse("admin:index")).content.decode()
    assert "Conversations" in page
    assert "Users" not in page
    assert "Audit records" not in page
