"""Runs of a tenant's test questions, kept so that one run can be held against the one before."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class SuiteRun(models.Model):
    """One locale profile's test questions, answered all together by one version of the model and of the FAQ."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    profile = models.ForeignKey(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="suite_runs",
        verbose_name=_("locale profile"),
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    author = models.CharField(_("author"), max_length=150)
    created_at = models.DateTimeField(_("started at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    progress_at = models.DateTimeField(_("last progress"), auto_now_add=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), default=0)
    model = models.CharField(_("model version"), max_length=64, blank=True)
    revision = models.BigIntegerField(_("FAQ revision"), default=0)
    answer_from = models.FloatField(_("answers from"), default=0)
    clarify_from = models.FloatField(_("asks back from"), default=0)
    # `chatbot.suites.Figures` as JSON, empty until the run is finished.
    figures = models.JSONField(_("figures"), default=dict, blank=True)

    class Meta:
        verbose_name = _("test run")
        verbose_name_plural = _("test runs")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.done}/{self.total}"


class SuiteResult(models.Model):
    """What one test question got in a run, beside what it should have got."""

    class Verdict(models.TextChoices):
        RIGHT = "right", _("right")
        WRONG_ANSWER = "wrong_answer", _("wrong answer")
        WRONG_LANGUAGE = "wrong_language", _("wrong language")
        ASKED_BACK = "asked_back", _("asked back")
        DECLINED = "declined", _("declined")
        FAILED = "failed", _("failed")

    class Change(models.TextChoices):
        WORSE = "worse", _("newly wrong")
        BETTER = "better", _("newly right")
        OTHER = "other", _("otherwise wrong")
        NEW = "new", _("not asked before")
        SAME = "same", _("as before")

    run = models.ForeignKey(SuiteRun, models.CASCADE, related_name="results")
    position = models.PositiveIntegerField()
    text = models.CharField(_("question"), max_length=1000)
    expected_keys = ArrayField(models.CharField(max_length=200), verbose_name=_("expected FAQ"), default=list)
    expected_lang = models.CharField(_("expected locale"), max_length=35, blank=True)
    outcome = models.CharField(_("outcome"), max_length=16)
    keys = ArrayField(models.CharField(max_length=200), verbose_name=_("answered with"), default=list)
    offered = ArrayField(models.CharField(max_length=200), verbose_name=_("offered"), default=list)
    lang = models.CharField(_("language"), max_length=35)
    switch = models.CharField(_("offered locale"), max_length=35, blank=True)
    confidence = models.FloatField(_("confidence"), null=True)
    traces = models.JSONField(_("explanation"), default=list)
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices)
    change = models.CharField(_("change"), max_length=16, choices=Change.choices)

    class Meta:
        verbose_name = _("test result")
        verbose_name_plural = _("test results")
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="suite_result_once")]

    def __str__(self) -> str:
        return self.text
