"""The generator as a stage of a training: taught on the FAQ, examined, judged, stored, and gone on with."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chatbot import (
    exam_candidate,
    exams,
    generation,
    training,
    training_files,
    training_generator,
    training_work,
    version_adapters,
    versions,
)
from chatbot.answering.language import Detector
from chatbot.engine import weights
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.generator.generator import Generator
from chatbot.engine.runtime import Engine
from chatbot.exam import results, traps
from chatbot.learning.rewriting import gate
from chatbot.learning.rewriting.gate import Teaching
from chatbot.live_models import LiveModels
from chatbot.models import ExamRun, LiveVersion, ModelVersion, TrainingRun, VersionAdapter, VersionChange
from chatbot.serving import Serving
from chatbot.training_progress import Stopped
from customers import services
from customers.models import FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.chatbot.examining import FALSE, SHORT, Candidate, use_traps
from tests.chatbot.jobs import forget_jobs, run_jobs
from tests.chatbot.tiny_models import write_tiny
from tests.chatbot.trainings import SAME, WORSE, Rehearsal, rehearse
from tests.customers.screens import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

State = TrainingRun.State
TRAPS = 4
FAQ = tuple(
    FaqDraft(
        key=f"topic-{number}",
        questions=(f"Was kostet {topic}?", f"Preis für {topic}"),
        answer=f"Für {topic} zahlen Sie {number + 2} Euro. Das gilt in Europa.",
    )
    for number, topic in enumerate(
        ("Versand", "ein Umtausch", "die Lampe", "das Öl", "ein Kabel", "der Stuhl", "ein Buch", "Geschenkpapier",
         "eine Reparatur", "ein Zimmer")
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny(folder)
    return folder


@pytest.fixture(autouse=True)
def installed(
    model_folder: Path, tiny_folder: Path, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A tiny generator, exams of four traps, and trainings that are short."""
    settings.MODEL_DIR = settings.VAR_DIR / "models"
    settings.VAR_DIR = tmp_path
    settings.GENERATOR_MODEL, settings.GENERATOR_PRECISION = str(tiny_folder), "fp32"
    settings.GENERATOR_MAX_TOKENS, settings.GENERATOR_THREADS = 16, 1
    monkeypatch.setattr(training_generator, "MOST_STEPS", 12)
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    (tmp_path / "traps").mkdir()
    use_traps(tmp_path / "traps", monkeypatch, count=TRAPS)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    results.shipped.cache_clear()
    forget_jobs()
    yield
    results.shipped.cache_clear()
    traps.load.cache_clear()


@pytest.fixture
def profile(transactional_db: None) -> LocaleProfile:
    profile = make_profile("demo")
    services.faq_import(profile=profile, drafts=FAQ, actor="test")
    LocaleProfile.objects.update(train_generator=True)
    profile.refresh_from_db()
    return profile


def opened(profile: LocaleProfile, *, seed: int = 7) -> TrainingRun:
    return training.run_open(profile=profile, actor="lena", seed=seed)


def train(run: TrainingRun, **how: Any) -> ModelVersion | None:
    return training_work.train(run_id=run.pk, **how)


def trained(profile: LocaleProfile, *, seed: int = 7) -> ModelVersion:
    version = train(opened(profile, seed=seed))
    assert version is not None
    return version


def teaching_of(version: ModelVersion) -> Teaching:
    return Teaching.from_json(version.teaching)


def examine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    before: dict[int, str] | None = None,
    after: dict[int, str] | None = None,
) -> list[str]:
    """Let the exam be replied to as told, with an adapter and without; returns who is asked what, as it goes on."""
    asked: list[str] = []

    class Noted(Candidate):
        async def reply(self, trap: Any) -> Any:
            asked.append(f"{self.version.rpartition('+')[2].partition('@')[0]} {trap.key[-1]}")
            return await super().reply(trap)

    def candidate(generator: Generator, locale: str, *, adapter: Adapter | None = None) -> Candidate:
        version = generator.version if adapter is None else generator.adapted(adapter).version
        return Noted(before if adapter is None else after, version=version)

    monkeypatch.setattr(exam_candidate, "candidate", candidate)
    return asked


# ---------------------------------------------------------------- what passes


def test_a_version_gets_an_adapter_that_has_learned_and_passed(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real training, a real exam and the real guard; only the encoder's part is rehearsed."""
    rehearse(monkeypatch)
    stages: list[str] = []
    run = opened(profile)
    version = train(run, echo=stages.append)
    assert version is not None
    assert [line for line in stages if not line.startswith(" ")][-3:] == ["generator", "exam", "saving"]
    teaching = teaching_of(version)
    assert (teaching.code, teaching.exam, teaching.is_live_kept) == (gate.PASSED, "de-DE", False)
    assert teaching.loss_before is not None
    assert teaching.loss_after is not None
    assert teaching.loss_after < teaching.loss_before
    assert 0 < teaching.steps <= 12
    # What the random model writes is refused, so the approved text is shown: right, in nobody's own words.
    assert teaching.before is not None
    assert teaching.after is not None
    assert teaching.before.score == teaching.after.score
    assert teaching.after.score.right == TRAPS
    adapter = version_adapters.adapter_of(version)
    assert adapter is not None
    installed = generation.version_for("de-DE")
    assert adapter.base == installed
    assert teaching.after.generator == f"{installed}+{adapter.version}"
    assert VersionAdapter.objects.get().data == version_adapters.load(version)
    assert version.adapter_bytes == len(version_adapters.load(version) or b"")
    # Both exams are kept, that of the adapter for its version alone.
    base, own = ExamRun.objects.order_by("pk")
    assert (base.generator, base.version, base.passed) == (installed, None, True)
    assert (own.generator, own.version, own.passed) == (teaching.after.generator, version, True)
    assert own.results.count() == TRAPS
    assert exams.may_generate(profile, adapter=adapter)
    assert not training_files.checkpoints_of(run).exists()


def test_the_same_data_teach_the_same(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    examine(monkeypatch)
    first, second = trained(profile), trained(profile)
    assert first.adapter_sha256 == second.adapter_sha256


def test_an_adapter_is_a_reason_to_promote_where_the_encoder_gained_nothing(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch, Rehearsal(outcome=SAME))
    examine(monkeypatch)
    version = trained(profile)
    assert (version.verdict["code"], version.verdict["passed"]) == ("better", True)
    assert [rise["metric"] for rise in version.verdict["rises"]] == ["reply_loss"]
    assert versions.may_promote(version=version)


def test_an_adapter_does_not_let_a_worse_encoder_pass(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch, Rehearsal(outcome=WORSE))
    examine(monkeypatch)
    version = trained(profile)
    assert teaching_of(version).passed
    assert (version.verdict["code"], list(version.verdict["rises"])) == ("worse", [])


def test_a_profile_that_does_not_want_it_gets_none(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    LocaleProfile.objects.update(train_generator=False)
    version = trained(profile)
    assert (version.teaching, version.adapter_sha256) == ({}, "")
    assert not ExamRun.objects.exists()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("after", "code"), [({2: FALSE}, gate.FORBIDDEN), ({2: SHORT}, gate.FEWER_RIGHT)])
def test_a_refused_adapter_does_not_refuse_the_version(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, after: dict[int, str], code: str
) -> None:
    rehearse(monkeypatch)
    examine(monkeypatch, after=after)
    version = trained(profile)
    teaching = teaching_of(version)
    assert teaching.code == code
    assert teaching.after is not None
    assert teaching.after.score.right == TRAPS - 1
    assert (version.adapter, version.adapter_sha256, version.verdict["code"]) == ({}, "", "better")
    assert not VersionAdapter.objects.exists()
    # Its replies stay to be looked at, and count for nothing.
    assert ExamRun.objects.filter(version=version).count() == 1


def test_as_many_right_as_what_is_live_are_enough(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    asked = examine(monkeypatch, before={0: FALSE, 1: SHORT}, after={1: SHORT})
    version = trained(profile)
    assert teaching_of(version).passed
    own = ExamRun.objects.get(version=version)
    assert (own.right, own.passed) == (TRAPS - 1, False)
    assert not exams.may_generate(profile, adapter=version_adapters.adapter_of(version))
    # The exam of what is live is not sat twice.
    del asked[:]
    trained(profile)
    assert {who.partition(" ")[0] for who in asked} == {"own"}


def test_one_that_has_not_learned_sits_no_exam(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    asked = examine(monkeypatch)
    monkeypatch.setattr(gate, "has_learned", lambda before, after: False)
    version = trained(profile)
    assert (teaching_of(version).code, version.adapter_sha256, asked) == (gate.LOSS, "", [])


def test_the_live_adapter_is_what_it_is_held_against_and_stays_where_none_is_better(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    examine(monkeypatch)
    first = trained(profile)
    own = ExamRun.objects.get(version=first)
    LiveVersion.objects.create(profile=profile, version=first)
    asked = examine(monkeypatch, after={3: SHORT})
    second = trained(profile, seed=8)
    teaching = teaching_of(second)
    assert (teaching.code, teaching.is_live_kept) == (gate.FEWER_RIGHT, True)
    assert teaching.before is not None
    assert teaching.before.generator == own.generator
    assert len(asked) == TRAPS, "the live adapter's exam is known"
    refused = ExamRun.objects.get(version=second, passed=False)
    assert refused.generator != own.generator
    assert second.adapter_sha256 == first.adapter_sha256
    assert version_adapters.load(second) == version_adapters.load(first)
    # What it has earned does not go with the version that it came with.
    LiveVersion.objects.update(version=second)
    versions.version_delete(version=first)
    assert exams.may_generate(profile, adapter=version_adapters.adapter_of(second))


@pytest.mark.parametrize("why", [gate.NO_GENERATOR, gate.NO_EXAM, gate.TOO_FEW, gate.UNFIT, gate.FAILED])
def test_what_cannot_be_taught_is_said(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, settings: Any, why: str
) -> None:
    rehearse(monkeypatch)
    if why == gate.NO_GENERATOR:
        settings.GENERATOR_MODEL = "none"
    if why == gate.NO_EXAM:
        monkeypatch.setattr(traps, "exam_of", lambda locale: "")
    if why == gate.TOO_FEW:
        FaqEntry.objects.exclude(key__in=["topic-0", "topic-1", "topic-2"]).update(is_active=False)
    if why == gate.UNFIT:
        monkeypatch.setattr("chatbot.learning.rewriting.run.LAYERS", ("gate", "experts"))
    if why == gate.FAILED:

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(training_generator, "train_adapter", broken)
    version = trained(profile)
    assert (teaching_of(version).code, version.adapter_sha256, version.verdict["code"]) == (why, "", "better")


# ---------------------------------------------------------------- interrupted


def test_a_trained_adapter_and_replies_are_gone_on_from(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    asked = examine(monkeypatch)
    run = opened(profile)
    with pytest.raises(Stopped):
        train(run, is_stopped=lambda: len(asked) == TRAPS + 2)
    run.refresh_from_db()
    assert (run.state, run.stage, ModelVersion.objects.count()) == (State.RUNNING, "exam", 0)
    folder = training_files.checkpoints_of(run)
    (torn,) = (path for path in folder.glob("exam-*.jsonl") if len(path.read_text().splitlines()) < TRAPS)
    torn.write_text(torn.read_text() + '{"key": "negation-')
    done = list(asked)
    del asked[:]

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it is trained already")

    monkeypatch.setattr(training_generator, "train_adapter", never)
    version = train(run)
    assert version is not None
    assert teaching_of(version).passed
    assert len(set(done) & set(asked)) <= 1, "but for the reply that was being written, none twice"
    assert set(done) | set(asked) == {f"{who} {n}" for who in ("tiny", "own") for n in range(TRAPS)}
    assert not folder.exists()


def test_another_faq_is_taught_anew(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    asked = examine(monkeypatch)
    run = opened(profile)
    with pytest.raises(Stopped):
        train(run, is_stopped=lambda: len(asked) == 1)
    before = (training_files.checkpoints_of(run) / "adapter.sha256").read_text()
    services.faq_import(
        profile=profile,
        drafts=[*FAQ, FaqDraft(key="new", questions=("Gibt es Tee?",), answer="Ja, jeden Tag.")],
        actor="test",
    )
    with pytest.raises(Stopped):
        train(run, is_stopped=lambda: len(asked) == 3)
    assert (training_files.checkpoints_of(run) / "adapter.sha256").read_text() != before


def test_it_is_cancelled_in_the_middle(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.training_progress.WRITE_SECONDS", 0.01)
    rehearse(monkeypatch)
    run = opened(profile)
    real = training_generator._Watch.step
    seen: list[int] = []

    def step(self: Any, number: int, **told: Any) -> None:
        seen.append(number)
        if number == 2:
            training.run_cancel(run_id=run.pk, actor="omar")
            threading.Event().wait(0.3)
        real(self, number, **told)

    monkeypatch.setattr(training_generator._Watch, "step", step)
    run_jobs()
    run.refresh_from_db()
    assert (run.state, run.stage, ModelVersion.objects.count()) == (State.CANCELLED, "generator", 0)
    assert max(seen) <= 3
    assert not training_files.checkpoints_of(run).exists()
    assert exams.alone.acquire(blocking=False), "the next exam may begin"
    exams.alone.release()


def test_the_encoders_curve_is_kept(profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(monkeypatch)
    examine(monkeypatch)
    run = opened(profile)
    train(run)
    run.refresh_from_db()
    assert [point[0] for point in run.curve] == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- serving


def test_the_version_that_answers_brings_its_adapter(
    profile: LocaleProfile, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    version = trained(profile)
    models = LiveModels(Engine(model_folder, threads=1))
    assert models.of(profile.pk).adapter is None
    LiveVersion.objects.create(profile=profile, version=version)
    models.refresh([profile.pk])
    adapter = models.of(profile.pk).adapter
    assert adapter == version_adapters.adapter_of(version)
    assert adapter is not None
    held = generation.Generation()
    assert held.speaking(adapter) is None, "nothing is loaded yet"
    generator = generation.load("de-DE")
    assert generator is not None
    held.generator = generator
    speaking = held.speaking(adapter)
    assert speaking is not None
    assert speaking.version == f"{generator.version}+{adapter.version}"
    assert held.speaking(None) is generator
    serving = Serving()
    serving.detector = Detector()
    monkeypatch.setattr("chatbot.serving.generation", held)
    for bundle, wanted in (
        (SimpleNamespace(adapter=adapter, may_generate=True), speaking.version),
        (SimpleNamespace(adapter=None, may_generate=True), generator.version),
        (SimpleNamespace(adapter=adapter, may_generate=False), None),
    ):
        writer = serving.writer_for(bundle)  # type: ignore[arg-type]
        assert (writer and writer.version) == wanted
    generator.start()
    try:
        asyncio.run(collected(speaking))
        assert list(generator.model.low_rank._kept) == [adapter.version], "it was read from the database"
    finally:
        held.stop()
    # Going back takes it away again.
    LiveVersion.objects.update(version=None)
    models.refresh([profile.pk])
    assert models.of(profile.pk).adapter is None


async def collected(speaking: Any) -> str:
    deadline = time.monotonic() + 60
    return "".join([piece async for piece in speaking.generate("Was?", max_tokens=4, deadline=deadline)])


def test_one_for_another_generator_is_not_used(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    rehearse(monkeypatch)
    version = trained(profile)
    adapter = version_adapters.adapter_of(version)
    other = tmp_path / "other"
    write_tiny(other, seed=8)
    settings.GENERATOR_MODEL = str(other)
    assert generation.version_with(adapter, locale="de-DE") == generation.version_for("de-DE")
    assert exams.version_key(version) is None
    assert not exams.may_generate(profile, adapter=adapter)
    held = generation.Generation()
    held.generator = generation.load("de-DE")
    assert held.speaking(adapter) is held.generator


def test_an_adapter_that_went_live_unexamined_is_examined(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    version = trained(profile)
    LiveVersion.objects.create(profile=profile, version=version)
    ExamRun.objects.all().delete()
    forget_jobs()
    assert exams.open_due() == 1
    assert exams.open_due() == 0
    run = ExamRun.objects.get()
    assert (run.version, run.author) == (version, exams.BY_ITSELF)
    run_jobs()
    run.refresh_from_db()
    assert (run.state, run.passed, run.generator) == (
        "finished", True, generation.version_with(version_adapters.adapter_of(version), locale="de-DE"),
    )  # fmt: skip
    assert exams.may_generate(profile, adapter=version_adapters.adapter_of(version))
    assert not exams.may_generate(profile), "the generator without it has not been examined"
    assert not VersionChange.objects.exists()


# ---------------------------------------------------------------- the command


def test_the_command_teaches_a_tenants_faq_too(profile: LocaleProfile, tmp_path: Path) -> None:
    out, told = tmp_path / "mine", io.StringIO()
    call_command(
        "train_adapter", str(out), "--tenant", "demo", "--locale", "de-DE", "--epochs", "1", "--json",
        stdout=told, stderr=io.StringIO(),
    )  # fmt: skip
    found = json.loads(told.getvalue())
    assert found["base"] == generation.version_for("de-DE")
    assert found["examples"]["de-DE"] > 64
    assert 0 < found["steps"] <= 12
    assert weights.verify(out)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tenant", "demo"), "exactly one --locale"),
        (("--tenant", "demo", "--locale", "de-DE", "--examples", "."), "without --examples"),
        (("--tenant", "nobody", "--locale", "de-DE"), "no active locale"),
        (("--tenant", "demo", "--locale", "de-DE"), "too small"),
    ],
)
def test_what_the_command_cannot_teach_is_said(
    profile: LocaleProfile, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    FaqEntry.objects.exclude(key="topic-0").update(is_active=False)
    with pytest.raises(CommandError, match=said):
        call_command("train_adapter", str(tmp_path / "mine"), *options, stderr=io.StringIO())
    assert not (tmp_path / "mine").exists()


def test_the_retrain_command_prints_what_became_of_it(
    profile: LocaleProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(monkeypatch)
    examine(monkeypatch, after={2: FALSE})
    out = io.StringIO()
    call_command("retrain", "--tenant", "demo", "--locale", "de-DE", stdout=out, stderr=io.StringIO())
    lines = out.getvalue().splitlines()
    assert "  generator: forbidden" in lines
    assert any(line.startswith("    exam after: 3 of 4 right, 1 false claims (tiny@") for line in lines)
