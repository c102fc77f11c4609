"""What every screen of the admin has in common: a member sees the rows of their own tenants, and no others."""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from customers import access
from customers.models import LocaleProfile, Tenant


class TenantScopedAdmin(ModelAdmin):  # type: ignore[misc]
    """A screen whose rows, permissions, choices and filters are limited to the user's tenants.

    `tenant_path` is the lookup from the model to its tenant's id.
    """

    tenant_path = "tenant_id"
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = False
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.visible(super().get_queryset(request), request, tenant_path=self.tenant_path)

    def visible(self, rows: QuerySet[Any], request: HttpRequest, *, tenant_path: str) -> QuerySet[Any]:
        """Leave out the rows of tenants in which the user may not view this screen."""
        permitted = access.access_of(request.user)
        if permitted.is_superuser:
            return rows
        tenants = permitted.tenants(model=self._model_name, act=access.VIEW)
        return rows.filter(**{f"{tenant_path}__in": tenants})

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._allows(request, access.VIEW, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._allows(request, access.ADD, None)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._allows(request, access.CHANGE, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._allows(request, access.DELETE, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._allows(request, access.VIEW, None)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        path = {Tenant: "id", LocaleProfile: "tenant_id"}[db_field.related_model]
        rows = db_field.related_model._default_manager.all()
        permitted = access.access_of(request.user)
        if not permitted.is_superuser:
            tenants = permitted.tenants(model=self._model_name, act=access.ADD)
            rows = rows.filter(**{f"{path}__in": tenants})
        kwargs["queryset"] = rows.select_related("tenant") if path == "tenant_id" else rows
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    @property
    def _model_name(self) -> str:
        return str(self.opts.model_name)

    def _allows(self, request: HttpRequest, act: str, obj: Model | None) -> bool:
        permitted = access.access_of(request.user)
        if obj is None or permitted.is_superuser:
            return permitted.allows(model=self._model_name, act=act)
        tenant_id: Any = obj
        for name in self.tenant_path.split("__"):
            tenant_id = getattr(tenant_id, name)
        # A row without a tenant is nobody's but a superuser's.
        return tenant_id is not None and permitted.allows(
            model=self._model_name, act=act, tenant_id=tenant_id
        )


class ReadOnlyAdmin(TenantScopedAdmin):
    """A screen that shows and never changes."""

    actions = None
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ScopedFilter(admin.SimpleListFilter):
    """A filter by one field, offering the values that occur in the rows the user may see."""

    field: str
    most = 200

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value) for value in self.values(request, model_admin)[: self.most]]

    def values(self, request: HttpRequest, model_admin: TenantScopedAdmin) -> QuerySet[Any, str]:
        """Return the distinct values to offer."""
        rows = model_admin.get_queryset(request).exclude(**{self.field: ""})
        return rows.order_by(self.field).values_list(self.field, flat=True).distinct()

    def has_output(self) -> bool:
        # One value to choose from is none, unless it is chosen already and the user wants out of it.
        return len(self.lookup_choices) > 1 or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(**{self.field: self.value()})


class TenantFilter(ScopedFilter):
    """By tenant."""

    parameter_name = "tenant"
    title = _("tenant")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tenants = model_admin.visible(Tenant.objects.all(), request, tenant_path="id")
        return list(tenants.values_list("slug", "name")[: self.most])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        prefix = self._prefix(queryset.model)
        return queryset.filter(**{f"{prefix}slug": self.value()})

    @staticmethod
    def _prefix(model: type[Model]) -> str:
        return (
            "tenant__" if any(field.name == "tenant" for field in model._meta.fields) else "profile__tenant__"
        )


class LocaleFilter(ScopedFilter):
    """By the locale of a row's profile."""

    parameter_name = "locale"
    title = _("locale")
    field = "profile__locale"

    def values(self, request: HttpRequest, model_admin: TenantScopedAdmin) -> QuerySet[Any, str]:
        profiles = model_admin.visible(LocaleProfile.objects.all(), request, tenant_path="tenant_id")
        return profiles.order_by("locale").values_list("locale", flat=True).distinct()


class CategoryFilter(ScopedFilter):
    """By category."""

    parameter_name = "category"
    title = _("category")
    field = "category"
