"""What a new locale profile starts with: the persona's phrases in its own language, the market's currency."""

from typing import Any

from babel.numbers import get_territory_currencies
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from customers import culture
from customers.services import ProfileDraft

FALLBACK_CURRENCY = "EUR"


def profile_defaults(*, locale: str, brand: str) -> ProfileDraft:
    """Return a complete profile for a locale, to be adjusted by the tenant's own people."""
    with translation.override(culture.django_language(locale, dict(settings.LANGUAGES))):
        values: dict[str, Any] = {
            "brand": brand,
            "persona_name": brand,
            "persona_role": _("AI assistant"),
            "currency": _currency(locale),
            "time_zone": settings.TIME_ZONE,
            "phrases": default_phrases(),
            "greetings": dict.fromkeys(("morning", "afternoon", "evening"), _("Hello! How can I help you?")),
        }
    return ProfileDraft(locale=locale, values=values)


def default_phrases() -> dict[str, str]:
    """Return one text for each of `culture.PHRASES`, in the active language."""
    return {
        "ai_disclosure": _("You are talking to an AI assistant. A person can take over at any time."),
        "decline": _(
            "I do not know this for certain, and I would rather not guess. Shall I pass it on to a colleague?"
        ),
        "clarify": _("I want to be sure I understand you. Do you mean one of these?"),
        "foreign_question": _(
            "I can only help you in the language of this page. Please write in it, or choose another in the menu."
        ),
        "foreign_answer": _("I have no answer to this in your language, but I found one in another:"),
        "failed": _("Something went wrong on our side. Please ask your question again."),
        "stopped": _("Stopped."),
        "handoff": _("I am getting a colleague for you. One moment, please."),
        "after_hours": _(
            "Our team is away at the moment. Please leave your message; we will get back to you."
        ),
        "only_symbols": _("Please write your question in a few words, so that I can help you."),
        "legal_notice": _("Answers come from an AI assistant. Please do not send passwords or card numbers."),
    }


def _currency(locale: str) -> str:
    """Return the legal tender of the locale's territory, from CLDR."""
    parsed = culture.parse_locale(locale)
    if parsed is None or parsed.territory is None:
        return FALLBACK_CURRENCY
    today = timezone.now().date()
    found = get_territory_currencies(parsed.territory, start_date=today, end_date=today)
    return str(found[0]) if found else FALLBACK_CURRENCY
