"""The live preview of an answer: the chat's own code and styles in a frame, fed by one small endpoint."""

from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from chatbot.admin import knowledge
from chatbot.answering import events
from chatbot.answering.decision import CHOICES
from chatbot.answering.frame import event_frame, refused_images
from chatbot.models import Event
from chatbot.strings import chat_strings
from chatbot.views import send_policy
from customers import culture
from customers.faq_file.model import ANSWER_LIMIT, QUESTION_LIMIT
from customers.faq_file.text import split_names
from customers.models import FaqEntry, FaqQuestion, LocaleProfile


@dataclass(frozen=True, kw_only=True)
class FollowUps:
    """The follow-ups that customers would be offered, and the ids that lead nowhere."""

    offered: tuple[dict[str, str], ...]
    unknown: tuple[str, ...]


@xframe_options_sameorigin
@knowledge.for_staff
@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """Show the frame in which an answer appears: the chat's styles in the profile's language and direction."""
    try:
        profile = knowledge.profile_for(request, request.GET.get("profile"))
    except knowledge.BadRequest as problem:
        raise Http404 from problem
    with translation.override(culture.django_language(profile.locale, dict(settings.LANGUAGES))):
        config = {"locale": profile.locale, "persona": profile.persona_name, "strings": chat_strings()}
    response = render(
        request,
        "admin/knowledge/preview_frame.html",
        {"profile": profile, "direction": culture.direction_of(profile.locale), "config": config},
    )
    send_policy(response, image_hosts=profile.tenant.image_hosts, ancestors="'self'")
    return response


@knowledge.for_staff
@knowledge.as_json
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Return an answer that is being written as the chat would send it, and what customers would miss in it."""
    profile = knowledge.profile_for(request, request.POST.get("profile"))
    answer = request.POST.get("answer", "").replace("\r\n", "\n").strip()
    if len(answer) > ANSWER_LIMIT:
        raise knowledge.BadRequest(
            _("An answer has at most %(limit)s characters; this one has %(count)s.")
            % {"limit": ANSWER_LIMIT, "count": len(answer)}
        )
    question = request.POST.get("question", "").strip()[:QUESTION_LIMIT]
    follow_ups = _follow_ups(profile, request.POST.get("follow_ups", ""), own=request.POST.get("key", ""))
    return JsonResponse(
        {
            "question": question,
            "event": answer_frame(profile, answer, follow_ups.offered),
            "notes": _notes(profile, answer, follow_ups),
        }
    )


def answer_frame(
    profile: LocaleProfile,
    answer: str,
    suggestions: tuple[dict[str, str], ...],
    *,
    outcome: str = events.ANSWERED,
    lang: str = "",
) -> dict[str, object]:
    """Return the frame that the chat would send for an answer, in the profile's language; nothing is stored."""
    event = Event(
        kind=Event.Kind.MESSAGE, role=Event.Role.BOT, seq=2, reply_to=1, text=answer,
        lang=lang or profile.locale,
        at=timezone.now(), outcome=outcome, suggestions=list(suggestions),
    )  # fmt: skip
    return event_frame(event, image_hosts=profile.tenant.image_hosts)


def _follow_ups(profile: LocaleProfile, written: str, *, own: str) -> FollowUps:
    """Return the follow-ups as the pipeline offers them: the active ones, in their order, the first few."""
    keys = [key for key in dict.fromkeys(split_names(written[:10_000])) if "\x00" not in key and key != own][
        :50
    ]
    rows = FaqQuestion.objects.filter(entry__profile=profile, entry__key__in=keys, position=0)
    found = {
        key: (text, active)
        for key, text, active in rows.values_list("entry__key", "text", "entry__is_active")
    }
    offered = [{"faq": key, "question": found[key][0]} for key in keys if key in found and found[key][1]]
    return FollowUps(offered=tuple(offered[:CHOICES]), unknown=tuple(key for key in keys if key not in found))


def _notes(profile: LocaleProfile, answer: str, follow_ups: FollowUps) -> list[str]:
    """Return what the writer should know, in sentences."""
    notes = [
        _("This image is not shown, because its host is not among the tenant's image hosts: %(address)s")
        % {"address": address}
        for address in refused_images(answer, image_hosts=profile.tenant.image_hosts)
    ]
    if follow_ups.unknown:
        notes.append(_("There is no FAQ with this id: %(keys)s") % {"keys": ", ".join(follow_ups.unknown)})
    return notes


@knowledge.for_staff
@knowledge.as_json
@require_safe
def source(request: HttpRequest) -> HttpResponse:
    """Return the topic's entry in the tenant's default locale, to translate from."""
    profile = knowledge.profile_for(request, request.GET.get("profile"))
    key = request.GET.get("key", "").replace("\x00", "")
    tenant = profile.tenant
    entry = (
        FaqEntry.objects.filter(profile__tenant=tenant, profile__locale=tenant.default_locale, key=key)
        .exclude(profile=profile)
        .select_related("profile")
        .prefetch_related("questions")
        .first()
    )
    if not key or entry is None:
        return JsonResponse({"source": None})
    texts = [question.text for question in entry.questions.all()]
    entry.profile.tenant = tenant
    return JsonResponse(
        {
            "source": {
                "locale": entry.profile.locale,
                "name": culture.endonym_of(entry.profile.locale),
                "direction": culture.direction_of(entry.profile.locale),
                "question": texts[0] if texts else "",
                "alternates": texts[1:],
                "answer": entry.answer,
            }
        }
    )
