"""The chat socket: frames in, events out. Nothing here waits for a model.

Each frame is checked by `wire`, handed to one method, and answered from the record: durable events are read from the
table in order of their sequence numbers, whoever wrote them and on whichever node.
"""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chatbot import origins, services, wire
from chatbot.announce import group_of
from chatbot.answering import routing
from chatbot.answering.frame import event_frame
from chatbot.answering.pipeline import Bundle
from chatbot.database import in_database
from chatbot.desk import desk
from chatbot.event_feed import EventFeed
from chatbot.models import Event
from chatbot.ratelimit import RateLimiter
from chatbot.selectors import find_conversation, find_profile, locales_of
from chatbot.serving import NotServed, serving
from chatbot.wire import Hello, Message, Refused, Signal, SwitchLocale
from customers import culture
from customers.models import LocaleProfile, Tenant

logger = logging.getLogger(__name__)

CLOSE_REFUSED = 4403
CLOSE_UNKNOWN = 4404

messages_limit = RateLimiter(settings.MESSAGES_PER_MINUTE)
# Per address, so that opening conversations is no way around the limit on messages.
conversations_limit = RateLimiter(settings.CONVERSATIONS_PER_MINUTE)


class UnknownPath(AsyncWebsocketConsumer):
    """Any other WebSocket address: refused during the handshake."""

    async def connect(self) -> None:
        await self.close()


class ChatConsumer(AsyncWebsocketConsumer):
    """One visitor's socket."""

    profile: LocaleProfile
    conversation_id: uuid.UUID | None = None
    feed: EventFeed | None = None

    # ---------------------------------------------------------------- life of the socket

    async def connect(self) -> None:
        """Accept, then refuse by name: a browser can read an error frame, but not a failed handshake."""
        self._leave_desk: Callable[[], None] = lambda: None
        route = self.scope["url_route"]["kwargs"]
        self.language = culture.django_language(
            route["locale"] if culture.canonical_locale(route["locale"]) else self._browser_language(),
            dict(settings.LANGUAGES),
        )
        await self.accept()
        try:
            tenant, profile = await in_database(find_profile, route["tenant"], route["locale"])
            with translation.override(self.language):
                self._admit(tenant, profile)
            assert profile is not None
            self.profile = profile
        except Refused as refusal:
            await self._refuse(refusal)
        except DatabaseError:
            logger.exception("A socket could not be opened")
            await self._refuse(self._internal(close=1013))

    async def disconnect(self, code: int) -> None:
        """Leave the conversation; an answer that is running goes on and is stored."""
        await self._leave()

    def _admit(self, tenant: Tenant | None, profile: LocaleProfile | None) -> None:
        """Raise Refused unless tenant, locale and origin are good."""
        if tenant is None:
            raise Refused("unknown_tenant", _("There is no chat at this address."), close=CLOSE_UNKNOWN)
        if profile is None:
            raise Refused("unknown_locale", _("This language is not offered here."), close=CLOSE_UNKNOWN)
        if not origins.is_allowed(
            self._header("origin"), host=self._header("host") or "", allowed=tenant.allowed_origins
        ):
            raise Refused("forbidden_origin", _("This site may not open the chat."), close=CLOSE_REFUSED)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Check one frame and act on it; whatever goes wrong, the visitor gets a sentence and the socket lives on."""
        with translation.override(self.language):
            try:
                await self._act(wire.parse_frame(text_data))
            except Refused as refusal:
                await self._refuse(refusal)
            except Exception:
                logger.exception("A frame could not be handled")
                await self._refuse(self._internal())

    async def _act(self, frame: wire.Frame) -> None:
        match frame:
            case Signal(name="ping"):
                await self._send({"type": "pong"})
            case Hello():
                await self._hello(frame)
            case _ if self.conversation_id is None:
                raise Refused(
                    "bad_frame", _("The conversation has not been opened yet. Please reload the page.")
                )
            case Message():
                await self._message(frame)
            case SwitchLocale():
                await self._switch(frame)
            case Signal(name="stop"):
                desk.stop_answers(self.conversation_id)
            case Signal(name="typing"):
                desk.stir(self.conversation_id)
            case Signal(name="rate" | "handoff"):
                raise Refused("closed", _("This is not offered in this chat yet."))
            case Signal():
                pass

    # ---------------------------------------------------------------- frames

    async def _hello(self, frame: Hello) -> None:
        """Open or resume a conversation, greet, and replay what the client has not seen."""
        await self._leave()
        token = frame.token
        if token is None:
            self._check_rate(conversations_limit, self.scope["client"][0] if self.scope.get("client") else "")
            conversation, token = await in_database(services.conversation_open, profile=self.profile)
        else:
            found = await in_database(find_conversation, token, self.profile.tenant_id)
            if found is None:
                raise wire.bad_token()
            conversation = found
            if conversation.profile_id != self.profile.pk:
                await in_database(
                    services.conversation_switch, conversation_id=conversation.pk, profile=self.profile
                )
        self.conversation_id = conversation.pk
        self.feed = EventFeed(
            conversation.pk,
            sent_seq=min(frame.last_seq, conversation.last_seq),
            frame=self._frame,
            send=self._send,
        )
        # Join before reading, so that an event written in between is announced to us.
        await self.channel_layer.group_add(group_of(conversation.pk), self.channel_name)
        self._leave_desk = desk.listen(conversation.pk, self.feed)
        self.feed.start()
        await self._welcome(token, conversation.last_seq)
        await self.feed.pump()

    async def _welcome(self, token: str | None, last_seq: int) -> None:
        profile, bundle = self.profile, self._bundle()
        await self._send(
            {
                "type": "welcome",
                "token": token,
                "conversation": str(self.conversation_id),
                "locale": profile.locale,
                "dir": culture.direction_of(profile.locale),
                "tenant": profile.tenant.slug,
                "persona": {
                    "name": profile.persona_name,
                    "role": profile.persona_role,
                    "greeting": bundle.manners.greeting(timezone.now()),
                },
                "locales": await in_database(locales_of, profile.tenant_id),
                "suggestions": [
                    {"faq": source.key, "question": source.question}
                    for source in bundle.offered(bundle.manners.suggestions)
                ],
                "last_seq": last_seq,
                "is_ai": True,
            }
        )

    async def _message(self, frame: Message) -> None:
        """Store a question and start its answer; a repeated client_id is acknowledged again, not answered again."""
        assert self.conversation_id is not None
        assert self.feed is not None
        bundle = self._bundle()
        self._check_rate(messages_limit, self.conversation_id)
        text = frame.text
        if frame.faq:
            text = await self._suggested(frame.faq, bundle)
        try:
            posted = await in_database(
                services.message_post,
                conversation_id=self.conversation_id,
                client_id=frame.client_id,
                text=text,
                lang=self.profile.locale,
                node=serving.node,
                chosen_key=frame.faq,
            )
        except services.ConversationClosed:
            raise Refused("closed", _("This conversation is closed. Please start a new one.")) from None
        if posted.answerable:
            desk.answer(posted.event, profile_id=self.profile.pk)
        if posted.repeated:
            await self._send(self._frame(posted.event))
        else:
            await self.feed.send_event(posted.event)

    async def _suggested(self, key: str, home: Bundle) -> str:
        """Return the question of a pressed suggestion, as the locale that offered it words it."""
        assert self.conversation_id is not None
        lang = await in_database(services.suggestion_lang, conversation_id=self.conversation_id, key=key)
        found = routing.offering(key, lang=lang, home=home, others=serving.others(self.profile.pk))
        if found is None:
            raise Refused("bad_frame", _("This question is no longer offered. Please write it instead."))
        return found.offered((key,))[0].question

    async def _switch(self, frame: SwitchLocale) -> None:
        """Go on with another locale of this tenant."""
        assert self.conversation_id is not None
        assert self.feed is not None
        _tenant, profile = await in_database(find_profile, self.profile.tenant.slug, frame.locale)
        if profile is None:
            raise Refused("unknown_locale", _("This language is not offered here."))
        await in_database(services.conversation_switch, conversation_id=self.conversation_id, profile=profile)
        self.profile = profile
        self.language = culture.django_language(profile.locale, dict(settings.LANGUAGES))
        await self._welcome(None, self.feed.sent_seq)

    async def conversation_changed(self, message: dict[str, Any]) -> None:
        """Woken by the channel layer."""
        if self.feed is not None:
            await self.feed.wake(message["seq"])

    async def _leave(self) -> None:
        self._leave_desk()
        self._leave_desk = lambda: None
        if self.feed is not None:
            self.feed.stop()
            self.feed = None
        if self.conversation_id is not None:
            await self.channel_layer.group_discard(group_of(self.conversation_id), self.channel_name)
            self.conversation_id = None

    # ---------------------------------------------------------------- small parts

    def _check_rate(self, limiter: RateLimiter, key: object) -> None:
        if wait := limiter.wait_seconds(key):
            raise Refused("rate_limited", _("That was very fast. Please wait a moment."), retry_after=wait)

    def _bundle(self) -> Bundle:
        try:
            return serving.bundle(self.profile.pk)
        except NotServed:
            raise Refused(
                "overloaded", _("The chat is just starting. Please try again."), retry_after=3
            ) from None

    def _frame(self, event: Event) -> dict[str, object]:
        return event_frame(event, image_hosts=self.profile.tenant.image_hosts)

    async def _refuse(self, refusal: Refused) -> None:
        await self._send(refusal.frame())
        if refusal.close is not None:
            await self.close(code=refusal.close)

    def _internal(self, *, close: int | None = None) -> Refused:
        with translation.override(self.language):
            text = _("Something went wrong on our side. Please try again.")
        return Refused("internal", text, retry_after=3, close=close)

    async def _send(self, frame: dict[str, object]) -> None:
        await self.send(text_data=wire.encode(frame))

    def _header(self, name: str) -> str | None:
        """Return a handshake header, or None."""
        found = [value for key, value in self.scope["headers"] if key == name.encode()]
        return found[0].decode("latin-1") if found else None

    def _browser_language(self) -> str:
        return (self._header("accept-language") or "en").split(",")[0].split(";")[0].strip() or "en"
