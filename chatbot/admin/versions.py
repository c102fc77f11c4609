"""Model versions: a locale's list, one version's report, two side by side, and what is done with them."""

from urllib.parse import quote

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot import version_files, versions
from chatbot.admin import (
    knowledge,
    teaching_words,
    training_charts,
    training_words,
    version_compare,
    version_report,
    version_rows,
    version_words,
)
from chatbot.admin.version_forms import ReasonForm, UploadForm
from chatbot.admin.version_rows import may
from chatbot.engine.errors import WeightsError
from chatbot.models import ModelVersion, VersionChange
from customers import access
from customers.models import LocaleProfile

Kind = VersionChange.Kind


@knowledge.for_staff
@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a locale's versions, what is live, and what was live when."""
    profile = version_rows.profile_for(request, pk)
    live = version_rows.live_of([profile])[profile.pk]
    return knowledge.show(
        request,
        "admin/training/versions.html",
        title=_("Model versions"),
        profile=profile,
        live=live,
        rows=version_rows.rows_of(profile, live),
        changes=version_rows.changes_of(profile),
        progress=version_rows.change_progress(version_rows.waiting_change(profile)),
        may_act=may(request, access.CHANGE, profile),
        may_upload=may(request, access.ADD, profile),
    )


@knowledge.for_staff
@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return how far the version is that a locale is about to go over to."""
    profile = version_rows.profile_for(request, pk)
    said = version_rows.change_progress(version_rows.waiting_change(profile))
    return JsonResponse(said)


@knowledge.for_staff
@require_safe
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version: what the gate said of it, all figures, and what it was made from."""
    version = version_rows.version_for(request, pk)
    profile = version.profile
    live = version_rows.live_of([profile])[profile.pk]
    curve = version.run.curve if version.run else []
    return knowledge.show(
        request,
        "admin/training/version.html",
        title=_("Version %(number)s") % {"number": version.number},
        version=version,
        profile=profile,
        live=live,
        row=version_rows.row_of(version, live),
        report=version_report.report_of(version),
        loss=training_charts.loss_chart(curve) if curve else None,
        skipped=[training_words.skipped_sentence(code) for code in version.skipped],
        took=training_words.duration(version.seconds) if version.seconds else "",
        data=version_compare.named_values(version.data, names=version_words.DATA),
        teaching=teaching_words.teaching_shown(version),
        exam=version.exams.first(),
        recipe=version_compare.named_values(version.recipe),
        lineage=version_rows.lineage_of(version),
        progress=version_rows.change_progress(version_rows.waiting_change(profile)),
        may_act=may(request, access.CHANGE, profile),
    )


@knowledge.for_staff
@require_safe
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Show two versions of a locale side by side."""
    profile = version_rows.profile_for(request, pk)
    numbers = [number for number in request.GET.getlist("version") if number.isascii() and number.isdecimal()]
    found = list(
        ModelVersion.objects.filter(
            profile=profile, pk__in=[int(number) for number in numbers[:2] if len(number) < 10]
        ).select_related("profile")
    )
    if len(found) != 2:
        messages.warning(request, _("Choose two versions to compare."))
        return _to_versions(profile)
    return knowledge.show(
        request,
        "admin/training/compare.html",
        title=_("Two versions"),
        profile=profile,
        pair=version_compare.pair_of(*found),
    )


@knowledge.for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def promote(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether a version shall go live, and why where the gate has refused it; then have it done."""
    version = version_rows.version_for(request, pk)
    profile = version.profile
    if not may(request, access.CHANGE, profile):
        raise PermissionDenied
    live = version_rows.live_of([profile])[profile.pk]
    if live.version == version:
        messages.info(request, _("Version %(number)s is live already.") % {"number": version.number})
        return _to_versions(profile)
    verdict = version_words.verdict_shown(version)
    needs_reason = not versions.may_promote(version=version)
    form = ReasonForm(request.POST if request.method == "POST" else None, is_required=needs_reason)
    if request.method == "POST" and form.is_valid():
        kind = Kind.OVERRIDDEN if needs_reason else Kind.PROMOTED
        return _change(request, profile, version, kind, reason=form.cleaned_data["reason"])
    return knowledge.show(
        request,
        "admin/training/promote.html",
        title=_("Promote version %(number)s") % {"number": version.number},
        version=version,
        profile=profile,
        live=live,
        verdict=verdict,
        form=form,
        needs_reason=needs_reason,
        is_outdated=verdict.passed and needs_reason,
    )


@knowledge.for_staff
@require_POST
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Go back to a version that was live before, or to the model that Kefu ships."""
    profile = version_rows.profile_for(request, pk)
    if not may(request, access.CHANGE, profile):
        raise PermissionDenied
    wanted = request.POST.get("version", "")
    version = None
    if wanted:
        version = version_rows.version_for(request, int(wanted)) if wanted.isdecimal() else None
        if version is None or version.profile_id != profile.pk:
            raise Http404
    return _change(request, profile, version, Kind.ROLLED_BACK)


@knowledge.for_staff
@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Give up a change whose vectors are being made; what is live stays live."""
    profile = version_rows.profile_for(request, pk)
    if not may(request, access.CHANGE, profile):
        raise PermissionDenied
    if change := version_rows.waiting_change(profile):
        versions.change_cancel(change_id=change.pk, actor=request.user.get_username())
    return _to_versions(profile)


@knowledge.for_staff
@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a version as a file that this or another Kefu with the same encoder can take."""
    version = version_rows.version_for(request, pk)
    try:
        packed = version_files.pack(version)
    except WeightsError:
        messages.error(
            request,
            _("The tuned layers of this version, or its adapter, are damaged, so it cannot be downloaded."),
        )
        return _to_versions(version.profile)
    response = HttpResponse(packed, content_type="application/zip")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(version.name, safe='')}.zip"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@knowledge.for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a version from a file; it is kept beside the others and not live."""
    profile = version_rows.profile_for(request, pk)
    if not may(request, access.ADD, profile):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        try:
            version = version_files.version_upload(
                profile=profile, data=form.cleaned_data["file"].read(), actor=request.user.get_username()
            )
        except version_files.FileRefused as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("Version %(number)s was taken over.") % {"number": version.number})
            return HttpResponseRedirect(reverse("knowledge:version", args=[version.pk]))
    return knowledge.show(
        request, "admin/training/upload.html", title=_("Upload a version"), profile=profile, form=form
    )


def _change(
    request: HttpRequest, profile: LocaleProfile, version: ModelVersion | None, kind: Kind, reason: str = ""
) -> HttpResponse:
    """Have a version made live; its vectors come first, in the background."""
    try:
        versions.change_open(
            profile=profile, version=version, kind=kind, actor=request.user.get_username(), reason=reason
        )
    except versions.ChangeRefused as refused:
        messages.error(request, str(refused))
    return _to_versions(profile)


def _to_versions(profile: LocaleProfile) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("knowledge:versions", args=[profile.pk]))
