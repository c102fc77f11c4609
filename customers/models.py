"""Whom Kefu serves: tenants, their locale profiles, and their FAQ."""

import re
import zoneinfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers import culture
from customers.upload_models import FaqUpload as FaqUpload
from customers.upload_models import FaqUploadFile as FaqUploadFile
from customers.upload_models import FaqUploadFinding as FaqUploadFinding
from customers.upload_models import FaqUploadRow as FaqUploadRow
from customers.upload_models import TestQuestion as TestQuestion

# A DNS name in lower case, IDNA-encoded, with at least one dot; no scheme, port, path or wildcard.
IMAGE_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")


def validate_locale(value: str) -> None:
    """Refuse anything that is not a BCP 47 tag that CLDR knows, in its canonical form."""
    canonical = culture.canonical_locale(value)
    if canonical is None:
        raise ValidationError(_("“%(value)s” is not a locale tag such as “ja-JP”."), params={"value": value})
    if canonical != value:
        raise ValidationError(
            _("Write this locale as “%(canonical)s”, not “%(value)s”."),
            params={"value": value, "canonical": canonical},
        )


def validate_time_zone(value: str) -> None:
    """Refuse anything that is not an IANA time zone."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(value)s” is not a time zone such as “Asia/Tokyo”."), params={"value": value}
        )


def validate_image_host(value: str) -> None:
    """Refuse anything that is not the bare name of a host: it goes into a Content-Security-Policy."""
    if not IMAGE_HOST.fullmatch(value):
        raise ValidationError(
            _("“%(value)s” is not a host such as “images.shop.example”."), params={"value": value}
        )


class Tenant(models.Model):
    """A business that serves its customers through Kefu."""

    slug = models.SlugField(
        _("slug"), unique=True, help_text=_("The part of the address that names this tenant.")
    )
    name = models.CharField(_("name"), max_length=200)
    default_locale = models.CharField(
        _("default locale"),
        max_length=35,
        validators=[validate_locale],
        help_text=_("Shown to visitors whose browser asks for none of the tenant's locales."),
    )
    allowed_origins = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("allowed origins"),
        default=list,
        blank=True,
        help_text=_(
            "Sites that may open the chat, such as https://shop.example. This site itself always may."
        ),
    )
    image_hosts = ArrayField(
        models.CharField(max_length=253, validators=[validate_image_host]),
        verbose_name=_("image hosts"),
        default=list,
        blank=True,
        help_text=_("Hosts whose images answers may show, such as images.shop.example."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TenantMember(models.Model):
    """A person of a tenant's support team; staff see the rows of the tenants they are members of, no others."""

    class Role(models.TextChoices):
        SUPPORT = "support", _("support: FAQs and conversations")
        MANAGER = "manager", _("manager: also the tenant, its locale profiles and the audit records")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members", verbose_name=_("tenant"))
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, default=Role.SUPPORT)

    class Meta:
        verbose_name = _("tenant member")
        verbose_name_plural = _("tenant members")
        ordering = ["tenant", "user"]
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="member_once_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant}"


class Formality(models.TextChoices):
    """The form of address a persona keeps to."""

    CASUAL = "casual", _("casual (du, tú, 반말)")
    NEUTRAL = "neutral", _("neutral (você, 你)")
    FORMAL = "formal", _("formal (Sie, usted, 您)")
    HONORIFIC = "honorific", _("honorific (keigo, 하십시오체)")


class Level(models.TextChoices):
    """How freely answers may be composed; each level may also answer as those before it do."""

    VERBATIM = "verbatim", _("the approved answer, word for word")
    EXTRACTIVE = "extractive", _("approved sentences, chosen for the question")
    GENERATIVE = "generative", _("in the model's own words where it has passed its exam")


class LocaleProfile(models.Model):
    """How one tenant speaks to one market: language, persona, manners, hours, rules."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="profiles", verbose_name=_("tenant"))
    locale = models.CharField(_("locale"), max_length=35, validators=[validate_locale])
    is_active = models.BooleanField(_("active"), default=True)

    brand = models.CharField(_("brand"), max_length=100, help_text=_("The brand as written in this market."))
    persona_name = models.CharField(_("persona name"), max_length=100)
    persona_role = models.CharField(_("persona role"), max_length=200, blank=True)
    formality = models.CharField(
        _("form of address"), max_length=16, choices=Formality.choices, default=Formality.NEUTRAL
    )
    greetings = models.JSONField(
        _("greetings"),
        default=dict,
        blank=True,
        help_text=_("Texts for “morning”, “afternoon” and “evening”."),
    )
    phrases = models.JSONField(
        _("phrases"),
        default=dict,
        blank=True,
        help_text=_("The persona's own words: %(names)s.") % {"names": ", ".join(culture.PHRASES)},
    )
    connectives = ArrayField(
        models.CharField(max_length=100), verbose_name=_("connectives"), default=list, blank=True
    )
    softeners = models.JSONField(
        _("softeners"),
        default=dict,
        blank=True,
        help_text=_("Texts for “answer”, “narrow”, “part” and “joined”."),
    )
    closings = models.JSONField(
        _("closings"),
        default=dict,
        blank=True,
        help_text=_("Texts for “answer”, “morning”, “afternoon” and “evening”."),
    )
    suggestions = ArrayField(
        models.CharField(max_length=200),
        verbose_name=_("suggested questions"),
        default=list,
        blank=True,
        help_text=_("FAQ ids offered when a chat opens."),
    )

    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Use an ISO 4217 code such as JPY."))],
    )
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[validate_time_zone])
    hours = models.JSONField(
        _("opening hours"),
        default=dict,
        blank=True,
        help_text=_('When people answer, for example {"mon": ["09:00-12:00", "13:00-18:00"]}.'),
    )
    synonyms = models.JSONField(_("synonyms"), default=dict, blank=True)
    forbidden_claims = ArrayField(
        models.CharField(max_length=200), verbose_name=_("forbidden claims"), default=list, blank=True
    )
    retention_days = models.PositiveIntegerField(
        _("retention in days"),
        default=365,
        validators=[MinValueValidator(1)],
        help_text=_("Conversations are deleted this long after their last message."),
    )
    max_wrong_percent = models.PositiveSmallIntegerField(
        _("wrong answers allowed, of 100"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text=_(
            "Of 100 answers, at most so many may be wrong; the fewer, the more often it asks back or declines."
        ),
    )
    highest_level = models.CharField(
        _("answers may be composed of"),
        max_length=16,
        choices=Level.choices,
        default=Level.GENERATIVE,
        help_text=_("The simplest way that answers the question is always preferred."),
    )
    foreign_answers = models.BooleanField(
        _("answers in another language"),
        default=False,
        help_text=_(
            "Where this locale has no answer but another of the tenant's locales has one, show it in its language "
            "and say so."
        ),
    )
    auto_promote = models.BooleanField(
        _("promote by itself"),
        default=False,
        help_text=_("A retrained version that is better goes live without anybody pressing Promote."),
    )
    retrain_after = models.PositiveIntegerField(
        _("retrain nightly after so many changes"),
        default=0,
        help_text=_("At night, where at least so many FAQs have changed since the live version; 0: never."),
    )
    train_generator = models.BooleanField(
        _("teach the generator too"),
        default=False,
        help_text=_(
            "Retrain also trains an adapter of the language model on this FAQ, about half an hour more, and examines "
            "it; it goes live with a version where it says nothing false and replies no worse than what is live."
        ),
    )
    faq_revision = models.BigIntegerField(_("FAQ revision"), default=0, editable=False)

    class Meta:
        verbose_name = _("locale profile")
        verbose_name_plural = _("locale profiles")
        ordering = ["tenant", "locale"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "locale"], name="profile_locale_once_per_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.tenant} · {self.locale}"


class Holiday(models.Model):
    """A day on which a profile's human team is away."""

    profile = models.ForeignKey(
        LocaleProfile, models.CASCADE, related_name="holidays", verbose_name=_("locale profile")
    )
    date = models.DateField(_("date"))
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["profile", "date"], name="holiday_once_per_day")]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"


SMALLTALK_CATEGORY = "smalltalk"


class FaqEntry(models.Model):
    """One approved answer of one locale profile, and the questions it answers."""

    profile = models.ForeignKey(
        LocaleProfile, models.CASCADE, related_name="faq", verbose_name=_("locale profile")
    )
    key = models.CharField(
        _("id"),
        max_length=200,
        help_text=_("The topic's id, shared by the tenant's locales where the topic is."),
    )
    category = models.CharField(_("category"), max_length=200, blank=True)
    answer = models.TextField(_("answer"), blank=True, help_text=_("Markdown."))
    tags = ArrayField(models.CharField(max_length=200), verbose_name=_("tags"), default=list, blank=True)
    follow_ups = ArrayField(
        models.CharField(max_length=200), verbose_name=_("follow-up ids"), default=list, blank=True
    )
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("FAQ")
        verbose_name_plural = _("FAQs")
        ordering = ["profile", "key"]
        constraints = [models.UniqueConstraint(fields=["profile", "key"], name="faq_key_once_per_profile")]

    def __str__(self) -> str:
        return self.key


class FaqQuestion(models.Model):
    """A question that an entry answers: position 0 is the question shown, the others its alternates."""

    entry = models.ForeignKey(FaqEntry, models.CASCADE, related_name="questions", verbose_name=_("FAQ"))
    position = models.PositiveIntegerField(_("position"), default=0)
    text = models.TextField(_("text"))

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["entry", "position"]
        constraints = [models.UniqueConstraint(fields=["entry", "position"], name="question_position_once")]

    def __str__(self) -> str:
        return self.text


class AuditRecord(models.Model):
    """Who changed what, and when; written in the transaction of the change itself."""

    tenant = models.ForeignKey(
        Tenant, models.SET_NULL, null=True, blank=True, related_name="audit", verbose_name=_("tenant")
    )
    actor = models.CharField(
        _("actor"), max_length=150, help_text=_("A user name, or the command that acted.")
    )
    action = models.CharField(_("action"), max_length=64)
    target = models.CharField(_("target"), max_length=255)
    data = models.JSONField(_("data"), default=dict)
    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
