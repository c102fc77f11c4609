"""What the chat socket reads from the database; what is written there is in `services`."""

import uuid

from chatbot import services
from chatbot.models import Conversation, Event
from customers.models import LocaleProfile, Tenant

EVENTS_PER_READ = 200


def find_profile(tenant_slug: str, locale: str) -> tuple[Tenant | None, LocaleProfile | None]:
    """Return the active tenant, and its active profile for the locale, where there are such."""
    tenant = Tenant.objects.filter(slug=tenant_slug, is_active=True).first()
    profile = None
    if tenant is not None:
        found = LocaleProfile.objects.filter(tenant=tenant, locale__iexact=locale, is_active=True)
        profile = found.select_related("tenant").first()
    return tenant, profile


def find_conversation(token: str, tenant_id: int) -> Conversation | None:
    """Return the tenant's conversation that a token resumes."""
    found = Conversation.objects.filter(token_sha256=services.token_hash(token), tenant_id=tenant_id)
    return found.select_related("profile").first()


def locales_of(tenant_id: int) -> list[str]:
    """Return the locales that a tenant serves."""
    profiles = LocaleProfile.objects.filter(tenant_id=tenant_id, is_active=True)
    return list(profiles.order_by("locale").values_list("locale", flat=True))


def events_after(conversation_id: uuid.UUID, seq: int) -> list[Event]:
    """Return the conversation's next events in order, at most `EVENTS_PER_READ`."""
    found = Event.objects.filter(conversation_id=conversation_id, seq__gt=seq).order_by("seq")
    return list(found[:EVENTS_PER_READ])
