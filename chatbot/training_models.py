"""Training runs, the model versions that they leave behind, and which of them answers."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class TrainingRun(models.Model):
    """One training for one locale profile, from the button to the gate's verdict.

    Whoever works on a run holds its `attempt`: a number that every new start raises, so that a worker that was thought
    dead and comes back can write nothing (a fencing token).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    class Stage(models.TextChoices):
        READING = "reading", _("reading what there is to learn")
        TRUNK = "trunk", _("preparing the texts")
        TUNING = "tuning", _("tuning the model")
        FITTING = "fitting", _("weighing the signals")
        EVALUATING = "evaluating", _("comparing with the live version")
        GENERATOR = "generator", _("teaching the generator")
        EXAM = "exam", _("examining the generator")
        SAVING = "saving", _("saving the version")

    class Trigger(models.TextChoices):
        BUTTON = "button", _("button")
        SCHEDULE = "schedule", _("schedule")
        COMMAND = "command", _("command line")

    class Failure(models.TextChoices):
        NOTHING_TO_LEARN = "nothing_to_learn", _("no FAQ is active")
        ERROR = "error", _("an error, which the worker's log names")

    profile = models.ForeignKey(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="training_runs",
        verbose_name=_("locale profile"),
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    trigger = models.CharField(
        _("started by"), max_length=16, choices=Trigger.choices, default=Trigger.BUTTON
    )
    author = models.CharField(_("author"), max_length=150)
    seed = models.PositiveIntegerField(_("seed"), default=0)
    # As the profile wanted it when the run was asked for.
    with_generator = models.BooleanField(_("with the generator"), default=False)
    created_at = models.DateTimeField(_("asked for at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    progress_at = models.DateTimeField(_("last progress"), auto_now_add=True)
    attempt = models.PositiveIntegerField(default=0, editable=False)
    failure = models.CharField(_("reason"), max_length=32, choices=Failure.choices, blank=True)

    stage = models.CharField(_("stage"), max_length=16, choices=Stage.choices, blank=True)
    step = models.PositiveIntegerField(_("step"), default=0)
    steps = models.PositiveIntegerField(_("steps"), default=0)
    seconds_left = models.FloatField(_("seconds left"), null=True, blank=True)
    # [[step, loss, loss on held-out wordings or null], ...]
    curve = models.JSONField(_("loss"), default=list, blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile"],
                name="training_one_at_a_time",
                condition=Q(state__in=["waiting", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.state}"


class ModelVersion(models.Model):
    """What one training made, or an admin uploaded: tuned layers if any, the ranker's weights, and how they did.

    Without tuned layers (`weights_sha256` empty) its vectors are the shared encoder's.
    """

    profile = models.ForeignKey(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="model_versions",
        verbose_name=_("locale profile"),
    )
    number = models.PositiveIntegerField(_("number"))
    # What answers name as their model, unique over all tenants.
    name = models.CharField(_("name"), max_length=64, unique=True)
    parent = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("live before it"),
    )
    run = models.OneToOneField(
        TrainingRun,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="version",
        verbose_name=_("training run"),
    )
    # What it was called in the file that it came from, empty where it was trained here.
    origin = models.CharField(_("uploaded as"), max_length=64, blank=True)
    author = models.CharField(_("author"), max_length=150)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    # The shared encoder that it was tuned from, and the key under which its vectors are stored.
    base = models.CharField(_("encoder"), max_length=64)
    vectors_key = models.CharField(max_length=64)
    weights_sha256 = models.CharField(_("sha256 of the tuned layers"), max_length=64, blank=True)
    weights_bytes = models.PositiveIntegerField(_("bytes"), default=0)
    # `chatbot.answering.rank.weights_to_json`.
    ranker = models.JSONField(_("ranker"), default=dict)
    # The generator's adapter, if it has one: what its file is for (`Adapter.about`).
    adapter = models.JSONField(_("adapter"), default=dict)
    adapter_sha256 = models.CharField(_("sha256 of the adapter"), max_length=64, blank=True)
    adapter_bytes = models.PositiveIntegerField(_("bytes of the adapter"), default=0)

    seed = models.PositiveIntegerField(_("seed"), default=0)
    recipe = models.JSONField(_("recipe"), default=dict)
    # The sha256 of what it learned from and what that was: numbers by name; what could not be trained: codes.
    data_sha256 = models.CharField(_("sha256 of the data"), max_length=64, blank=True)
    data = models.JSONField(_("data"), default=dict)
    skipped = models.JSONField(_("skipped"), default=list)
    seconds = models.FloatField(_("seconds of training"), default=0)
    # `chatbot.learning.compare.Comparison` and `chatbot.learning.gate.Verdict` as JSON, empty for an uploaded one.
    report = models.JSONField(_("report"), default=dict)
    verdict = models.JSONField(_("verdict"), default=dict)
    # `chatbot.learning.rewriting.gate.Teaching` as JSON, empty where no adapter was to be trained.
    teaching = models.JSONField(_("the generator's training"), default=dict)
    # The name of what the verdict compares it with, empty for the model that Kefu ships. `parent` may be deleted.
    judged_against = models.CharField(_("compared with"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["profile", "number"], name="version_number_once_per_profile")
        ]

    def __str__(self) -> str:
        return self.name


class VersionWeights(models.Model):
    """A version's tuned layers: a safetensors file, apart from its row so that lists of versions stay small.

    In the database, so that every node reaches them and a backup holds them.
    """

    version = models.OneToOneField(
        ModelVersion,
        models.CASCADE,
        related_name="weights",
        primary_key=True,
        verbose_name=_("model version"),
    )
    data = models.BinaryField()

    class Meta:
        verbose_name = _("tuned layers")
        verbose_name_plural = _("tuned layers")

    def __str__(self) -> str:
        return str(self.version_id)


class VersionAdapter(models.Model):
    """A version's adapter of the generator: a safetensors file, kept as its tuned layers are."""

    version = models.OneToOneField(
        ModelVersion,
        models.CASCADE,
        related_name="adapter_file",
        primary_key=True,
        verbose_name=_("model version"),
    )
    data = models.BinaryField()

    class Meta:
        verbose_name = _("generator's adapter")
        verbose_name_plural = _("generator's adapters")

    def __str__(self) -> str:
        return str(self.version_id)


class VersionSnapshot(models.Model):
    """Of which FAQ entries a version learned: 16 bytes each, see `chatbot.drift`."""

    version = models.OneToOneField(
        ModelVersion,
        models.CASCADE,
        related_name="snapshot",
        primary_key=True,
        verbose_name=_("model version"),
    )
    entries = models.BinaryField()

    class Meta:
        verbose_name = _("snapshot of the FAQ")
        verbose_name_plural = _("snapshots of the FAQ")

    def __str__(self) -> str:
        return str(self.version_id)


class LiveVersion(models.Model):
    """Which version answers for a profile; without one, or without this row, the model that Kefu ships does."""

    profile = models.OneToOneField(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="live_version",
        primary_key=True,
        verbose_name=_("locale profile"),
    )
    version = models.ForeignKey(
        ModelVersion, models.RESTRICT, null=True, blank=True, related_name="+", verbose_name=_("live version")
    )
    changed_at = models.DateTimeField(_("live since"), auto_now=True)

    class Meta:
        verbose_name = _("live version")
        verbose_name_plural = _("live versions")

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.version_id}"


class VersionChange(models.Model):
    """One step in the record of which version was live when, and why; waiting until the version's vectors are made."""

    class Kind(models.TextChoices):
        PROMOTED = "promoted", _("promoted")
        AUTO = "auto", _("promoted by rule")
        OVERRIDDEN = "overridden", _("promoted against the gate")
        ROLLED_BACK = "rolled_back", _("rolled back")

    class State(models.TextChoices):
        WAITING = "waiting", _("vectors are being made")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    class Failure(models.TextChoices):
        OTHER_ENCODER = "other_encoder", _("it was tuned from another encoder")
        DAMAGED = "damaged", _("its tuned layers or its adapter are damaged")
        ERROR = "error", _("an error, which the worker's log names")

    profile = models.ForeignKey(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="version_changes",
        verbose_name=_("locale profile"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    # None is the model that Kefu ships. The names stay when a version is deleted.
    version = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, blank=True, related_name="changes")
    to_name = models.CharField(_("to"), max_length=64, blank=True)
    from_name = models.CharField(_("from"), max_length=64, blank=True)
    author = models.CharField(_("author"), max_length=150)
    reason = models.TextField(_("reason"), blank=True)
    failure = models.CharField(_("failure"), max_length=32, choices=Failure.choices, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(_("at"), auto_now_add=True)
    progress_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version change")
        verbose_name_plural = _("version changes")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile"], name="version_one_change_at_a_time", condition=Q(state="waiting")
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_name} -> {self.to_name}"
