"""FAQ uploads: choose a file, settle what is open, look at what it would change, apply it, take it back."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from chatbot import tasks
from chatbot.admin import upload_downloads, upload_progress
from chatbot.admin import upload_pages as pages
from chatbot.admin.upload_forms import EncodingForm, MappingForm, UploadForm, proposals
from chatbot.admin.upload_list import UploadList
from customers import access, culture, upload_apply, upload_comparison, uploads
from customers.admin_export import FORMAT_NAMES
from customers.faq_file.model import FileRefused
from customers.models import FaqUpload, FaqUploadFile, LocaleProfile, Tenant
from customers.text_language import CERTAIN
from customers.upload_texts import ALIKE, upload_refusal_sentence

State = FaqUpload.State


@admin.register(FaqUpload)
class UploadAdmin(UploadList):
    """Uploads, from choosing a file to taking it back."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._allows(request, access.ADD, None)

    def get_urls(self) -> list[URLPattern]:
        def to(view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(
                f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"customers_faqupload_{name}"
            )

        return [
            to(self.progress_view, "progress"),
            to(self.file_view, "file"),
            to(self.errors_view, "errors"),
            *super().get_urls(),
        ]

    # ---------------------------------------------------------------- a new upload

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        tenants = Tenant.objects.filter(profiles__isnull=False).distinct().order_by("name")
        permitted = access.access_of(request.user)
        if not permitted.is_superuser:
            tenants = tenants.filter(pk__in=permitted.tenants(model=self._model_name, act=access.ADD))
        form = UploadForm(request.POST or None, request.FILES or None, tenants=list(tenants))
        if request.method == "POST" and form.is_valid():
            tenant, locale = form.chosen()
            file = form.cleaned_data["file"]
            with transaction.atomic():
                upload = uploads.upload_create(
                    tenant=tenant,
                    locale=locale,
                    filename=file.name,
                    data=file.read(),
                    actor=request.user.get_username(),
                )
                tasks.defer_check(upload.pk)
            return self._to(upload)
        locales = (
            LocaleProfile.objects.filter(tenant__in=tenants)
            .order_by("locale")
            .values_list("locale", flat=True)
        )
        return self._render(
            request,
            "add",
            title=_("Upload an FAQ file"),
            form=form,
            locales=[(locale, culture.endonym_of(locale)) for locale in dict.fromkeys(locales)],
            formats=FORMAT_NAMES.items(),
        )

    # ---------------------------------------------------------------- one upload

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        upload: FaqUpload | None = self.get_object(request, unquote(object_id))
        if upload is None:
            raise Http404
        if not self.has_view_permission(request, upload):
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request, upload)
        return self._show(request, upload)

    def _show(self, request: HttpRequest, upload: FaqUpload, **forms: Any) -> HttpResponse:
        """Show where an upload stands, with the forms that were not valid."""
        may_wait = upload.state in (State.READY, State.INVALID)
        context: dict[str, Any] = {
            "upload": upload,
            "may_act": self._may_act(request, upload),
            "progress": upload_progress.progress(upload),
            "comparison_failed": may_wait and upload_comparison.comparison_failed(upload),
        }
        if refusal := upload.report.get("refusal"):
            context["refusal"] = upload_refusal_sentence(refusal["code"], refusal["data"])
            context["file_kept"] = FaqUploadFile.objects.filter(upload=upload).exists()
        if upload.state == State.NEEDS_ENCODING:
            context["form"] = EncodingForm(upload=upload)
        elif upload.state == State.NEEDS_MAPPING:
            context["form"] = MappingForm(upload=upload)
        elif upload.state in (State.READY, State.INVALID, State.APPLIED, State.REVERTED):
            context |= self._preview(request, upload)
        if upload.state in (State.APPLIED, State.REVERTED):
            context["locales"] = upload_progress.locale_progress(upload)
        context |= forms
        return self._render(request, "upload", title=upload.filename, **context)

    def _preview(self, request: HttpRequest, upload: FaqUpload) -> dict[str, Any]:
        tabs = pages.tabs(upload, request.GET.get("show"))
        opened = next((tab.name for tab in tabs if tab.is_open), None)
        context: dict[str, Any] = {
            "tabs": tabs,
            "opened": opened,
            "impact_counts": pages.impact_counts(upload),
            "alike": f"{ALIKE:.0%}",
            "certain": f"{CERTAIN:.0%}",
        }
        if opened is not None:
            page = pages.page_of(request, upload, opened)
            context |= {"page": page, "lines": pages.lines_of(page, opened)}
            if opened == pages.PROPOSALS:
                context["proposals"] = proposals(list(page.object_list))
        return context

    def _act(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        """Do what a button on the page asks for."""
        if not self._may_act(request, upload):
            raise PermissionDenied
        acts = {
            "encoding": self._encoding,
            "mapping": self._mapping,
            "recheck": self._recheck,
            "compare": self._compare,
            "edit": self._edit,
            "apply": self._apply,
            "revert": self._revert,
        }
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        try:
            return act(request, upload)
        except uploads.UploadMoved as moved:
            self.message_user(request, pages.moved_sentence(moved.upload), messages.WARNING)
        except upload_apply.FaqMoved as moved:
            self.message_user(request, pages.faq_moved_sentence(moved.keys, upload), messages.ERROR)
        return self._to(upload)

    def _encoding(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        form = EncodingForm(request.POST, upload=upload)
        if not form.is_valid():
            return self._show(request, upload, form=form)
        return self._check_again(request, upload, encoding=form.cleaned_data["encoding"])

    def _mapping(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        form = MappingForm(request.POST, upload=upload)
        if not form.is_valid():
            return self._show(request, upload, form=form)
        locale = form.cleaned_data.get("locale") or None
        return self._check_again(request, upload, mapping=form.mapping(), locale=locale)

    def _recheck(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        return self._check_again(request, upload)

    def _compare(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        with transaction.atomic():
            upload_comparison.upload_compare_again(upload_id=upload.pk)
            tasks.defer_compare(upload.pk)
        return self._to(upload)

    def _check_again(self, request: HttpRequest, upload: FaqUpload, **settled: Any) -> HttpResponse:
        with transaction.atomic():
            uploads.upload_recheck(upload_id=upload.pk, actor=request.user.get_username(), **settled)
            tasks.defer_check(upload.pk)
        return self._to(upload)

    def _edit(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        page = pages.page_of(request, upload, pages.PROPOSALS)
        rows = {row.position: row for row in page.object_list}
        formset = proposals(list(rows.values()), request.POST)
        if not formset.is_valid():
            context = self._preview(request, upload)
            return self._show(request, upload, **{**context, "proposals": formset})
        forms = [form for form in formset.forms if form.cleaned_data["position"] in rows]
        with transaction.atomic():
            uploads.upload_rows_edit(
                upload_id=upload.pk,
                drafts={
                    form.cleaned_data["position"]: form.draft(rows[form.cleaned_data["position"]])
                    for form in forms
                },
                left_out={form.cleaned_data["position"] for form in forms if not form.cleaned_data["keep"]},
                actor=request.user.get_username(),
            )
            tasks.defer_compare(upload.pk)
        self.message_user(request, _("The proposals were saved."), messages.SUCCESS)
        return self._to(upload, show=pages.PROPOSALS, part=page.number)

    def _apply(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        upload_apply.upload_apply(
            upload_id=upload.pk,
            actor=request.user.get_username(),
            retire="retire" in request.POST,
            without_invalid="without_invalid" in request.POST,
        )
        return self._to(upload)

    def _revert(self, request: HttpRequest, upload: FaqUpload) -> HttpResponse:
        upload_apply.upload_revert(upload_id=upload.pk, actor=request.user.get_username())
        return self._to(upload)

    # ---------------------------------------------------------------- what the page loads

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say how far the jobs are, for the page that waits for them."""
        upload = self._viewable(request, pk)
        return JsonResponse(upload_progress.progress(upload), headers={"Cache-Control": "no-store"})

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the file back as it was uploaded."""
        return upload_downloads.file_of(self._viewable(request, pk))

    def errors_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the file back with a column that says what is wrong with each row."""
        upload = self._viewable(request, pk)
        try:
            return upload_downloads.error_file_of(upload)
        except FileRefused as refusal:
            sentence = upload_refusal_sentence(refusal.code, dict(refusal.data))
            self.message_user(request, sentence, messages.ERROR)
            return self._to(upload)

    # ---------------------------------------------------------------- helpers

    def _viewable(self, request: HttpRequest, pk: int) -> FaqUpload:
        upload: FaqUpload | None = self.get_object(request, str(pk))
        if upload is None or not self.has_view_permission(request, upload):
            raise Http404
        return upload

    def _may_act(self, request: HttpRequest, upload: FaqUpload) -> bool:
        return self._allows(request, access.CHANGE, upload)

    def _to(self, upload: FaqUpload, **query: object) -> HttpResponseRedirect:
        url = reverse("admin:customers_faqupload_change", args=[upload.pk])
        return HttpResponseRedirect(f"{url}?{urlencode(query)}" if query else url)

    def _render(self, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
        common = self.admin_site.each_context(request) | {"opts": self.opts}
        return TemplateResponse(request, f"admin/uploads/{name}.html", common | context)
