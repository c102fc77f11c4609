"""A version's report, and two versions side by side."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from chatbot.admin import teaching_words, version_report
from chatbot.learning import compare, gate
from chatbot.learning.evaluate import Ranking
from chatbot.learning.rewriting import gate as teaching_gate
from chatbot.models import ModelVersion, TrainingRun
from chatbot.training import Taught
from customers.models import LocaleProfile
from tests.chatbot import taught, trainings
from tests.chatbot.admin.version_pages import go_live, text, to
from tests.chatbot.learning import versions as rankings
from tests.customers.screens import make_entries, make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile() -> LocaleProfile:
    return make_profile("demo")


def reported(profile: LocaleProfile) -> ModelVersion:
    """Return a version whose report has everything: categories, origins, out of scope, times."""
    make_entries(profile, 25, prefix="e")
    asked = rankings.questions(60, 20)
    asked = [
        replace(question, relevant={key.replace("e", "e-", 1): 1 for key in question.relevant})
        for question in asked
    ]
    sides: list[list[Ranking]] = []
    for right in ([n % 2 == 0 for n in range(80)], [n % 10 != 0 for n in range(80)]):
        sides.append(rankings.ranked(asked, right, rankings.sure(right)))
    found = compare.compare(
        asked,
        *sides,
        categories={f"e-{n}": f"category-{n % 5}" for n in range(25)},
        origins={question.key: "test" if n % 2 else "held_out" for n, question in enumerate(asked)},
        speed={"embed_ms": (10.0, 12.3), "rank_ms": (1.0, None), "version_bytes": (0.0, 14_000_000.0)},
        seed=0,
    )
    version = trainings.version_of(profile, "base")
    ModelVersion.objects.filter(pk=version.pk).update(
        report=found.to_json(), verdict=gate.judge(found).to_json(), skipped=["no_tests", "ranker_kept"]
    )
    TrainingRun.objects.update(curve=[[1, 2.0, None], [2, 1.0, 1.5]])
    version.refresh_from_db()
    return version


def test_a_report_shows_all_that_was_measured(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = reported(profile)
    response = login(demo="support").get(to("version", version.pk))
    shown = response.context["report"]
    assert (shown.count, shown.in_scope, shown.out_of_scope) == (80, 60, 20)
    first = shown.metrics[0]
    assert (first.code, first.before, first.after, first.difference, first.tone) == (
        "hit@1", "50.0%", "90.0%", "+40.0", "good",
    )  # fmt: skip
    assert first.before_interval.count("–") == 1
    assert first.difference_interval.count("…") == 1
    assert [part.count for part in shown.categories] == [12] * 5
    assert {part.name for part in shown.origins} == {"saved test questions", "wordings held back"}
    worse, better = shown.changes
    assert (worse.name, better.name) == ("worse", "better")
    page = text(response)
    for words in (
        "Wrong now, right before", "Right now, wrong before", "Confidence and truth", "Answered and right",
        "There are no saved test questions", "12.3 ms", "13.4", version.data_sha256, "Question 1 of",
    ):  # fmt: skip
        assert words in page, words
    assert page.count('role="img"') == 3
    assert page.count("<title id=") == page.count("<desc id=") == 3
    assert " style=" not in page.split('<div class="kn tr"')[1].split("</main>")[0]


def test_the_plots_say_what_was_measured(profile: LocaleProfile) -> None:
    version = reported(profile)
    report = version_report.report_of(version)
    assert report is not None
    calibration, abstention = report.charts
    assert len(calibration.rows) == len(calibration.dots)
    assert sum(int(row[3]) for row in calibration.rows) == 160
    assert {line.name for line in abstention.lines} == {"ideal", "before", "after"}
    for chart in report.charts:
        for line in chart.lines:
            numbers = [float(part.lstrip("ML")) for part in line.path.split()]
            assert all(0 <= number <= 360 for number in numbers)


def test_numbers_are_written_as_the_reader_writes_them_and_drawn_as_svg_wants_them(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    version = reported(profile)
    page = text(login(demo="support").get(to("version", version.pk), headers={"Accept-Language": "de"}))
    assert "50,0" in page
    assert 'd="M42.0 184.0 L348.0 10.0"' in page


def test_a_report_that_cannot_be_read_leaves_the_rest(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    version = trainings.version_of(profile, "base")
    ModelVersion.objects.update(report={"n": 1}, verdict={"code": "brilliant", "passed": True})
    response = login(demo="support").get(to("version", version.pk))
    assert response.context["report"] is None
    assert "Not compared" in text(response)
    assert version.name in text(response)


# ---------------------------------------------------------------- side by side


def test_two_versions_measured_against_each_other(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    old = go_live(trainings.version_of(profile, "base"))
    new = trainings.version_of(profile, "base", against=old)
    client = login(demo="support")
    response = client.get(to("versions_compare", profile.pk), {"version": [new.pk, old.pk]})
    pair = response.context["pair"]
    assert (pair.one, pair.other, pair.caution) == (old, new, "")
    assert pair.metrics[0].difference == "+50.0"
    assert "The newer one was measured against the older one" in text(response)


def test_two_versions_measured_on_different_questions(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    one, other = (trainings.version_of(profile, "base") for _ in range(2))
    ModelVersion.objects.filter(pk=one.pk).update(data_sha256="other", recipe={"steps": 7, "rate": 0.00025})
    client = login(demo="support")
    response = client.get(to("versions_compare", profile.pk), {"version": [one.pk, other.pk]})
    pair = response.context["pair"]
    assert not pair.metrics
    assert "They were measured on different questions (60 questions and 60 questions)" in text(response)
    assert [(line.one, line.other) for line in pair.recipe if line.differs] == [("0.00025", "–"), ("7", "5")]
    ModelVersion.objects.update(data_sha256="same")
    same = client.get(to("versions_compare", profile.pk), {"version": [one.pk, other.pk]})
    assert "Both were measured on the same questions" in text(same)
    ModelVersion.objects.filter(pk=one.pk).update(report={})
    bare = client.get(to("versions_compare", profile.pk), {"version": [one.pk, other.pk]})
    assert "Version 1 has no report of its own" in text(bare)
    assert other.judged_against == ""


def test_the_adapters_of_two_versions(login: Callable[..., Client], profile: LocaleProfile) -> None:
    plain, other = (trainings.version_of(profile, "base") for _ in range(2))
    adapted = trainings.version_of(profile, "base", taught=taught.taught())
    client = login(demo="support")
    bare = client.get(to("versions_compare", profile.pk), {"version": [plain.pk, other.pk]})
    assert bare.context["pair"].adapters == []
    response = client.get(to("versions_compare", profile.pk), {"version": [plain.pk, adapted.pk]})
    first, *figures = response.context["pair"].adapters
    assert (first.one, adapted.adapter_sha256.startswith(first.other)) == ("–", True)
    assert [(row.one, row.other) for row in figures] == [
        ("–", "0.75"), ("–", "60 of 64"), ("–", "0 of 64"), ("–", "50 of 64"),
    ]  # fmt: skip
    assert "Fingerprint of the adapter" in text(response)


@pytest.mark.parametrize("chosen", [[], ["1"], ["x", "y"], ["²", "1"], ["99999999999", "1"]])
def test_two_must_be_chosen(login: Callable[..., Client], profile: LocaleProfile, chosen: list[str]) -> None:
    response = login(demo="support").get(to("versions_compare", profile.pk), {"version": chosen}, follow=True)
    assert "Choose two versions to compare." in text(response)


# ---------------------------------------------------------------- the generator's adapter


def test_a_report_shows_what_the_generator_learned(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    version = trainings.version_of(profile, "base", taught=taught.taught())
    response = login(demo="support").get(to("version", version.pk))
    shown = response.context["teaching"]
    assert (shown.tone, shown.title) == ("good", "The generator's adapter goes with this version")
    assert shown.sentences == ["It learned from 120 replies in 10 minutes."]
    assert [(row.before, row.after) for row in shown.figures] == [
        ("1.50", "0.75"), ("58 of 64", "60 of 64"), ("0 of 64", "0 of 64"), ("30 of 64", "50 of 64"),
    ]  # fmt: skip
    page = text(response)
    assert "58 of 64" in page
    assert version.adapter_sha256 in page
    assert "gemma@abc+own@1" in page


@pytest.mark.parametrize("code", teaching_gate.CODES)
def test_every_outcome_is_said_in_words(
    login: Callable[..., Client], profile: LocaleProfile, code: str
) -> None:
    version = trainings.version_of(profile, "base", taught=Taught(teaching=taught.teaching(code)))
    shown = teaching_words.teaching_shown(version)
    assert shown is not None
    assert shown.title
    refused = {teaching_gate.LOSS, teaching_gate.FORBIDDEN, teaching_gate.FEWER_RIGHT}
    assert (shown.tone == "bad") == (code in refused)
    assert len(shown.sentences) == (1 if code == teaching_gate.PASSED else 2)
    page = text(login(demo="support").get(to("version", version.pk)))
    assert "none: the generator writes as it is installed" in page


def test_what_nobody_can_read_is_not_shown(login: Callable[..., Client], profile: LocaleProfile) -> None:
    version = trainings.version_of(profile, "base")
    assert teaching_words.teaching_shown(version) is None
    client = login(demo="support")
    for unreadable in ({"code": "gold"}, {"code": 7}, [1]):
        ModelVersion.objects.update(teaching=unreadable)
        version.refresh_from_db()
        assert teaching_words.teaching_shown(version) is None
        assert client.get(to("version", version.pk)).status_code == 200


def test_a_verdict_that_rests_on_the_adapter_says_so(
    login: Callable[..., Client], profile: LocaleProfile
) -> None:
    plain = gate.judge(trainings.compared(*trainings.SAME))
    raised = gate.with_adapter(plain, taught.teaching())
    assert (plain.code, raised.code, raised.passed) == (gate.NO_GAIN, gate.BETTER, True)
    version = trainings.version_of(profile, "base")
    ModelVersion.objects.update(verdict=raised.to_json())
    page = text(login(demo="support").get(to("version", version.pk)))
    assert "“Surprise at approved replies” went from 1.50 to 0.75, which is better." in page
