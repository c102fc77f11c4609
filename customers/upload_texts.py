"""The sentence for each thing that checking an upload can find or refuse."""

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from customers import culture
from customers.faq_errors import REFUSALS, error_sentence, refusal_sentence
from customers.faq_file.model import FileRefused, RowError
from customers.models import FaqUploadFinding

# Cosine of two questions in their FAQ's own space from which one may stand for the other. In the demo's FAQs
# different entries stay below 0.75, and most alternates of one entry do too.
ALIKE = 0.8

SENTENCES = {
    "unknown_follow_up": _("No FAQ has the id “{value}”, so it will not be offered after this answer."),
    "same_question": _("The live FAQ “{other}” asks the same question. Give the row that id, or reword it."),
    "similar_in_file": _("Row {other_row} asks nearly the same ({percent} alike): “{other_text}”."),
    "similar_to_live": _("The live FAQ “{other}” asks nearly the same ({percent} alike): “{other_text}”."),
    "other_language": _("This looks like {language}, but the row is for {locale}."),
    "missing_translation": _("The topic “{key}” has no FAQ in {locales}."),
}
UPLOAD_REFUSALS = {
    "no_profile": _("“{locale}” is none of this tenant's locales."),
    "failed": _(
        "The file could not be checked because of a fault on the server. Try again, or tell its operator."
    ),
}


def finding_sentence(finding: FaqUploadFinding) -> str:
    """Say what was found, in the active language. Raises KeyError for an unknown code."""
    if finding.code not in SENTENCES:
        return error_sentence(row_error(finding))
    data: dict[str, Any] = {"value": finding.value, **finding.data}
    if "likeness" in data:
        data["percent"] = f"{data['likeness']:.0%}"
    if "found" in data:
        data["language"] = culture.endonym_of(data["found"])
    return str(format_lazy(SENTENCES[finding.code], **data))


def row_error(finding: FaqUploadFinding) -> RowError:
    """Return the error of the parser that a finding holds."""
    return RowError(
        sheet=finding.sheet,
        row=finding.row,
        column=finding.column,
        value=finding.value,
        code=finding.code,
        data=finding.data,
    )


def upload_refusal_sentence(code: str, data: dict[str, Any]) -> str:
    """Say why a file was refused, in the active language. Raises KeyError for an unknown code."""
    if code in REFUSALS:
        return refusal_sentence(FileRefused(code, **data))
    return str(format_lazy(UPLOAD_REFUSALS[code], **data))
