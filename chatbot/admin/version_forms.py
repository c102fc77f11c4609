"""What an admin enters about a version: why it shall go live against the gate, and the file of one made elsewhere."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from chatbot import version_files
from chatbot.admin.upload_forms import INPUT
from customers.fields import AUTO_DIRECTION, TextField

REASON_MAX_CHARS = 1000


class ReasonForm(forms.Form):
    """Why a version shall go live; required where the gate is against it."""

    reason = TextField(
        label=_("Reason"),
        max_length=REASON_MAX_CHARS,
        widget=forms.Textarea(attrs={**INPUT, **AUTO_DIRECTION, "rows": 3}),
        help_text=_("It is kept in the record of changes."),
    )

    def __init__(self, *args: Any, is_required: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = is_required
        if is_required:
            self.fields["reason"].error_messages["required"] = _("Say why it shall go live all the same.")


class UploadForm(forms.Form):
    """A version as another Kefu, or this one, gave it for download."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={**INPUT, "accept": ".zip,application/zip"}),
        help_text=_("A .zip as Kefu gives it for download, of a version tuned from the same encoder."),
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > version_files.MAX_BYTES:
            raise ValidationError(
                _(
                    "The file has %(size)s and the limit is %(limit)s. Choose a version that Kefu gave for download."
                ),
                params={
                    "size": filesizeformat(file.size or 0),
                    "limit": filesizeformat(version_files.MAX_BYTES),
                },
            )
        return file
