"""Conversations as they happened, and the vectors that answers are found with."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from chatbot.exam_models import ExamResult as ExamResult
from chatbot.exam_models import ExamRun as ExamRun
from chatbot.suite_models import SuiteResult as SuiteResult
from chatbot.suite_models import SuiteRun as SuiteRun
from chatbot.training_models import LiveVersion as LiveVersion
from chatbot.training_models import ModelVersion as ModelVersion
from chatbot.training_models import TrainingRun as TrainingRun
from chatbot.training_models import VersionAdapter as VersionAdapter
from chatbot.training_models import VersionChange as VersionChange
from chatbot.training_models import VersionSnapshot as VersionSnapshot
from chatbot.training_models import VersionWeights as VersionWeights
from customers.models import FaqEntry, FaqUpload, LocaleProfile, Tenant


class Conversation(models.Model):
    """One visitor's chat with one locale profile; its events are its record."""

    class State(models.TextChoices):
        BOT = "bot", _("answered by the assistant")
        WAITING = "waiting", _("waiting for a person")
        AGENT = "agent", _("answered by a person")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="conversations", verbose_name=_("tenant"))
    profile = models.ForeignKey(
        LocaleProfile, models.CASCADE, related_name="conversations", verbose_name=_("locale profile")
    )
    # Only the hash is kept: whoever reads the database cannot resume a visitor's chat.
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.BOT)
    last_seq = models.PositiveIntegerField(_("last event"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    active_at = models.DateTimeField(_("last active at"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-active_at"]

    def __str__(self) -> str:
        return str(self.id)


class Event(models.Model):
    """One durable event of a conversation; `seq` counts 1, 2, 3 ... without a gap."""

    class Kind(models.TextChoices):
        MESSAGE = "message", _("message")
        STATUS = "status", _("status")

    class Role(models.TextChoices):
        VISITOR = "visitor", _("visitor")
        BOT = "bot", _("assistant")
        AGENT = "agent", _("agent")
        SYSTEM = "system", _("system")

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("answered")
        CLARIFY = "clarify", _("asked back")
        DECLINED = "declined", _("declined")
        SMALLTALK = "smalltalk", _("small talk")
        STOPPED = "stopped", _("stopped by the visitor")
        FAILED = "failed", _("failed")

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="events", verbose_name=_("conversation")
    )
    seq = models.PositiveIntegerField(_("sequence number"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    text = models.TextField(
        _("text"), blank=True, help_text=_("Plain text from a visitor, Markdown otherwise.")
    )
    lang = models.CharField(_("language"), max_length=35, blank=True)
    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)

    # Of a status event: the state that the conversation entered.
    state = models.CharField(_("state"), max_length=16, choices=Conversation.State.choices, blank=True)

    client_id = models.UUIDField(_("client id"), null=True, blank=True)
    chosen_key = models.CharField(_("chosen FAQ"), max_length=200, blank=True)
    # The number of the node that answers a visitor's message; see `services.turns_claim`.
    claimed_by = models.IntegerField(null=True, blank=True, editable=False)

    reply_to = models.PositiveIntegerField(_("reply to"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, blank=True)
    composed = models.CharField(_("composed"), max_length=16, blank=True)
    confidence = models.FloatField(_("confidence"), null=True, blank=True)
    sources = models.JSONField(_("sources"), default=list, blank=True)
    suggestions = models.JSONField(_("suggestions"), default=list, blank=True)
    model = models.CharField(_("model version"), max_length=64, blank=True)
    joined = ArrayField(
        models.PositiveIntegerField(),
        verbose_name=_("joined messages"),
        default=list,
        blank=True,
        help_text=_("Earlier messages that were read together with the one replied to."),
    )
    switch = models.CharField(_("offered locale"), max_length=35, blank=True)
    traces = models.JSONField(_("explanation"), default=list, blank=True)
    # An `events.Composition`; empty for what was not composed, and for what was said before this was kept.
    composition = models.JSONField(_("composition"), default=dict, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["conversation", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="event_seq_once"),
            models.UniqueConstraint(
                fields=["conversation", "client_id"],
                name="event_client_id_once",
                condition=Q(client_id__isnull=False),
            ),
            # Per visitor message exactly one bot message, whatever disconnects, restarts or repeats happen.
            models.UniqueConstraint(
                fields=["conversation", "reply_to"],
                name="event_one_reply",
                condition=Q(reply_to__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.role}"


class QuestionVector(models.Model):
    """The unit vector of one text of an entry (a question, or question with answer) under one encoder version.

    Keyed by the text's hash, so an edit needs no bookkeeping: a text without its row is encoded, a row
    without its text is pruned.
    """

    entry = models.ForeignKey(FaqEntry, models.CASCADE, related_name="vectors")
    version = models.CharField(max_length=64)
    text_sha256 = models.BinaryField(max_length=32)
    vector = VectorField()

    class Meta:
        verbose_name = _("question vector")
        verbose_name_plural = _("question vectors")
        constraints = [
            models.UniqueConstraint(fields=["entry", "version", "text_sha256"], name="vector_once_per_text")
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.version}"


class UploadVector(models.Model):
    """The unit vector of one text of an upload that is being looked over, so that applying it finds it made."""

    upload = models.ForeignKey(FaqUpload, models.CASCADE, related_name="vectors")
    version = models.CharField(max_length=64)
    text_sha256 = models.BinaryField(max_length=32)
    vector = VectorField()

    class Meta:
        verbose_name = _("upload vector")
        verbose_name_plural = _("upload vectors")
        constraints = [
            models.UniqueConstraint(fields=["upload", "version", "text_sha256"], name="upload_vector_once")
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} {self.version}"


class VectorWork(models.Model):
    """How far a profile's FAQ is on its way into the index.

    The background job brings `revision` from nothing `done` to `finished`; a node that answers with a revision raises
    `live_revision` to it.
    """

    profile = models.OneToOneField(
        LocaleProfile,
        models.CASCADE,
        related_name="vector_work",
        primary_key=True,
        verbose_name=_("locale profile"),
    )
    revision = models.BigIntegerField(default=0)
    version = models.CharField(max_length=64, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    finished = models.BooleanField(default=False)
    progress_at = models.DateTimeField(auto_now_add=True)
    live_revision = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("vector work")
        verbose_name_plural = _("vector work")

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.done}/{self.total}"
