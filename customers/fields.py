"""Form fields that let a support person write lists and tables as plain lines."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS as WEEKDAY_NAMES
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from customers import culture
from customers.faq_file.text import forbidden_character, single_line, split_lines, split_names

AUTO_DIRECTION = {"dir": "auto"}
SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~〜～]\s*(\d{1,2}):(\d{2})")
SPAN_SEPARATOR = re.compile(r"[,;，；、،؛\n]")


def refuse_control_characters(text: str) -> None:
    """Refuse characters that no file format can carry, so that every entry can be exported."""
    if character := forbidden_character(text):
        raise ValidationError(
            _("The text contains %(character)s, an invisible control character: delete it."),
            params={"character": character},
        )


class TextField(forms.CharField):
    """A text of any script; its direction follows its first strong letter."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": rows, **AUTO_DIRECTION}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def validate(self, value: str) -> None:
        super().validate(value)
        refuse_control_characters(value)


class LinesField(TextField):
    """A list of texts, one per line; empty lines and repetitions are dropped."""

    def __init__(self, *, line_limit: int, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.line_limit = line_limit
        self.most = most

    def prepare_value(self, value: Any) -> Any:
        return (
            value
            if isinstance(value, str) or value is None
            else "\n".join(single_line(line) for line in value)
        )

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return list(dict.fromkeys(self.split(super().to_python(value))))

    def split(self, text: str) -> list[str]:
        return split_lines(text)

    def validate(self, value: list[str]) -> None:  # type: ignore[override]
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")
        if len(value) > self.most:
            raise ValidationError(
                _("At most %(most)s are possible, but there are %(count)s."),
                params={"most": self.most, "count": len(value)},
            )
        for line in value:
            refuse_control_characters(line)
            if len(line) > self.line_limit:
                raise ValidationError(
                    _("“%(line)s…” is %(length)s characters long; at most %(limit)s are possible."),
                    params={"line": line[:40], "length": len(line), "limit": self.line_limit},
                )

    def run_validators(self, value: Any) -> None:
        """The limits are those of each line, checked in `validate`."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != self.to_python(data)
        except ValidationError:
            return True


class NamesField(LinesField):
    """Short names such as tags, separated by commas of any script or by lines; shown with commas."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs=AUTO_DIRECTION))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else ", ".join(value)

    def split(self, text: str) -> list[str]:
        return split_names(text)


class SynonymsField(TextField):
    """A table of equivalent words, one `term = other, other` per line."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{term} = {', '.join(others)}" for term, others in value.items())

    def to_python(self, value: Any) -> dict[str, list[str]]:  # type: ignore[override]
        table: dict[str, list[str]] = {}
        for line in split_lines(super().to_python(value)):
            refuse_control_characters(line)
            term, equals, others = line.replace("＝", "=").partition("=")
            names = split_names(others)
            if not (equals and term.strip() and names):
                raise ValidationError(
                    _("Write “%(line)s” as “term = other, other”."), params={"line": line[:80]}
                )
            table.setdefault(term.strip(), []).extend(names)
        return {term: list(dict.fromkeys(names)) for term, names in table.items()}

    def validate(self, value: dict[str, list[str]]) -> None:  # type: ignore[override]
        """Every line was checked as it was read."""

    def run_validators(self, value: Any) -> None:
        """As above."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial or {}) != self.to_python(data)
        except ValidationError:
            return True


class LabelledWidget(forms.MultiWidget):
    """One labelled input per key of a JSON object."""

    template_name = "admin/labelled_inputs.html"

    def __init__(self, widgets: Mapping[str, forms.Widget], labels: Mapping[str, str | Promise]) -> None:
        super().__init__(dict(widgets))
        self.labels = labels

    def decompress(self, value: Any) -> list[Any]:
        value = value if isinstance(value, Mapping) else {}
        texts = [value.get(key, "") for key in self.labels]
        return [text if isinstance(text, str) else ", ".join(text) for text in texts]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        for subwidget, label in zip(context["widget"]["subwidgets"], self.labels.values(), strict=True):
            subwidget["label"] = label
        return context


class _KeyedField(forms.MultiValueField):
    """A JSON object with known keys, entered as one input per key; keys left empty are not stored."""

    def __init__(
        self, *, labels: Mapping[str, str | Promise], fields: Mapping[str, forms.Field], **kwargs: Any
    ) -> None:
        self.labels = labels
        super().__init__(
            list(fields.values()),
            widget=LabelledWidget({key: field.widget for key, field in fields.items()}, labels),
            require_all_fields=False,
            required=False,
            **kwargs,
        )

    def clean(self, value: Sequence[Any]) -> dict[str, Any]:
        """Return the object; each error names the input that it is about."""
        cleaned: dict[str, Any] = {}
        errors: list[ValidationError] = []
        for (key, label), field, text in zip(self.labels.items(), self.fields, value or (), strict=False):
            try:
                if content := field.clean(text):
                    cleaned[key] = content
            except ValidationError as error:
                errors += [ValidationError(f"{label}: {message}") for message in error.messages]
        if errors:
            raise ValidationError(errors)
        return cleaned

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return dict(initial or {}) != self.clean(data)
        except ValidationError:
            return True


class TextsField(_KeyedField):
    """Texts by name, one labelled textarea each."""

    def __init__(
        self, *, labels: Mapping[str, str | Promise], limit: int, rows: int = 2, **kwargs: Any
    ) -> None:
        fields = {key: TextField(required=False, max_length=limit, rows=rows) for key in labels}
        super().__init__(labels=labels, fields=fields, **kwargs)


class SpansField(forms.CharField):
    """The opening hours of one day: `09:00-12:00, 13:00-18:00`; empty is closed."""

    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": "09:00-12:00, 13:00-18:00", "dir": "ltr"})

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        texts = [
            text for part in SPAN_SEPARATOR.split(super().to_python(value) or "") if (text := part.strip())
        ]
        spans = sorted(self._span(text) for text in texts)
        for (_start, end), (start, _end) in itertools.pairwise(spans):
            if start < end:
                raise ValidationError(
                    _("The hours overlap: one span ends at %(end)s, the next starts at %(start)s."),
                    params={"end": end, "start": start},
                )
        return [f"{start}-{end}" for start, end in spans]

    def _span(self, text: str) -> tuple[str, str]:
        match = SPAN.fullmatch(text)
        if match is None:
            raise ValidationError(_("Write “%(text)s” as “09:00-18:00”."), params={"text": text})
        first_hour, first_minute, last_hour, last_minute = map(int, match.groups())
        start, end = first_hour * 60 + first_minute, last_hour * 60 + last_minute
        if max(first_minute, last_minute) > 59 or not 0 <= start < end <= 24 * 60:
            raise ValidationError(
                _("“%(text)s” is not a span within one day that ends after it starts; 24:00 is midnight."),
                params={"text": text},
            )
        return f"{first_hour:02}:{first_minute:02}", f"{last_hour:02}:{last_minute:02}"


class HoursField(_KeyedField):
    """Opening hours, one input per weekday; the value is that of `LocaleProfile.hours`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            labels={day: WEEKDAY_NAMES[number] for number, day in enumerate(culture.WEEKDAYS)},
            fields={day: SpansField(required=False, max_length=200) for day in culture.WEEKDAYS},
            **kwargs,
        )
