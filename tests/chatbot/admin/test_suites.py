"""Test runs in the admin, with the real model."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot.admin import suites as screens
from chatbot.models import SuiteResult, SuiteRun
from chatbot.serving import serving
from customers import services
from customers.models import LocaleProfile
from customers.models import TestQuestion as Trial
from customers.services import FaqDraft
from tests.customers.screens import make_profile, screen

pytestmark = pytest.mark.django_db
SUITES = reverse("knowledge:suites")
RUN = reverse("knowledge:suite_run")
FAQ = {
    "shipping": (("How much is shipping?", "delivery cost"), "It is free."),
    "returns": (("Can I return an item?", "send something back"), "Yes, within 30 days."),
    "hours": (("When are you open?", "opening hours"), "From 9 to 6."),
    "invoice": (("Where is my invoice?", "get a receipt"), "In your account."),
}


@pytest.fixture
def profile(serve: Callable[[], None]) -> LocaleProfile:
    profile = make_profile("demo", "en-US")
    drafts = [FaqDraft(key=key, questions=q, answer=a) for key, (q, a) in FAQ.items()]
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    serve()
    return profile


def question(profile: LocaleProfile, text: str, *keys: str, lang: str = "") -> Trial:
    return Trial.objects.create(profile=profile, text=text, expected_keys=list(keys), lang=lang)


def run(client: Client, profile: LocaleProfile) -> SuiteRun:
    response = client.post(RUN, {"profile": profile.pk})
    assert response.status_code == 302
    found = SuiteRun.objects.order_by("-pk")[0]
    assert response["Location"] == reverse("knowledge:suite", args=[found.pk])
    return found


def verdicts(run: SuiteRun) -> dict[str, tuple[str, str]]:
    return {result.text: (result.verdict, result.change) for result in run.results.all()}


def test_a_run_shows_what_is_right_and_what_has_changed(
    login: Callable[..., Client], profile: LocaleProfile, serve: Callable[[], None]
) -> None:
    question(profile, "How much is shipping?", "shipping")
    question(profile, "When are you open?", "invoice", "hours")
    question(profile, "Can I return an item?", "invoice")
    question(profile, "Who is the king of France?")
    question(profile, "What about the zorblax?", "shipping")
    client = login(demo="support")
    first = run(client, profile)
    bundle = serving.bundle(profile.pk)
    assert (first.state, first.author, first.total, first.done) == ("finished", "lena", 5, 5)
    assert (first.model, first.revision, first.answer_from) == (
        bundle.version, bundle.revision, bundle.ranker.answer_from,
    )  # fmt: skip
    found = verdicts(first)
    assert found["How much is shipping?"] == ("right", "new")
    assert found["When are you open?"] == ("right", "new")
    assert found["Can I return an item?"] == ("wrong_answer", "new")
    assert found["Who is the king of France?"] == ("right", "new")
    assert found["What about the zorblax?"][0] in {"declined", "asked_back"}

    drafts = [
        FaqDraft(
            key="shipping", questions=("How much is shipping?", "What about the zorblax?"), answer="Free."
        ),
        FaqDraft(key="invoice", questions=("Where is my invoice?", "Who is the king of France?"), answer="x"),
    ]
    services.faq_import(profile=profile, drafts=drafts, actor="test")
    serve()
    second = run(client, profile)
    found = verdicts(second)
    assert found["What about the zorblax?"] == ("right", "better")
    assert found["Who is the king of France?"] == ("wrong_answer", "worse")
    assert found["How much is shipping?"] == ("right", "same")
    page = client.get(reverse("knowledge:suite", args=[second.pk]))
    listed = [result.text for result in page.context["page"]]
    assert listed[:3] == [
        "Who is the king of France?", "What about the zorblax?", "Can I return an item?",
    ]  # fmt: skip
    assert [figure.value for figure in page.context["figures"]] == [60, 60, 100]
    assert page.context["before"] == first
    for text in ("Newly wrong", "Newly right", "95% interval", bundle.version):
        assert text in page.content.decode()
    only = client.get(reverse("knowledge:suite", args=[second.pk]), {"show": "worse"})
    assert [result.text for result in only.context["page"]] == ["Who is the king of France?"]
    overview = client.get(SUITES).content.decode()
    assert "60%" in overview
    assert "1 question went wrong that was right before." in overview


def test_a_miss_leads_to_its_explanation(login: Callable[..., Client], profile: LocaleProfile) -> None:
    question(profile, "Can I return an item?", "invoice")
    client = login(demo="support")
    shown = run(client, profile)
    address = reverse("knowledge:suite_why", args=[shown.pk, 0])
    assert address in client.get(reverse("knowledge:suite", args=[shown.pk])).content.decode()
    page = client.get(address)
    assert page.context["why"].found[0].candidates[0].key == "returns"
    assert "Wrong answer" in page.content.decode()
    assert client.get(reverse("knowledge:suite_why", args=[shown.pk, 1])).status_code == 404


def test_a_question_in_another_locale_is_answered_there(
    login: Callable[..., Client], profile: LocaleProfile, serve: Callable[[], None]
) -> None:
    german = make_profile("demo", "de-DE")
    draft = FaqDraft(
        key="returns", questions=("Kann ich etwas zurückgeben?", "Rückgabe meiner Bestellung"), answer="Ja."
    )
    services.faq_entry_save(profile=german, draft=draft, actor="test")
    serve()
    question(profile, "Kann ich etwas zurückgeben?", "returns", lang="de-DE")
    question(profile, "Rückgabe meiner Bestellung", "returns")
    found = verdicts(run(login(demo="support"), profile))
    assert found["Kann ich etwas zurückgeben?"][0] == "right"
    assert found["Rückgabe meiner Bestellung"][0] == "wrong_language"


def test_what_takes_long_is_left_to_the_worker(
    login: Callable[..., Client], profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        question(profile, f"Can I return item {number}?", "returns")
    monkeypatch.setattr(screens, "AT_ONCE", 2)
    client = login(demo="support")
    waiting = run(client, profile)
    assert run(client, profile) == waiting
    assert waiting.state == "waiting"
    job = ProcrastinateJob.objects.get(status="todo")
    assert (job.task_name, job.args) == ("chatbot.tasks.suite_answer", {"run_id": waiting.pk})
    told = client.get(reverse("knowledge:suite_progress", args=[waiting.pk])).json()
    assert (told["waits"], told["done"], told["total"]) == (True, 0, 3)
    assert "Waiting for the background worker" in told["sentence"]
    assert 'data-waits="1"' in client.get(reverse("knowledge:suite", args=[waiting.pk])).content.decode()


def test_a_busy_engine_leaves_it_to_the_worker(
    login: Callable[..., Client], profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise TimeoutError

    question(profile, "Can I return an item?", "returns")
    monkeypatch.setattr(serving.engine, "embed_bulk", busy)
    assert run(login(demo="support"), profile).state == "running"
    assert ProcrastinateJob.objects.filter(task_name="chatbot.tasks.suite_answer").count() == 1


def test_what_cannot_be_run_is_said(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    response = client.post(RUN, {"profile": profile.pk}, follow=True)
    assert "en-US has no test questions yet." in response.content.decode()
    asleep = make_profile("demo", "fr-FR")
    asleep.is_active = False
    asleep.save()
    question(asleep, "x")
    assert "fr-FR is switched off." in client.post(RUN, {"profile": asleep.pk}, follow=True).content.decode()
    assert not SuiteRun.objects.exists()
    assert client.get(RUN).status_code == 405


def test_runs_are_the_tenants_own(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    question(profile, "secret words", "returns")
    shown = SuiteRun.objects.create(profile=profile)
    SuiteResult.objects.create(run=shown, position=0, text="secret words", lang="en-US")
    addresses = [
        reverse(f"knowledge:{name}", args=args)
        for name, args in (
            ("suite", [shown.pk]),
            ("suite_progress", [shown.pk]),
            ("suite_why", [shown.pk, 0]),
        )
    ]
    assert client.get(addresses[0]).status_code == 302
    make_profile("other")
    login(other="manager")
    assert [client.get(address).status_code for address in addresses] == [404, 404, 404]
    assert client.post(RUN, {"profile": profile.pk}).status_code == 404
    assert client.get(SUITES, {"tenant": "demo"}).status_code == 404
    assert SuiteRun.objects.count() == 1


def test_pages_ask_a_bounded_number_of_queries(login: Callable[..., Client], profile: LocaleProfile) -> None:
    shown = SuiteRun.objects.create(profile=profile, state="finished")
    rows = [
        SuiteResult(run=shown, position=n, text=f"q{n}", lang="en-US", outcome="declined", verdict="declined",
                    change="new")
        for n in range(250)
    ]  # fmt: skip
    SuiteResult.objects.bulk_create(rows)
    client = login(demo="support")
    for address in (SUITES, reverse("knowledge:suite", args=[shown.pk])):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) <= 13, [query["sql"][:120] for query in queries]
    last: Any = client.get(reverse("knowledge:suite", args=[shown.pk]), {"part": "3"}).context["page"]
    assert [result.text for result in last][-1] == "q249"


def test_a_test_question_may_expect_several_faqs_and_a_locale(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    make_profile("demo", "de-DE")
    client = login(demo="support")
    form = {"profile": profile.pk, "text": "Versand?", "expected_keys": "shipping, hours", "lang": ""}
    for wrong in ({"expected_keys": "shipping, nowhere"}, {"lang": "fr-FR"}, {"lang": "de-DE"}):
        assert client.post(screen("testquestion", "add"), {**form, **wrong}).status_code == 200
    assert client.post(screen("testquestion", "add"), form).status_code == 302
    abroad = {**form, "text": "Was?", "expected_keys": "", "lang": "de-de"}
    assert client.post(screen("testquestion", "add"), abroad).status_code == 302
    assert sorted(Trial.objects.values_list("text", "expected_keys", "lang")) == [
        ("Versand?", ["shipping", "hours"], ""), ("Was?", [], "de-DE"),
    ]  # fmt: skip
    page = client.get(screen("testquestion"), {"q": "hours"})
    assert [row.text for row in page.context["cl"].result_list] == ["Versand?"]
    assert SUITES in page.content.decode()
