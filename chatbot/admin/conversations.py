"""Conversations as they happened; read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from chatbot.answering.frame import render_markdown
from chatbot.models import Conversation, Event
from customers import culture
from customers.admin_scope import LocaleFilter, ReadOnlyAdmin, TenantFilter
from customers.models import FaqEntry

EVENTS_PER_PAGE = 200
PAGE_PARAMETER = "part"
STATE_COLOURS = {
    Conversation.State.BOT.label: "info",
    Conversation.State.WAITING.label: "warning",
    Conversation.State.AGENT.label: "success",
}


@dataclass(frozen=True, kw_only=True)
class SourceLink:
    """An FAQ that an answer rests on; `url` is empty when it no longer exists, `score` counts from 0 to 1."""

    key: str
    question: str
    url: str
    score: float | None


@dataclass(frozen=True, kw_only=True)
class TranscriptLine:
    """One event as the transcript shows it; `html` is sanitised, None for a visitor's plain text."""

    event: Event
    html: SafeString | None
    direction: str
    sources: tuple[SourceLink, ...]
    offered: tuple[SourceLink, ...]


def transcript(conversation: Conversation, events: Sequence[Event]) -> list[TranscriptLine]:
    """Return the lines of a transcript, with a link to every FAQ that still exists."""
    keys = {item["faq"] for event in events for item in (*event.sources, *event.suggestions)}
    entries = FaqEntry.objects.filter(profile_id=conversation.profile_id, key__in=keys)
    urls = {
        key: reverse("admin:customers_faqentry_change", args=[pk])
        for key, pk in entries.values_list("key", "pk")
    }
    return [_line(event, urls, conversation.tenant.image_hosts) for event in events]


def _line(event: Event, urls: dict[str, str], image_hosts: list[str]) -> TranscriptLine:
    rendered = event.kind == Event.Kind.MESSAGE and event.role != Event.Role.VISITOR
    return TranscriptLine(
        event=event,
        # Safe: render_markdown sanitises.
        html=mark_safe(render_markdown(event.text, image_hosts=image_hosts)) if rendered else None,  # noqa: S308
        direction=culture.direction_of(event.lang) if rendered and event.lang else "auto",
        sources=_links(event.sources, urls),
        offered=_links(event.suggestions, urls),
    )


def _links(items: list[dict[str, Any]], urls: dict[str, str]) -> tuple[SourceLink, ...]:
    return tuple(
        SourceLink(
            key=item["faq"], question=item["question"], url=urls.get(item["faq"], ""), score=item.get("score")
        )
        for item in items
    )


class OutcomeFilter(admin.SimpleListFilter):
    """Conversations with at least one answer of this outcome."""

    parameter_name = "outcome"
    title = _("outcome of an answer")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Event.Outcome.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.value() is None:
            return queryset
        return queryset.filter(
            Exists(Event.objects.filter(conversation=OuterRef("pk"), outcome=self.value()))
        )


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Every chat, newest first, and its transcript."""

    list_display = ("last_message", "tenant", "locale", "shown_state", "active_at")
    list_display_links = ("last_message",)
    list_filter = (TenantFilter, LocaleFilter, "state", OutcomeFilter)
    list_select_related = ("tenant", "profile")
    search_fields = ("events__text",)  # shows the search box; `get_search_results` says where it looks
    search_help_text = _("Search in the messages")
    ordering = ("-active_at",)
    change_form_template = "admin/conversation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        messages = Event.objects.filter(conversation=OuterRef("pk"), kind=Event.Kind.MESSAGE)
        last = messages.order_by("-seq").values("text")[:1]
        conversations: QuerySet[Conversation] = super().get_queryset(request)
        return conversations.annotate(last_text=Subquery(last))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """Keep the conversations that have a message with these words, in any script."""
        if term := search_term.replace("\x00", " ").strip():
            said = Event.objects.filter(text__icontains=term)
            queryset = queryset.filter(pk__in=said.values("conversation_id"))
        return queryset, False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        conversation = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if conversation is not None:
            page = self._page(request, conversation)
            context |= {
                "title": _("Conversation"),
                "subtitle": None,
                "conversation": conversation,
                "lines": transcript(conversation, list(page.object_list)),
                "page": page,
                "page_parameter": PAGE_PARAMETER,
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @staticmethod
    def _page(request: HttpRequest, conversation: Conversation) -> "Page[Event]":
        """Return the asked-for part of the events; the newest, unless the address says otherwise."""
        paginator = Paginator(conversation.events.order_by("seq"), EVENTS_PER_PAGE)
        return paginator.get_page(request.GET.get(PAGE_PARAMETER, paginator.num_pages))

    @admin.display(description=_("last message"))
    def last_message(self, conversation: Conversation) -> str:
        text: str = conversation.last_text or "–"  # type: ignore[attr-defined]
        return format_html('<span class="kefu-text" dir="auto">{}</span>', Truncator(text).chars(120))

    @admin.display(description=_("locale"), ordering="profile__locale")
    def locale(self, conversation: Conversation) -> str:
        return conversation.profile.locale

    @display(description=_("state"), ordering="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, conversation: Conversation) -> str:
        return conversation.get_state_display()
