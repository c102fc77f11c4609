"""Try it: a question as a customer would ask it, what the live index finds, and why it answers as it does."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.admin import knowledge
from chatbot.admin.explain import explain
from chatbot.admin.explain_links import Asked
from chatbot.admin.preview import answer_frame
from chatbot.answering import routing
from chatbot.answering.events import Answer, Question
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.retrieve import has_words
from chatbot.engine.errors import EngineError
from chatbot.engine.index import Entry
from chatbot.engine.runtime import Engine
from chatbot.serving import NotServed, serving
from chatbot.trial import TooLarge, with_draft
from customers import access
from customers.faq_file.model import ALTERNATES_LIMIT, ANSWER_LIMIT, QUESTION_LIMIT
from customers.faq_file.text import single_line, split_lines, split_names
from customers.faq_file.values import derive_id
from customers.models import LocaleProfile


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A bundle to try on, with whose draft in it."""

    bundle: Bundle
    draft: str | None


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show a page to try questions on the live index of any locale."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    profiles = [profile for profile in knowledge.profiles_of(tenant) if profile.is_active]
    chosen = request.GET.get("locale", "")
    return knowledge.show(
        request,
        "admin/knowledge/try_it.html",
        title=_("Try it"),
        tenants=tenants,
        tenant=tenant,
        profiles=profiles,
        chosen=next((p for p in profiles if p.locale == chosen), profiles[0] if profiles else None),
        q=request.GET.get("q", "")[: settings.MESSAGE_MAX_CHARS],
    )


@knowledge.for_staff
@knowledge.as_json
@require_POST
def try_it(request: HttpRequest) -> HttpResponse:
    """Return what a question would be answered with, and why, as a piece of HTML."""
    profile = knowledge.profile_for(request, request.POST.get("profile"))
    text = request.POST.get("text", "").replace("\x00", "").strip()[: settings.MESSAGE_MAX_CHARS]
    if not text:
        raise knowledge.BadRequest(_("Write a question first."))
    try:
        engine, bundle = live(profile)
        trial = _trial(request, profile, bundle, engine)
        found = async_to_sync(_answer)(
            text, trial.bundle, serving.others(profile.pk), engine, serving.running_detector()
        )
    except TooLarge:
        raise knowledge.BadRequest(
            _("This FAQ is too large to be tried with a draft in it: save the draft, then try it live.")
        ) from None
    except (EngineError, TimeoutError):
        return JsonResponse({"error": _("The model is busy. Please try again in a moment.")}, status=503)
    return JsonResponse(_outcome(request, profile, text, found, trial=trial, engine=engine))


async def _answer(
    text: str, home: Bundle, others: Sequence[Bundle], engine: Engine, detector: Detector
) -> Answer:
    """Answer as the chat does, up to the last word. Raises EngineError, TimeoutError."""
    async with asyncio.timeout(settings.ANSWER_DEADLINE_SECONDS):
        *_pieces, final = [
            item
            async for item in routing.answer(
                Question(text=text),
                home=home,
                others=others,
                encoder=engine,
                detector=detector,
                writer_for=serving.writer_for,
            )
        ]
    assert isinstance(final, Answer)  # the last one always is
    return final


def live(profile: LocaleProfile) -> tuple[Engine, Bundle]:
    """Return the engine and the bundle that answer for a profile in this process. Raises BadRequest."""
    try:
        bundle = serving.bundle(profile.pk)
    except NotServed:
        raise knowledge.BadRequest(
            _("%(locale)s is not live: it is switched off, or still being loaded.")
            % {"locale": profile.locale}
        ) from None
    assert serving.engine is not None  # it built the bundle
    return serving.engine, bundle


def _trial(request: HttpRequest, profile: LocaleProfile, bundle: Bundle, engine: Engine) -> Trial:
    """Return the live bundle, or one with the draft that came along."""
    question = single_line(request.POST.get("question", ""))[:QUESTION_LIMIT]
    if request.POST.get("draft") != "1" or not has_words(question):
        return Trial(bundle=bundle, draft=None)
    alternates = split_lines(request.POST.get("alternates", "")[: ALTERNATES_LIMIT * QUESTION_LIMIT])
    draft = Entry(
        key=request.POST.get("key", "").strip()[: knowledge.NAME_MAX_CHARS]
        or derive_id(profile.locale, question),
        questions=(question, *[text for text in alternates if has_words(text)][:ALTERNATES_LIMIT]),
        answer=request.POST.get("answer", "").replace("\r\n", "\n").strip()[:ANSWER_LIMIT],
        category=request.POST.get("category", "").strip()[: knowledge.NAME_MAX_CHARS],
        follow_ups=tuple(split_names(request.POST.get("follow_ups", "")[:10_000])),
    )
    return Trial(bundle=with_draft(bundle, draft, engine=engine), draft=draft.key)


def _outcome(
    request: HttpRequest, profile: LocaleProfile, text: str, answer: Answer, *, trial: Trial, engine: Engine
) -> dict[str, object]:
    suggestions = tuple({"faq": source.key, "question": source.question} for source in answer.suggestions)
    asked = Asked(
        profile=profile,
        text=text,
        outcome=answer.outcome,
        lang=answer.lang,
        model=answer.model,
        confidence=answer.confidence,
        traces=[asdict(trace) for trace in answer.traces],
        composition=asdict(answer.composition) if answer.composition else None,
        switch=answer.switch,
        draft=trial.draft,
    )
    why = explain(asked, engine=engine, may_change=knowledge.may(request, access.CHANGE, profile.tenant))
    return {
        "text": text,
        "event": answer_frame(profile, answer.text, suggestions, outcome=answer.outcome, lang=answer.lang),
        "html": render_to_string(
            "admin/knowledge/explanation.html", {"why": why, "draft": trial.draft, "is_trial": True}
        ),
    }
