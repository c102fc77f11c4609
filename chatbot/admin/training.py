"""Trainings: a tenant's locales with what is live and what has drifted, the Retrain button, and one run as it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from chatbot import drift, training
from chatbot.admin import knowledge, training_charts, training_words, version_rows, version_words
from chatbot.admin.version_rows import Live
from chatbot.admin.version_words import number
from chatbot.models import ModelVersion, TrainingRun
from customers import access
from customers.models import LocaleProfile

MODEL = "trainingrun"
State = TrainingRun.State
OPEN = (State.WAITING, State.RUNNING)
WITH_GENERATOR = (TrainingRun.Stage.GENERATOR, TrainingRun.Stage.EXAM)
STAGE_STATES: Mapping[str, str | Promise] = {
    "done": gettext_lazy("done"),
    "current": gettext_lazy("under way"),
    "todo": "",
    "left": gettext_lazy("not finished"),
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """One locale: what is live, and the last training.

    `candidate` is a version that is better than what is live and waits to be promoted; `is_changing` says that
    another one is just being made live.
    """

    profile: LocaleProfile
    live: Live
    last: TrainingRun | None
    candidate: ModelVersion | None
    is_changing: bool
    count: int

    @property
    def is_active(self) -> bool:
        return self.last is not None and self.last.state in OPEN


@dataclass(frozen=True, kw_only=True)
class StageShown:
    """One stage of a run: `state` is done, current, todo or left (where the run ended before it), `said` in words."""

    name: str
    label: str
    state: str
    said: str
    steps: str


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the tenant's locales: what answers there now, and whether training again would be worth it."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    return knowledge.show(
        request,
        "admin/training/overview.html",
        title=_("Training"),
        tenants=tenants,
        tenant=tenant,
        cards=_cards(knowledge.profiles_of(tenant)),
        may_train=_may_train(request, tenant.pk),
        may_set=access.access_of(request.user).allows(
            model="localeprofile", act=access.CHANGE, tenant_id=tenant.pk
        ),
    )


@knowledge.for_staff
@require_safe
def moved(request: HttpRequest, pk: int) -> HttpResponse:
    """Return how far a locale has moved on since its live version learned; the whole FAQ is read for it."""
    profile = version_rows.profile_for(request, pk)
    return JsonResponse(asdict(training_words.drift_shown(drift.drift_of(profile=profile))))


@knowledge.for_staff
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a training; where one of the locale has not ended, show that."""
    try:
        profile = knowledge.profile_for(request, request.POST.get("profile"))
    except knowledge.BadRequest as problem:
        raise Http404 from problem
    if not _may_train(request, profile.tenant_id):
        raise PermissionDenied
    if not (profile.is_active and profile.tenant.is_active):
        messages.error(request, _("%(locale)s is switched off.") % {"locale": profile.locale})
        return HttpResponseRedirect(f"{reverse('knowledge:training')}?tenant={profile.tenant.slug}")
    run = training.run_open(profile=profile, actor=request.user.get_username())
    return _to(run)


@knowledge.for_staff
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End a training; one that has ended already stays as it is."""
    run = _run_for(request, pk)
    if not _may_train(request, run.profile.tenant_id):
        raise PermissionDenied
    training.run_cancel(run_id=run.pk, actor=request.user.get_username())
    return _to(run)


@knowledge.for_staff
@require_safe
def results(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a training as it runs, or how it ended and what to do next."""
    run = _run_for(request, pk)
    version = ModelVersion.objects.filter(run=run).first()
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0
    return knowledge.show(
        request,
        "admin/training/run.html",
        title=_("Training"),
        run=run,
        progress=_progress(run),
        chart=training_charts.loss_chart(run.curve),
        took=training_words.duration(took) if took else "",
        version=version,
        verdict=version_words.verdict_shown(version) if version else None,
        may_train=_may_train(request, run.profile.tenant_id),
    )


@knowledge.for_staff
@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return how far a training is."""
    run = _run_for(request, pk)
    said = _progress(run) | {"stages": [asdict(stage) for stage in _stages(run)]}
    if run.curve:
        said["curve"] = training_charts.loss_chart(run.curve).to_json()
    return JsonResponse(said)


def _cards(profiles: Sequence[LocaleProfile]) -> list[Card]:
    newest = TrainingRun.objects.filter(profile__in=profiles).order_by("profile_id", "-pk")
    last = {run.profile_id: run for run in newest.distinct("profile_id").defer("curve")}
    counts = dict(
        ModelVersion.objects.filter(profile__in=profiles)
        .values_list("profile_id")
        .annotate(count=Count("pk"))
        .order_by()
    )
    live = version_rows.live_of(profiles)
    candidates = version_rows.candidates_of(profiles)
    changing = version_rows.changing_of(profiles)
    return [
        Card(
            profile=profile,
            live=live[profile.pk],
            last=last.get(profile.pk),
            candidate=candidates.get(profile.pk),
            is_changing=profile.pk in changing,
            count=counts.get(profile.pk, 0),
        )
        for profile in profiles
    ]


def _progress(run: TrainingRun) -> dict[str, Any]:
    """Return what the page shows while it waits; `mark` changes when there is something new to show."""
    waits = run.state in OPEN
    percent = min(100, 100 * run.step // run.steps) if run.steps else None
    return {
        "mark": run.state,
        "waits": waits,
        "percent": percent if run.state == State.RUNNING else None,
        "left": training_words.left_sentence(run.seconds_left) if run.state == State.RUNNING else "",
        "heard": training_words.heard_sentence(run.progress_at) if run.state == State.RUNNING else "",
        "sentence": training_words.run_sentence(run),
        "stages": _stages(run),
    }


def _stages(run: TrainingRun) -> list[StageShown]:
    """Return all stages and how far a run is with them."""
    names = [name for name in TrainingRun.Stage if run.with_generator or name not in WITH_GENERATOR]
    at = names.index(TrainingRun.Stage(run.stage)) if run.stage else -1
    shown = []
    for place, name in enumerate(names):
        if run.state == State.FINISHED or place < at:
            state = "done"
        elif place > at:
            state = "todo"
        else:
            state = "current" if run.state == State.RUNNING else "left"
        shown.append(
            StageShown(
                name=name.value,
                label=str(name.label),
                state=state,
                said=str(STAGE_STATES[state]),
                steps=_steps(run) if place == at and state != "done" else "",
            )
        )
    return shown


def _steps(run: TrainingRun) -> str:
    if not run.steps:
        return ""
    counts: Mapping[str, str] = {"number": number(run.step), "all": number(run.steps)}
    return _("step %(number)s of %(all)s") % counts


def _run_for(request: HttpRequest, pk: int) -> TrainingRun:
    """Return a run of a tenant whose trainings the user may view. Raises Http404."""
    found = TrainingRun.objects.select_related("profile__tenant").filter(pk=pk).first()
    permitted = access.access_of(request.user)
    if found is None or not permitted.allows(model=MODEL, act=access.VIEW, tenant_id=found.profile.tenant_id):
        raise Http404
    return found


def _may_train(request: HttpRequest, tenant_id: int) -> bool:
    return access.access_of(request.user).allows(model=MODEL, act=access.ADD, tenant_id=tenant_id)


def _to(run: TrainingRun) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("knowledge:training_run", args=[run.pk]))
