"""Exams: in which languages the model may speak in its own words, what it got wrong, and the button to sit one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot import exam_records, exams
from chatbot.admin import knowledge
from chatbot.admin.exam_rows import kinds_shown, row_shown, shipped_row
from chatbot.admin.upload_progress import is_quiet, stalled_sentence
from chatbot.exam import results, traps
from chatbot.exam.grading import ACCEPTABLE_SHARE, Why
from chatbot.exams import Standing
from chatbot.models import ExamResult, ExamRun, LiveVersion, ModelVersion
from customers import access
from customers.models import Level, LocaleProfile

# A generator is the installation's, as a model version is a locale's: whoever may promote one may examine the other.
MODEL = "modelversion"
PER_PAGE = 50
OPEN = exams.ACTIVE
WRONG = (Why.FORBIDDEN, Why.INVENTED, Why.MISSING)
PASS_PERCENT = round(100 * ACCEPTABLE_SHARE)


@dataclass(frozen=True, kw_only=True)
class Card:
    """One locale profile: the exam that counts for it, where the model stands there, and the last one sat.

    `exam` is the exam's locale, empty where there is none in this language. `version` is the live one, where the model
    writes with that one's own adapter. `problem` says what keeps the profile from generated answers, empty where
    nothing does.
    """

    profile: LocaleProfile
    exam: str
    standing: Standing | None
    last: ExamRun | None
    problem: str
    version: ModelVersion | None = None

    @property
    def is_active(self) -> bool:
        return self.last is not None and self.last.state in OPEN


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One kind of marks; `name` chooses it."""

    name: str
    label: str
    count: int
    is_open: bool


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the tenant's locales and whether the model may answer there in its own words."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    return knowledge.show(
        request,
        "admin/exams/overview.html",
        title=_("Exams"),
        tenants=tenants,
        tenant=tenant,
        cards=_cards(knowledge.profiles_of(tenant)),
        percent=PASS_PERCENT,
        may_run=_may_run(request),
    )


@knowledge.for_staff
@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Have the worker put a locale's traps to the model."""
    if not _may_run(request):
        raise PermissionDenied
    locale = request.POST.get("locale", "")
    if locale not in traps.locales():
        raise Http404
    version = _version_for(request)
    key = exams.key_of(locale) if version is None else exams.version_key(version)
    if key is None or key.locale != locale:
        messages.error(request, _("No language model is installed, so there is nobody to examine."))
        return HttpResponseRedirect(reverse("knowledge:exams"))
    opened = exams.run_open(key=key, actor=request.user.get_username(), version=version)
    return HttpResponseRedirect(reverse("knowledge:exam", args=[opened.pk]))


@knowledge.for_staff
@require_safe
def sat(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an exam that was sat here: how it went, every reply with the wrong ones first, and the ones before."""
    shown = _run_for(request, pk)
    rows = ExamResult.objects.filter(run=shown)
    marks = Counter(rows.values_list("why", flat=True))
    tabs = _tabs(marks, request.GET.get("show"))
    opened = next(tab.name for tab in tabs if tab.is_open)
    if opened == "wrong":
        rows = rows.exclude(why=Why.RIGHT)
    elif opened:
        rows = rows.filter(why=opened)
    paginator = Paginator(rows.order_by("position"), PER_PAGE)
    part = paginator.get_page(request.GET.get("part"))
    by_kind = Counter(ExamResult.objects.filter(run=shown).values_list("kind", flat=True))
    right = Counter(ExamResult.objects.filter(run=shown, why=Why.RIGHT).values_list("kind", flat=True))
    return knowledge.show(
        request,
        "admin/exams/exam.html",
        title=_("Exam"),
        run=shown,
        key=shown,
        score=exam_records.score_of(shown),
        is_finished=shown.state == ExamRun.State.FINISHED,
        is_current=shown.state != ExamRun.State.FINISHED or _is_current(shown),
        progress=_progress(shown),
        kinds=kinds_shown(by_kind, right),
        tabs=tabs,
        opened=opened,
        page=part,
        rows=[row_shown(result) for result in part],
        history=list(
            ExamRun.objects.filter(locale=shown.locale, version=shown.version_id)[: exam_records.RUNS_KEPT]
        ),
        percent=PASS_PERCENT,
        may_run=_may_run(request),
    )


@knowledge.for_staff
@require_safe
def shipped(request: HttpRequest, locale: str) -> HttpResponse:
    """Show what the shipped model got wrong in the exam that Kefu's makers had it sit."""
    if not access.access_of(request.user).allows(model=MODEL, act=access.VIEW):
        raise Http404
    key = exams.key_of(locale) if locale in traps.locales() else None
    result = results.find(key) if key else None
    if result is None:
        raise Http404
    by_key = {trap.key: trap for trap in traps.load(locale)}
    by_kind = Counter(trap.kind.value for trap in by_key.values())
    wrong = Counter(failure.kind for failure in result.failures)
    rows = [shipped_row(failure, by_key[failure.key].sources) for failure in result.failures]
    return knowledge.show(
        request,
        "admin/exams/exam.html",
        title=_("Exam"),
        key=result.key,
        score=result.score,
        is_finished=True,
        is_current=True,
        kinds=kinds_shown(by_kind, by_kind - wrong),
        rows=rows,
        history=list(ExamRun.objects.filter(locale=locale, version=None)[: exam_records.RUNS_KEPT]),
        percent=PASS_PERCENT,
        may_run=_may_run(request),
    )


@knowledge.for_staff
@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return how far an exam is."""
    return JsonResponse(_progress(_run_for(request, pk)))


def _cards(profiles: Sequence[LocaleProfile]) -> list[Card]:
    exam_locales = {profile.pk: traps.exam_of(profile.locale) for profile in profiles}
    held = set(exam_locales.values()) - {""}
    newest = ExamRun.objects.filter(locale__in=held, version=None).order_by("locale", "-pk")
    last = {run.locale: run for run in newest.distinct("locale")}
    standings = {locale: exams.standing(locale) for locale in held}
    adapted = _adapted(profiles)
    cards = []
    for profile in profiles:
        exam, own = exam_locales[profile.pk], adapted.get(profile.pk)
        standing = standings.get(exam) if own is None else exams.standing_of(own)
        cards.append(
            Card(
                profile=profile,
                exam=exam,
                standing=standing,
                last=last.get(exam) if own is None else _last_of(own, standing),
                problem=_problem(profile, exam, standing),
                version=own,
            )
        )
    return cards


def _last_of(version: ModelVersion, standing: Standing | None) -> ExamRun | None:
    """Return the last exam with a version's adapter; it may have others, of one that was refused."""
    generator = standing.key.generator if standing is not None else ""
    return ExamRun.objects.filter(version=version, generator=generator).first()


def _adapted(profiles: Sequence[LocaleProfile]) -> dict[int, ModelVersion]:
    """Return the live versions with whose adapter the model writes, by profile."""
    rows = LiveVersion.objects.filter(profile__in=profiles, version__isnull=False)
    found = [row.version for row in rows.select_related("version__profile") if row.version is not None]
    return {
        version.profile_id: version
        for version in found
        if version.adapter_sha256 and exams.version_key(version) is not None
    }


def _problem(profile: LocaleProfile, exam: str, standing: Standing | None) -> str:
    """Say why a profile gets no generated answers; empty where it does."""
    if profile.highest_level != Level.GENERATIVE:
        return _("The locale profile allows no answers in the model's own words.")
    if not exam:
        return _("There is no exam in this language.")
    if standing is None:
        return _("No language model is installed.")
    if standing.score is None:
        return _("The model has not sat this exam yet.")
    return "" if standing.is_passed else _("The model has not passed this exam.")


def _tabs(marks: Mapping[str, int], wanted: str | None) -> list[Tab]:
    """Return the kinds of marks that there are; the wrong ones are open unless another is wanted, or none is wrong."""
    wrong = sum(marks.get(why, 0) for why in WRONG)
    kinds: list[tuple[str, str, int]] = [("wrong", _("wrong"), wrong)]
    kinds += [(why.value, str(ExamResult.Why(why.value).label), marks.get(why, 0)) for why in WRONG]
    kinds = [kind for kind in kinds if kind[2]] + [("", _("all"), sum(marks.values()))]
    names = [name for name, _label, _count in kinds]
    chosen = wanted if wanted in names else names[0]
    return [Tab(name=name, label=label, count=count, is_open=name == chosen) for name, label, count in kinds]


def _is_current(run: ExamRun) -> bool:
    """Say whether an exam was sat with what is installed now."""
    if run.locale not in traps.locales():
        return False
    key = exams.key_of(run.locale) if run.version is None else exams.version_key(run.version)
    return key is not None and all(
        getattr(run, name) == getattr(key, name) for name in ("generator", "prompts", "guard", "traps")
    )


def _progress(run: ExamRun) -> dict[str, Any]:
    """Return what the page shows while it waits; `waits` says that there will be something new to show."""
    sentence = ""
    if run.state == ExamRun.State.FAILED:
        sentence = _("This exam could not be finished. Start it again.")
    elif run.state in OPEN:
        sentence = _("The model is being examined.") if run.done else _("Waiting for the background worker.")
        if run.done and is_quiet(run.progress_at):
            sentence = stalled_sentence()
    return {"waits": run.state in OPEN, "done": run.done, "total": run.total, "sentence": sentence}


def _run_for(request: HttpRequest, pk: int) -> ExamRun:
    """Return an exam: one that holds nothing of any tenant, or of a tenant whose versions the user may view.

    Raises Http404.
    """
    found = ExamRun.objects.select_related("version__profile").filter(pk=pk).first()
    tenant_id = found.version.profile.tenant_id if found is not None and found.version is not None else None
    if found is None or not _allows(request, access.VIEW, tenant_id):
        raise Http404
    return found


def _version_for(request: HttpRequest) -> ModelVersion | None:
    """Return the version whose adapter is to be examined, if one is named that the user may examine. Raises Http404."""
    wanted = request.POST.get("version", "")
    if not wanted:
        return None
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 else 0
    found = ModelVersion.objects.select_related("profile").filter(pk=number).first()
    if found is None or not _allows(request, access.CHANGE, found.profile.tenant_id):
        raise Http404
    return found


def _allows(request: HttpRequest, act: str, tenant_id: int | None) -> bool:
    permitted = access.access_of(request.user)
    if tenant_id is None:
        return permitted.allows(model=MODEL, act=act)
    return permitted.allows(model=MODEL, act=act, tenant_id=tenant_id)


def _may_run(request: HttpRequest) -> bool:
    return access.access_of(request.user).allows(model=MODEL, act=access.CHANGE)
