"""Durable events as PROTOCOL frames, and approved Markdown as HTML that is safe to show."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

from chatbot.models import Event

TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "code", "pre", "blockquote", "hr"} | {
    *("h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


@lru_cache(maxsize=2048)
def render_markdown(text: str) -> str:
    """Return sanitised HTML for Markdown; raw HTML in it is shown as text, links open in a new page."""
    return nh3.clean(
        _markdown.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"https", "http", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def event_frame(event: Event) -> dict[str, object]:
    """Return a durable event as it is sent to a client."""
    frame: dict[str, object] = {"type": event.kind, "seq": event.seq, "at": event.at.isoformat()}
    if event.kind == Event.Kind.STATUS:
        return frame | {"state": event.state, "reason": event.text, "by": event.role}
    frame |= {"role": event.role, "text": event.text, "lang": event.lang}
    if event.role == Event.Role.VISITOR:
        return frame | {"html": None, "client_id": str(event.client_id)}
    frame["html"] = render_markdown(event.text)
    if event.role == Event.Role.BOT:
        frame |= {
            "reply_to": event.reply_to,
            "outcome": event.outcome,
            "composed": event.composed or None,
            "confidence": event.confidence,
            "sources": event.sources,
            "suggestions": event.suggestions,
            "model": event.model,
        }
    return frame
