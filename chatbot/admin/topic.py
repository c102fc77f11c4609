"""One topic in several locales, side by side."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chatbot.admin import knowledge
from chatbot.admin.coverage import SYMBOLS, Choice, State, Topic, create_url, topics_of
from chatbot.answering.frame import render_markdown
from customers import access, culture, faq_bulk
from customers.models import FaqEntry, FaqQuestion, LocaleProfile, Tenant

NOTHING = SafeString("")


@dataclass(frozen=True, kw_only=True)
class Side:
    """A topic in one locale; without an entry, `url` creates it. `html` is sanitised."""

    locale: str
    name: str
    direction: str
    is_source: bool
    state: State
    symbol: str
    url: str
    entry: FaqEntry | None = None
    question: str = ""
    alternates: Sequence[str] = ()
    html: SafeString = NOTHING
    updated_at: dt.datetime | None = None


@knowledge.for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def topic(request: HttpRequest) -> HttpResponse:
    """Show a topic's entries in the chosen locales; a POST says that a translation is up to date again."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    key = request.GET.get("key", "").replace("\x00", "")
    if request.method == "POST":
        return _confirm(request, tenant, key)
    profiles = knowledge.profiles_of(tenant)
    shown = knowledge.chosen_profiles(request, profiles)
    if not FaqEntry.objects.filter(profile__in=profiles, key=key).exists():
        raise Http404(_("There is no FAQ with this id."))
    sides = _sides(request, tenant, key, profiles, shown)
    chosen = {profile.locale for profile in shown}
    return knowledge.show(
        request,
        "admin/knowledge/topic.html",
        title=_("Topic %(key)s") % {"key": key},
        tenant=tenant,
        key=key,
        sides=sides,
        may_change=knowledge.may(request, access.CHANGE, tenant),
        locales=[Choice(value=p.locale, label=p.locale, chosen=p.locale in chosen) for p in profiles],
        stale=State.STALE,
        missing=State.MISSING,
    )


def _confirm(request: HttpRequest, tenant: Tenant, key: str) -> HttpResponse:
    if not knowledge.may(request, access.CHANGE, tenant):
        raise PermissionDenied
    entry = FaqEntry.objects.filter(
        profile__tenant=tenant, key=key, profile__locale=request.POST.get("confirm", "")
    ).first()
    if entry is None:
        raise Http404
    faq_bulk.faq_entry_confirm(entry=entry, actor=request.user.get_username())
    messages.success(request, _("%(locale)s is up to date again.") % {"locale": request.POST["confirm"]})
    return HttpResponseRedirect(request.get_full_path())


def _sides(
    request: HttpRequest,
    tenant: Tenant,
    key: str,
    profiles: Sequence[LocaleProfile],
    shown: Sequence[LocaleProfile],
) -> list[Side]:
    questions = Prefetch("questions", FaqQuestion.objects.order_by("position"))
    rows = FaqEntry.objects.filter(profile__in=profiles, key=key).prefetch_related(questions)
    entries = {entry.profile_id: entry for entry in rows}
    source = next((profile for profile in profiles if profile.locale == tenant.default_locale), None)
    found = next(iter(topics_of(profiles, source.pk if source else None, key=key)), None)
    may_add = knowledge.may(request, access.ADD, tenant)
    origin = entries.get(source.pk) if source else None
    return [
        _side(
            profile,
            entries.get(profile.pk),
            found,
            is_source=profile == source,
            key=key,
            origin=origin,
            may_add=may_add,
        )
        for profile in shown
    ]


def _side(
    profile: LocaleProfile,
    entry: FaqEntry | None,
    found: Topic | None,
    *,
    is_source: bool,
    key: str,
    origin: FaqEntry | None,
    may_add: bool,
) -> Side:
    state = found.state(profile.pk) if found else State.MISSING
    texts = [question.text for question in entry.questions.all()] if entry else []
    url = ""
    if entry is not None:
        url = reverse("admin:customers_faqentry_change", args=[entry.pk])
    elif may_add:
        url = create_url(
            profile, key, origin.category if origin else "", tags=", ".join(origin.tags) if origin else ""
        )
    return Side(
        locale=profile.locale,
        name=culture.endonym_of(profile.locale),
        direction=culture.direction_of(profile.locale),
        is_source=is_source,
        state=state,
        symbol=SYMBOLS[state],
        url=url,
        entry=entry,
        question=texts[0] if texts else "",
        alternates=texts[1:],
        html=_safe(entry.answer, profile) if entry else NOTHING,
        updated_at=entry.updated_at if entry else None,
    )


def _safe(answer: str, profile: LocaleProfile) -> SafeString:
    # Safe: render_markdown sanitises.
    return mark_safe(render_markdown(answer, image_hosts=profile.tenant.image_hosts))  # noqa: S308
