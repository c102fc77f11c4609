"""Durable events as PROTOCOL frames, and approved Markdown as HTML that is safe to show."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from chatbot.models import Event

TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "code", "pre", "blockquote", "hr", "img"} | {
    *("h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
HOSTS = "image_hosts"
# The host ends where every browser ends it; user names and ports are no part of an allowed address.
IMAGE = re.compile(r"https://([a-z0-9.-]+)(?=[/?#]|$)", re.IGNORECASE | re.ASCII)
WEB = re.compile(r"https?://", re.IGNORECASE)


def render_markdown(text: str, *, image_hosts: Collection[str] = ()) -> str:
    """Return sanitised HTML for Markdown; raw HTML in it is shown as text, links open in a new page.

    Images are shown from `image_hosts` over https; those from elsewhere on the web become links.
    """
    return _render(text, frozenset(image_hosts))


@lru_cache(maxsize=2048)
def _render(text: str, image_hosts: frozenset[str]) -> str:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        return None if (tag, attribute) == ("img", "src") and not _may_show(value, image_hosts) else value

    return nh3.clean(
        _markdown.render(text, {HOSTS: image_hosts}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"https", "http", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={
            "a": {"target": "_blank"},
            # The host of an image learns neither which page it is on nor that it was never scrolled to.
            "img": {"loading": "lazy", "referrerpolicy": "no-referrer"},
        },
    )


def _may_show(address: str, image_hosts: Collection[str]) -> bool:
    found = IMAGE.match(address)
    return found is not None and found[1].lower() in image_hosts


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]
) -> str:
    """Write an image of an allowed host, a link to any other on the web, or only its description."""
    token = tokens[place]
    address = str(token.attrs.get("src", ""))
    if _may_show(address, env[HOSTS]):
        return renderer.image(tokens, place, options, env)
    label = escapeHtml(renderer.renderInlineAsText(token.children, options, env) or address)
    inside_link = sum(other.nesting for other in tokens[:place] if other.type in {"link_open", "link_close"})
    if inside_link or not WEB.match(address):
        return label
    return f'<a href="{escapeHtml(address)}">{label}</a>'


_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_markdown.add_render_rule("image", _image)


def event_frame(event: Event, *, image_hosts: Collection[str] = ()) -> dict[str, object]:
    """Return a durable event as it is sent to a client; its answers may show images of `image_hosts`."""
    frame: dict[str, object] = {"type": event.kind, "seq": event.seq, "at": event.at.isoformat()}
    if event.kind == Event.Kind.STATUS:
        return frame | {"state": event.state, "reason": event.text, "by": event.role}
    frame |= {"role": event.role, "text": event.text, "lang": event.lang}
    if event.role == Event.Role.VISITOR:
        return frame | {"html": None, "client_id": str(event.client_id)}
    frame["html"] = render_markdown(event.text, image_hosts=image_hosts)
    if event.role == Event.Role.BOT:
        frame |= {
            "reply_to": event.reply_to,
            "outcome": event.outcome,
            "composed": event.composed or None,
            "confidence": event.confidence,
            "sources": event.sources,
            "suggestions": event.suggestions,
            "model": event.model,
            "joined": event.joined,
            "switch": event.switch or None,
        }
    return frame


def refused_images(text: str, *, image_hosts: Collection[str] = ()) -> list[str]:
    """Return the addresses of a Markdown text's images that `render_markdown` does not show, each once."""
    inline = (child for token in _markdown.parse(text) for child in token.children or ())
    addresses = dict.fromkeys(str(child.attrs.get("src", "")) for child in inline if child.type == "image")
    return [address for address in addresses if not _may_show(address, image_hosts)]
