"""Events as frames, and Markdown as HTML that cannot harm whoever reads it."""

import datetime as dt
import re
import uuid
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.answering.frame import ATTRIBUTES, TAGS, event_frame, render_markdown
from chatbot.models import Event

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
SAFE_LINK = {"href", "title", "target", "rel"}


class Reader(HTMLParser):
    """Collects the tags that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**30** days", "<p><strong>30</strong> days</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>'),
        ("~~$9~~ $8", "<p><s>$9</s> $8</p>"),
        ("返品は**30日**以内", "<p>返品は<strong>30日</strong>以内</p>"),
        ("", ""),
    ],
)
def test_markdown_is_rendered(markdown: str, html: str) -> None:
    assert render_markdown(markdown).strip() == html


def test_tables_are_rendered() -> None:
    tags = [tag for tag, _ in Reader(render_markdown("| a | b |\n|:--|--:|\n| 1 | 2 |")).tags]
    assert tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]


@pytest.mark.parametrize(
    "address", ["https://shop.example/a?b=c", "http://shop.example", "mailto:a@b.example", "tel:+49"]
)
def test_links_open_outside_and_tell_nothing(address: str) -> None:
    ((_, attributes),) = [
        tag for tag in Reader(render_markdown(f'[here]({address} "Title")')).tags if tag[0] == "a"
    ]
    assert attributes == {
        "href": address,
        "title": "Title",
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
    }


HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example>",
    "[x](javascript:alert(1))",
    "[x](JAVASCRIPT:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "[x](ftp://evil.example) <intent://evil.example> [x](blob:https://evil.example/1)",
    "![x](https://evil.example/pixel.png)",
    '![x](x"onerror=alert(1))',
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)' onclick=alert(1)>x</a>",
    "<style>body{display:none}</style>",
    "<form action=//evil.example><input></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '[x](https://a.example "\\" onmouseover=alert(1)")',
    "`<script>`\n\n    <script>\n\n```html\n<script>\n```",
    "> <b onclick=x>\n\n# <i style=x>",
    "\x00<script\x00>alert(1)</script>",
]


def assert_harmless(html: str) -> None:
    for tag, attributes in Reader(html).tags:
        assert tag in TAGS
        assert set(attributes) <= (SAFE_LINK if tag == "a" else ATTRIBUTES.get(tag, set()))
        href = attributes.get("href")
        if href is not None:
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", href), re.IGNORECASE)
            assert scheme is None or scheme[1].lower() in {"https", "http", "mailto", "tel"}


@pytest.mark.parametrize("markdown", HOSTILE)
def test_hostile_markdown_is_harmless(markdown: str) -> None:
    assert_harmless(render_markdown(markdown))


@given(
    st.lists(
        st.sampled_from([*HOSTILE, "<", ">", "](", "\n", "|", "`", "*", '"', "&#x3c;"]) | st.text(max_size=5)
    )
)
def test_no_mixture_of_it_harms_either(parts: list[str]) -> None:
    assert_harmless(render_markdown("".join(parts)))


def test_raw_html_is_shown_as_text() -> None:
    assert render_markdown("a <b>c</b>").strip() == "<p>a &lt;b&gt;c&lt;/b&gt;</p>"


def test_deep_nesting_is_survived() -> None:
    for text in (">" * 20_000, "[" * 20_000, "- " * 5000, "*" * 20_000, "![" * 10_000, "`" * 20_000):
        assert_harmless(render_markdown(text))


def test_a_visitors_message_is_text_alone() -> None:
    client_id = uuid.uuid4()
    event = Event(
        seq=1, kind="message", role="visitor", text="**<b>Hi</b>**", lang="de-DE", at=AT, client_id=client_id
    )
    assert event_frame(event) == {
        "type": "message",
        "seq": 1,
        "at": "2026-03-01T12:00:00+00:00",
        "role": "visitor",
        "text": "**<b>Hi</b>**",
        "lang": "de-DE",
        "html": None,
        "client_id": str(client_id),
    }


def test_a_bots_message_carries_its_evidence() -> None:
    event = Event(
        seq=2, kind="message", role="bot", text="**Ja**", lang="de-DE", at=AT, reply_to=1, outcome="answered",
        composed="verbatim", confidence=0.9, sources=[{"faq": "a"}], suggestions=[{"faq": "b"}], model="m",
    )  # fmt: skip
    frame = event_frame(event)
    assert frame["html"] == "<p><strong>Ja</strong></p>\n"
    assert {
        name: frame[name] for name in ("reply_to", "outcome", "composed", "confidence", "sources", "model")
    } == {
        "reply_to": 1,
        "outcome": "answered",
        "composed": "verbatim",
        "confidence": 0.9,
        "sources": [{"faq": "a"}],
        "model": "m",
    }
    assert "client_id" not in frame
    event.composed = ""
    assert event_frame(event)["composed"] is None


def test_an_agents_message_is_markdown_without_evidence() -> None:
    frame = event_frame(Event(seq=3, kind="message", role="agent", text="*Hi*", lang="de-DE", at=AT))
    assert frame["html"] == "<p><em>Hi</em></p>\n"
    assert not frame.keys() & {"outcome", "model", "client_id"}


def test_a_change_of_state_names_it() -> None:
    event = Event(seq=4, kind="status", role="system", text="asked for it", state="waiting", at=AT)
    assert event_frame(event) == {
        "type": "status",
        "seq": 4,
        "at": "2026-03-01T12:00:00+00:00",
        "state": "waiting",
        "reason": "asked for it",
        "by": "system",
    }


HOSTS = ["img.shop.example"]


def images(markdown: str) -> list[dict[str, str | None]]:
    html = render_markdown(markdown, image_hosts=HOSTS)
    return [attributes for tag, attributes in Reader(html).tags if tag == "img"]


def test_an_allowed_hosts_image_is_shown_without_telling_it_who_looks() -> None:
    assert images('![A kettle](https://IMG.shop.example/a.png?w=2 "Title")') == [
        {
            "src": "https://IMG.shop.example/a.png?w=2",
            "alt": "A kettle",
            "title": "Title",
            "loading": "lazy",
            "referrerpolicy": "no-referrer",
        }
    ]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/img.shop.example/a.png",
        "https://img.shop.example.evil.example/a.png",
        "https://img.shop.example@evil.example/a.png",
        "https://img.shop.example:8443/a.png",
        "https://evil.example\\@img.shop.example/a.png",
        "https://img.shop.example\\.evil.example/a.png",
        "https://evil.example?@img.shop.example/a.png",
        "http://img.shop.example/a.png",
        "//img.shop.example/a.png",
        "/a.png",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
    ],
)
def test_no_other_image_is_loaded(address: str) -> None:
    assert images(f"![A kettle]({address}) ![A kettle](<{address}>)") == []
    html = render_markdown(f"![A kettle]({address})", image_hosts=HOSTS)
    assert "A kettle" in html
    assert_harmless(html)
    assert_harmless(render_markdown(f"[![A kettle]({address})](https://shop.example)", image_hosts=HOSTS))


def test_hosts_of_one_tenant_are_not_anothers() -> None:
    markdown = "![A kettle](https://img.shop.example/a.png)"
    assert images(markdown)
    assert "<img" not in render_markdown(markdown)
    assert "<img" not in render_markdown(markdown, image_hosts=["img.rival.example"])
