"""The admin's downloads: FAQs in any format, as the list is filtered, and templates to start a file from."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from customers import culture
from customers.admin_scope import TenantScopedAdmin
from customers.faq_export import export_entries, file_name
from customers.faq_file.model import FORMATS
from customers.faq_file.writer import CONTENT_TYPES, template
from customers.models import LocaleProfile, Tenant

FORMAT_NAMES = {
    "xlsx": "Excel (.xlsx)",
    "ods": "OpenDocument (.ods)",
    "csv": "CSV",
    "tsv": "TSV",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "yaml": "YAML",
}
# What the export's address has beyond the list's own filters.
OWN_PARAMETERS = ("format", "p", "o", "all")


class FaqExport(TenantScopedAdmin):
    """The FAQ screen's export page, its downloads, and the templates."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("export/", self.admin_site.admin_view(self.export_view), name="customers_faqentry_export"),
            path(
                "template/",
                self.admin_site.admin_view(self.template_view),
                name="customers_faqentry_template",
            ),
        ]
        return [*own, *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Show what can be exported; with a format in the address, send that file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        tenants = list(self.visible(Tenant.objects.order_by("name"), request, tenant_path="id"))
        tenant = next((t for t in tenants if request.GET.get("tenant") in {None, t.slug}), None)
        if tenant is None:
            raise Http404
        wanted = request.GET.get("format")
        filters = request.GET.copy()
        for name in OWN_PARAMETERS:
            filters.pop(name, None)
        if not filters.get("locale"):
            filters.pop("locale", None)
        # A file holds one tenant's FAQs: it has a column for locales, but none for tenants.
        filters["tenant"] = tenant.slug
        request.GET = filters  # type: ignore[assignment]
        # The list itself says which FAQs its filters and its search leave.
        entries = self.get_changelist_instance(request).get_queryset(request)
        if wanted is None:
            return self._export_page(request, tenants=tenants, tenant=tenant, count=entries.count())
        if wanted not in FORMATS:
            raise Http404
        data = export_entries(entries, format=wanted, header_locale=get_language() or "en")
        day = timezone.now().date().isoformat()
        return _download(data, wanted, (tenant.slug, filters.get("locale", ""), day))

    def template_view(self, request: HttpRequest) -> HttpResponse:
        """Send a file with the columns' names and two example rows, in a locale's language."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("format", "")
        locale = culture.canonical_locale(request.GET.get("locale", ""))
        if wanted not in FORMATS or locale is None:
            raise Http404
        return _download(template(format=wanted, locale=locale), wanted, (_("template"), locale))

    def _export_page(
        self, request: HttpRequest, *, tenants: list[Tenant], tenant: Tenant, count: int
    ) -> HttpResponse:
        profiles = LocaleProfile.objects.filter(tenant=tenant).order_by("locale")
        locales = [
            (locale, culture.endonym_of(locale)) for locale in profiles.values_list("locale", flat=True)
        ]
        context: dict[str, Any] = {
            "title": _("Export FAQs"),
            "tenants": tenants,
            "tenant": tenant,
            "locales": locales,
            "chosen_locale": request.GET.get("locale", ""),
            "formats": FORMAT_NAMES.items(),
            "kept": [(n, v) for n, vs in request.GET.lists() if n not in {"tenant", "locale"} for v in vs],
            "count": count,
        }
        return render(request, "admin/knowledge/export.html", self.admin_site.each_context(request) | context)


def _download(data: bytes, format: str, name: tuple[str, ...]) -> HttpResponse:  # noqa: A002
    response = HttpResponse(data, content_type=CONTENT_TYPES[format])
    response["Content-Disposition"] = (
        content_disposition_header(True, file_name(name, format)) or "attachment"
    )
    return response
