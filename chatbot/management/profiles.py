"""The locale profile that a command names."""

from django.core.management.base import CommandError

from customers.models import LocaleProfile


def active_profile(slug: str, locale: str) -> LocaleProfile:
    """Return a tenant's active profile. Raises CommandError."""
    profile = (
        LocaleProfile.objects.select_related("tenant")
        .filter(tenant__slug=slug, locale__iexact=locale, is_active=True)
        .first()
    )
    if profile is None:
        raise CommandError(
            f"Tenant “{slug}” has no active locale “{locale}”. `manage.py demo` loads the tenant “demo”."
        )
    return profile
