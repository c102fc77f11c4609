"""Which sites may open a chat socket (RFC 6454 origins)."""

from collections.abc import Iterable
from urllib.parse import urlsplit


def is_allowed(origin: str | None, *, host: str, allowed: Iterable[str]) -> bool:
    """Say whether an Origin header names this site (`host`, as in the Host header) or an allowed origin.

    A missing Origin is refused: every browser sends one with a WebSocket.
    """
    if not origin:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    if host and parts.netloc.lower() == host.lower():
        return True
    return origin.lower().rstrip("/") in {other.lower().rstrip("/") for other in allowed}
