"""Exams that generators have sat, each with every trap as it was replied to."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class ExamRun(models.Model):
    """One locale's traps put to one generator, with the prompts and the guard of that time; all are named by version.

    Such a run speaks for every tenant: the traps bring their own sources. One with a version's own adapter speaks for
    that version, and is its tenant's alone: what it replied may hold words that it learned there.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    locale = models.CharField(_("locale"), max_length=35)
    version = models.ForeignKey(
        "chatbot.ModelVersion",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="exams",
        verbose_name=_("model version"),
    )
    generator = models.CharField(_("generator"), max_length=255)
    prompts = models.CharField(_("prompts"), max_length=64)
    guard = models.CharField(_("guard"), max_length=64)
    traps = models.CharField(_("traps"), max_length=64)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    author = models.CharField(_("author"), max_length=150)
    created_at = models.DateTimeField(_("started at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    progress_at = models.DateTimeField(_("last progress"), auto_now_add=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), default=0)
    right = models.PositiveIntegerField(_("right"), default=0)
    forbidden = models.PositiveIntegerField(_("forbidden claims"), default=0)
    own = models.PositiveIntegerField(_("in its own words"), default=0)
    passed = models.BooleanField(_("passed"), default=False)

    class Meta:
        verbose_name = _("exam")
        verbose_name_plural = _("exams")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["locale"],
                condition=models.Q(state__in=["waiting", "running"], version=None),
                name="exam_at_once_once_per_locale",
            ),
            models.UniqueConstraint(
                fields=["version"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="exam_at_once_once_per_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.locale}: {self.done}/{self.total}"


class ExamResult(models.Model):
    """What one trap of an exam was replied, and how that was marked."""

    class Why(models.TextChoices):
        RIGHT = "right", _("right")
        FORBIDDEN = "forbidden", _("forbidden claim")
        MISSING = "missing", _("something is missing")
        INVENTED = "invented", _("not in the sources")

    class Kind(models.TextChoices):
        NEGATION = "negation", _("negation")
        CONDITION = "condition", _("condition")
        NUMBER = "number", _("number")
        EXCEPTION = "exception", _("exception")
        NEAR_MISS = "near_miss", _("near miss")
        NOTHING = "nothing", _("nothing in the sources")
        INJECTION_QUESTION = "injection_question", _("instructions in the question")
        INJECTION_SOURCE = "injection_source", _("instructions in a source")

    run = models.ForeignKey(ExamRun, models.CASCADE, related_name="results")
    position = models.PositiveIntegerField()
    key = models.CharField(_("id"), max_length=200)
    kind = models.CharField(_("kind"), max_length=32, choices=Kind.choices)
    question = models.TextField(_("question"))
    sources = ArrayField(models.TextField(), verbose_name=_("sources"), default=list)
    shown = models.TextField(_("shown"), blank=True)
    level = models.CharField(_("composed"), max_length=16, blank=True)
    # Why it was composed at this level; `chatbot.answering.events.Composition.why`.
    level_why = models.CharField(max_length=32, blank=True)
    # `chatbot.answering.events.Said` of each sentence, as JSON.
    said = models.JSONField(_("sentences"), default=list)
    why = models.CharField(_("mark"), max_length=16, choices=Why.choices)
    phrases = ArrayField(models.TextField(), verbose_name=_("phrases"), default=list)
    seconds = models.FloatField(_("seconds"), default=0)

    class Meta:
        verbose_name = _("exam result")
        verbose_name_plural = _("exam results")
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="exam_result_once")]

    def __str__(self) -> str:
        return self.key
