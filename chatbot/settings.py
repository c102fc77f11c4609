"""Django settings, read from environment variables.

Every variable is listed in the README's configuration table; a test fails when one is missing there.
Nothing is created or contacted at import: `manage.py serve` starts what it needs.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from chatbot import postgres

BASE_DIR = Path(__file__).resolve().parent.parent


def env_str(name: str, default: str = "") -> str:
    """Return the variable, stripped; the default when it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, *, minimum: int = 0) -> int:
    """Return the variable as a whole number, refusing anything else by name."""
    raw = env_str(name, str(default))
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, but is {raw!r}.") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, but is {value}.")
    return value


def env_bool(name: str, default: bool) -> bool:
    """Return the variable as yes or no (1/0, true/false, yes/no, on/off)."""
    raw = env_str(name, "1" if default else "0").lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be one of 1, 0, true, false, but is {raw!r}.")


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated variable as a list without empty items."""
    return [item.strip() for item in env_str(name, default).split(",") if item.strip()]


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> Any:
    """Return the variable if it is one of the choices."""
    value = env_str(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, but is {value!r}.")
    return value


VAR_DIR = Path(env_str("KEFU_VAR_DIR", str(BASE_DIR / "var")))


def _secret_key() -> str:
    """The configured key, else the one `manage.py serve` keeps in var/, else one for this process."""
    kept = VAR_DIR / "secret_key"
    if configured := env_str("SECRET_KEY"):
        return configured
    try:
        return kept.read_text().strip() or os.urandom(32).hex()
    except OSError:
        return os.urandom(32).hex()


DEBUG = env_bool("DEBUG", False)
SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
BEHIND_TLS_PROXY = env_bool("BEHIND_TLS_PROXY", False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS_PROXY
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "channels",
    "procrastinate.contrib.django",
    "customers",
    "chatbot",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "chatbot.urls"
ASGI_APPLICATION = "chatbot.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ------------------------------------------------------------------ database and channel layer

DATABASE_URL = env_str("DATABASE_URL") or postgres.local_url(VAR_DIR)
# CONN_MAX_AGE None: each thread keeps its connection; the health check replaces one that the server closed.
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)}
DATABASE_THREADS = env_int("DATABASE_THREADS", 4, minimum=1)

REDIS_URL = env_str("REDIS_URL")
CHANNEL_LAYERS = {
    "default": (
        {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

# ------------------------------------------------------------------ languages

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("zh-hans", _("Simplified Chinese")),
    ("ja", _("Japanese")),
    ("ko", _("Korean")),
    ("es-mx", _("Mexican Spanish")),
    ("pt-br", _("Brazilian Portuguese")),
    ("fr", _("French")),
    ("de", _("German")),
    ("ar", _("Arabic")),
    ("hi", _("Hindi")),
]
LOCALE_PATHS = [BASE_DIR / "chatbot" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# ------------------------------------------------------------------ static files

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

# ------------------------------------------------------------------ the model

ENCODER_MODEL = env_str("ENCODER_MODEL")
ENCODER_SHA256 = env_str("ENCODER_SHA256")
ENCODER_PRECISION = env_choice("ENCODER_PRECISION", "auto", ("auto", "bf16", "fp32"))
ENCODER_THREADS = env_int("ENCODER_THREADS", 0)
ENCODER_BATCH_TOKENS = env_int("ENCODER_BATCH_TOKENS", 2048, minimum=512)
ENCODER_QUEUE_TEXTS = env_int("ENCODER_QUEUE_TEXTS", 512, minimum=1)
QUERY_CACHE_ENTRIES = env_int("QUERY_CACHE_ENTRIES", 10_000)
GENERATOR_MODEL = env_str("GENERATOR_MODEL")
GENERATOR_SHA256 = env_str("GENERATOR_SHA256")
GENERATOR_ADAPTER = env_str("GENERATOR_ADAPTER")
GENERATOR_PRECISION = env_choice("GENERATOR_PRECISION", "auto", ("auto", "bf16", "fp32"))
GENERATOR_THREADS = env_int("GENERATOR_THREADS", 0)
GENERATOR_QUEUE = env_int("GENERATOR_QUEUE", 8, minimum=1)
GENERATOR_WAIT_SECONDS = env_int("GENERATOR_WAIT_SECONDS", 2, minimum=1)
GENERATOR_MAX_TOKENS = env_int("GENERATOR_MAX_TOKENS", 256, minimum=16)
GENERATOR_DEADLINE_SECONDS = env_int("GENERATOR_DEADLINE_SECONDS", 10, minimum=1)
MODEL_DIR = VAR_DIR / "models"
VERSIONS_KEPT = env_int("VERSIONS_KEPT", 10, minimum=2)
VERSIONS_KEPT_DAYS = env_int("VERSIONS_KEPT_DAYS", 90, minimum=1)

# ------------------------------------------------------------------ the chat

MESSAGE_MAX_CHARS = env_int("MESSAGE_MAX_CHARS", 2000, minimum=100)
MESSAGES_PER_MINUTE = env_int("MESSAGES_PER_MINUTE", 30, minimum=1)
CONVERSATIONS_PER_MINUTE = env_int("CONVERSATIONS_PER_MINUTE", 60, minimum=1)
FRAME_MAX_BYTES = 16 * 1024
BURST_HOLD_MS = env_int("BURST_HOLD_MS", 1000)
ANSWER_DEADLINE_SECONDS = env_int("ANSWER_DEADLINE_SECONDS", 30, minimum=1)
FAQ_POLL_SECONDS = env_int("FAQ_POLL_SECONDS", 5, minimum=1)

# ------------------------------------------------------------------ logging and the admin

LOG_LEVEL = env_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "chatbot": {"level": LOG_LEVEL},
        "customers": {"level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},
    },
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "admin:index"
# Finds the templates of form widgets where all other templates are.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

UNFOLD = {
    "SITE_TITLE": "Kefu",
    "SITE_HEADER": "Kefu",
    "SITE_SUBHEADER": _("Customer service"),
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("chat/icon.svg")},
    ],
    "STYLES": [lambda request: static("admin_kefu/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"navigation": "chatbot.admin.navigation.sidebar"},
    # The chat page's pine green, and greys with a trace of it.
    "COLORS": {
        "base": {
            "50": "oklch(98.2% .004 165)",
            "100": "oklch(96.3% .005 165)",
            "200": "oklch(92.2% .008 165)",
            "300": "oklch(86.5% .010 165)",
            "400": "oklch(71% .016 165)",
            "500": "oklch(55% .018 165)",
            "600": "oklch(44.5% .020 165)",
            "700": "oklch(36% .020 165)",
            "800": "oklch(26.5% .018 168)",
            "900": "oklch(20.5% .016 168)",
            "950": "oklch(15% .014 168)",
        },
        "primary": {
            "50": "oklch(97.5% .017 172)",
            "100": "oklch(94% .036 172)",
            "200": "oklch(88.5% .060 172)",
            "300": "oklch(82% .085 172)",
            "400": "oklch(75.5% .100 172)",
            "500": "oklch(66% .105 172)",
            "600": "oklch(46% .082 172)",
            "700": "oklch(42% .073 172)",
            "800": "oklch(36.5% .062 172)",
            "900": "oklch(31% .051 172)",
            "950": "oklch(22.5% .038 172)",
        },
    },
}
