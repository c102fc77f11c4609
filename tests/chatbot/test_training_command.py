"""`manage.py retrain`: what it prints, what it makes live, and what it refuses."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatbot import training, training_files, versions
from chatbot.models import ModelVersion, TrainingRun, VersionChange
from customers import services
from customers.models import LocaleProfile
from tests.chatbot import trainings
from tests.chatbot.jobs import forget_jobs, waiting
from tests.chatbot.trainings import Rehearsal, rehearse
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

State = TrainingRun.State


@pytest.fixture(autouse=True)
def weights(model_folder: Path, settings: Any, tmp_path: Path) -> None:
    """The encoder, and a folder for what a training keeps."""
    settings.MODEL_DIR = settings.VAR_DIR / "models"
    settings.VAR_DIR = tmp_path


@pytest.fixture
def profile(transactional_db: None) -> LocaleProfile:
    forget_jobs()
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=trainings.FAQ, actor="test")
    return profile


def retrain(*options: str, tenant: str = "demo", locale: str = "de-DE") -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("retrain", "--tenant", tenant, "--locale", locale, *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_prints_the_report(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    out, err = retrain("--json", "--seed", "3", locale="de-de")
    found = json.loads(out)
    version = ModelVersion.objects.get()
    assert (found["version"], found["promoted"], found["judged_against"]) == (version.name, False, None)
    assert (found["verdict"]["code"], found["skipped"], version.seed) == ("better", ["no_alternates"], 3)
    assert found["report"]["metrics"]["hit@1"]["after"] == pytest.approx(50 / 60)
    assert (found["data_sha256"], found["data"]) == (version.data_sha256, {"entries": 2})
    lines = err.split("\n")
    assert [line for line in lines if line and not line.startswith(" ")] == [*trainings.STAGES, "saving"]
    assert waiting() == []
    run = TrainingRun.objects.get()
    assert (run.trigger, run.author, run.state) == ("command", "retrain", State.FINISHED)
    out, _err = retrain()
    assert f"{ModelVersion.objects.order_by('-pk')[0].name}: better, not live" in out
    assert "hit@1" in out
    assert "left out: no_alternates" in out


def test_promote_makes_a_better_version_live(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    found = json.loads(retrain("--json", "--promote")[0])
    version = versions.live(profile_id=profile.pk)
    assert version is not None
    assert (found["promoted"], found["version"]) == (True, version.name)
    rehearse(monkeypatch, Rehearsal(outcome=trainings.WORSE))
    found = json.loads(retrain("--json", "--promote")[0])
    assert (found["promoted"], found["verdict"]["code"], found["judged_against"]) == (
        False, "worse", version.name,
    )  # fmt: skip
    assert versions.live(profile_id=profile.pk) == version


def test_the_profiles_rule_holds_here_too(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    LocaleProfile.objects.update(auto_promote=True)
    rehearse(monkeypatch)
    assert json.loads(retrain("--json")[0])["promoted"] is True
    assert VersionChange.objects.get().kind == "auto"


def test_who_is_served_by_no_locale_is_told_so(profile: LocaleProfile) -> None:
    with pytest.raises(CommandError, match="has no active locale “fr-FR”"):
        retrain(locale="fr-FR")
    with pytest.raises(CommandError, match="--seed must be 0 or more"):
        retrain("--seed", "-1")


def test_one_training_at_a_time(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    run = training.run_open(profile=profile, actor="lena")
    with pytest.raises(CommandError, match=rf"run {run.pk}, started by lena"):
        retrain()
    training.run_cancel(run_id=run.pk, actor="lena")
    retrain()


def test_a_run_whose_command_was_killed_is_gone_on_with(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    run = training.run_open(profile=profile, actor="retrain", trigger=training.Trigger.COMMAND)
    training.run_claim(run_id=run.pk)
    with pytest.raises(CommandError, match="is being trained already"):
        retrain()
    TrainingRun.objects.update(progress_at=timezone.now() - dt.timedelta(seconds=training.LEASE_SECONDS + 1))
    with pytest.raises(CommandError, match="cut short with --seed 0"):
        retrain("--seed", "1")
    retrain()
    run.refresh_from_db()
    assert (run.state, run.attempt, ModelVersion.objects.count()) == (State.FINISHED, 2, 1)


def test_an_interrupted_command_leaves_nothing_behind(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(stage: str, number: int) -> None:
        raise KeyboardInterrupt

    rehearse(monkeypatch, Rehearsal(on_step=interrupt))
    with pytest.raises(KeyboardInterrupt):
        retrain()
    run = TrainingRun.objects.get()
    assert (run.state, ModelVersion.objects.count()) == (State.CANCELLED, 0)
    rehearse(monkeypatch)
    retrain()
    assert not training_files.checkpoints_of(run).exists()


def test_a_failure_and_an_empty_faq(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stage: str, number: int) -> None:
        raise OSError(28, "No space left on device")

    rehearse(monkeypatch, Rehearsal(on_step=fail))
    with pytest.raises(OSError, match="No space left"):
        retrain()
    assert TrainingRun.objects.get().state == State.FAILED
    profile.faq.update(is_active=False)
    rehearse(monkeypatch)
    with pytest.raises(CommandError, match="no active FAQ"):
        retrain()


def test_a_run_that_is_cancelled_in_the_admin(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(stage: str, number: int) -> None:
        training.run_cancel(run_id=TrainingRun.objects.get().pk, actor="lena")

    rehearse(monkeypatch, Rehearsal(on_step=cancel))
    with pytest.raises(CommandError, match="was cancelled in the admin"):
        retrain()
