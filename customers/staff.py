"""Every write to the support team: user accounts and their memberships, one transaction and audited each."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction

from customers.models import Tenant, TenantMember
from customers.services import audit


@transaction.atomic
def user_save(*, user: User, actor: str) -> User:
    """Store a user whose fields the caller has set and validated."""
    created = user.pk is None
    user.save()
    audit(
        actor=actor,
        action="user_create" if created else "user_change",
        target=user.get_username(),
        tenant=None,
        data={"is_active": user.is_active, "is_staff": user.is_staff, "is_superuser": user.is_superuser},
    )
    return user


@transaction.atomic
def user_password_audit(*, user: User, actor: str) -> None:
    """Record that somebody set the user's password."""
    audit(actor=actor, action="user_password_change", target=user.get_username(), tenant=None)


@transaction.atomic
def memberships_set(*, user: User, roles: Mapping[int, str], actor: str) -> None:
    """Make the user a member of exactly these tenants; `roles` maps tenant ids to `TenantMember.Role`."""
    current = dict(TenantMember.objects.filter(user=user).values_list("tenant_id", "role"))
    TenantMember.objects.filter(user=user).exclude(tenant_id__in=roles).delete()
    TenantMember.objects.bulk_create(
        [TenantMember(user=user, tenant_id=tenant_id, role=role) for tenant_id, role in roles.items()],
        update_conflicts=True,
        unique_fields=["user", "tenant"],
        update_fields=["role"],
    )
    changed = {
        tenant_id
        for tenant_id in current.keys() | roles.keys()
        if current.get(tenant_id) != roles.get(tenant_id)
    }
    for tenant_id, tenant in sorted(Tenant.objects.in_bulk(changed).items()):
        audit(
            actor=actor,
            action="member_set" if tenant_id in roles else "member_remove",
            target=user.get_username(),
            tenant=tenant,
            data={"role": roles[tenant_id]} if tenant_id in roles else {},
        )
