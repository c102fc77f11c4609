"""An upload's file as a download: as it came, or with what is wrong with each row."""

from urllib.parse import quote

from django.http import Http404, HttpResponse
from django.utils import translation

from customers.faq_file.apart import error_file_apart
from customers.models import FaqUpload, FaqUploadFile, FaqUploadFinding
from customers.upload_texts import finding_sentence, row_error

ERRORS_IN_FILE = 100_000


def file_of(upload: FaqUpload) -> HttpResponse:
    """Return the file as it was uploaded. Raises Http404 where it was not kept."""
    return _attachment(_kept(upload), upload.filename, "application/octet-stream")


def error_file_of(upload: FaqUpload) -> HttpResponse:
    """Return the file with a column that says what is wrong with each row. Raises Http404, FileRefused."""
    found = upload.findings.filter(kind=FaqUploadFinding.Kind.ERROR).order_by("position")[:ERRORS_IN_FILE]
    locales = upload.tenant.profiles.values_list("locale", flat=True)
    made = error_file_apart(
        _kept(upload),
        filename=upload.filename,
        errors=[(row_error(finding), finding_sentence(finding)) for finding in found],
        header_locale=translation.get_language() or "en",
        mapping=upload.mapping or None,
        languages={locale.split("-")[0] for locale in locales},
        encoding=upload.encoding or None,
    )
    return _attachment(made.data, made.filename, made.content_type)


def _kept(upload: FaqUpload) -> bytes:
    kept = FaqUploadFile.objects.filter(upload=upload).first()
    if kept is None:
        raise Http404
    return bytes(kept.data)


def _attachment(data: bytes, filename: str, content_type: str) -> HttpResponse:
    """Return a download that no browser opens as a page."""
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
