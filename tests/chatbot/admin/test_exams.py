"""The pages of exams."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot import exams, generation
from chatbot.exam import results, traps
from chatbot.exam.exam import ask
from chatbot.models import ExamRun, LiveVersion, ModelVersion
from customers.models import LocaleProfile, TenantMember
from tests.chatbot import taught, trainings
from tests.chatbot.examining import FALSE, GENERATOR, SHORT, SOURCE, Candidate, key, use_traps
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db
EXAMS = reverse("knowledge:exams")
RUN = reverse("knowledge:exam_run")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "traps").mkdir()
    use_traps(tmp_path / "traps", monkeypatch)
    monkeypatch.setattr(generation, "version_for", lambda locale: GENERATOR)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    results.shipped.cache_clear()
    yield
    results.shipped.cache_clear()
    traps.load.cache_clear()


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo", "de-DE")


def sit(candidate: Candidate) -> ExamRun:
    run = exams.run_open(key=key(), actor="lena")
    exams.sit(run=run, key=key(), candidate=candidate)
    run.refresh_from_db()
    return run


def text(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_overview_says_where_the_model_stands(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    make_profile("demo", "it-IT")
    quiet = make_profile("demo", "en-US")
    quiet.highest_level = "verbatim"
    quiet.save()
    client = login(demo="manager")
    before = text(client, EXAMS)
    assert "The model has not sat this exam yet." in before
    assert "There is no exam in this language." in before
    assert "The locale profile allows no answers in the model&#x27;s own words." in before
    sit(Candidate({1: FALSE}))
    failed = text(client, EXAMS)
    assert "not passed" in failed
    assert "1 reply said what is false." in failed
    sit(Candidate())
    assert "100%" in text(client, EXAMS)


def test_the_button_has_the_worker_sit_it(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="manager")
    response = client.post(RUN, {"locale": "de-DE"})
    run = ExamRun.objects.get()
    assert (run.author, run.state, run.generator) == ("lena", "waiting", GENERATOR)
    assert response["Location"] == reverse("knowledge:exam", args=[run.pk])
    assert ProcrastinateJob.objects.get().task_name == "chatbot.tasks.exam_sit"
    assert client.post(RUN, {"locale": "de-DE"})["Location"] == response["Location"]
    page = text(client, reverse("knowledge:exam", args=[run.pk]))
    assert 'data-waits="1"' in page
    told = client.get(reverse("knowledge:exam_progress", args=[run.pk])).json()
    assert (told["waits"], told["done"], told["total"]) == (True, 0, 20)
    assert "Waiting for the background worker" in told["sentence"]


def test_every_failure_is_shown_with_what_is_wrong(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    run = sit(Candidate({3: FALSE, 5: SHORT}))
    client = login(demo="support")
    address = reverse("knowledge:exam", args=[run.pk])
    page = client.get(address)
    assert [row.key for row in page.context["rows"]] == ["negation-03", "negation-05"]
    html = page.content.decode()
    for shown in (
        FALSE,
        SHORT,
        SOURCE % 3,
        "It says what is false:",
        "yes, you can",
        "18 / 20",
        "Not passed",
    ):
        assert shown in html
    assert RUN not in html
    only = client.get(address, {"show": "missing"})
    assert [row.key for row in only.context["rows"]] == ["negation-05"]
    whole = client.get(address, {"show": ""})
    assert len(whole.context["rows"]) == 20
    assert "Passed" not in html


def test_an_exam_that_counts_no_more_says_so(
    login: Callable[..., Client], profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sit(Candidate())
    address = reverse("knowledge:exam", args=[run.pk])
    client = login(demo="support")
    assert "counts no more" not in text(client, address)
    monkeypatch.setattr(generation, "version_for", lambda locale: "another@1")
    assert "counts no more" in text(client, address)


def test_what_is_shipped_is_shown(login: Callable[..., Client], profile: LocaleProfile) -> None:
    address = reverse("knowledge:exam_shipped", args=["de-DE"])
    client = login(demo="support")
    assert client.get(address).status_code == 404
    candidate = Candidate({2: FALSE})
    sat = [asyncio.run(ask(trap, candidate)) for trap in traps.load("de-DE")]
    results.save([results.result_of(key(), sat, is_bare=False)])
    html = text(client, address)
    assert address in text(client, EXAMS)
    for shown in (FALSE, SOURCE % 2, "19 / 20", "before Kefu was shipped"):
        assert shown in html
    assert client.get(reverse("knowledge:exam_shipped", args=["xx-XX"])).status_code == 404


def test_what_cannot_be_examined_is_said(
    login: Callable[..., Client], profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login(demo="manager")
    assert client.post(RUN, {"locale": "../etc"}).status_code == 404
    assert client.get(RUN).status_code == 405
    monkeypatch.setattr(generation, "version_for", lambda locale: "")
    assert "nobody to examine" in client.post(RUN, {"locale": "de-DE"}, follow=True).content.decode()
    assert "No language model is installed." in text(client, EXAMS)
    assert not ExamRun.objects.exists()


def test_only_managers_have_exams_sat(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    run = sit(Candidate())
    address = reverse("knowledge:exam", args=[run.pk])
    assert client.get(address).status_code == 302
    assert client.post(RUN, {"locale": "de-DE"}).status_code == 302
    assert login(demo="support").post(RUN, {"locale": "de-DE"}).status_code == 403
    assert client.get(EXAMS, {"tenant": "other"}).status_code == 404
    assert ExamRun.objects.count() == 1


def test_pages_ask_a_bounded_number_of_queries(login: Callable[..., Client], profile: LocaleProfile) -> None:
    run = sit(Candidate(dict.fromkeys(range(15), SHORT)))
    client = login(demo="manager")
    for address in (EXAMS, reverse("knowledge:exam", args=[run.pk])):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) <= 16, [query["sql"][:120] for query in queries]


# ---------------------------------------------------------------- a version's own adapter


@pytest.fixture
def adapted(profile: LocaleProfile) -> ModelVersion:
    """A live version with an adapter that has passed a short exam."""
    made = taught.adapter(base=GENERATOR)
    own = exams.key_of("de-DE", adapter=made)
    assert own is not None
    version = trainings.version_of(profile, "base", taught=taught.taught(made, key=own))
    LiveVersion.objects.create(profile=profile, version=version)
    return version


def test_the_exam_of_an_adapter_is_its_tenants_alone(
    login: Callable[..., Client], adapted: ModelVersion
) -> None:
    """Its replies may hold what it has learned from the tenant's FAQ."""
    other = make_profile("other", "de-DE")
    run = ExamRun.objects.get()
    address = reverse("knowledge:exam", args=[run.pk])
    client = login(demo="manager")
    shown = text(client, address)
    assert "Secret words of the demo." in shown
    assert adapted.name in shown
    TenantMember.objects.update(tenant=other.tenant)
    assert client.get(address).status_code == 404
    assert client.get(reverse("knowledge:exam_progress", args=[run.pk])).status_code == 404
    assert client.post(RUN, {"locale": "de-DE", "version": adapted.pk}).status_code == 404
    assert f"exams/{run.pk}/" not in text(client, EXAMS)
    # Nor is it in the history of the exams that count for everybody.
    common = exams.run_open(key=key(), actor="lena")
    assert f"exams/{run.pk}/" not in text(client, reverse("knowledge:exam", args=[common.pk]))


def test_the_overview_shows_what_writes_for_the_profile(
    login: Callable[..., Client], adapted: ModelVersion
) -> None:
    client = login(demo="manager")
    shown = text(client, EXAMS)
    assert "With the adapter of version 1." in shown
    assert "1 / 1" in shown
    response = client.post(RUN, {"locale": "de-DE", "version": adapted.pk})
    run = ExamRun.objects.latest("pk")
    assert response["Location"] == reverse("knowledge:exam", args=[run.pk])
    assert (run.version, run.generator.partition("+")[0]) == (adapted, GENERATOR)
    assert client.post(RUN, {"locale": "de-DE", "version": "x"}).status_code == 404
