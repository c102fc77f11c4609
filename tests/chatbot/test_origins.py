"""Which sites may open a chat socket."""

import pytest

from chatbot.origins import is_allowed

ALLOWED = ["https://shop.example", "http://localhost:5173/"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://chat.example:8443",
        "HTTPS://CHAT.example:8443",
        "https://shop.example",
        "https://Shop.Example",
        "http://localhost:5173",
    ],
)
def test_this_site_and_the_tenants_sites_may(origin: str) -> None:
    assert is_allowed(origin, host="chat.example:8443", allowed=ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "shop.example",
        "https://",
        "http://shop.example",
        "https://shop.example:444",
        "https://shop.example.evil.example",
        "https://evil.example/https://shop.example",
        "https://evil.example#https://shop.example",
        "https://shop.example@evil.example",
        "https://evil.example@chat.example:8443",
        "https://chat.example",
        "https://sub.shop.example",
        "ftp://chat.example:8443",
        "file://chat.example:8443",
        "javascript:alert(1)",
        "http://[",
        "http://[::1",
    ],
)
def test_nobody_else_may(origin: str | None) -> None:
    assert not is_allowed(origin, host="chat.example:8443", allowed=ALLOWED)


def test_an_unknown_host_allows_nothing() -> None:
    assert not is_allowed("https://", host="", allowed=[])
    assert not is_allowed("https://chat.example", host="", allowed=[])
