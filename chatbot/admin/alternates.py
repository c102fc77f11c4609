"""Adding a question that was really asked to the FAQ that should have answered it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from chatbot.admin import knowledge
from chatbot.answering.frame import render_markdown
from chatbot.answering.retrieve import has_words
from customers import access, culture, faq_store, services
from customers.faq_file.model import ALTERNATE_LIMIT, ALTERNATES_LIMIT
from customers.faq_file.text import single_line
from customers.fields import refuse_control_characters
from customers.models import FaqQuestion, LocaleProfile
from customers.services import FaqDraft

FAQS_OFFERED = 2_000
INPUT = {"class": "kn-input", "autocomplete": "off"}


class AlternateForm(forms.Form):
    """Which FAQ, and the words."""

    text = forms.CharField(
        label=gettext_lazy("The question, as it was asked"),
        max_length=ALTERNATE_LIMIT,
        widget=forms.Textarea(attrs=INPUT | {"rows": 2, "dir": "auto"}),
        help_text=gettext_lazy("Take out what is only this customer's: a name, a number, an address."),
    )
    key = forms.CharField(
        label=gettext_lazy("Id of the FAQ that answers it"),
        max_length=200,
        widget=forms.TextInput(attrs=INPUT | {"list": "kefu-faqs", "dir": "ltr"}),
    )

    def __init__(self, *args: Any, profile: LocaleProfile, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._profile = profile

    def clean_text(self) -> str:
        text = " ".join(single_line(self.cleaned_data["text"]).split())
        refuse_control_characters(text)
        if not has_words(text):
            raise ValidationError(_("Write a question in words."))
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        entry = entry_of(self._profile, data.get("key", ""))
        if data.get("key") and entry is None:
            self.add_error("key", _("There is no FAQ with this id."))
        if entry is not None and len(entry.questions) > ALTERNATES_LIMIT:
            self.add_error(
                "key",
                ValidationError(
                    _("This FAQ has %(count)s other ways to ask it already; more are not possible."),
                    params={"count": ALTERNATES_LIMIT},
                ),
            )
        if data.get("text"):
            self._refuse_taken(data["text"])
        return data

    def _refuse_taken(self, text: str) -> None:
        """Refuse words that lead to an FAQ already: twice in one they add nothing, in two they compete."""
        taken = FaqQuestion.objects.filter(entry__profile=self._profile, text__iexact=text)
        other = taken.select_related("entry").first()
        if other is not None:
            self.add_error(
                "text",
                ValidationError(
                    _("The FAQ “%(key)s” has these words already."), params={"key": other.entry.key}
                ),
            )


def entry_of(profile: LocaleProfile, key: str) -> FaqDraft | None:
    """Return the profile's entry with this id, if there is one."""
    return faq_store.load(profile_id=profile.pk, keys=[key]).get(key) if key and "\x00" not in key else None


@knowledge.for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Show the words and the FAQ that they are to lead to; a POST adds them."""
    try:
        profile = knowledge.profile_for(request, request.GET.get("profile"))
    except knowledge.BadRequest as problem:
        raise Http404 from problem
    if not knowledge.may(request, access.CHANGE, profile.tenant):
        raise PermissionDenied
    back = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("admin:customers_faqentry_changelist")
    form = AlternateForm(
        request.POST or None,
        profile=profile,
        initial={"key": request.GET.get("key", ""), "text": request.GET.get("text", "")},
    )
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["key"]
        services.faq_alternate_add(
            profile=profile, key=key, text=form.cleaned_data["text"], actor=request.user.get_username()
        )
        messages.success(
            request, _("Added to “%(key)s”. Customers get its answer in a moment.") % {"key": key}
        )
        return HttpResponseRedirect(back)
    entry = entry_of(profile, str(form["key"].value() or ""))
    offered = FaqQuestion.objects.filter(entry__profile=profile, position=0).order_by("entry__key")
    return knowledge.show(
        request,
        "admin/knowledge/alternate.html",
        title=_("Add a question to an FAQ"),
        profile=profile,
        form=form,
        entry=entry,
        # Safe: render_markdown sanitises.
        html=mark_safe(render_markdown(entry.answer, image_hosts=profile.tenant.image_hosts))  # noqa: S308
        if entry
        else "",
        direction=culture.direction_of(profile.locale),
        faqs=list(offered.values_list("entry__key", "text")[:FAQS_OFFERED]),
        back=back,
    )
