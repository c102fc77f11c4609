"""The editor's live preview: the chat's own rendering, for those who may see the tenant alone."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.answering.frame import refused_images
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_profile, screen

pytestmark = pytest.mark.django_db
PREVIEW = reverse("knowledge:preview")
FRAME = reverse("knowledge:frame")
SOURCE = reverse("knowledge:source")


@pytest.fixture
def shop() -> LocaleProfile:
    profile = make_profile("demo", "ar-SA")
    profile.tenant.image_hosts = ["img.shop.example"]
    services.tenant_save(tenant=profile.tenant, actor="test")
    for key, active in (("returns", True), ("shipping", True), ("gone", False)):
        services.faq_entry_save(
            profile=profile,
            draft=FaqDraft(key=key, questions=(f"{key}؟",), answer="x", is_active=active),
            actor="test",
        )
    return profile


def preview(client: Client, profile: LocaleProfile, **fields: str) -> dict[str, object]:
    response = client.post(PREVIEW, {"profile": profile.pk, **fields})
    assert response.status_code == 200, response.content
    found: dict[str, object] = response.json()
    return found


def test_an_answer_is_shown_as_the_chat_will_send_it(
    login: Callable[..., Client], shop: LocaleProfile
) -> None:
    answer = "**خلال** 14 يومًا\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\n\n![إبريق](https://img.shop.example/a.png)"
    found = preview(
        login(demo="support"), shop, answer=answer, question="كيف؟",
        follow_ups="shipping، gone، returns, own, nowhere", key="own",
    )  # fmt: skip
    event: dict[str, object] = found["event"]  # type: ignore[assignment]
    assert (event["role"], event["outcome"], event["lang"]) == ("bot", "answered", "ar-SA")
    for part in ("<strong>خلال</strong>", "<td>1</td>", '<img src="https://img.shop.example/a.png"'):
        assert part in str(event["html"])
    # Only what the pipeline would offer: live, known, not the entry itself, in the order written.
    assert event["suggestions"] == [
        {"faq": "shipping", "question": "shipping؟"}, {"faq": "returns", "question": "returns؟"},
    ]  # fmt: skip
    assert found["question"] == "كيف؟"
    assert [note.split(": ")[1] for note in found["notes"]] == ["nowhere"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        '![x](https://evil.example/a.png"onerror="alert(1))',
        "![x](https://evil.example/a.png)",
        "![x](https://img.shop.example.evil.example/a.png)",
        "![x](https://img.shop.example@evil.example/a.png)",
        "![x](https://img.shop.example:8443/a.png)",
        "![x](http://img.shop.example/a.png)",
        "![x](//img.shop.example/a.png)",
        "![x](/admin/logout/)",
        "[x]: https://evil.example/a.png\n\n![x]",
        "<iframe src=https://evil.example></iframe>",
        "<a href='https://shop.example' onclick='alert(1)'>x</a>",
        "<style>*{display:none}</style>",
        "`<b>` ~~~\n<svg onload=alert(1)>\n~~~",
        "| <img src=x onerror=alert(1)> |\n|---|\n| [x](vbscript:x) |",
    ],
)
def test_hostile_markdown_is_harmless(login: Callable[..., Client], shop: LocaleProfile, answer: str) -> None:
    event: dict[str, object] = preview(login(demo="support"), shop, answer=answer)["event"]  # type: ignore[assignment]
    html = str(event["html"])
    for wrong in (
        "<script",
        "<img",
        "<iframe",
        "<svg",
        "<style",
        "<b>",
        'href="javascript',
        'href="data',
        'href="vbs',
    ):
        assert wrong not in html


def test_the_writer_is_told_which_images_are_not_shown(
    login: Callable[..., Client], shop: LocaleProfile
) -> None:
    answer = "![a](https://img.shop.example/a.png) ![b](https://cdn.example/b.png)"
    notes = preview(login(demo="support"), shop, answer=answer)["notes"]
    assert [str(note).split(": ", 1)[1] for note in notes] == ["https://cdn.example/b.png"]  # type: ignore[attr-defined]
    assert refused_images(answer, image_hosts=["img.shop.example", "cdn.example"]) == []


def test_the_preview_is_refused_to_others_and_to_forgeries(
    login: Callable[..., Client], client: Client, shop: LocaleProfile
) -> None:
    assert client.post(PREVIEW, {"profile": shop.pk}).status_code == 302
    make_profile("other")
    login(other="support")
    for number in (str(shop.pk), "", "x", "9" * 30, "١"):
        response = client.post(PREVIEW, {"profile": number, "answer": "x"})
        assert (response.status_code, list(response.json())) == (400, ["error"])
        assert client.get(FRAME, {"profile": number}).status_code == 404
        assert client.get(SOURCE, {"profile": number, "key": "returns"}).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(PREVIEW, {"profile": shop.pk, "answer": "x"}).status_code == 403
    assert client.get(PREVIEW).status_code == 405


def test_a_text_that_is_too_long_is_refused_in_words(
    login: Callable[..., Client], shop: LocaleProfile
) -> None:
    response = login(demo="support").post(PREVIEW, {"profile": shop.pk, "answer": "x" * 20_001})
    assert response.status_code == 400
    assert "20001" in response.json()["error"]


def test_the_frame_is_the_chats_own_page(login: Callable[..., Client], shop: LocaleProfile) -> None:
    response = login(demo="support").get(FRAME, {"profile": shop.pk})
    page = response.content.decode()
    assert '<html lang="ar-SA" dir="rtl">' in page
    assert "chat/transcript.css" in page
    policy = response.headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://img.shop.example;" in policy
    assert "frame-ancestors 'self'" in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "unsafe" not in policy


def test_the_source_is_shown_beside_its_translation(
    login: Callable[..., Client], shop: LocaleProfile
) -> None:
    french = make_profile("demo", "fr-FR")
    client = login(demo="support")
    found = client.get(SOURCE, {"profile": str(french.pk), "key": "returns"}).json()["source"]
    assert (found["locale"], found["direction"], found["question"]) == ("ar-SA", "rtl", "returns؟")
    for profile, key in ((french, "nowhere"), (french, ""), (french, "\x00"), (shop, "returns")):
        assert client.get(SOURCE, {"profile": str(profile.pk), "key": key}).json() == {"source": None}


def test_image_hosts_are_hosts_alone(login: Callable[..., Client], shop: LocaleProfile) -> None:
    client, address = login(demo="manager"), screen("tenant", "change", shop.tenant_id)
    data = {"name": "Demo", "default_locale": "ar-SA", "is_active": "on", "allowed_origins": ""}
    for wrong in ("*", "*.shop.example", "shop.example:8443", "shop.example/a", "https://", "localhost", "a b.example",
                  "shop.example;", "'self'", "user@shop.example", "1.2.3.4", "-a.example"):  # fmt: skip
        response = client.post(address, data | {"image_hosts": wrong})
        assert response.status_code == 200, wrong
        assert response.context["adminform"].form.errors["image_hosts"]
    entered = data | {"image_hosts": "https://Img.Shop.example/\nbücher.example\nimg.shop.example"}
    assert client.post(address, entered).status_code == 302
    shop.tenant.refresh_from_db()
    assert shop.tenant.image_hosts == ["img.shop.example", "xn--bcher-kva.example"]


def test_the_editor_has_its_panels(login: Callable[..., Client], shop: LocaleProfile) -> None:
    entry = FaqEntry.objects.get(key="returns")
    client = login(demo="support")
    for address in (screen("faqentry", "change", entry.pk), screen("faqentry", "add")):
        page = client.get(address).content.decode()
        for part in (PREVIEW, FRAME, SOURCE, reverse("knowledge:ask"), "faq-editor.js"):
            assert part in page
