"""A logged-in client for the admin's tests."""

from collections.abc import Callable

import pytest
from django.test import Client


@pytest.fixture
def login(client: Client) -> Callable[..., Client]:
    """Log in as a superuser, or with roles as a member: `login(demo="support")`."""
    # Models can be imported only once the settings are configured, which is later than this file.
    from django.contrib.auth.models import User

    from customers.models import Tenant, TenantMember

    def login(**roles: str) -> Client:
        user = User.objects.create_user("lena", is_staff=True, is_superuser=not roles)
        for slug, role in roles.items():
            TenantMember.objects.create(user=user, tenant=Tenant.objects.get(slug=slug), role=role)
        client.force_login(user)
        return client

    return login
