"""Try it: a question as a customer would ask it, what the live index finds, and why it answers as it does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from chatbot.admin import knowledge
from chatbot.admin.preview import answer_frame
from chatbot.answering.events import Question
from chatbot.answering.pipeline import Bundle, decide
from chatbot.answering.rank import SIGNALS, Candidate
from chatbot.answering.retrieve import has_words, prepare, search
from chatbot.engine.errors import EngineError
from chatbot.engine.index import Entry, Signals
from chatbot.engine.runtime import Engine
from chatbot.models import Event
from chatbot.serving import NotServed, serving
from chatbot.trial import TooLarge, with_draft
from customers.faq_file.model import ALTERNATES_LIMIT, ANSWER_LIMIT, QUESTION_LIMIT
from customers.faq_file.text import single_line, split_lines, split_names
from customers.faq_file.values import derive_id
from customers.models import FaqEntry, LocaleProfile

CANDIDATES_SHOWN = 8
SPACE = "\u2581"  # how sentencepiece writes the space before a word
SIGNAL_LABELS: dict[str, str | Promise] = {
    "question": gettext_lazy("Nearest wording"),
    "prototype": gettext_lazy("All its wordings"),
    "passage": gettext_lazy("Question with answer"),
    "words": gettext_lazy("Shared words"),
    "characters": gettext_lazy("Similar spelling"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a text; `marked` where the other text has the same word."""

    text: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class SignalShown:
    """One signal of a candidate: its value, and what it adds to the score."""

    label: str
    value: float
    adds: float


@dataclass(frozen=True, kw_only=True)
class CandidateShown:
    """One candidate as the screen shows it; `matched` is the wording of it that is nearest."""

    key: str
    question: str
    matched: Sequence[Part]
    probability: float
    score: float
    signals: Sequence[SignalShown]
    url: str
    is_draft: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A bundle to try on, with whose draft in it."""

    bundle: Bundle
    draft: str | None


@knowledge.for_staff
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show a page to try questions on the live index of any locale."""
    tenants = knowledge.tenants_for(request)
    tenant = knowledge.chosen_tenant(request, tenants)
    profiles = [profile for profile in knowledge.profiles_of(tenant) if profile.is_active]
    chosen = request.GET.get("locale", "")
    return knowledge.show(
        request,
        "admin/knowledge/try_it.html",
        title=_("Try it"),
        tenants=tenants,
        tenant=tenant,
        profiles=profiles,
        chosen=next((p for p in profiles if p.locale == chosen), profiles[0] if profiles else None),
    )


@knowledge.for_staff
@knowledge.as_json
@require_POST
def try_it(request: HttpRequest) -> HttpResponse:
    """Return what a question would be answered with, and every candidate with its signals."""
    profile = knowledge.profile_for(request, request.POST.get("profile"))
    text = request.POST.get("text", "").replace("\x00", "").strip()[: settings.MESSAGE_MAX_CHARS]
    if not text:
        raise knowledge.BadRequest(_("Write a question first."))
    try:
        engine, bundle = live(profile)
        trial = _trial(request, profile, bundle, engine)
        return JsonResponse(async_to_sync(_outcome)(text, profile=profile, trial=trial, engine=engine))
    except TooLarge:
        raise knowledge.BadRequest(
            _("This FAQ is too large to be tried with a draft in it: save the draft, then try it live.")
        ) from None
    except (EngineError, TimeoutError):
        return JsonResponse({"error": _("The model is busy. Please try again in a moment.")}, status=503)


def live(profile: LocaleProfile) -> tuple[Engine, Bundle]:
    """Return the engine and the bundle that answer for a profile in this process. Raises BadRequest."""
    try:
        bundle = serving.bundle(profile.pk)
    except NotServed:
        raise knowledge.BadRequest(
            _("%(locale)s is not live: it is switched off, or still being loaded.")
            % {"locale": profile.locale}
        ) from None
    assert serving.engine is not None  # it built the bundle
    return serving.engine, bundle


def _trial(request: HttpRequest, profile: LocaleProfile, bundle: Bundle, engine: Engine) -> Trial:
    """Return the live bundle, or one with the draft that came along."""
    question = single_line(request.POST.get("question", ""))[:QUESTION_LIMIT]
    if request.POST.get("draft") != "1" or not has_words(question):
        return Trial(bundle=bundle, draft=None)
    alternates = split_lines(request.POST.get("alternates", "")[: ALTERNATES_LIMIT * QUESTION_LIMIT])
    draft = Entry(
        key=request.POST.get("key", "").strip()[: knowledge.NAME_MAX_CHARS]
        or derive_id(profile.locale, question),
        questions=(question, *[text for text in alternates if has_words(text)][:ALTERNATES_LIMIT]),
        answer=request.POST.get("answer", "").replace("\r\n", "\n").strip()[:ANSWER_LIMIT],
        category=request.POST.get("category", "").strip()[: knowledge.NAME_MAX_CHARS],
        follow_ups=tuple(split_names(request.POST.get("follow_ups", "")[:10_000])),
    )
    return Trial(bundle=with_draft(bundle, draft, engine=engine), draft=draft.key)


async def _outcome(text: str, *, profile: LocaleProfile, trial: Trial, engine: Engine) -> dict[str, object]:
    bundle = trial.bundle
    answer = await decide(Question(text=text), bundle=bundle, encoder=engine)
    suggestions = tuple({"faq": source.key, "question": source.question} for source in answer.suggestions)
    result: dict[str, object] = {
        "text": text,
        "outcome": answer.outcome,
        "outcome_label": str(Event.Outcome(answer.outcome).label),
        "confidence": answer.confidence,
        "answer_from": bundle.ranker.answer_from,
        "clarify_from": bundle.ranker.clarify_from,
        "draft": trial.draft is not None,
        "entries": len(bundle.index),
        "model": answer.model,
        "event": answer_frame(profile, answer.text, suggestions, outcome=answer.outcome),
        "asked": [],
        "candidates": [],
    }
    if not has_words(text):
        return result
    prepared = prepare(text)
    signals = search(bundle.index, prepared, await engine.embed_query(prepared), tokenize=engine.tokens)
    candidates = bundle.ranker.rank(signals)[:CANDIDATES_SHOWN]
    urls = await _urls(profile, [bundle.index.entries[candidate.entry].key for candidate in candidates])
    shown = _candidates(trial, candidates, signals, prepared, urls, engine)
    best = bundle.index.entries[candidates[0].entry].questions[candidates[0].matched] if candidates else ""
    return result | {
        "asked": [asdict(part) for part in marked(prepared, best, engine)],
        "candidates": [asdict(candidate) for candidate in shown],
    }


async def _urls(profile: LocaleProfile, keys: Sequence[str]) -> dict[str, str]:
    rows = FaqEntry.objects.filter(profile=profile, key__in=keys).values_list("key", "pk")
    return {key: reverse("admin:customers_faqentry_change", args=[pk]) async for key, pk in rows}


def _candidates(
    trial: Trial,
    candidates: Sequence[Candidate],
    signals: Signals,
    asked: str,
    urls: dict[str, str],
    engine: Engine,
) -> list[CandidateShown]:
    adds = trial.bundle.ranker.shares(signals)
    places = {int(entry): place for place, entry in enumerate(signals.entry)}
    shown = []
    for candidate in candidates:
        entry, place = trial.bundle.index.entries[candidate.entry], places[candidate.entry]
        shown.append(
            CandidateShown(
                key=entry.key,
                question=entry.questions[0],
                matched=marked(entry.questions[candidate.matched], asked, engine),
                probability=candidate.probability,
                score=candidate.score,
                signals=[
                    SignalShown(
                        label=str(SIGNAL_LABELS[name]),
                        value=float(getattr(signals, name)[place]),
                        adds=float(adds[name][place]),
                    )
                    for name in SIGNALS
                ],
                url=urls.get(entry.key, ""),
                is_draft=entry.key == trial.draft,
            )
        )
    return shown


def marked(text: str, other: str, engine: Engine) -> list[Part]:
    """Split a text where the other has the same words, as the encoder's own tokens cut them, in any script."""
    theirs = {piece for _start, _end, piece in _pieces(other, engine)}
    parts: list[Part] = []
    done = 0
    for start, end, piece in _pieces(text, engine):
        if piece not in theirs:
            continue
        gap = text[done:start]
        if parts and not gap.strip():
            parts[-1] = Part(text=parts[-1].text + gap + text[start:end], marked=True)
        else:
            parts += [Part(text=gap, marked=False)] * bool(gap) + [Part(text=text[start:end], marked=True)]
        done = end
    return parts + [Part(text=text[done:], marked=False)] * (done < len(text))


def _pieces(text: str, engine: Engine) -> list[tuple[int, int, str]]:
    """Return the tokens that hold letters or digits: where each starts and ends in the text, and how it reads."""
    # Capitals are cut into other tokens; where lower case is as long, the places are the same.
    lowered = text.lower()
    lowered = lowered if len(lowered) == len(text) else text
    (encoded,) = engine.encoder.tokenizer.encode_batch([lowered], add_special_tokens=False)
    found = []
    for token, (start, end) in zip(encoded.tokens, encoded.offsets, strict=True):
        piece = token.lstrip(SPACE)
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if has_words(piece):
            found.append((start, end, piece))
    return found
