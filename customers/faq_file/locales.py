"""BCP 47 tags as people type them, matched against the locales a tenant has."""

import re
from collections.abc import Collection
from functools import cache

from babel import Locale

_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(?:-(?P<script>[A-Za-z]{4}))?(?:-(?P<region>[A-Za-z]{2}|\d{3}))?"
    r"(?P<rest>(?:-(?:[A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*)",
    re.ASCII,
)


def normalise_tag(text: str) -> str | None:
    """The tag in BCP 47 case (`zh_cn` -> `zh-CN`, RFC 5646 section 2.1.1), or None if it is not one."""
    match = _TAG.fullmatch(text.strip().replace("_", "-"))
    if match is None:
        return None
    parts = [match["language"].lower()]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts) + match["rest"].lower()


@cache
def _languages() -> frozenset[str]:
    """The language subtags CLDR has names for."""
    return frozenset(Locale("en").languages)


class LocaleMatcher:
    """Resolves what a file calls a locale to one of the tenant's; any well-formed tag if there are none.

    `default` is the locale the file was uploaded for, which a bare tag of its language means.
    """

    def __init__(self, locales: Collection[str] | None, default: str | None = None) -> None:
        self.default: str | None = None
        self.allowed = None if locales is None else tuple(normalise_tag(tag) or tag for tag in locales)
        if default is not None:
            self.default = self._resolve(default)
        self._known: dict[str, str | None] = {}

    def resolve(self, text: str) -> str | None:
        """The tenant's tag for `text`; a bare language counts when exactly one locale speaks it."""
        if text not in self._known:
            self._known[text] = self._resolve(text)
        return self._known[text]

    def resolve_sheet(self, name: str) -> str | None:
        """The locale a sheet is named after, or None: `FAQ` has the form of a tag and is none."""
        tag = normalise_tag(name)
        if tag is None or (self.allowed is None and tag.split("-")[0] not in _languages()):
            return None
        return self.resolve(tag)

    def _resolve(self, text: str) -> str | None:
        tag = normalise_tag(text)
        if tag is None or tag in (self.allowed or ()):
            return tag
        if self.default and tag == self.default.split("-")[0]:
            return self.default
        if self.allowed is None:
            return tag
        if "-" in tag:
            return None
        same_language = [allowed for allowed in self.allowed if allowed.split("-")[0] == tag]
        return same_language[0] if len(same_language) == 1 else None
