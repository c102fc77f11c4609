"""Rows and form data for the admin's tests."""

from collections.abc import Sequence
from typing import Any

from django.forms import CheckboxInput, ModelForm
from django.http import QueryDict
from django.urls import reverse

from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft


def make_profile(slug: str, locale: str = "de-DE") -> LocaleProfile:
    tenant = services.tenant_ensure(slug=slug, name=slug.title(), default_locale=locale, actor="test")
    return LocaleProfile.objects.create(
        tenant=tenant,
        locale=locale,
        brand="Brand",
        persona_name="Lena",
        currency="EUR",
        time_zone="Europe/Berlin",
    )


def make_entries(profile: LocaleProfile, count: int, *, prefix: str = "faq") -> Sequence[FaqEntry]:
    drafts = [
        FaqDraft(
            key=f"{prefix}-{number}",
            questions=(f"Question {number} of {profile}?", f"Alternate {number}"),
            answer=f"Answer {number}",
            category=f"category-{number % 5}",
        )
        for number in range(count)
    ]
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    return list(FaqEntry.objects.filter(profile=profile).order_by("pk"))


def screen(model: str, name: str = "changelist", *args: object) -> str:
    return reverse(f"admin:customers_{model}_{name}", args=args)


def shown(response: object) -> list[object]:
    return [row.pk for row in response.context["cl"].result_list]  # type: ignore[attr-defined]


def faq_form(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "key": "", "question": "Wie lange dauert der Versand?", "alternates": "", "answer": "Zwei Tage.",
        "category": "", "tags": "", "follow_ups": "", "valid_from": "", "valid_until": "", "is_active": "on",
    }  # fmt: skip
    return fields | changes


def profile_form(profile: LocaleProfile, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "is_active": "on", "brand": "Brand", "persona_name": "Lena", "persona_role": "", "formality": "formal",
        "greetings_morning": "Guten Morgen", "phrases_decline": "Das weiß ich nicht.", "connectives": "Außerdem gilt:",
        "softeners_joined": "Zu Ihren Fragen:", "softeners_narrow": "", "closings_evening": "Schönen Abend!",
        "suggestions": "", "currency": "EUR", "time_zone": "Europe/Berlin", "hours_mon": "9:00-12:00, 13:00 – 18:00",
        "synonyms": "Versand = Lieferung, Zustellung", "forbidden_claims": "lebenslange Garantie\nimmer gratis",
        "max_wrong_percent": "10", "highest_level": "extractive", "retrain_after": "0", "retention_days": "365",
        "holidays-TOTAL_FORMS": "1", "holidays-INITIAL_FORMS": "0",
        "holidays-0-date": "2026-12-25", "holidays-0-name": "Weihnachten", "holidays-0-profile": profile.pk,
    }  # fmt: skip
    return fields | changes


def entered(form: "ModelForm[Any]") -> QueryDict:
    """Return what a browser would send for a form that is submitted as it was shown."""
    data = QueryDict(mutable=True)
    for bound in form:
        widget = bound.field.widget
        if isinstance(widget, CheckboxInput):
            if bound.value():
                data[bound.html_name] = "on"
            continue
        context = widget.get_context(bound.html_name, bound.value(), {})["widget"]
        for part in context.get("subwidgets", [context]):
            value = part["value"]
            data[part["name"]] = value[0] if isinstance(value, list) else value if value is not None else ""
    return data
