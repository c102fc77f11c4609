"""Client frames of the chat socket (PROTOCOL, version 1), parsed and checked before anything acts on them."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

VERSION = 1
ID_MAX_CHARS = 200
TOKEN_MAX_CHARS = 128


class Refused(Exception):
    """A frame that is answered with an `error` frame: its code, a sentence in the visitor's language, a wait."""

    def __init__(
        self, code: str, text: str, *, retry_after: float | None = None, close: int | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.text, self.retry_after, self.close = code, text, retry_after, close

    def frame(self) -> dict[str, object]:
        """Return the error frame; `retry_after` in seconds where waiting helps."""
        frame: dict[str, object] = {"type": "error", "code": self.code, "text": self.text}
        if self.retry_after is not None:
            frame["retry_after"] = max(1, round(self.retry_after))
        return frame


@dataclass(frozen=True, kw_only=True)
class Hello:
    """The first frame; a token resumes its conversation, after event `last_seq`."""

    token: str | None
    last_seq: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """A question: free text, or the id of a suggested FAQ that was pressed."""

    client_id: uuid.UUID
    text: str = ""
    faq: str = ""


@dataclass(frozen=True, kw_only=True)
class SwitchLocale:
    """Answer from another locale of this tenant from now on."""

    locale: str


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A frame without content: stop, ping, typing; and what this server does not offer yet: rate, handoff."""

    name: str


Frame = Hello | Message | SwitchLocale | Signal


def parse_frame(text: str | None) -> Frame:
    """Return the frame in a WebSocket text message. Raises Refused with `bad_frame` or `too_long`."""
    if text is None:
        raise _bad(_("Only text frames are understood."))
    if len(text.encode("utf-8", "surrogatepass")) > settings.FRAME_MAX_BYTES:
        raise Refused("too_long", _("This message is too long. Please shorten it and send it again."))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad(_("This message could not be read.")) from None
    if not isinstance(data, dict):
        raise _bad(_("This message could not be read."))
    match data.get("type"):
        case "hello":
            return _hello(data)
        case "message":
            return Message(client_id=_client_id(data), text=_message_text(data))
        case "choose":
            return Message(client_id=_client_id(data), faq=_string(data, "faq", ID_MAX_CHARS))
        case "locale":
            return SwitchLocale(locale=_string(data, "locale", 35))
        case "stop" | "ping" | "typing" | "rate" | "handoff" as name:
            return Signal(name=name)
    raise _bad(_("This kind of message is not understood."))


def encode(frame: dict[str, object]) -> str:
    """Return a frame as sent: compact JSON, characters as they are."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def _hello(data: dict[str, Any]) -> Hello:
    if data.get("version") != VERSION:
        raise _bad(_("This page is out of date. Please reload it."))
    token, last_seq = data.get("token"), data.get("last_seq", 0)
    if not isinstance(last_seq, int) or isinstance(last_seq, bool) or not 0 <= last_seq < 2**31:
        raise _bad(_("This message could not be read."))
    if token is not None and not (
        isinstance(token, str) and token.isascii() and 0 < len(token) <= TOKEN_MAX_CHARS
    ):
        raise bad_token()
    return Hello(token=token, last_seq=last_seq)


def _client_id(data: dict[str, Any]) -> uuid.UUID:
    try:
        return uuid.UUID(_string(data, "client_id", 45))
    except ValueError:
        raise _bad(_("This message could not be read.")) from None


def _message_text(data: dict[str, Any]) -> str:
    """Return the question as typed, without characters that cannot be stored or shown."""
    raw = data.get("text")
    if not isinstance(raw, str):
        raise _bad(_("This message could not be read."))
    # Lone surrogates and NUL cannot be stored in Postgres; other controls could hide text from whoever reads it.
    text = "".join(c for c in raw if c in "\n\t" or not (c < " " or "\x7f" <= c < "\xa0" or _is_surrogate(c)))
    text = text.strip()
    if not text:
        raise _bad(_("Please write your question first."))
    if len(text) > settings.MESSAGE_MAX_CHARS:
        raise Refused(
            "too_long",
            _("Your message has %(count)d characters; at most %(limit)d can be sent. Please shorten it.")
            % {"count": len(text), "limit": settings.MESSAGE_MAX_CHARS},
        )
    return text


def _string(data: dict[str, Any], name: str, limit: int) -> str:
    value = data.get(name)
    # NUL and lone surrogates can be neither stored nor looked up.
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= limit
        or any(c == "\0" or _is_surrogate(c) for c in value)
    ):
        raise _bad(_("This message could not be read."))
    return value


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _bad(text: str) -> Refused:
    return Refused("bad_frame", text)


def bad_token() -> Refused:
    """The token resumes nothing here: it is unknown, or another tenant's."""
    return Refused("bad_token", _("This conversation cannot be continued. A new one can be started."))
