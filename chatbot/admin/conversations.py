"""Conversations as they happened; read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from chatbot.admin import knowledge
from chatbot.admin.explain_links import Asked
from chatbot.answering.frame import render_markdown
from chatbot.models import Conversation, Event
from customers import access, culture
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
    why_url: str


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
        html=_rendered(event, image_hosts) if rendered else None,
        direction=culture.direction_of(event.lang) if rendered and event.lang else "auto",
        sources=_links(event.sources, urls),
        offered=_links(event.suggestions, urls),
        why_url=why_url(event) if event.outcome else "",
    )


def why_url(event: Event) -> str:
    """Return where a bot message is explained."""
    return reverse("admin:chatbot_conversation_why", args=[event.conversation_id, event.seq])


def _asked(conversation: Conversation, answer: Event, *, back: str) -> Asked:
    """Return what a bot message answered, with all that was read along with it; one query."""
    messages = {
        event.seq: event
        for event in conversation.events.filter(
            seq__in=[*answer.joined, answer.reply_to or 0], role=Event.Role.VISITOR
        )
    }
    question = messages.get(answer.reply_to or 0)
    return Asked(
        profile=conversation.profile,
        text=question.text if question else "",
        joined=[messages[number].text for number in sorted(answer.joined) if number in messages],
        chosen_key=question.chosen_key if question else "",
        outcome=answer.outcome,
        lang=answer.lang,
        model=answer.model,
        confidence=answer.confidence,
        traces=answer.traces,
        composition=answer.composition,
        switch=answer.switch,
        back=back,
    )


def _rendered(event: Event, image_hosts: list[str]) -> SafeString:
    # Safe: render_markdown sanitises.
    return mark_safe(render_markdown(event.text, image_hosts=image_hosts))  # noqa: S308


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

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<path:object_id>/why/<int:seq>/",
            self.admin_site.admin_view(self.why_view),
            name="chatbot_conversation_why",
        )
        return [own, *super().get_urls()]

    def why_view(self, request: HttpRequest, object_id: str, seq: int) -> HttpResponse:
        """Explain one of the conversation's answers."""
        # Not above: these import torch, and whoever starts Django imports this module.
        from chatbot.admin.explain import explain
        from chatbot.serving import serving

        conversation: Conversation | None = self.get_object(request, object_id)
        if conversation is None or not self.has_view_permission(request, conversation):
            raise Http404
        answer = conversation.events.exclude(outcome="").filter(seq=seq).first()
        if answer is None:
            raise Http404
        asked = _asked(conversation, answer, back=request.path)
        back = reverse("admin:chatbot_conversation_change", args=[conversation.pk])
        part = (seq - 1) // EVENTS_PER_PAGE + 1
        return knowledge.show(
            request,
            "admin/knowledge/why.html",
            title=_("Why this answer?"),
            why=explain(
                asked,
                engine=serving.engine,
                may_change=knowledge.may(request, access.CHANGE, conversation.tenant),
            ),
            said=[*asked.joined, asked.text],
            html=_rendered(answer, conversation.tenant.image_hosts),
            direction=culture.direction_of(answer.lang),
            back=f"{back}?{PAGE_PARAMETER}={part}#seq-{seq}",
            back_label=_("Back to the conversation"),
        )

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
