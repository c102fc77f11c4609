"""The questions that every change of an FAQ is tried with before it is applied."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from customers import culture, services
from customers.admin_scope import LocaleFilter, TenantFilter, TenantScopedAdmin
from customers.faq_file.model import NAMES_LIMIT
from customers.fields import AUTO_DIRECTION, NamesField, refuse_control_characters
from customers.forms import require_known_keys
from customers.models import LocaleProfile, TestQuestion


class TestQuestionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A question, the ids of the FAQs that may answer it, and the locale that must."""

    expected_keys = NamesField(
        label=_("Expected FAQ"),
        required=False,
        line_limit=200,
        most=NAMES_LIMIT,
        help_text=_(
            "The id of the FAQ that answers it; several, separated by commas, where any of them is right. Leave it "
            "empty when nothing should answer: then it must be declined."
        ),
    )

    class Meta:
        model = TestQuestion
        fields = ["profile", "text", "expected_keys", "lang"]
        widgets = {
            "text": UnfoldAdminTextInputWidget(attrs=AUTO_DIRECTION),
            "lang": UnfoldAdminTextInputWidget(attrs={"dir": "ltr"}),
        }

    def clean_text(self) -> str:
        text = " ".join(str(self.cleaned_data["text"]).split())
        refuse_control_characters(text)
        return text

    def clean_lang(self) -> str:
        tag = str(self.cleaned_data["lang"])
        return culture.canonical_locale(tag) or tag

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        profile = data.get("profile") or (self.instance.profile if self.instance.pk else None)
        if profile is None:
            return data
        answering = self._answering(profile, data.get("lang", ""))
        if answering is not None:
            try:
                require_known_keys(answering, data.get("expected_keys", []))
            except ValidationError as error:
                self.add_error("expected_keys", error)
        return data

    def _answering(self, profile: LocaleProfile, lang: str) -> LocaleProfile | None:
        """Return the profile whose FAQ must answer; None, with an error, where the tenant has none."""
        if not lang:
            return profile
        found = LocaleProfile.objects.filter(tenant_id=profile.tenant_id, locale=lang).first()
        if found is None:
            self.add_error(
                "lang",
                ValidationError(_("This tenant has no locale “%(locale)s”."), params={"locale": lang}),
            )
        return found


@admin.register(TestQuestion)
class TestQuestionAdmin(TenantScopedAdmin):
    """A tenant's own examination of its FAQ."""

    tenant_path = "profile__tenant_id"
    form = TestQuestionForm
    list_display = ("question", "expected", "locale", "tenant", "created_at")
    list_display_links = ("question",)
    list_filter = (TenantFilter, LocaleFilter)
    list_select_related = ("profile__tenant",)
    search_fields = ("text", "expected_keys")
    ordering = ("profile_id", "text")

    def get_readonly_fields(self, request: HttpRequest, obj: TestQuestion | None = None) -> tuple[str, ...]:
        return ("profile",) if obj else ()

    @admin.display(description=_("question"), ordering="text")
    def question(self, row: TestQuestion) -> str:
        return format_html('<span class="kefu-text" dir="auto">{}</span>', row.text)

    @admin.display(description=_("expected"))
    def expected(self, row: TestQuestion) -> str:
        keys = ", ".join(row.expected_keys) or _("no answer")
        return format_html("<bdi>{}</bdi> <bdi>{}</bdi>", keys, row.lang)

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
