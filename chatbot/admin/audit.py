"""The audit records: who changed what, and when."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from customers.admin_scope import ReadOnlyAdmin, ScopedFilter, TenantFilter
from customers.models import AuditRecord


class ActionFilter(ScopedFilter):
    """By action."""

    parameter_name = "action"
    title = _("action")
    field = "action"


@admin.register(AuditRecord)
class AuditAdmin(ReadOnlyAdmin):
    """A member sees the records of the tenants they manage; those of no tenant are the superusers'."""

    list_display = ("at", "actor", "action", "target", "tenant")
    list_filter = (TenantFilter, ActionFilter)
    list_select_related = ("tenant",)
    search_fields = ("actor", "action", "target")
    ordering = ("-at",)
