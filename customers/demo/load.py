"""Load the demo tenant, Tidepine, from the files beside this module."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customers import services
from customers.faq_upload import read_drafts
from customers.models import Tenant
from customers.services import ProfileDraft

FOLDER = Path(__file__).parent
SLUG = "demo"
NAME = "Tidepine"
DEFAULT_LOCALE = "en-US"
ACTOR = "demo"


def demo_load() -> Tenant:
    """Create or update the demo tenant, its ten locale profiles and their FAQs; returns the tenant."""
    tenant = services.tenant_ensure(slug=SLUG, name=NAME, default_locale=DEFAULT_LOCALE, actor=ACTOR)
    for draft in profile_drafts():
        profile = services.profile_save(tenant=tenant, draft=draft, actor=ACTOR)
        path = FOLDER / "faq" / f"{draft.locale}.csv"
        drafts = read_drafts(path.read_bytes(), filename=path.name, locale=draft.locale)
        services.faq_import(profile=profile, drafts=drafts, actor=ACTOR)
    return tenant


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
    }
    holidays = {holiday["date"]: holiday["name"] for holiday in file.get("holidays", [])}
    return ProfileDraft(locale=file["locale"], values=values, holidays=holidays)
