"""The Training screen and a run's page, in every state a run can be in."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from chatbot import versions
from chatbot.admin import training_charts, training_words, version_words
from chatbot.models import TrainingRun
from customers.models import AuditRecord, LocaleProfile
from tests.chatbot import trainings
from tests.customers.screens import make_entries, make_profile, screen

pytestmark = pytest.mark.django_db
TRAINING = reverse("knowledge:training")
START = reverse("knowledge:training_start")
State = TrainingRun.State


@pytest.fixture
def profile() -> LocaleProfile:
    profile = make_profile("demo")
    make_entries(profile, 10)
    return profile


def run_of(profile: LocaleProfile, **values: Any) -> TrainingRun:
    return TrainingRun.objects.create(profile=profile, **{"author": "lena", **values})


def page(client: Client, run: TrainingRun) -> str:
    response = client.get(reverse("knowledge:training_run", args=[run.pk]))
    assert response.status_code == 200
    return response.content.decode()


def told(client: Client, run: TrainingRun) -> Mapping[str, Any]:
    response = client.get(reverse("knowledge:training_progress", args=[run.pk]))
    assert "no-store" in response["Cache-Control"]
    said: Mapping[str, Any] = response.json()
    return said


# ---------------------------------------------------------------- the button


def test_the_button_begins_one_training(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    assert START in client.get(TRAINING).content.decode()
    first = client.post(START, {"profile": profile.pk})
    run = TrainingRun.objects.get()
    assert first["Location"] == reverse("knowledge:training_run", args=[run.pk])
    assert (run.state, run.author, run.trigger) == ("waiting", "lena", "button")
    assert client.post(START, {"profile": profile.pk})["Location"] == first["Location"]
    assert TrainingRun.objects.count() == 1
    assert ProcrastinateJob.objects.filter(task_name="chatbot.tasks.train_profile").count() == 1
    assert AuditRecord.objects.filter(action="training_start", actor="lena").count() == 1
    shown = client.get(TRAINING).content.decode()
    assert "Watch the training" in shown
    assert START not in shown


def test_cancelling_ends_it_at_once(login: Callable[..., Client], profile: LocaleProfile) -> None:
    client = login(demo="support")
    client.post(START, {"profile": profile.pk})
    run = TrainingRun.objects.get()
    cancel = reverse("knowledge:training_cancel", args=[run.pk])
    assert cancel in page(client, run)
    assert client.get(cancel).status_code == 405
    for _twice in range(2):
        assert client.post(cancel).status_code == 302
    run.refresh_from_db()
    assert run.state == "cancelled"
    text = page(client, run)
    assert "This training was cancelled. It left nothing behind" in text
    assert cancel not in text
    assert START in text


def test_a_locale_that_is_switched_off_is_not_trained(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    LocaleProfile.objects.update(is_active=False)
    client = login(demo="support")
    response = client.post(START, {"profile": profile.pk}, follow=True)
    assert "de-DE is switched off." in response.content.decode()
    assert not TrainingRun.objects.exists()
    assert client.post(START, {"profile": "x"}).status_code == 404


# ---------------------------------------------------------------- a run


def test_a_waiting_run_says_how_many_go_first(login: Callable[..., Client], profile: LocaleProfile) -> None:
    run_of(make_profile("demo", "fr-FR"))
    run = run_of(profile)
    client = login(demo="support")
    assert told(client, run)["sentence"] == "Waiting: 1 training goes first. You need not stay on this page."
    assert 'data-waits="1"' in page(client, run)
    TrainingRun.objects.exclude(pk=run.pk).delete()
    assert "it is next" in told(client, run)["sentence"]


def test_a_running_run_is_followed(login: Callable[..., Client], profile: LocaleProfile) -> None:
    curve = [[1, 2.0, None], [10, 1.0, 1.5], [20, 0.5, 1.25]]
    run = run_of(
        profile, state=State.RUNNING, stage="tuning", step=20, steps=80, seconds_left=125.0, curve=curve
    )
    client = login(demo="support")
    said = told(client, run)
    assert [stage["state"] for stage in said["stages"]] == ["done", "done", "current", "todo", "todo", "todo"]
    assert [stage["said"] for stage in said["stages"]][:4] == ["done", "done", "under way", ""]
    assert said["stages"][2]["steps"] == "step 20 of 80"
    assert (said["waits"], said["percent"], said["left"]) == (True, 25, "about 2 minutes left")
    assert said["heard"] == "Last sign of life: just now"
    assert said["curve"]["y"] == ["0.00", "0.50", "1.00", "1.50", "2.00"]
    assert said["curve"]["lines"]["before"].count("L") == 2
    assert said["curve"]["lines"]["after"].count("L") == 1
    text = page(client, run)
    assert said["curve"]["lines"]["before"] in text
    assert 'aria-current="step"' in text
    TrainingRun.objects.update(progress_at=timezone.now() - dt.timedelta(seconds=100))
    quiet = told(client, run)
    assert quiet["heard"] == "Last sign of life: 2 minutes ago"
    assert "Nothing has been heard of this job for a while" in quiet["sentence"]
    TrainingRun.objects.update(state=State.FAILED, failure="error")
    after = told(client, run)
    assert after["mark"] != said["mark"]
    assert not after["waits"]


@pytest.mark.parametrize(
    ("values", "sentence", "offers"),
    [
        ({"state": "failed", "failure": "error", "stage": "fitting"}, "the log of the worker says why", True),
        ({"state": "failed", "failure": "nothing_to_learn"}, "the locale has no active FAQ", True),
        ({"state": "cancelled", "stage": "tuning"}, "the chat answers as before", True),
        ({"state": "waiting"}, "it is next", False),
        ({"state": "running"}, "The chat answers as before meanwhile", False),
    ],
)
def test_every_state_says_what_to_do_next(
    login: Callable[..., Client], profile: LocaleProfile, values: Any, sentence: str, offers: bool
) -> None:
    text = page(login(demo="support"), run_of(profile, **values))
    assert sentence in text
    assert (START in text) == offers


def test_a_finished_run_leads_to_its_version(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base")
    assert version.run is not None
    text = page(login(demo="support"), version.run)
    assert "Better than before" in text
    assert "“Right answer first” went from 33.3% to 83.3%, which is better." in text
    assert reverse("knowledge:version", args=[version.pk]) in text


# ---------------------------------------------------------------- the overview


def test_the_overview_says_what_is_live_and_what_has_moved_on(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="support")
    address = reverse("knowledge:training_moved", args=[profile.pk])
    assert address in client.get(TRAINING).content.decode()
    first = client.get(address).json()
    assert "there are 10 FAQs to learn from" in first["sentence"]
    assert not first["advises"]
    version = trainings.version_of(profile, "base")
    candidate = client.get(TRAINING).content.decode()
    assert "A version that is better waits to be promoted" in candidate
    change = versions.change_open(profile=profile, version=version, kind=versions.Kind.PROMOTED, actor="omar")
    versions.change_finish(change=change)
    shown = client.get(TRAINING)
    (card,) = shown.context["cards"]
    assert (card.live.version, card.live.author, card.live.right) == (version, "omar", "83.3%")
    assert card.candidate is None
    # The stored snapshot is empty, so all that there is now was added since.
    moved = client.get(address).json()
    assert moved["sentence"] == "10 changes to 10 FAQs since the live version learned: 10 added."
    assert moved["advises"]
    assert "waits to be promoted" not in shown.content.decode()
    versions.change_open(profile=profile, version=None, kind=versions.Kind.ROLLED_BACK, actor="omar")
    assert "A version is just being made live." in client.get(TRAINING).content.decode()


def test_the_overview_asks_a_bounded_number_of_queries(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    client = login(demo="support")
    with CaptureQueriesContext(connection) as one:
        client.get(TRAINING)
    for locale in ("fr-FR", "ja-JP", "ar-SA"):
        make_entries(make_profile("demo", locale), 3)
    with CaptureQueriesContext(connection) as four:
        client.get(TRAINING)
    assert len(four) == len(one), [query["sql"][:90] for query in four]


# ---------------------------------------------------------------- who may


def test_runs_are_the_tenants_own(
    login: Callable[..., Client], client: Client, profile: LocaleProfile
) -> None:
    run = run_of(profile)
    names = ("training_run", "training_progress")
    addresses = [reverse(f"knowledge:{name}", args=[run.pk]) for name in names]
    assert client.get(addresses[0]).status_code == 302
    make_profile("other")
    login(other="manager")
    assert [client.get(address).status_code for address in addresses] == [404, 404]
    assert client.post(reverse("knowledge:training_cancel", args=[run.pk])).status_code == 404
    assert client.post(START, {"profile": profile.pk}).status_code == 404
    assert client.get(TRAINING, {"tenant": "demo"}).status_code == 404
    assert client.get(reverse("knowledge:training_moved", args=[profile.pk])).status_code == 404
    run.refresh_from_db()
    assert (run.state, TrainingRun.objects.count()) == ("waiting", 1)


def test_a_post_needs_its_token(login: Callable[..., Client], profile: LocaleProfile) -> None:
    login(demo="support")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert strict.post(START, {"profile": profile.pk}).status_code == 403
    assert not TrainingRun.objects.exists()


def test_the_sidebar_leads_there(login: Callable[..., Client], profile: LocaleProfile) -> None:
    assert TRAINING in login(demo="support").get(screen("faqentry")).content.decode()


# ---------------------------------------------------------------- words


def test_every_code_has_words() -> None:
    from chatbot.learning import gate, judging, lesson

    assert set(training_words.SKIPPED) == set(lesson.SKIPPED)
    assert set(version_words.ORIGINS) == set(judging.ORIGINS)
    assert set(version_words.TITLES) == set(gate.CODES)
    assert {*gate.MARGINS, *gate.SPEED_SLACK} <= set(version_words.METRICS)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (150, "2 minutes"), (7300, "2 hours")],
)
def test_durations(seconds: float, words: str) -> None:
    assert training_words.duration(seconds) == words


def test_a_loss_that_is_no_number_breaks_no_drawing() -> None:
    nothing = training_charts.loss_chart([])
    assert [line.path for line in nothing.lines] == ["", ""]
    odd = training_charts.loss_chart([[1, float("nan"), None], [2, float("inf"), None], [3, 0.0, None]])
    assert "nan" not in odd.lines[0].path
    assert odd.lines[0].path.startswith("M")


def test_the_generators_stages_are_shown_where_it_is_taught(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    LocaleProfile.objects.update(train_generator=True)
    client = login(demo="support")
    client.post(START, {"profile": profile.pk})
    run = TrainingRun.objects.get()
    assert run.with_generator
    TrainingRun.objects.update(state=State.RUNNING, stage="generator", step=30, steps=60)
    stages = told(client, run)["stages"]
    assert [stage["name"] for stage in stages][-4:] == ["evaluating", "generator", "exam", "saving"]
    assert (stages[-3]["label"], stages[-3]["steps"]) == ("teaching the generator", "step 30 of 60")
    # What the profile wants by now does not change what the run does.
    LocaleProfile.objects.update(train_generator=False)
    assert len(told(client, run)["stages"]) == len(stages)
