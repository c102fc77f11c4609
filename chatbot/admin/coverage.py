"""The coverage matrix: which topic is answered in which locale, and which answers have fallen behind their source.

The source of a topic is the entry in the tenant's default locale. A translation is stale when its source was
changed after it: being created after it, as when files are imported in any order, is not a change.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chatbot.admin import knowledge
from customers import access, culture
from customers.models import FaqEntry, LocaleProfile

TOPICS_PER_PAGE = 50
# `created_at` and `updated_at` of a new row are read from the clock one after the other.
CREATING = dt.timedelta(seconds=1)


class State(TextChoices):
    """How a topic stands in a locale."""

    PRESENT = "present", _("present")
    STALE = "stale", _("stale")
    MISSING = "missing", _("missing")
    RETIRED = "retired", _("retired")


SYMBOLS = {State.PRESENT: "check", State.STALE: "update", State.MISSING: "add", State.RETIRED: "block"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry as the matrix needs it."""

    pk: int
    category: str
    is_active: bool
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic id: its entries by profile id."""

    key: str
    category: str
    entries: Mapping[int, Row]
    source: Row | None

    def state(self, profile_id: int) -> State:
        """Return how the topic stands in a profile."""
        entry = self.entries.get(profile_id)
        if entry is None:
            return State.MISSING
        if not entry.is_active:
            return State.RETIRED
        return State.STALE if is_stale(entry, self.source) else State.PRESENT


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One topic in one locale; `url` edits or creates it, and is empty where the user may not."""

    locale: str
    state: State
    symbol: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the matrix."""

    key: str
    category: str
    question: str
    lang: str
    url: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One locale of the matrix; `share` is the part of all topics that is answered, in percent."""

    locale: str
    name: str
    is_source: bool
    share: int
    present: int
    stale: int
    missing: int
    retired: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One option of a filter."""

    value: str
    label: str
    chosen: bool


def is_stale(entry: Row, source: Row | None) -> bool:
    """Say whether the source was changed after the entry."""
    if source is None or source.pk == entry.pk:
        return False
    return source.updated_at > max(entry.updated_at, source.created_at + CREATING)


def topics_of(
    profiles: Sequence[LocaleProfile], source_id: int | None, *, key: str | None = None
) -> list[Topic]:
    """Return every topic of the profiles, or the one with this id; one query, however many there are."""
    rows = FaqEntry.objects.filter(profile__in=profiles).order_by("key")
    rows = rows if key is None else rows.filter(key=key)
    found: dict[str, dict[int, Row]] = {}
    for key, profile_id, pk, category, is_active, created_at, updated_at in rows.values_list(
        "key", "profile_id", "pk", "category", "is_active", "created_at", "updated_at"
    ):
        found.setdefault(key, {})[profile_id] = Row(
            pk=pk, category=category, is_active=is_active, created_at=created_at, updated_at=updated_at
        )
    topics = []
    for key, entries in found.items():
        source = entries.get(source_id) if source_id is not None else None
        named = [source] if source is not None else entries.values()
        category = next((row.category for row in named if row.category), "")
        topics.append(Topic(key=key, category=category, entries=entries, source=source))
    return topics


@knowledge.for_staff
@require_safe
def coverage(request: HttpRequest) -> HttpResponse:
    """Show one page of the matrix, narrowed by category and state, for the chosen locales."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    profiles = knowledge.profiles_of(tenant)
    shown = knowledge.chosen_profiles(request, profiles)
    source = next((profile for profile in profiles if profile.locale == tenant.default_locale), None)
    topics = topics_of(profiles, source.pk if source else None)
    category, state = request.GET.get("category", ""), request.GET.get("state", "")
    page = Paginator(_narrowed(topics, shown, category, state), TOPICS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    return knowledge.show(
        request,
        "admin/knowledge/coverage.html",
        title=_("Coverage"),
        tenants=tenants,
        tenant=tenant,
        source=source,
        columns=[_column(profile, topics, source) for profile in shown],
        lines=_lines(request, page.object_list, shown, source),
        page=page,
        pages=page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        query=_query(request),
        locales=_choices(((p.locale, p.locale) for p in profiles), {profile.locale for profile in shown}),
        categories=_choices(
            ((name, name) for name in sorted({topic.category for topic in topics} - {""})), {category}
        ),
        states=_choices(((value, str(label)) for value, label in State.choices), {state}),
    )


def _narrowed(
    topics: Iterable[Topic], profiles: Sequence[LocaleProfile], category: str, state: str
) -> list[Topic]:
    """Keep the topics of a category, and those that are in a state in any of the profiles."""
    return [
        topic
        for topic in topics
        if (not category or topic.category == category)
        and (not state or any(topic.state(profile.pk) == state for profile in profiles))
    ]


def _column(profile: LocaleProfile, topics: Sequence[Topic], source: LocaleProfile | None) -> Column:
    counts = Counter(topic.state(profile.pk) for topic in topics)
    answered = counts[State.PRESENT] + counts[State.STALE]
    return Column(
        locale=profile.locale,
        name=culture.endonym_of(profile.locale),
        is_source=profile == source,
        share=100 * answered // len(topics) if topics else 0,
        present=counts[State.PRESENT],
        stale=counts[State.STALE],
        missing=counts[State.MISSING],
        retired=counts[State.RETIRED],
    )


def _lines(
    request: HttpRequest,
    topics: Iterable[Topic],
    profiles: Sequence[LocaleProfile],
    source: LocaleProfile | None,
) -> list[Line]:
    topics = list(topics)
    may_add = bool(profiles) and knowledge.may(request, access.ADD, profiles[0].tenant)
    locales = {profile.pk: profile.locale for profile in profiles}
    if source is not None:
        locales[source.pk] = source.locale
    # A topic is named in its source's words, else in those of the first locale shown that has it.
    named = {topic.key: next(((topic.entries[p], p) for p in _order(source, profiles) if p in topic.entries), None)
             for topic in topics}  # fmt: skip
    texts = knowledge.first_questions([found[0].pk for found in named.values() if found])
    lines = []
    for topic in topics:
        found = named[topic.key]
        lines.append(
            Line(
                key=topic.key,
                category=topic.category,
                question=texts.get(found[0].pk, "") if found else "",
                lang=locales[found[1]] if found else "",
                url=topic_url(profiles[0].tenant.slug, topic.key),
                cells=[_cell(topic, profile, may_add) for profile in profiles],
            )
        )
    return lines


def _order(source: LocaleProfile | None, profiles: Sequence[LocaleProfile]) -> list[int]:
    return [*([source.pk] if source else []), *(profile.pk for profile in profiles)]


def _cell(topic: Topic, profile: LocaleProfile, may_add: bool) -> Cell:
    state, entry = topic.state(profile.pk), topic.entries.get(profile.pk)
    url = ""
    if entry is not None:
        url = reverse("admin:customers_faqentry_change", args=[entry.pk])
    elif may_add:
        url = create_url(profile, topic.key, topic.category)
    return Cell(locale=profile.locale, state=state, symbol=SYMBOLS[state], url=url)


def topic_url(tenant: str, key: str) -> str:
    """Return the address of a topic side by side."""
    return f"{reverse('knowledge:topic')}?{urlencode({'tenant': tenant, 'key': key})}"


def create_url(profile: LocaleProfile, key: str, category: str = "", **more: str) -> str:
    """Return the address of an empty FAQ of a topic in a locale."""
    fields = {"profile": str(profile.pk), "key": key, "category": category, **more}
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"{reverse('admin:customers_faqentry_add')}?{query}"


def _choices(options: Iterable[tuple[str, str]], chosen: set[str]) -> list[Choice]:
    return [Choice(value=value, label=label, chosen=value in chosen) for value, label in options]


def _query(request: HttpRequest) -> str:
    """Return the address's filters without its page, to go on with."""
    kept = request.GET.copy()
    kept.pop("page", None)
    return kept.urlencode()
