"""Test runs: a locale's test questions asked all together, what was right, and what has changed since last time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, IntegerField, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from chatbot import suites, tasks
from chatbot.admin import knowledge
from chatbot.admin.explain import explain
from chatbot.admin.explain_links import Asked
from chatbot.admin.upload_progress import is_quiet, stalled_sentence
from chatbot.engine.errors import EngineError
from chatbot.models import SuiteResult, SuiteRun
from chatbot.serving import NotServed, serving
from customers import access
from customers.models import LocaleProfile, TestQuestion

# More questions than this are a moment's work no longer: the worker answers them.
AT_ONCE = 100
PER_PAGE = 100
OPEN = (SuiteRun.State.WAITING, SuiteRun.State.RUNNING)
Verdict = SuiteResult.Verdict
Change = SuiteResult.Change
CHANGES = (Change.WORSE, Change.BETTER)
# What is new comes first, then what is wrong.
ORDER = Case(
    When(change=Change.WORSE, then=Value(0)),
    When(change=Change.BETTER, then=Value(1)),
    When(verdict=Verdict.RIGHT, then=Value(3)),
    default=Value(2),
    output_field=IntegerField(),
)
FIGURE_NAMES = {
    "right": gettext_lazy("Right"),
    "precision": gettext_lazy("Right, of the answered"),
    "answered": gettext_lazy("Answered"),
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A share and its 95% interval, from 0 to 100."""

    label: str
    value: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One locale's test questions and how they last went."""

    profile: LocaleProfile
    count: int
    last: SuiteRun | None
    right: Figure | None


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One kind of results; `name` chooses it."""

    name: str
    label: str
    count: int
    is_open: bool


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the tenant's locales with their test questions and their last runs."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    profiles = knowledge.profiles_of(tenant)
    counts = dict(
        TestQuestion.objects.filter(profile__in=profiles)
        .values_list("profile_id")
        .annotate(count=Count("pk"))
        .order_by()
    )
    newest = (
        SuiteRun.objects.filter(profile__in=profiles).order_by("profile_id", "-pk").distinct("profile_id")
    )
    last = {run.profile_id: run for run in newest}
    shown = []
    for profile in profiles:
        run = last.get(profile.pk)
        figures = figures_of(run) if run else []
        shown.append(
            Suite(
                profile=profile,
                count=counts.get(profile.pk, 0),
                last=run,
                right=figures[0] if figures else None,
            )
        )
    return knowledge.show(
        request,
        "admin/knowledge/suites.html",
        title=_("Test runs"),
        tenants=tenants,
        tenant=tenant,
        suites=shown,
        may_run=_may_run(request, tenant.pk),
    )


@knowledge.for_staff
@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Ask a locale's test questions: a few at once, many in the background."""
    try:
        profile = knowledge.profile_for(request, request.POST.get("profile"))
    except knowledge.BadRequest as problem:
        raise Http404 from problem
    if not _may_run(request, profile.tenant_id):
        raise PermissionDenied
    back = HttpResponseRedirect(f"{reverse('knowledge:suites')}?tenant={profile.tenant.slug}")
    if not (profile.is_active and profile.tenant.is_active):
        messages.error(request, _("%(locale)s is switched off.") % {"locale": profile.locale})
        return back
    if not TestQuestion.objects.filter(profile=profile).exists():
        messages.error(request, _("%(locale)s has no test questions yet.") % {"locale": profile.locale})
        return back
    opened = suites.run_open(profile=profile, actor=request.user.get_username())
    if opened.total > AT_ONCE:
        tasks.defer_suite(opened.pk)
    else:
        try:
            suites.run_answer(run=opened, serving=serving)
        except (EngineError, TimeoutError, NotServed):
            # Visitors need the engine now, or the locale is still being loaded: the worker has the time.
            tasks.defer_suite(opened.pk)
    return HttpResponseRedirect(reverse("knowledge:suite", args=[opened.pk]))


@knowledge.for_staff
@require_safe
def results(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a run: its figures, its results with what has changed first, and the runs around it."""
    shown = _run_for(request, pk)
    rows = SuiteResult.objects.filter(run=shown)
    tabs = _tabs(rows, request.GET.get("show", ""))
    opened = next((tab.name for tab in tabs if tab.is_open), "")
    chosen = (
        rows.filter(change=opened) if opened in CHANGES else rows.filter(verdict=opened) if opened else rows
    )
    paginator = Paginator(chosen.defer("traces").order_by(ORDER, "position"), PER_PAGE)
    history = list(SuiteRun.objects.filter(profile=shown.profile)[: suites.RUNS_KEPT])
    before = next(
        (run for run in history if run.pk < shown.pk and run.state == SuiteRun.State.FINISHED), None
    )
    return knowledge.show(
        request,
        "admin/knowledge/suite.html",
        title=_("Test run"),
        run=shown,
        progress=_progress(shown),
        figures=figures_of(shown),
        tabs=tabs,
        opened=opened,
        page=paginator.get_page(request.GET.get("part")),
        before=before,
        history=[(run, figures_of(run)) for run in history],
        may_run=_may_run(request, shown.profile.tenant_id),
    )


@knowledge.for_staff
@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return how far a run is."""
    return JsonResponse(_progress(_run_for(request, pk)))


@knowledge.for_staff
@require_safe
def why(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """Explain one result of a run."""
    shown = _run_for(request, pk)
    result = SuiteResult.objects.filter(run=shown, position=position).first()
    if result is None:
        raise Http404
    asked = Asked(
        profile=shown.profile,
        text=result.text,
        outcome=result.outcome,
        lang=result.lang,
        model=shown.model,
        confidence=result.confidence,
        traces=result.traces,
        switch=result.switch,
        back=request.path,
    )
    tenant = shown.profile.tenant
    return knowledge.show(
        request,
        "admin/knowledge/why.html",
        title=_("Why this answer?"),
        why=explain(asked, engine=serving.engine, may_change=knowledge.may(request, access.CHANGE, tenant)),
        said=[result.text],
        verdict=result,
        back=reverse("knowledge:suite", args=[pk]),
        back_label=_("Back to the test run"),
    )


def figures_of(run: SuiteRun) -> list[Figure]:
    """Return a finished run's figures, that of right answers first; none of another's."""
    found = []
    for name, label in FIGURE_NAMES.items():
        if share := run.figures.get(name):
            value, low, high = (round(100 * number) for number in share)
            found.append(Figure(label=str(label), value=value, low=low, high=high))
    return found


def _tabs(rows: "QuerySet[SuiteResult]", wanted: str) -> Sequence[Tab]:
    """Return the kinds of results that there are, those that have changed first."""
    verdicts = dict(rows.values_list("verdict").annotate(count=Count("pk")).order_by())
    changes = dict(rows.values_list("change").annotate(count=Count("pk")).order_by())
    kinds: list[tuple[str, str, int]] = [("", _("all"), sum(verdicts.values()))]
    kinds += [(change.value, str(change.label), changes.get(change, 0)) for change in CHANGES]
    kinds += [(verdict.value, str(verdict.label), verdicts.get(verdict, 0)) for verdict in Verdict]
    names = {name for name, _label, count in kinds if count}
    chosen = wanted if wanted in names else ""
    return [
        Tab(name=name, label=label, count=count, is_open=name == chosen)
        for name, label, count in kinds
        if count or not name
    ]


def _progress(run: SuiteRun) -> dict[str, Any]:
    """Return what the page shows while it waits; `waits` says that there will be something new to show."""
    sentence = ""
    if run.state == SuiteRun.State.FAILED:
        sentence = _("This run could not be finished. Start it again.")
    elif run.state in OPEN:
        sentence = _("Asking the questions.") if run.done else _("Waiting for the background worker.")
        if run.done and is_quiet(run.progress_at):
            sentence = stalled_sentence()
    return {"waits": run.state in OPEN, "done": run.done, "total": run.total, "sentence": sentence}


def _run_for(request: HttpRequest, pk: int) -> SuiteRun:
    """Return a run of a tenant whose test questions the user may view. Raises Http404."""
    found = SuiteRun.objects.select_related("profile__tenant").filter(pk=pk).first()
    permitted = access.access_of(request.user)
    if found is None or not permitted.allows(
        model="testquestion", act=access.VIEW, tenant_id=found.profile.tenant_id
    ):
        raise Http404
    return found


def _may_run(request: HttpRequest, tenant_id: int) -> bool:
    return access.access_of(request.user).allows(model="testquestion", act=access.CHANGE, tenant_id=tenant_id)
