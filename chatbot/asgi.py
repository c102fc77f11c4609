"""The ASGI application: pages over HTTP, chat over WebSocket, the model's life in the lifespan."""

import asyncio
import os

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
pages = get_asgi_application()

# Django must be set up before anything that has models is imported.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from chatbot.announce import announcer  # noqa: E402
from chatbot.consumers import ChatConsumer, UnknownPath  # noqa: E402
from chatbot.desk import desk  # noqa: E402
from chatbot.serving import serving  # noqa: E402


async def lifespan(_scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Start the engine with the server and stop it with the server (ASGI lifespan protocol 2.0)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                announcer.use(asyncio.get_running_loop())
                await asyncio.to_thread(serving.start)
                desk.start()
            except Exception as error:  # noqa: BLE001 -- whatever it is, the server must hear of it
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await desk.stop()
            await asyncio.to_thread(serving.stop)
            announcer.use(None)
            await send({"type": "lifespan.shutdown.complete"})
            return


sockets = URLRouter(
    [
        path("ws/chat/<slug:tenant>/<str:locale>/", ChatConsumer.as_asgi()),
        re_path(r"", UnknownPath.as_asgi()),
    ]
)
application = ProtocolTypeRouter({"http": pages, "websocket": sockets, "lifespan": lifespan})
