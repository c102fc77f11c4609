"""What an explained answer leads to: the FAQ, a new way to ask it, a test question, another try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from chatbot.answering.retrieve import has_words
from customers.models import FaqEntry, LocaleProfile, TestQuestion


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question and what it got, as stored or as just tried; `traces` and `composition` are those of events, as JSON.

    `joined`: earlier messages that were read together with `text`. `draft`: the id of an entry that is only being
    written. `back`: the address to return to.
    """

    profile: LocaleProfile
    text: str
    outcome: str
    lang: str
    model: str
    confidence: float | None
    traces: Sequence[Mapping[str, Any]]
    composition: Mapping[str, Any] | None = None
    joined: Sequence[str] = ()
    chosen_key: str = ""
    switch: str = ""
    draft: str | None = None
    back: str = ""


class Links:
    """What an explanation leads to, for the entries that still exist and what the user may do."""

    def __init__(self, asked: Asked, *, may_change: bool) -> None:
        self._asked = asked
        self._may_change = may_change
        locales = {trace["locale"] for trace in asked.traces}
        tenant_id = asked.profile.tenant_id
        self.profiles = {
            profile.locale: profile
            for profile in LocaleProfile.objects.filter(tenant_id=tenant_id, locale__in=locales)
        }
        keys = {candidate["key"] for trace in asked.traces for candidate in trace["candidates"]}
        rows = FaqEntry.objects.filter(profile__in=self.profiles.values(), key__in=keys)
        self.entries = {
            (locale, key): (pk, is_active)
            for locale, key, pk, is_active in rows.values_list("profile__locale", "key", "pk", "is_active")
        }
        self._test = TestQuestion.objects.filter(profile=asked.profile, text=self._text).first()

    @property
    def _text(self) -> str:
        return " ".join(self._asked.text.split())

    def edit(self, locale: str, key: str) -> str:
        """Return where an entry is edited."""
        found = self.entries.get((locale, key))
        return reverse("admin:customers_faqentry_change", args=[found[0]]) if found else ""

    def alternate(self, key: str, *, locale: str = "") -> str:
        """Return where the question is added to an entry; to one yet to be named without a key."""
        profile = self.profiles.get(locale, self._asked.profile)
        if not self._may_change or not has_words(self._text):
            return ""
        query = {"profile": profile.pk, "key": key, "text": self._text, "next": self._asked.back}
        return f"{reverse('knowledge:alternate')}?{urlencode(query)}"

    def known_test(self) -> str:
        """Return where the test question is changed that asks just this."""
        return reverse("admin:customers_testquestion_change", args=[self._test.pk]) if self._test else ""

    def test(self, key: str, *, locale: str = "") -> str:
        """Return where a test question is made of it that expects this entry; to be declined without a key."""
        if not self._may_change or not self._text or self._test is not None:
            return ""
        query = {"profile": self._asked.profile.pk, "text": self._text, "expected_keys": key}
        if locale not in ("", self._asked.profile.locale):
            query["lang"] = locale
        return f"{reverse('admin:customers_testquestion_add')}?{urlencode(query)}"

    def new(self) -> str:
        """Return where an entry is written for it."""
        if not self._may_change or not has_words(self._text):
            return ""
        query = {"profile": self._asked.profile.pk, "question": self._text}
        return f"{reverse('admin:customers_faqentry_add')}?{urlencode(query)}"

    def try_again(self) -> str:
        """Return where it is asked again."""
        if not self._text:
            return ""
        profile = self._asked.profile
        query = {"tenant": profile.tenant.slug, "locale": profile.locale, "q": self._text}
        return f"{reverse('knowledge:try')}?{urlencode(query)}"
