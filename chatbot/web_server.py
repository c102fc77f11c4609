"""The web server of `manage.py serve`: uvicorn in this process, on a socket that was claimed beforehand."""

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Generator

import uvicorn

from chatbot.console import StartError

# Far more than the protocol allows, so that a frame which is too long gets a sentence instead of a dead line.
WEBSOCKET_MAX_BYTES = 2 * 1024 * 1024
GRACEFUL_SECONDS = 10
BACKLOG = 2048
REASONS = {
    errno.EADDRINUSE: "is used by another program: stop that, or choose another with `make run PORT=8001`",
    errno.EACCES: "may not be used by this user: choose one above 1023, such as `make run PORT=8000`",
    errno.EADDRNOTAVAIL: "is not an address of this machine: use HOST=127.0.0.1, or HOST=0.0.0.0 for all",
}


def claim_socket(host: str, port: int) -> socket.socket:
    """Bind a socket, so that nobody else gets the port while Kefu starts. Raises StartError."""
    if not 0 <= port <= 65535:
        raise StartError(f"{port} is not a port: choose one from 1 to 65535, such as PORT=8001.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise StartError(
            f"{host!r} is not a host name: use HOST=127.0.0.1, or HOST=0.0.0.0 for all."
        ) from error
    claimed = socket.socket(family, socket.SOCK_STREAM)
    # A port whose last connections are still being buried may be used again; one that is in use may not.
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind(address)
        # Two sockets may be bound with SO_REUSEADDR as long as neither listens.
        claimed.listen(BACKLOG)
    except OSError as error:
        claimed.close()
        reason = REASONS.get(
            error.errno or 0, f"cannot be used ({os.strerror(error.errno or 0)}): choose another"
        )
        raise StartError(f"Port {port} on {host} {reason}.") from error
    return claimed


class WebServer(uvicorn.Server):
    """Uvicorn that leaves the signals to its caller and says when it answers."""

    def __init__(self, *, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                "chatbot.asgi:application",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                ws_max_size=WEBSOCKET_MAX_BYTES,
                # Chat frames are too small to gain by it, and it keeps 300 kB of state per socket.
                ws_per_message_deflate=False,
                ws_ping_interval=20,
                ws_ping_timeout=20,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
                backlog=BACKLOG,
            )
        )
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Install no handlers: those of `serve` also cover the time before and after."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then say so unless it was asked to stop meanwhile."""
        await super().startup(sockets)
        if not self.should_exit:
            self._on_ready()
