"""Where an upload starts: the templates beside the form, and files without any question."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers import services
from customers.faq_file.model import FORMATS
from customers.faq_file.writer import export
from customers.models import FaqUpload, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile, screen
from tests.customers.uploading import checked, live

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


def test_templates_are_offered_in_every_format_beside_the_form(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="support")
    shown = client.get(screen("faqupload", "add")).content.decode()
    assert f'action="{screen("faqentry", "template")}"' in shown
    for format_name in FORMATS:
        assert f'<option value="{format_name}">' in shown
        sent = client.get(screen("faqentry", "template"), {"format": format_name, "locale": profile.locale})
        assert len(checked(profile, sent.content, filename=f"template.{format_name}").rows.all()) == 2


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_export_without_any_faq_is_answered_kindly(
    login: Callable[..., Client], profile: LocaleProfile, format_name: str
) -> None:
    client = login(demo="support")
    draft = FaqDraft(key="shipping", questions=("Was kostet der Versand?",), answer="Vier Euro.")
    services.faq_entry_save(profile=profile, draft=draft, actor="lena")
    before = live(profile)
    data = export([], format=format_name)
    file = SimpleUploadedFile(f"none.{format_name}", data)
    target = f"{profile.tenant_id}:{profile.locale}"
    sent = client.post(screen("faqupload", "add"), {"target": target, "file": file})
    if not data:
        assert "as an export without any FAQ is" in sent.content.decode()
        assert not FaqUpload.objects.exists()
        return
    upload = checked(profile, data, filename=f"none.{format_name}")
    shown = client.get(screen("faqupload", "change", upload.pk)).content.decode()
    assert "The file holds no questions, so there is nothing to apply." in shown
    assert 'value="apply"' not in shown
    assert live(profile) == before
