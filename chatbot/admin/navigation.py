"""The sidebar: each link shows to those who may open its screen."""

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link: it shows to those who may open the model's screen, and leads to it or to the named `address`."""

    title: str | Promise
    icon: str
    model: str
    address: str = ""

    def url(self) -> str:
        """Return where the link leads."""
        return reverse(self.address or f"admin:{self.model.lower().replace('.', '_')}_changelist")


SCREENS: tuple[tuple[str | Promise, tuple[Link, ...]], ...] = (
    (_("Customer service"), (Link(title=_("Conversations"), icon="forum", model="chatbot.Conversation"),)),
    (
        _("Knowledge"),
        (
            Link(title=_("FAQs"), icon="quiz", model="customers.FaqEntry"),
            Link(title=_("FAQ uploads"), icon="upload_file", model="customers.FaqUpload"),
            Link(title=_("Test questions"), icon="checklist", model="customers.TestQuestion"),
            Link(
                title=_("Test runs"),
                icon="fact_check",
                model="customers.TestQuestion",
                address="knowledge:suites",
            ),
            Link(
                title=_("Training"),
                icon="model_training",
                model="customers.FaqEntry",
                address="knowledge:training",
            ),
            Link(title=_("Exams"), icon="school", model="customers.FaqEntry", address="knowledge:exams"),
            Link(
                title=_("Coverage"), icon="grid_on", model="customers.FaqEntry", address="knowledge:coverage"
            ),
            Link(title=_("Search"), icon="search", model="customers.FaqEntry", address="knowledge:search"),
            Link(title=_("Try it"), icon="play_arrow", model="customers.FaqEntry", address="knowledge:try"),
            Link(title=_("Locale profiles"), icon="translate", model="customers.LocaleProfile"),
        ),
    ),
    (
        _("Administration"),
        (
            Link(title=_("Tenants"), icon="storefront", model="customers.Tenant"),
            Link(title=_("Users"), icon="group", model="auth.User"),
            Link(title=_("Audit records"), icon="history", model="customers.AuditRecord"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """Return the sidebar's groups for this user, in the form that unfold's settings take."""
    screens = {model._meta.label: screen for model, screen in admin.site._registry.items()}
    groups: list[dict[str, object]] = []
    for title, links in SCREENS:
        items = [
            {"title": link.title, "icon": link.icon, "link": link.url()}
            for link in links
            if screens[link.model].has_module_permission(request)
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups
