"""The list of FAQ uploads, newest first, with what became of each."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from chatbot.admin import upload_pages as pages
from customers.admin_scope import ReadOnlyAdmin, TenantFilter
from customers.models import FaqUpload
from customers.upload_texts import upload_refusal_sentence

State = FaqUpload.State
STATE_COLOURS = {
    State.APPLIED.label: "success",
    State.READY.label: "info",
    State.NEEDS_ENCODING.label: "warning",
    State.NEEDS_MAPPING.label: "warning",
    State.INVALID.label: "danger",
    State.REFUSED.label: "danger",
}


class UploadList(ReadOnlyAdmin):
    """Every file that was uploaded."""

    list_display = (
        "file_name",
        "tenant",
        "shown_locale",
        "shown_state",
        "summary",
        "author",
        "created_at",
        "download",
    )
    list_display_links = ("file_name",)
    list_filter = (TenantFilter, "state")
    list_select_related = ("tenant",)
    search_fields = ("filename", "author")
    ordering = ("-created_at",)

    @admin.display(description=_("file"), ordering="filename")
    def file_name(self, upload: FaqUpload) -> str:
        return format_html('<bdi class="up-name">{}</bdi>', upload.filename)

    @admin.display(description=_("locale"), ordering="locale")
    def shown_locale(self, upload: FaqUpload) -> str:
        return upload.locale or "–"

    @display(description=_("state"), ordering="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, upload: FaqUpload) -> str:
        return upload.get_state_display()

    @admin.display(description=_("report"))
    def summary(self, upload: FaqUpload) -> str:
        refusal = upload.report.get("refusal")
        if refusal:
            return upload_refusal_sentence(refusal["code"], refusal["data"])
        return pages.summary(upload)

    @admin.display(description=_("download"))
    def download(self, upload: FaqUpload) -> str:
        if upload.state == State.REFUSED:
            return "–"
        url = reverse("admin:customers_faqupload_file", args=[upload.pk])
        return format_html('<a class="up-link" href="{}">{}</a>', url, upload.format.upper() or _("file"))
