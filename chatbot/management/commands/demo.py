"""Load the demo tenant."""

from typing import Any

from django.core.management.base import BaseCommand

from customers.demo.load import demo_load


class Command(BaseCommand):
    """Create the demo tenant, or bring it back to what its files say."""

    help = "Load the demo tenant “demo” with its ten locales. Running it again restores the files' content."

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = demo_load()
        locales = ", ".join(tenant.profiles.values_list("locale", flat=True))
        self.stdout.write(f"Tenant “{tenant.slug}” is loaded: {locales}")
