"""The chat page and the health check."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from babel.dates import format_time, get_day_names
from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatbot.generation import generation
from chatbot.serving import serving
from chatbot.strings import chat_config
from customers import culture
from customers.manners import manners_of
from customers.models import LocaleProfile, Tenant

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True, kw_only=True)
class LocaleLink:
    """One choice of the page's locale menu; `go_on` offers it, in its own language, to whoever wrote in that."""

    locale: str
    name: str
    direction: str
    url: str
    language: str
    go_on: str


@dataclass(frozen=True, kw_only=True)
class PageProfile:
    """What the page shows of a profile."""

    locale: str
    direction: str
    brand: str
    persona_name: str
    persona_role: str
    ai_disclosure: str
    legal_notice: str


@dataclass(frozen=True, kw_only=True)
class HoursRow:
    """One line of the opening hours, in the page's language."""

    days: str
    times: str


def send_policy(response: HttpResponse, *, image_hosts: Iterable[str], ancestors: str = "'none'") -> None:
    """Send the Content-Security-Policy: the page runs this site's scripts alone, and shows these hosts' images."""
    images = " ".join(["'self'", "data:", *(f"https://{host}" for host in image_hosts)])
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(images=images, ancestors=ancestors)


@require_safe
@never_cache
def health(_request: HttpRequest) -> JsonResponse:
    """Say whether this process can answer: 200 when it can, 503 while it starts or stops; with its generator or not."""
    ready = serving.is_ready()
    return JsonResponse(
        {"status": "ok" if ready else "starting", "generator": generation.state}, status=200 if ready else 503
    )


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send the visitor to the only tenant, or to the first one, in the best locale."""
    tenant = Tenant.objects.filter(is_active=True, profiles__is_active=True).order_by("pk").first()
    if tenant is None:
        raise Http404
    return choose_locale(request, tenant.slug)


@require_safe
def choose_locale(request: HttpRequest, tenant: str) -> HttpResponse:
    """Send the visitor to the tenant's locale that the browser's languages ask for."""
    found = _tenant(tenant)
    offered = list(_profiles(found).values_list("locale", flat=True))
    if not offered:
        raise Http404
    header = parse_accept_lang_header(request.headers.get("Accept-Language", "").lower())
    wanted = [tag for tag, quality in header if quality > 0]
    default = found.default_locale if found.default_locale in offered else offered[0]
    response = redirect("chat", tenant=found.slug, locale=culture.best_locale(wanted, offered, default))
    response["Vary"] = "Accept-Language"
    return response


@require_safe
@never_cache
def chat(request: HttpRequest, tenant: str, locale: str) -> HttpResponse:
    """Show the chat page of one tenant in one locale."""
    found = _tenant(tenant)
    profiles = {profile.locale.lower(): profile for profile in _profiles(found)}
    profile = profiles.get(locale.lower())
    if profile is None:
        return HttpResponseRedirect(reverse("choose_locale", args=[found.slug]))
    if profile.locale != locale:
        return redirect("chat", tenant=found.slug, locale=profile.locale)
    with translation.override(culture.django_language(profile.locale, dict(settings.LANGUAGES))):
        response = render(request, "chat/page.html", _page(found, profile, list(profiles.values())))
    send_policy(response, image_hosts=found.image_hosts)
    # The locale middleware would name the browser's language.
    response["Content-Language"] = profile.locale
    return response


def _page(tenant: Tenant, profile: LocaleProfile, profiles: list[LocaleProfile]) -> dict[str, object]:
    """Return the template's context, in the active language."""
    manners = manners_of(profile)
    direction = culture.direction_of(profile.locale)
    locales = [locale_link(tenant.slug, other.locale) for other in profiles]
    return {
        "tenant_slug": tenant.slug,
        "tenant_name": tenant.name,
        "greeting": manners.greeting(timezone.now()),
        "profile": PageProfile(
            locale=profile.locale,
            direction=direction,
            brand=profile.brand,
            persona_name=profile.persona_name,
            persona_role=profile.persona_role,
            ai_disclosure=manners.phrase("ai_disclosure"),
            legal_notice=manners.phrase("legal_notice"),
        ),
        "hours": opening_hours(profile),
        "locales": locales,
        "config": chat_config(
            tenant_slug=tenant.slug,
            locale=profile.locale,
            direction=direction,
            persona_name=profile.persona_name,
            max_chars=settings.MESSAGE_MAX_CHARS,
            foreign_answer=manners.phrase("foreign_answer"),
            locales=[
                {"locale": it.locale, "dir": it.direction, "name": it.language, "go_on": it.go_on}
                for it in locales
            ],
        ),
    }


def locale_link(tenant: str, locale: str) -> LocaleLink:
    """Return how a locale is offered, in its own language."""
    language = culture.language_endonym(locale)
    with translation.override(culture.django_language(locale, dict(settings.LANGUAGES))):
        go_on = _("Continue in %(language)s") % {"language": language}
    return LocaleLink(
        locale=locale,
        name=culture.endonym_of(locale),
        direction=culture.direction_of(locale),
        url=reverse("chat", args=[tenant, locale]),
        language=language[:1].upper() + language[1:],
        go_on=go_on,
    )


def opening_hours(profile: LocaleProfile) -> list[HoursRow]:
    """Return the human team's hours, days with equal hours joined, as CLDR writes days and times there."""
    locale = culture.parse_locale(profile.locale)
    names = get_day_names("abbreviated", context="stand-alone", locale=locale)
    groups: list[tuple[list[int], tuple[str, ...]]] = []
    for day, key in enumerate(culture.WEEKDAYS):
        spans = tuple(profile.hours.get(key, ()))
        if groups and groups[-1][1] == spans and groups[-1][0][-1] == day - 1:
            groups[-1][0].append(day)
        else:
            groups.append(([day], spans))
    rows = []
    for days, spans in groups:
        if spans:
            label = names[days[0]] if len(days) == 1 else f"{names[days[0]]} – {names[days[-1]]}"
            rows.append(HoursRow(days=label, times=", ".join(_span(span, profile.locale) for span in spans)))
    return rows


def _span(span: str, locale: str) -> str:
    """Write "09:00-18:00" as the locale writes times."""
    start, _, end = span.partition("-")
    written = [
        format_time(dt.time.fromisoformat(part), format="short", locale=culture.parse_locale(locale))
        for part in (start, end if end != "24:00" else "00:00")
    ]
    return " – ".join(written)


def _tenant(slug: str) -> Tenant:
    found = Tenant.objects.filter(slug=slug, is_active=True).first()
    if found is None:
        raise Http404
    return found


def _profiles(tenant: Tenant) -> "QuerySet[LocaleProfile]":
    return LocaleProfile.objects.filter(tenant=tenant, is_active=True).order_by("locale")
