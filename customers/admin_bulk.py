"""What the FAQ list does with many entries at once, each asked for on a page of its own."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from customers import access, faq_bulk
from customers.admin_scope import TenantScopedAdmin
from customers.faq_bulk import MovePlan
from customers.faq_file.model import NAMES_LIMIT
from customers.fields import AUTO_DIRECTION, NamesField, refuse_control_characters
from customers.models import FaqEntry, LocaleProfile

CONFLICTS_SHOWN = 50


class LabelForm(forms.Form):
    """A new category, tags to add and tags to take away."""

    category = forms.CharField(
        label=_("New category"),
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={**AUTO_DIRECTION, "list": "kefu-categories"}),
        help_text=_("Left empty, the category stays."),
    )
    clear_category = forms.BooleanField(
        label=_("Take the category away"), required=False, widget=UnfoldBooleanWidget
    )
    add_tags = NamesField(
        label=_("Add tags"),
        required=False,
        line_limit=64,
        most=NAMES_LIMIT,
        help_text=_("Separated by commas."),
    )
    remove_tags = NamesField(
        label=_("Remove tags"),
        required=False,
        line_limit=64,
        most=NAMES_LIMIT,
        help_text=_("Separated by commas."),
    )

    def clean_category(self) -> str:
        category: str = self.cleaned_data["category"]
        refuse_control_characters(category)
        return category

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("clear_category") and data.get("category"):
            raise ValidationError(_("Either write a new category or take it away."))
        if not any(data.get(name) for name in ("category", "clear_category", "add_tags", "remove_tags")):
            raise ValidationError(_("Nothing to change was entered."))
        return data


class MoveForm(forms.Form):
    """Where to, and what happens to those that meet their own id there."""

    target = forms.ModelChoiceField(
        label=_("To"), queryset=LocaleProfile.objects.none(), widget=UnfoldAdminSelectWidget
    )
    conflict = forms.ChoiceField(
        label=_("Where that locale already has an FAQ with the same id"),
        choices=(
            ("keep", _("leave both where they are")),
            ("replace", _("delete the one there and move this one in its place")),
        ),
        initial="keep",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *args: Any, profiles: QuerySet[LocaleProfile], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["target"]
        field.queryset = profiles


class FaqBulk(TenantScopedAdmin):
    """The list's actions that need an answer first."""

    @admin.action(description=_("Change category or tags of the selected FAQs"), permissions=["change"])
    def label_selected(self, request: HttpRequest, queryset: QuerySet[FaqEntry]) -> HttpResponse | None:
        entered = "apply" in request.POST
        form = LabelForm(request.POST if entered else None)
        if entered and form.is_valid():
            data = form.cleaned_data
            count = faq_bulk.faq_entries_label(
                entries=queryset,
                category="" if data["clear_category"] else data["category"] or None,
                add_tags=data["add_tags"],
                remove_tags=data["remove_tags"],
                actor=request.user.get_username(),
            )
            text = ngettext("%(count)s FAQ was changed.", "%(count)s FAQs were changed.", count)
            self.message_user(request, text % {"count": count}, messages.SUCCESS)
            return None
        categories = queryset.exclude(category="").order_by("category").values_list("category", flat=True)
        return self._ask(
            request,
            queryset,
            title=_("Change category or tags"),
            action="label_selected",
            form=form,
            categories=list(categories.distinct()[:200]),
        )

    @admin.action(description=_("Move the selected FAQs to another locale"), permissions=["change", "add"])
    def move_selected(self, request: HttpRequest, queryset: QuerySet[FaqEntry]) -> HttpResponse | None:
        tenants = set(queryset.order_by().values_list("profile__tenant_id", flat=True))
        if len(tenants) != 1:
            self.message_user(
                request, _("FAQs move within one tenant: select those of one tenant only."), messages.ERROR
            )
            return None
        tenant_id = tenants.pop()
        permitted = access.access_of(request.user)
        if not permitted.allows(model="faqentry", act=access.CHANGE, tenant_id=tenant_id):
            self.message_user(request, _("You may not change this tenant's FAQs."), messages.ERROR)
            return None
        profiles = (
            LocaleProfile.objects.filter(tenant_id=tenant_id).select_related("tenant").order_by("locale")
        )
        entered = "apply" in request.POST or "check" in request.POST
        form = MoveForm(request.POST if entered else None, profiles=profiles)
        plan = None
        if entered and form.is_valid():
            target, replace = form.cleaned_data["target"], form.cleaned_data["conflict"] == "replace"
            if "apply" in request.POST:
                self._move(request, queryset, target, replace=replace)
                return None
            plan = faq_bulk.move_plan(entries=queryset, target=target)
        return self._ask(
            request,
            queryset,
            title=_("Move to another locale"),
            action="move_selected",
            form=form,
            **_shown(plan, form),
        )

    def _move(
        self, request: HttpRequest, queryset: QuerySet[FaqEntry], target: LocaleProfile, *, replace: bool
    ) -> None:
        counts = faq_bulk.faq_entries_move(
            entries=queryset, target=target, replace=replace, actor=request.user.get_username()
        )
        text = ngettext(
            "%(count)s FAQ was moved to %(target)s", "%(count)s FAQs were moved to %(target)s", counts.moved
        )
        parts = [text % {"count": counts.moved, "target": target.locale}]
        if counts.replaced:
            text = ngettext("%(count)s there was replaced", "%(count)s there were replaced", counts.replaced)
            parts.append(text % {"count": counts.replaced})
        if counts.kept:
            text = ngettext("%(count)s stayed where it was", "%(count)s stayed where they were", counts.kept)
            parts.append(text % {"count": counts.kept})
        level = messages.WARNING if counts.kept else messages.SUCCESS
        self.message_user(request, " · ".join(parts), level)

    def _ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[FaqEntry],
        *,
        title: Any,
        action: str,
        form: forms.Form,
        **context: Any,
    ) -> HttpResponse:
        """Show a form for the selected entries, which go with it."""
        across = request.POST.get("select_across") == "1"
        page = {
            "title": title,
            "action": action,
            "form": form,
            "count": queryset.count(),
            "across": across,
            "selected": [] if across else request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return render(
            request, "admin/knowledge/bulk.html", self.admin_site.each_context(request) | page | context
        )


def _shown(plan: MovePlan | None, form: MoveForm) -> dict[str, Any]:
    """Return what the page says about a plan."""
    if plan is None:
        return {"checks": True}
    replace = form.cleaned_data["conflict"] == "replace"
    moving = len(plan.free) + (len({entry.key for entry in plan.same_key}) if replace else 0)
    return {
        "checks": True,
        "plan": plan,
        "moving": moving,
        "replace": replace,
        "same_key": plan.same_key[:CONFLICTS_SHOWN],
        "same_question": plan.same_question[:CONFLICTS_SHOWN],
        "more_same_key": max(len(plan.same_key) - CONFLICTS_SHOWN, 0),
        "more_same_question": max(len(plan.same_question) - CONFLICTS_SHOWN, 0),
    }
