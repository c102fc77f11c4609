"""What the screens about a tenant's knowledge share: whom they let in, which tenant and locales they show."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from customers import access
from customers.models import FaqEntry, LocaleProfile, Tenant

FAQ = "faqentry"
NAME_MAX_CHARS = 200
View = Callable[..., HttpResponse]


class BadRequest(Exception):
    """What the page sent cannot be used; the message is a sentence for the person who sent it."""


def for_staff(view: View) -> View:
    """Let in logged-in staff who may view the FAQs of any tenant; send others to the login, or refuse them."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not access.access_of(request.user).allows(model=FAQ, act=access.VIEW):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(guarded)


def as_json(view: View) -> View:
    """Answer BadRequest with its sentence as JSON."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except BadRequest as problem:
            return JsonResponse({"error": str(problem)}, status=400)

    return answered


def show(request: HttpRequest, template: str, *, title: str | Promise, **context: object) -> HttpResponse:
    """Render a page of the admin."""
    return render(request, template, admin.site.each_context(request) | {"title": title} | context)


def tenants_for(request: HttpRequest, act: str = access.VIEW) -> list[Tenant]:
    """Return the tenants on whose FAQs the user may act, by name."""
    permitted = access.access_of(request.user)
    tenants = Tenant.objects.order_by("name", "pk")
    if not permitted.is_superuser:
        tenants = tenants.filter(pk__in=permitted.tenants(model=FAQ, act=act))
    return list(tenants)


def chosen_tenant(request: HttpRequest, tenants: Sequence[Tenant]) -> Tenant:
    """Return the tenant that the address names, else the first. Raises Http404 for another's."""
    slug = request.GET.get("tenant")
    for tenant in tenants:
        if slug is None or tenant.slug == slug:
            return tenant
    raise Http404


def profiles_of(tenant: Tenant) -> list[LocaleProfile]:
    """Return the tenant's locale profiles, that of its default locale first."""
    profiles = list(LocaleProfile.objects.filter(tenant=tenant).order_by("locale"))
    for profile in profiles:
        profile.tenant = tenant
    return sorted(profiles, key=lambda profile: profile.locale != tenant.default_locale)


def chosen_profiles(request: HttpRequest, profiles: Sequence[LocaleProfile]) -> list[LocaleProfile]:
    """Return the profiles whose locales the address names, all when it names none of them."""
    wanted = set(request.GET.getlist("locale"))
    return [profile for profile in profiles if profile.locale in wanted] or list(profiles)


def profile_for(request: HttpRequest, number: str | None) -> LocaleProfile:
    """Return a profile whose FAQs the user may view. Raises BadRequest."""
    found = None
    if number and number.isascii() and number.isdecimal() and len(number) < 10:
        found = LocaleProfile.objects.select_related("tenant").filter(pk=int(number)).first()
    permitted = access.access_of(request.user)
    if found is None or not permitted.allows(model=FAQ, act=access.VIEW, tenant_id=found.tenant_id):
        raise BadRequest(_("Choose a locale profile first."))
    return found


def may(request: HttpRequest, act: str, tenant: Tenant) -> bool:
    """Say whether the user may act on the tenant's FAQs."""
    return access.access_of(request.user).allows(model=FAQ, act=act, tenant_id=tenant.pk)


def first_questions(entries: Sequence[int]) -> dict[int, str]:
    """Return the shown question of each entry by its primary key."""
    rows = FaqEntry.objects.filter(pk__in=entries, questions__position=0)
    return dict(rows.values_list("pk", "questions__text"))
