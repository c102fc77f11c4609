"""The admin's screens for tenants, their locale profiles, and their FAQs; every write goes through services."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline

from customers import services
from customers.admin_bulk import FaqBulk
from customers.admin_export import FaqExport
from customers.admin_scope import CategoryFilter, LocaleFilter, TenantFilter, TenantScopedAdmin
from customers.forms import FaqForm, ProfileForm, TenantForm
from customers.models import FaqEntry, FaqQuestion, Holiday, LocaleProfile, Tenant

SEARCH_WORDS_MAX = 8


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    """Businesses. Only superusers add one; a tenant is retired, not deleted, because its record hangs on it."""

    tenant_path = "id"
    form = TenantForm
    list_display = ("name", "slug", "default_locale", "is_active")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "default_locale", "allowed_origins", "image_hosts", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Tenant, form: TenantForm, change: bool) -> None:
        services.tenant_save(tenant=obj, actor=request.user.get_username())


class HolidayInline(TabularInline):  # type: ignore[misc]
    """Days on which the team is away; permitted to whoever may edit the profile."""

    model = Holiday
    extra = 0
    hide_title = True
    tab = True

    def has_view_permission(self, request: HttpRequest, obj: LocaleProfile | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: LocaleProfile | None = None) -> bool:
        return self._may_edit(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: LocaleProfile | None = None) -> bool:
        return self._may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: LocaleProfile | None = None) -> bool:
        return self._may_edit(request, obj)

    def _may_edit(self, request: HttpRequest, obj: LocaleProfile | None) -> bool:
        screen: ProfileAdmin = self.admin_site._registry[LocaleProfile]
        return screen.has_change_permission(request, obj) if obj else screen.has_add_permission(request)


@admin.register(LocaleProfile)
class ProfileAdmin(TenantScopedAdmin):
    """How each tenant speaks to each market; retired, not deleted, because conversations hang on it."""

    form = ProfileForm
    list_display = ("locale", "tenant", "brand", "persona_name", "time_zone", "is_active")
    list_filter = (TenantFilter, "is_active")
    list_select_related = ("tenant",)
    search_fields = ("locale", "brand", "persona_name", "tenant__name")
    inlines = (HolidayInline,)
    fieldsets = (
        (None, {"fields": (("tenant", "locale"), "is_active")}),
        (
            _("Persona"),
            {"classes": ("tab",), "fields": ("brand", ("persona_name", "persona_role"), "formality")},
        ),
        (
            _("Manners"),
            {
                "classes": ("tab",),
                "fields": ("greetings", "phrases", "softeners", "closings", "connectives", "suggestions"),
            },
        ),
        (_("Hours"), {"classes": ("tab",), "fields": ("time_zone", "hours")}),
        (
            _("Rules and terms"),
            {
                "classes": ("tab",),
                "fields": (
                    "highest_level",
                    "max_wrong_percent",
                    "foreign_answers",
                    ("auto_promote", "retrain_after"),
                    "train_generator",
                    "synonyms",
                    "forbidden_claims",
                    ("currency", "retention_days"),
                ),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: LocaleProfile | None = None) -> tuple[str, ...]:
        return ("tenant", "locale") if obj else ()

    def save_model(self, request: HttpRequest, obj: LocaleProfile, form: ProfileForm, change: bool) -> None:
        services.profile_store(profile=obj, actor=request.user.get_username())

    def save_formset(
        self,
        request: HttpRequest,
        form: ProfileForm,
        formset: "BaseInlineFormSet[Any, Any, Any]",
        change: bool,
    ) -> None:
        formset.save(commit=False)  # fills in what the change message is made of
        if not formset.has_changed():
            return
        kept = (
            row.cleaned_data
            for row in formset.forms
            if row.cleaned_data and not row.cleaned_data.get("DELETE")
        )
        services.profile_store(
            profile=form.instance,
            holidays={row["date"]: row["name"] for row in kept},
            actor=request.user.get_username(),
        )


@admin.register(FaqEntry)
class FaqAdmin(FaqExport, FaqBulk):
    """The approved answers."""

    tenant_path = "profile__tenant_id"
    form = FaqForm
    list_display = ("question", "locale", "tenant", "category", "is_active", "updated_at")
    list_display_links = ("question",)
    list_filter = (TenantFilter, LocaleFilter, CategoryFilter, "is_active")
    list_select_related = ("profile__tenant",)
    search_fields = ("key",)  # shows the search box; `get_search_results` says where it looks
    search_help_text = _("Search questions, other ways to ask, answers and ids")
    ordering = ("profile_id", "key")
    actions = ("retire", "activate", "label_selected", "move_selected")
    fieldsets = (
        (None, {"fields": ("profile", "question", "alternates", "answer", "is_active")}),
        (
            _("Details"),
            {"fields": (("key", "category"), ("tags", "follow_ups"), ("valid_from", "valid_until"))},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[FaqEntry]:
        shown = FaqQuestion.objects.filter(entry=OuterRef("pk"), position=0).values("text")[:1]
        entries: QuerySet[FaqEntry] = super().get_queryset(request)
        return entries.annotate(shown_question=Subquery(shown))

    def get_readonly_fields(self, request: HttpRequest, obj: FaqEntry | None = None) -> tuple[str, ...]:
        return ("profile", "key") if obj else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[FaqEntry], search_term: str
    ) -> tuple[QuerySet[FaqEntry], bool]:
        """Keep the entries in which every word occurs, as a part of any word, in any script."""
        for word in search_term.replace("\x00", " ").split()[:SEARCH_WORDS_MAX]:
            asked = FaqQuestion.objects.filter(text__icontains=word).values("entry_id")
            queryset = queryset.filter(Q(pk__in=asked) | Q(answer__icontains=word) | Q(key__icontains=word))
        return queryset, False

    @admin.display(description=_("question"), ordering="shown_question")
    def question(self, entry: FaqEntry) -> str:
        text: str = entry.shown_question or entry.key  # type: ignore[attr-defined]
        return format_html('<span class="kefu-text" dir="auto">{}</span>', Truncator(text).chars(120))

    @admin.display(description=_("locale"), ordering="profile__locale")
    def locale(self, entry: FaqEntry) -> str:
        return entry.profile.locale

    @admin.display(description=_("tenant"), ordering="profile__tenant__name")
    def tenant(self, entry: FaqEntry) -> str:
        return entry.profile.tenant.name

    def save_model(self, request: HttpRequest, obj: FaqEntry, form: FaqForm, change: bool) -> None:
        saved = services.faq_entry_save(
            profile=obj.profile, draft=form.draft(), actor=request.user.get_username()
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: FaqEntry) -> None:
        services.faq_entries_delete(entries=[obj], actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FaqEntry]) -> None:
        services.faq_entries_delete(entries=queryset, actor=request.user.get_username())

    def get_deleted_objects(
        self, objs: Iterable[FaqEntry], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the entries alone: their questions and vectors go with them without saying, 20,000 at once too."""
        entries = list(objs)
        links: list[str] = [
            format_html(
                '<a href="{}">{}</a>',
                reverse("admin:customers_faqentry_change", args=[quote(entry.pk)]),
                entry.key,
            )
            for entry in entries[:100]
        ]
        if len(entries) > len(links):
            links.append(_("… and %(count)s more") % {"count": len(entries) - len(links)})
        return links, {str(self.opts.verbose_name_plural): len(entries)}, set(), []

    @admin.action(
        description=_("Retire the selected FAQs: keep them, but answer with them no more"),
        permissions=["change"],
    )
    def retire(self, request: HttpRequest, queryset: QuerySet[FaqEntry]) -> None:
        count = services.faq_entries_retire(entries=queryset, actor=request.user.get_username())
        text = ngettext("%(count)s FAQ was retired.", "%(count)s FAQs were retired.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Activate the selected FAQs: answer with them again"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[FaqEntry]) -> None:
        count = services.faq_entries_retire(entries=queryset, actor=request.user.get_username(), active=True)
        text = ngettext("%(count)s FAQ was activated.", "%(count)s FAQs were activated.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
