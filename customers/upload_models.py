"""FAQ files as they were uploaded, what checking them found, and the questions that a change is tried with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class FaqUpload(models.Model):
    """One uploaded FAQ file on its way from checking to applied, and back."""

    class State(models.TextChoices):
        CHECKING = "checking", _("being checked")
        NEEDS_ENCODING = "needs_encoding", _("encoding to be chosen")
        NEEDS_MAPPING = "needs_mapping", _("columns to be named")
        INVALID = "invalid", _("has errors")
        READY = "ready", _("ready to apply")
        APPLIED = "applied", _("applied")
        REVERTED = "reverted", _("reverted")
        REFUSED = "refused", _("refused")

    tenant = models.ForeignKey(
        "customers.Tenant", models.CASCADE, related_name="uploads", verbose_name=_("tenant")
    )
    locale = models.CharField(
        _("locale"), max_length=35, blank=True, help_text=_("Empty when the file itself names the locales.")
    )
    filename = models.CharField(_("file"), max_length=255)
    size = models.PositiveIntegerField(_("size"))
    format = models.CharField(_("format"), max_length=16, blank=True)
    encoding = models.CharField(_("encoding"), max_length=32, blank=True)
    mapping = models.JSONField(_("columns"), default=dict, blank=True)
    is_document = models.BooleanField(_("document"), default=False)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.CHECKING)
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    report = models.JSONField(_("report"), default=dict, blank=True)
    # Of the background job that checks or compares.
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), default=0)
    compared = models.BooleanField(_("compared"), default=False)
    author = models.CharField(_("author"), max_length=150)
    created_at = models.DateTimeField(_("uploaded at"), auto_now_add=True)
    progress_at = models.DateTimeField(_("last progress"), auto_now_add=True)
    applied_by = models.CharField(_("applied by"), max_length=150, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    reverted_by = models.CharField(_("reverted by"), max_length=150, blank=True)
    reverted_at = models.DateTimeField(_("reverted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("FAQ upload")
        verbose_name_plural = _("FAQ uploads")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.filename


class FaqUploadFile(models.Model):
    """The bytes of an upload, kept apart so that no list ever reads them."""

    upload = models.OneToOneField(FaqUpload, models.CASCADE, related_name="file", primary_key=True)
    data = models.BinaryField()

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")

    def __str__(self) -> str:
        return str(self.upload_id)


class FaqUploadRow(models.Model):
    """One entry as the file would have it, beside the entry as it was when the file was checked."""

    class Kind(models.TextChoices):
        NEW = "new", _("new")
        CHANGED = "changed", _("changed")
        UNCHANGED = "unchanged", _("unchanged")
        MISSING = "missing", _("missing from the file")

    upload = models.ForeignKey(FaqUpload, models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    profile = models.ForeignKey("customers.LocaleProfile", models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    # FaqDraft.to_json(): what the file says; null for an entry that it does not name.
    draft = models.JSONField(null=True)
    # FaqDraft.to_json(): what was live; null for a new entry. The image that reverting goes back to.
    before = models.JSONField(null=True)
    sheet = models.CharField(max_length=200, blank=True)
    row = models.PositiveIntegerField(default=0)
    # A person took this row out of the proposals that were drawn from a document.
    is_left_out = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("row of an upload")
        verbose_name_plural = _("rows of an upload")
        ordering = ["upload", "position"]
        constraints = [models.UniqueConstraint(fields=["upload", "position"], name="upload_row_once")]
        indexes = [models.Index(fields=["upload", "kind", "position"], name="upload_row_kind")]

    def __str__(self) -> str:
        return self.key


class FaqUploadFinding(models.Model):
    """One thing that checking an upload found; `code` and `data` choose and fill the sentence."""

    class Kind(models.TextChoices):
        ERROR = "error", _("errors")
        NOTE = "note", _("notes")
        SIMILAR = "similar", _("similar questions")
        LANGUAGE = "language", _("other language")
        TRANSLATION = "translation", _("missing translations")

    upload = models.ForeignKey(FaqUpload, models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    position = models.PositiveIntegerField()
    sheet = models.CharField(max_length=200, blank=True)
    row = models.PositiveIntegerField(default=0)
    column = models.CharField(max_length=200, blank=True)
    value = models.TextField(blank=True)
    code = models.CharField(max_length=64)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["upload", "kind", "position"]
        indexes = [models.Index(fields=["upload", "kind", "position"], name="upload_finding_kind")]

    def __str__(self) -> str:
        return self.code


class TestQuestion(models.Model):
    """A question as a customer may ask it, and what it must be answered with; tried before every change."""

    profile = models.ForeignKey(
        "customers.LocaleProfile",
        models.CASCADE,
        related_name="test_questions",
        verbose_name=_("locale profile"),
    )
    text = models.CharField(_("question"), max_length=1000, help_text=_("As a customer may write it."))
    expected_keys = ArrayField(
        models.CharField(max_length=200),
        verbose_name=_("expected FAQ"),
        default=list,
        blank=True,
        help_text=_("Ids of the FAQs that answer it; any of them is right. Empty when nothing should."),
    )
    lang = models.CharField(
        _("expected locale"),
        max_length=35,
        blank=True,
        help_text=_("The tenant's locale that must answer it. Empty when it is the profile's own."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("test question")
        verbose_name_plural = _("test questions")
        ordering = ["profile", "text"]
        constraints = [models.UniqueConstraint(fields=["profile", "text"], name="test_question_once")]

    def __str__(self) -> str:
        return self.text
