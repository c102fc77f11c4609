"""The hourly job that keeps the promise of the profiles' retention."""

import datetime as dt

import pytest
from django.utils import timezone

from chatbot import services, tasks
from chatbot.models import Conversation
from customers.defaults import profile_defaults
from customers.services import profile_save, tenant_ensure


@pytest.mark.django_db
def test_only_conversations_past_their_profiles_retention_go() -> None:
    tenant = tenant_ensure(slug="shop", name="Shop", default_locale="de-DE", actor="test")
    profile = profile_save(tenant=tenant, draft=profile_defaults(locale="de-DE", brand="Shop"), actor="test")
    old, _ = services.conversation_open(profile=profile)
    young, _ = services.conversation_open(profile=profile)
    days = profile.retention_days
    Conversation.objects.filter(pk=old.pk).update(active_at=timezone.now() - dt.timedelta(days=days, hours=1))
    Conversation.objects.filter(pk=young.pk).update(active_at=timezone.now() - dt.timedelta(days=days - 1))
    tasks.conversations_purge(timestamp=0)
    assert list(Conversation.objects.values_list("pk", flat=True)) == [young.pk]
