"""The sidebar: each link shows to those who may open its screen."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Group, then per link: title, Material symbol, and the model whose screen it opens.
SCREENS: tuple[tuple[str | Promise, tuple[tuple[str | Promise, str, str], ...]], ...] = (
    (_("Customer service"), ((_("Conversations"), "forum", "chatbot.Conversation"),)),
    (
        _("Knowledge"),
        (
            (_("FAQs"), "quiz", "customers.FaqEntry"),
            (_("Locale profiles"), "translate", "customers.LocaleProfile"),
        ),
    ),
    (
        _("Administration"),
        (
            (_("Tenants"), "storefront", "customers.Tenant"),
            (_("Users"), "group", "auth.User"),
            (_("Audit records"), "history", "customers.AuditRecord"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """Return the sidebar's groups for this user, in the form that unfold's settings take."""
    screens = {model._meta.label: screen for model, screen in admin.site._registry.items()}
    groups: list[dict[str, object]] = []
    for title, links in SCREENS:
        items = [
            {
                "title": name,
                "icon": icon,
                "link": reverse(f"admin:{label.lower().replace('.', '_')}_changelist"),
            }
            for name, icon, label in links
            if screens[label].has_module_permission(request)
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups
