"""Who of the support team may do what with which tenant's rows.

A superuser may do everything. Any other staff user has a role per tenant (`TenantMember`) and sees
nothing of the tenants that give it none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from customers.models import TenantMember

VIEW, ADD, CHANGE, DELETE = "view", "add", "change", "delete"

_SUPPORT = {
    "tenant": {VIEW},
    "localeprofile": {VIEW},
    "faqentry": {VIEW, ADD, CHANGE, DELETE},
    "faqupload": {VIEW, ADD, CHANGE},
    "testquestion": {VIEW, ADD, CHANGE, DELETE},
    "conversation": {VIEW},
    "trainingrun": {VIEW, ADD, CHANGE},
    "modelversion": {VIEW},
}
_MANAGER = _SUPPORT | {
    "tenant": {VIEW, CHANGE},
    "localeprofile": {VIEW, ADD, CHANGE},
    "auditrecord": {VIEW},
    "modelversion": {VIEW, ADD, CHANGE},
}
ROLE_ACTS: Mapping[str, Mapping[str, set[str]]] = {
    TenantMember.Role.SUPPORT: _SUPPORT,
    TenantMember.Role.MANAGER: _MANAGER,
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one user may do; `roles` maps tenant ids to the user's role there."""

    is_superuser: bool = False
    roles: Mapping[int, str] = field(default_factory=dict)

    def tenants(self, *, model: str, act: str) -> set[int]:
        """Return the ids of the tenants whose rows of this model a member may act on (not for superusers)."""
        return {tenant for tenant, role in self.roles.items() if act in ROLE_ACTS[role].get(model, ())}

    def allows(self, *, model: str, act: str, tenant_id: int | None = None) -> bool:
        """Say whether the user may act on the tenant's rows, or without a tenant on those of any."""
        if self.is_superuser:
            return True
        tenants = self.tenants(model=model, act=act)
        return bool(tenants) if tenant_id is None else tenant_id in tenants


def access_of(user: AbstractBaseUser | AnonymousUser) -> Access:
    """Return what a user may do; read once per user object, so once per request."""
    known: Access | None = getattr(user, "_kefu_access", None)
    if known is None:
        known = _read(user)
        user._kefu_access = known  # type: ignore[union-attr]
    return known


def _read(user: AbstractBaseUser | AnonymousUser) -> Access:
    if not user.is_active or not getattr(user, "is_staff", False):
        return Access()
    if getattr(user, "is_superuser", False):
        return Access(is_superuser=True)
    return Access(roles=dict(TenantMember.objects.filter(user_id=user.pk).values_list("tenant_id", "role")))
