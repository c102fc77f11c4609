"""The admin's forms: everything a support person enters is checked here, in words they can act on."""

import contextlib
import zoneinfo
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from customers import culture
from customers.faq_file.model import (
    ALTERNATE_LIMIT,
    ALTERNATES_LIMIT,
    ANSWER_LIMIT,
    NAMES_LIMIT,
    QUESTION_LIMIT,
)
from customers.faq_file.text import has_separator, single_line
from customers.faq_file.values import derive_id
from customers.fields import (
    AUTO_DIRECTION,
    HoursField,
    LinesField,
    NamesField,
    SynonymsField,
    TextField,
    TextsField,
    refuse_control_characters,
)
from customers.models import FaqEntry, FaqQuestion, LocaleProfile, Tenant, validate_image_host
from customers.services import FaqDraft

PHRASE_LIMIT = 2_000
GREETING_LABELS = {
    "morning": _("In the morning"),
    "afternoon": _("In the afternoon"),
    "evening": _("In the evening"),
}
SOFTENER_LABELS = {
    "answer": _("Any composed answer"),
    "narrow": _("A part of a long answer"),
    "part": _("A part of what was shown before"),
    "joined": _("Several answers in one"),
}
CLOSING_LABELS = {"answer": _("At any time"), **GREETING_LABELS}
PHRASE_LABELS = {
    "ai_disclosure": _("Says that it is an AI"),
    "decline": _("Does not know the answer"),
    "clarify": _("Asks which question was meant"),
    "foreign_question": _("The message is in a language that is not offered"),
    "foreign_answer": _("Above an answer in another language"),
    "failed": _("Something went wrong"),
    "stopped": _("The visitor stopped the answer"),
    "handoff": _("Fetches a person"),
    "after_hours": _("Nobody is there at this hour"),
    "only_symbols": _("The message has no words"),
    "legal_notice": _("Legal notice under the chat"),
}


def time_zone_choices() -> list[tuple[str, str]]:
    """Return the IANA time zones for a select."""
    return [("", "")] + [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


def unknown_keys(profile: LocaleProfile, keys: list[str]) -> list[str]:
    """Return those of the FAQ ids that the profile has no entry for, in their order."""
    known = set(FaqEntry.objects.filter(profile=profile, key__in=keys).values_list("key", flat=True))
    return [key for key in keys if key not in known]


def require_known_keys(profile: LocaleProfile, keys: list[str]) -> None:
    """Refuse FAQ ids that the profile has no entry for."""
    if unknown := unknown_keys(profile, keys):
        raise ValidationError(
            _("There is no FAQ with this id in %(profile)s: %(keys)s."),
            params={"profile": profile, "keys": ", ".join(unknown)},
        )


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A business and the sites that may open its chat."""

    allowed_origins = LinesField(
        label=_("Allowed origins"),
        required=False,
        line_limit=255,
        most=100,
        help_text=_(
            "Sites that may open the chat, one per line, such as https://shop.example. This site always may."
        ),
    )
    image_hosts = LinesField(
        label=_("Image hosts"),
        required=False,
        line_limit=253,
        most=50,
        help_text=_(
            "Answers may show images from these hosts, one per line, such as images.shop.example. "
            "Images from elsewhere become links."
        ),
    )

    class Meta:
        model = Tenant
        fields = ["name", "slug", "default_locale", "allowed_origins", "image_hosts", "is_active"]

    def clean_allowed_origins(self) -> list[str]:
        return list(dict.fromkeys(self._origin(line) for line in self.cleaned_data["allowed_origins"]))

    def clean_image_hosts(self) -> list[str]:
        return list(dict.fromkeys(self._image_host(line) for line in self.cleaned_data["image_hosts"]))

    @staticmethod
    def _image_host(line: str) -> str:
        """Return the host in lower case and IDNA-encoded; a leading https:// and a closing slash are forgiven."""
        host = line.lower().removeprefix("https://").removesuffix("/")
        # What has no IDNA form is left as it is: the validator refuses it and names it.
        with contextlib.suppress(UnicodeError):
            host = host if host.isascii() else host.encode("idna").decode()
        validate_image_host(host)
        return host

    @staticmethod
    def _origin(line: str) -> str:
        """Return scheme, host and port in lower case, as browsers send them; refuse anything more."""
        problem = ValidationError(
            _("“%(line)s” is not a site: write only https://, the host and, if unusual, the port."),
            params={"line": line},
        )
        try:
            parts = urlsplit(line)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise problem from None
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
        if (
            parts.scheme not in {"http", "https"}
            or not host
            or extra
            or any(c.isspace() or c == "*" for c in line)
        ):
            raise problem
        host = host if host.isascii() else host.encode("idna").decode()
        host = f"[{host}]" if ":" in host else host
        default = {"http": 80, "https": 443}[parts.scheme]
        return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a tenant speaks to one market, without any JSON to write."""

    greetings = TextsField(label=_("Greetings"), labels=GREETING_LABELS, limit=PHRASE_LIMIT)
    phrases = TextsField(
        label=_("Phrases"), labels={name: PHRASE_LABELS[name] for name in culture.PHRASES}, limit=PHRASE_LIMIT
    )
    softeners = TextsField(
        label=_("Softeners"),
        labels=SOFTENER_LABELS,
        limit=PHRASE_LIMIT,
        help_text=_("What opens an answer that was put together for the question. Most need nothing."),
    )
    closings = TextsField(
        label=_("Closings"),
        labels=CLOSING_LABELS,
        limit=PHRASE_LIMIT,
        help_text=_("What closes such an answer. Most need nothing."),
    )
    connectives = LinesField(
        label=_("Connectives"),
        required=False,
        line_limit=100,
        most=50,
        help_text=_("Short joiners between two approved sentences, one per line."),
    )
    suggestions = NamesField(
        label=_("Suggested questions"),
        required=False,
        line_limit=128,
        most=10,
        help_text=_("Ids of the FAQs offered when a chat opens, separated by commas."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=time_zone_choices, widget=UnfoldAdminSelect2Widget
    )
    hours = HoursField(
        label=_("Opening hours"),
        help_text=_("When people answer, in the time zone above. Leave a day empty when nobody is there."),
    )
    synonyms = SynonymsField(
        label=_("Synonyms"),
        required=False,
        rows=8,
        help_text=_("Words that mean the same here, one line each: term = other, other"),
    )
    forbidden_claims = LinesField(
        label=_("Forbidden claims"),
        required=False,
        rows=6,
        line_limit=200,
        most=200,
        help_text=_("What must never be promised in this market, one per line."),
    )

    class Meta:
        model = LocaleProfile
        fields = [
            *("tenant", "locale", "is_active", "brand", "persona_name", "persona_role", "formality"),
            *("greetings", "phrases", "softeners", "closings", "connectives", "suggestions"),
            *(
                "currency",
                "time_zone",
                "hours",
                "synonyms",
                "forbidden_claims",
                "max_wrong_percent",
                "highest_level",
            ),
            *("foreign_answers", "retention_days"),
            *("auto_promote", "retrain_after", "train_generator"),
        ]

    def clean_suggestions(self) -> list[str]:
        keys: list[str] = self.cleaned_data["suggestions"]
        if self.instance.pk:
            require_known_keys(self.instance, keys)
        elif keys:
            raise ValidationError(
                _("This locale has no FAQs yet: save it, add them, then choose suggestions.")
            )
        return keys


class FaqForm(forms.ModelForm):  # type: ignore[type-arg]
    """One approved answer, its question, and the other ways customers ask it."""

    key = forms.CharField(
        label=_("Id"),
        max_length=128,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"dir": "ltr"}),
        help_text=_("The topic's id, shared by the tenant's locales. Leave it empty to have one made."),
    )
    question = TextField(
        label=_("Question"), rows=2, max_length=QUESTION_LIMIT, help_text=_("As customers see it.")
    )
    alternates = LinesField(
        label=_("Other ways to ask it"),
        required=False,
        rows=6,
        line_limit=ALTERNATE_LIMIT,
        most=ALTERNATES_LIMIT,
        help_text=_(
            "One per line, in customers' own words: the more different they are, the more is recognised."
        ),
    )
    answer = TextField(
        label=_("Answer"), required=False, rows=12, max_length=ANSWER_LIMIT, help_text=_("Markdown.")
    )
    category = forms.CharField(
        label=_("Category"),
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=AUTO_DIRECTION),
    )
    tags = NamesField(
        label=_("Tags"), required=False, line_limit=64, most=NAMES_LIMIT, help_text=_("Separated by commas.")
    )
    follow_ups = NamesField(
        label=_("Follow-ups"),
        required=False,
        line_limit=128,
        most=NAMES_LIMIT,
        help_text=_("Ids of the FAQs to offer after this answer, separated by commas."),
    )

    class Meta:
        model = FaqEntry
        fields = [
            "profile",
            "key",
            "category",
            "answer",
            "tags",
            "follow_ups",
            "valid_from",
            "valid_until",
            "is_active",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            texts = [question.text for question in self.instance.questions.all()]
            self.initial["question"] = texts[0] if texts else ""
            self.initial["alternates"] = texts[1:]

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"]).strip()
        refuse_control_characters(key)
        if has_separator(key):
            raise ValidationError(_("An id has no commas, semicolons or line breaks."))
        return key

    def clean_question(self) -> str:
        return single_line(self.cleaned_data["question"])

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        profile = data.get("profile") or (self.instance.profile if self.instance.pk else None)
        start, end = data.get("valid_from"), data.get("valid_until")
        if start and end and end < start:
            self.add_error("valid_until", _("The last day is before the first."))
        if profile is None:
            return data
        question = data.get("question")
        if question and not data.get("key") and not self.instance.pk:
            data["key"] = derive_id(profile.locale, question)
        if question:
            self._refuse_taken(profile, question)
        try:
            require_known_keys(profile, data.get("follow_ups", []))
        except ValidationError as error:
            self.add_error("follow_ups", error)
        return data

    def _refuse_taken(self, profile: LocaleProfile, question: str) -> None:
        """Refuse a question that another entry already answers: the two would compete for every customer."""
        taken = FaqQuestion.objects.filter(entry__profile=profile, position=0, text__iexact=question)
        other = taken.exclude(entry=self.instance.pk).select_related("entry").first()
        if other is not None:
            self.add_error(
                "question",
                ValidationError(
                    _("The FAQ “%(key)s” already answers this question."), params={"key": other.entry.key}
                ),
            )

    def draft(self) -> FaqDraft:
        """Return the entry as entered; call it on a valid form."""
        data = self.cleaned_data
        alternates = (text for text in data["alternates"] if text != data["question"])
        return FaqDraft(
            key=self.instance.key,
            questions=(data["question"], *alternates),
            answer=data["answer"].strip(),
            category=data["category"],
            tags=tuple(data["tags"]),
            follow_ups=tuple(data["follow_ups"]),
            valid_from=data["valid_from"],
            valid_until=data["valid_until"],
            is_active=data["is_active"],
        )
