"""The questions that every change of an FAQ is tried with before it is applied."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from customers import services
from customers.admin_scope import LocaleFilter, TenantFilter, TenantScopedAdmin
from customers.fields import AUTO_DIRECTION, refuse_control_characters
from customers.forms import require_known_keys
from customers.models import TestQuestion


class TestQuestionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A question and the id of the FAQ that must answer it."""

    class Meta:
        model = TestQuestion
        fields = ["profile", "text", "expected_key"]
        widgets = {"text": UnfoldAdminTextInputWidget(attrs=AUTO_DIRECTION)}

    def clean_text(self) -> str:
        text = " ".join(str(self.cleaned_data["text"]).split())
        refuse_control_characters(text)
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        profile = data.get("profile") or (self.instance.profile if self.instance.pk else None)
        if profile is not None and data.get("expected_key"):
            try:
                require_known_keys(profile, [data["expected_key"]])
            except forms.ValidationError as error:
                self.add_error("expected_key", error)
        return data


@admin.register(TestQuestion)
class TestQuestionAdmin(TenantScopedAdmin):
    """A tenant's own examination of its FAQ."""

    tenant_path = "profile__tenant_id"
    form = TestQuestionForm
    list_display = ("question", "expected_key", "locale", "tenant", "created_at")
    list_display_links = ("question",)
    list_filter = (TenantFilter, LocaleFilter)
    list_select_related = ("profile__tenant",)
    search_fields = ("text", "expected_key")
    ordering = ("profile_id", "text")

    def get_readonly_fields(self, request: HttpRequest, obj: TestQuestion | None = None) -> tuple[str, ...]:
        return ("profile",) if obj else ()

    @admin.display(description=_("question"), ordering="text")
    def question(self, row: TestQuestion) -> str:
        return format_html('<span class="kefu-text" dir="auto">{}</span>', row.text)

    @admin.display(description=_("locale"), ordering="profile__locale")
    def locale(self, row: TestQuestion) -> str:
        return row.profile.locale

    @admin.display(description=_("tenant"), ordering="profile__tenant__name")
    def tenant(self, row: TestQuestion) -> str:
        return row.profile.tenant.name

    def save_model(
        self, request: HttpRequest, obj: TestQuestion, form: TestQuestionForm, change: bool
    ) -> None:
        services.test_question_save(question=obj, actor=request.user.get_username())

    def delete_model(self, request: HttpRequest, obj: TestQuestion) -> None:
        services.test_questions_delete(questions=[obj], actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[TestQuestion]") -> None:
        services.test_questions_delete(questions=queryset, actor=request.user.get_username())
