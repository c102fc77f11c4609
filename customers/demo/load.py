"""Load the demo tenant, Tidepine, from the files beside this module."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customers import culture, question_file, services
from customers.faq_upload import read_drafts
from customers.models import LocaleProfile, Tenant, TestQuestion
from customers.services import ProfileDraft

FOLDER = Path(__file__).parent
SLUG = "demo"
NAME = "Tidepine"
DEFAULT_LOCALE = "en-US"
ACTOR = "demo"


def demo_load() -> Tenant:
    """Create or update the demo tenant, its ten locale profiles, their FAQs and test questions; returns the tenant."""
    tenant = services.tenant_ensure(slug=SLUG, name=NAME, default_locale=DEFAULT_LOCALE, actor=ACTOR)
    for draft in profile_drafts():
        profile = services.profile_save(tenant=tenant, draft=draft, actor=ACTOR)
        path = FOLDER / "faq" / f"{draft.locale}.csv"
        drafts = read_drafts(path.read_bytes(), filename=path.name, locale=draft.locale)
        services.faq_import(profile=profile, drafts=drafts, actor=ACTOR)
    for profile in LocaleProfile.objects.filter(tenant=tenant).select_related("tenant").order_by("locale"):
        services.test_questions_import(profile=profile, questions=_questions(profile), actor=ACTOR)
    return tenant


def _questions(profile: LocaleProfile) -> list[TestQuestion]:
    """Return a profile's test questions; none for a locale that somebody added to the demo."""
    path = FOLDER / "questions" / f"{profile.locale}.csv"
    if not path.exists():
        return []
    languages = [culture.language_of(profile.locale)]
    return [
        TestQuestion(text=row.text, expected_keys=list(row.expected_keys), lang=row.lang)
        for row in question_file.read(path.read_bytes(), filename=path.name, languages=languages)
    ]


def profile_drafts() -> Iterator[ProfileDraft]:
    """Yield the demo's locale profiles as their files describe them."""
    for path in sorted((FOLDER / "profiles").glob("*.toml")):
        yield profile_draft(tomllib.loads(path.read_text()))


def profile_draft(file: dict[str, Any]) -> ProfileDraft:
    """Turn a profile file's tables into model fields and holidays."""
    phrases = dict(file["phrases"])
    connectives = phrases.pop("connectives")
    names = (
        "brand",
        "currency",
        "time_zone",
        "formality",
        "retention_days",
        "max_wrong_percent",
        "suggestions",
        "forbidden_claims",
    )
    values = {name: file[name] for name in names} | {
        "persona_name": file["persona"]["name"],
        "persona_role": file["persona"]["role"],
        "greetings": file["greetings"],
        "phrases": phrases,
        "connectives": connectives,
        "hours": file.get("hours", {}),
        "synonyms": file.get("synonyms", {}),
        "softeners": _said(file.get("softeners", {})),
        "closings": _said(file.get("closings", {})),
        "foreign_answers": file.get("foreign_answers", False),
    }
    holidays = {holiday["date"]: holiday["name"] for holiday in file.get("holidays", [])}
    return ProfileDraft(locale=file["locale"], values=values, holidays=holidays)


def _said(texts: dict[str, str]) -> dict[str, str]:
    """Return the texts that are not empty, as the admin's form stores them."""
    return {occasion: text for occasion, text in texts.items() if text}
