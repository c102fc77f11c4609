"""One search over a tenant's FAQs: by the words that stand there, and by what is meant, in any locale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatbot.admin import knowledge
from chatbot.admin.coverage import Choice, topic_url
from chatbot.admin.try_it import live
from chatbot.answering.retrieve import has_words, prepare, search
from chatbot.engine.arrays import Vectors
from chatbot.engine.errors import EngineError
from chatbot.engine.index import Index
from chatbot.engine.runtime import Engine
from customers import culture
from customers.models import FaqEntry, FaqQuestion, LocaleProfile, Tenant

FOUND_MAX = 50
MEANT_MAX = 20
WORDS_MAX = 8
PER_LOCALE = 10


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One FAQ that was found; `score` counts from 0 to 1, and is None where words alone were compared."""

    key: str
    question: str
    locale: str
    direction: str
    category: str
    is_active: bool
    url: str
    topic: str
    score: int | None = None
    matched: str = ""


@dataclass(frozen=True, kw_only=True)
class Meant:
    """What the search by meaning found, and what it could not search."""

    hits: Sequence[Hit] = ()
    problems: Sequence[str] = ()


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the search, and what it finds in the tenant's chosen locales."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    profiles = knowledge.profiles_of(tenant)
    chosen = knowledge.chosen_profiles(request, profiles)
    text = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[: settings.MESSAGE_MAX_CHARS]
    names = {profile.locale for profile in chosen}
    literal = by_words(text, tenant, chosen) if text else []
    return knowledge.show(
        request,
        "admin/knowledge/search.html",
        title=_("Search"),
        tenants=tenants,
        tenant=tenant,
        locales=[Choice(value=p.locale, label=p.locale, chosen=p.locale in names) for p in profiles],
        q=text,
        literal=literal[:FOUND_MAX],
        more_literal=len(literal) > FOUND_MAX,
        meant=by_meaning(text, tenant, chosen) if text else Meant(),
    )


def by_words(text: str, tenant: Tenant, profiles: Sequence[LocaleProfile]) -> list[Hit]:
    """Return the FAQs in which every word occurs, as a part of any word, in any script; one more than are shown."""
    entries = FaqEntry.objects.filter(profile__in=profiles)
    for word in text.split()[:WORDS_MAX]:
        asked = FaqQuestion.objects.filter(text__icontains=word, entry__profile__in=profiles).values(
            "entry_id"
        )
        entries = entries.filter(Q(pk__in=asked) | Q(answer__icontains=word) | Q(key__icontains=word))
    found = list(entries.select_related("profile").order_by("key", "profile__locale")[: FOUND_MAX + 1])
    texts = knowledge.first_questions([entry.pk for entry in found])
    return [_hit(entry, texts.get(entry.pk, ""), tenant) for entry in found]


def by_meaning(text: str, tenant: Tenant, profiles: Sequence[LocaleProfile]) -> Meant:
    """Return the live FAQs nearest in meaning, best first, over all the profiles."""
    if not has_words(text):
        return Meant()
    problems, served = [], []
    for profile in profiles:
        try:
            engine, bundle = live(profile)
            served.append((profile, bundle))
        except knowledge.BadRequest as problem:
            problems.append(str(problem))
    if not served:
        return Meant(problems=problems)
    prepared = prepare(text)
    found: dict[tuple[int, str], tuple[float, str]] = {}
    for profile, bundle in served:
        try:
            vector = async_to_sync(engine.embed_query)(prepared, upper=bundle.upper)
        except EngineError:
            return Meant(problems=[_("The model is busy. Please try again in a moment.")])
        for key, score, matched in _nearest(bundle.index, prepared, vector, engine):
            found[profile.pk, key] = (score, matched)
    best = sorted(found, key=lambda place: -found[place][0])[:MEANT_MAX]
    rows = FaqEntry.objects.filter(profile__in=profiles, key__in={key for _profile, key in best})
    entries = {(entry.profile_id, entry.key): entry for entry in rows.select_related("profile")}
    texts = knowledge.first_questions([entries[place].pk for place in best if place in entries])
    hits = [
        _hit(
            entries[place],
            texts.get(entries[place].pk, ""),
            tenant,
            score=found[place][0],
            matched=found[place][1],
        )
        for place in best
        if place in entries
    ]
    return Meant(hits=hits, problems=problems)


def _nearest(index: Index, prepared: str, vector: Vectors, engine: Engine) -> list[tuple[str, float, str]]:
    """Return the nearest entries of one index: id, closeness, and the wording that is nearest.

    Closeness is the mean cosine to that wording and to what all wordings have in common, without any words
    compared: a question finds what was written in another language.
    """
    signals = search(index, prepared, vector, tokenize=engine.tokens)
    closeness = (signals.question + signals.prototype) / 2
    nearest = np.argsort(-closeness)[:PER_LOCALE]
    found = [(index.entries[signals.entry[place]], place) for place in nearest]
    return [(entry.key, float(closeness[at]), entry.questions[signals.matched[at]]) for entry, at in found]


def _hit(
    entry: FaqEntry, question: str, tenant: Tenant, *, score: float | None = None, matched: str = ""
) -> Hit:
    return Hit(
        key=entry.key,
        question=question,
        locale=entry.profile.locale,
        direction=culture.direction_of(entry.profile.locale),
        category=entry.category,
        is_active=entry.is_active,
        url=reverse("admin:customers_faqentry_change", args=[entry.pk]),
        topic=topic_url(tenant.slug, entry.key),
        score=None if score is None else max(0, min(100, round(100 * score))),
        matched=matched if matched != question else "",
    )
