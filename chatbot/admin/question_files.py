"""Test questions from a file and to one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from chatbot.admin import knowledge
from customers import access, culture, question_file, services
from customers.faq_errors import refusal_sentence
from customers.faq_file.model import FileRefused
from customers.faq_file.writer import CONTENT_TYPES
from customers.models import LocaleProfile, TestQuestion

FILE_MAX_BYTES = 5_000_000


class FileForm(forms.Form):
    """A file of test questions."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=255,
        widget=forms.FileInput(attrs={"class": "kn-input", "accept": ".csv,.tsv,.xlsx,.ods"}),
        help_text=gettext_lazy(
            "CSV, TSV, XLSX or ODS. First column: the question. Second: the ids of the FAQs that may answer it, "
            "separated by commas; empty when it must be declined. Third, if another locale must answer: that locale."
        ),
    )

    def __init__(self, *args: Any, profile: LocaleProfile, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._profile = profile
        self.questions: list[TestQuestion] = []

    def clean_file(self) -> Any:
        """Read the file's questions; every error of every row is named."""
        file = self.cleaned_data["file"]
        if file.size > FILE_MAX_BYTES:
            raise forms.ValidationError(_("The file is too large."))
        try:
            rows = question_file.read(
                file.read(), filename=file.name, languages=[culture.language_of(self._profile.locale)]
            )
        except FileRefused as refusal:
            raise forms.ValidationError(refusal_sentence(refusal)) from None
        found = question_file.problems(rows, profile=self._profile)
        if found:
            raise forms.ValidationError(found[: question_file.PROBLEMS_SHOWN])
        self.questions = [
            TestQuestion(text=row.text, expected_keys=list(row.expected_keys), lang=row.lang) for row in rows
        ]
        return file


@knowledge.for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Offer a locale's test questions as a file; a POST adds those of a file, all or none."""
    try:
        profile = knowledge.profile_for(request, request.GET.get("profile"))
    except knowledge.BadRequest as problem:
        raise Http404 from problem
    permitted = access.access_of(request.user)
    may_add = permitted.allows(model="testquestion", act=access.ADD, tenant_id=profile.tenant_id)
    if request.GET.get("format") == "csv":
        return _download(profile)
    form = FileForm(request.POST or None, request.FILES or None, profile=profile)
    if request.method == "POST":
        if not may_add:
            raise PermissionDenied
        if form.is_valid():
            count = services.test_questions_import(
                profile=profile, questions=form.questions, actor=request.user.get_username()
            )
            text = ngettext(
                "%(count)s test question is new or changed.",
                "%(count)s test questions are new or changed.",
                count,
            )
            messages.success(request, text % {"count": count})
            return HttpResponseRedirect(f"{reverse('knowledge:suites')}?tenant={profile.tenant.slug}")
    return knowledge.show(
        request,
        "admin/knowledge/questions.html",
        title=_("Test questions"),
        profile=profile,
        form=form,
        may_add=may_add,
        count=TestQuestion.objects.filter(profile=profile).count(),
    )


def _download(profile: LocaleProfile) -> HttpResponse:
    questions = TestQuestion.objects.filter(profile=profile).order_by("pk")
    response = HttpResponse(question_file.write(questions), content_type=CONTENT_TYPES["csv"])
    name = f"{profile.tenant.slug}-{profile.locale}-test-questions.csv"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response
