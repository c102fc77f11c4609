"""What an admin enters about an upload: the file, its encoding, its columns, and corrections to proposals."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from customers import culture
from customers.faq_errors import REFUSALS
from customers.faq_file.headers import LIST_FIELDS
from customers.faq_file.model import ANSWER_LIMIT, FIELDS, MAX_FILE_BYTES, NAME_LIMIT, QUESTION_LIMIT
from customers.faq_file.text import single_line
from customers.faq_store import FaqDraft
from customers.fields import AUTO_DIRECTION, TextField, refuse_control_characters
from customers.models import FaqUpload, FaqUploadRow, LocaleProfile, Tenant

INPUT = {"class": "kn-input"}
FIELD_NAMES = {
    "id": _("Id"),
    "locale": _("Locale"),
    "question": _("Question"),
    "alternates": _("Other ways to ask it"),
    "answer": _("Answer"),
    "category": _("Category"),
    "tags": _("Tags"),
    "follow_ups": _("Follow-ups"),
    "valid_from": _("Valid from"),
    "valid_until": _("Valid until"),
    "active": _("Active"),
}
ACCEPTED = ".csv,.tsv,.tab,.xlsx,.ods,.json,.jsonl,.ndjson,.yaml,.yml,.md,.markdown,.html,.htm,.docx,.txt"


class UploadForm(forms.Form):
    """A file, and whose it is."""

    target = forms.ChoiceField(
        label=_("For"),
        widget=forms.Select(attrs=INPUT),
        help_text=_("One locale, or all of them when the file has a locale column or a sheet per locale."),
    )
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={**INPUT, "accept": ACCEPTED}),
        help_text=_(
            "CSV, TSV, XLSX, ODS, JSON, JSONL or YAML with a question per row; or a page of questions and answers "
            "as Markdown, HTML or DOCX."
        ),
    )

    def __init__(self, *args: Any, tenants: Sequence[Tenant], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenants = {tenant.pk: tenant for tenant in tenants}
        field: Any = self.fields["target"]
        field.choices = list(self._targets())

    def _targets(self) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
        profiles = LocaleProfile.objects.filter(tenant__in=self.tenants).order_by("locale")
        for tenant in self.tenants.values():
            own = [profile.locale for profile in profiles if profile.tenant_id == tenant.pk]
            if own:
                every = _("%(tenant)s · the file names the locales") % {"tenant": tenant.name}
                each = [
                    (f"{tenant.pk}:{locale}", f"{tenant.name} · {locale} · {culture.endonym_of(locale)}")
                    for locale in own
                ]
                yield tenant.name, [(f"{tenant.pk}:", every), *each]

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_FILE_BYTES:
            raise ValidationError(
                _("The file has %(size)s and the limit is %(limit)s. Split it into smaller files."),
                params={"size": filesizeformat(file.size or 0), "limit": filesizeformat(MAX_FILE_BYTES)},
            )
        if not file.size:
            raise ValidationError(REFUSALS["empty_file"])
        refuse_control_characters(file.name or "")
        return file

    def chosen(self) -> tuple[Tenant, str]:
        """Return the tenant and the locale, which is empty where the file names it; call it on a valid form."""
        tenant, _colon, locale = self.cleaned_data["target"].partition(":")
        return self.tenants[int(tenant)], locale


class EncodingForm(forms.Form):
    """Which of the encodings that a file may be in reads right."""

    encoding = forms.ChoiceField(label=_("Encoding"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, upload: FaqUpload, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["encoding"]
        self.candidates = upload.report.get("encodings", [])
        field.choices = [(it["encoding"], it["encoding"].upper()) for it in self.candidates]


class MappingForm(forms.Form):
    """What each column stands for, and the locale of a file that names none."""

    def __init__(self, *args: Any, upload: FaqUpload, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        recognised: dict[str, str] = {}
        for column in upload.report.get("columns", []):
            recognised.setdefault(column["header"], column["field"])
        self.headers = dict(
            zip((f"column-{number}" for number in range(len(recognised))), recognised, strict=True)
        )
        for name, header in self.headers.items():
            self.fields[name] = forms.ChoiceField(
                label=header or "–",
                required=False,
                choices=[("", _("leave out")), *((field, FIELD_NAMES[field]) for field in FIELDS)],
                initial=recognised[header],
                widget=forms.Select(attrs=INPUT),
            )
        self.needs_locale = "locale" in upload.report.get("missing", ())
        if not upload.locale:
            locales = LocaleProfile.objects.filter(tenant_id=upload.tenant_id).order_by("locale")
            names = [(locale, locale) for locale in locales.values_list("locale", flat=True)]
            self.fields["locale"] = forms.ChoiceField(
                label=_("Locale of all rows without one"),
                required=False,
                choices=[("", "–"), *names],
                widget=forms.Select(attrs=INPUT),
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen = [str(data[name]) for name in self.headers if data.get(name)]
        if "question" not in chosen:
            raise ValidationError(_("Say which column holds the question."))
        for field in {field for field in chosen if field not in LIST_FIELDS and chosen.count(field) > 1}:
            raise ValidationError(
                _("Two columns stand for “%(field)s”. Leave one of them out."),
                params={"field": FIELD_NAMES[field]},
            )
        if self.needs_locale and "locale" not in chosen and not data.get("locale"):
            raise ValidationError(_("Say which column holds the locale, or choose one for all rows."))
        return data

    def mapping(self) -> dict[str, str]:
        """Return the field of each header; call it on a valid form."""
        return {header: self.cleaned_data[name] for name, header in self.headers.items()}


class ProposalForm(forms.Form):
    """One question and answer as drawn from a document."""

    position = forms.IntegerField(widget=forms.HiddenInput)
    keep = forms.BooleanField(label=_("Take over"), required=False)
    question = TextField(
        label=_("Question"),
        max_length=QUESTION_LIMIT,
        widget=forms.Textarea(attrs={**INPUT, **AUTO_DIRECTION, "rows": 2}),
    )
    answer = TextField(
        label=_("Answer"),
        required=False,
        max_length=ANSWER_LIMIT,
        widget=forms.Textarea(attrs={**INPUT, **AUTO_DIRECTION, "rows": 6}),
    )
    category = forms.CharField(
        label=_("Category"),
        required=False,
        max_length=NAME_LIMIT,
        widget=forms.TextInput(attrs={**INPUT, **AUTO_DIRECTION}),
    )

    def clean_question(self) -> str:
        return single_line(self.cleaned_data["question"])

    def clean_category(self) -> str:
        category = single_line(self.cleaned_data["category"])
        refuse_control_characters(category)
        return category

    def draft(self, row: FaqUploadRow) -> FaqDraft:
        """Return the row's entry as corrected; call it on a valid form."""
        before = FaqDraft.from_json(row.draft or {})
        data = self.cleaned_data
        alternates = [text for text in before.questions[1:] if text != data["question"]]
        return replace(
            before,
            questions=(data["question"], *alternates),
            answer=data["answer"].strip(),
            category=data["category"],
        )


ProposalFormSet = forms.formset_factory(
    ProposalForm, extra=0, max_num=100, absolute_max=100, validate_max=True
)


def proposals(rows: Sequence[FaqUploadRow], data: Any = None) -> "forms.BaseFormSet[ProposalForm]":
    """Return the forms for some rows of a document."""
    initial = []
    for row in rows:
        draft = FaqDraft.from_json(row.draft or {})
        initial.append(
            {
                "position": row.position,
                "keep": not row.is_left_out,
                "question": draft.questions[0],
                "answer": draft.answer,
                "category": draft.category,
            }
        )
    return ProposalFormSet(data, initial=initial, prefix="rows")
