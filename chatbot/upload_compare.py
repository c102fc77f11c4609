"""What the encoder says about an upload before it is applied: questions asked already, and test questions tried."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot import bulk_encoder, faq_texts, vectors, versions
from chatbot.answering import events
from chatbot.answering.rank import Ranker, weights_from_json
from chatbot.answering.retrieve import make_index, readings, search
from chatbot.engine import space
from chatbot.engine.arrays import Kind
from chatbot.engine.index import Index
from chatbot.faq_texts import FaqTexts
from customers import faq_store, upload_comparison, uploads
from customers.faq_store import FaqDraft
from customers.models import FaqUpload, FaqUploadFinding, FaqUploadRow, LocaleProfile, TestQuestion
from customers.upload_texts import ALIKE

Array = NDArray[np.float32]
Known = dict[bytes, Array]

CHUNK = 512
OPEN = (FaqUpload.State.READY, FaqUpload.State.INVALID)


class Overtaken(Exception):
    """The upload was applied, or is being checked again; nobody waits for the comparison any more."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """The entries of one profile before or after the upload; `places` tells where an upload's row stands."""

    drafts: Mapping[str, FaqDraft]
    places: Mapping[str, FaqUploadRow]


def compare(*, upload_id: int) -> None:
    """Embed what an upload brings, and store what that shows. The vectors are kept for when it is applied."""
    upload = FaqUpload.objects.filter(pk=upload_id, state__in=OPEN).first()
    if upload is None:
        return
    rows = defaultdict[int, list[FaqUploadRow]](list)
    changing = (FaqUploadRow.Kind.NEW, FaqUploadRow.Kind.CHANGED)
    for row in upload.rows.filter(kind__in=changing, is_left_out=False).iterator(chunk_size=5_000):
        rows[row.profile_id].append(row)
    findings: list[FaqUploadFinding] = []
    impact: list[dict[str, Any]] = []
    try:
        for profile in LocaleProfile.objects.filter(pk__in=rows.keys()).order_by("locale"):
            found, tried = _compare_profile(upload, profile, rows[profile.pk])
            findings += found
            impact += tried
    except Overtaken:
        return
    upload_comparison.upload_compared(upload_id=upload_id, findings=findings, impact=impact)


def _compare_profile(
    upload: FaqUpload, profile: LocaleProfile, rows: Sequence[FaqUploadRow]
) -> tuple[list[FaqUploadFinding], list[dict[str, Any]]]:
    live = faq_store.load(profile_id=profile.pk)
    after = Side(
        drafts=live | {row.key: FaqDraft.from_json(row.draft or {}) for row in rows},
        places={row.key: row for row in rows},
    )
    today = faq_texts.today_of(profile)
    new, old = (
        faq_texts.of(
            (number, faq_texts.entry_of(draft))
            for number, draft in enumerate(drafts.values())
            if faq_texts.answers_on(draft, today)
        )
        for drafts in (after.drafts, live)
    )
    known = _vectors(upload, profile, new, old)
    findings = _similar(upload, new, after, known)
    questions = list(TestQuestion.objects.filter(profile=profile).order_by("pk"))
    return findings, _impact(profile, questions, old, new, known) if questions else []


def _vectors(upload: FaqUpload, profile: LocaleProfile, *faqs: FaqTexts) -> Known:
    """Return the vectors [dim] of all texts: stored ones, those of earlier looks, and new ones, which are kept."""
    model = versions.live(profile_id=profile.pk)
    version = bulk_encoder.key_of(model)
    texts: dict[bytes, tuple[Kind, str]] = {}
    for faq in faqs:
        texts |= faq.texts
    known = vectors.load_by_digest(profile_id=profile.pk, version=version)
    known = {digest: vector for digest, vector in known.items() if digest in texts}
    missing = [digest for digest in texts if digest not in known]
    known |= vectors.load_for_uploads(tenant_id=profile.tenant_id, version=version, digests=missing)
    missing = [digest for digest in missing if digest not in known]
    done = len(texts) - len(missing)
    _go_on(upload, done, len(texts))
    for places, made in bulk_encoder.embed([texts[digest] for digest in missing], version=model):
        step = {missing[place]: vector for place, vector in zip(places, made, strict=True)}
        vectors.save_for_upload(upload_id=upload.pk, version=version, vectors=step)
        known |= step
        done += len(step)
        _go_on(upload, done, len(texts))
    return known


def _go_on(upload: FaqUpload, done: int, total: int) -> None:
    """Tell the progress. Raises Overtaken."""
    if not FaqUpload.objects.filter(pk=upload.pk, state__in=OPEN).exists():
        raise Overtaken
    uploads.upload_progress(upload_id=upload.pk, done=done, total=total)


def _similar(upload: FaqUpload, faq: FaqTexts, after: Side, known: Known) -> list[FaqUploadFinding]:
    """Name each row whose question is nearly one of another entry, the likest one; each pair once."""
    if not faq.entries:
        return []
    owners = np.repeat(np.arange(len(faq.entries)), [len(entry.questions) for entry in faq.entries])
    asked = np.stack([known[digest] for entry in faq.entries for digest in entry.questions])
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    means = np.add.reduceat(asked, starts) / np.bincount(owners)[:, None]
    inside = space.unit(asked - space.centre_of(means.astype(np.float32), "query"))
    mine = [number for number, entry in enumerate(faq.entries) if entry.entry.key in after.places]
    findings, seen = [], set[tuple[int, int]]()
    for start in range(0, len(mine), CHUNK):
        numbers = np.array(mine[start : start + CHUNK])
        likeness = inside[starts[numbers]] @ inside.T
        likeness[owners[None, :] == numbers[:, None]] = -1
        best = likeness.argmax(axis=1)
        for number, place, value in zip(numbers, best, likeness.max(axis=1), strict=True):
            other = int(owners[place])
            pair = (min(int(number), other), max(int(number), other))
            if value >= ALIKE and pair not in seen:
                seen.add(pair)
                text = faq.entries[other].entry.questions[int(place - starts[other])]
                findings.append(_finding(upload, faq, after, int(number), other, text, float(value)))
    return findings


def _finding(
    upload: FaqUpload, faq: FaqTexts, after: Side, number: int, other: int, text: str, likeness: float
) -> FaqUploadFinding:
    row = after.places[faq.entries[number].entry.key]
    key = faq.entries[other].entry.key
    beside = after.places.get(key)
    data: dict[str, Any] = {
        "key": row.key, "other": key, "other_text": text, "likeness": round(likeness, 3),
    }  # fmt: skip
    if beside is not None:
        data["other_row"] = beside.row
    return FaqUploadFinding(
        upload=upload,
        kind=FaqUploadFinding.Kind.SIMILAR,
        sheet=row.sheet,
        row=row.row,
        value=faq.entries[number].entry.questions[0],
        code="similar_to_live" if beside is None else "similar_in_file",
        data=data,
    )


# ---------------------------------------------------------------- the saved test questions, before and after


def _impact(
    profile: LocaleProfile, questions: Sequence[TestQuestion], old: FaqTexts, new: FaqTexts, known: Known
) -> list[dict[str, Any]]:
    """Answer the test questions by both FAQs."""
    texts = [question.text for question in questions]
    model = versions.live(profile_id=profile.pk)
    weights = None if model is None else weights_from_json(model.ranker)
    ranker = Ranker.allowing(profile.max_wrong_percent, weights=weights)
    off_topic = bulk_encoder.off_topic(model)
    indexes = [_index(faq, known, synonyms=profile.synonyms, off_topic=off_topic) for faq in (old, new)]
    wanted = list(dict.fromkeys(one for index in indexes for text in texts for one in readings(text, index)))
    asked: dict[str, Array] = {}
    for places, made in bulk_encoder.embed([("query", text) for text in wanted], version=model):
        asked |= {wanted[place]: vector for place, vector in zip(places, made, strict=True)}
    outcomes = [[_outcome(index, text, asked, ranker=ranker) for text in texts] for index in indexes]
    return [
        {
            "locale": profile.locale,
            "text": question.text,
            "expected": question.expected_keys,
            "before": before,
            "after": after,
        }
        for question, before, after in zip(questions, *outcomes, strict=True)
    ]


def _index(faq: FaqTexts, known: Known, *, synonyms: Mapping[str, Sequence[str]], off_topic: Array) -> Index:
    dim = bulk_encoder.encoder().dim
    questions = [known[digest] for entry in faq.entries for digest in entry.questions]
    passages = [known[entry.passage] for entry in faq.entries]
    none = np.zeros((0, dim), np.float32)
    return make_index(
        [entry.entry for entry in faq.entries],
        questions=np.stack(questions) if questions else none,
        passages=np.stack(passages) if passages else none,
        tokenize=bulk_encoder.tokenize,
        synonyms=synonyms,
        background=off_topic,
    )


def _outcome(index: Index, text: str, asked: Mapping[str, Array], *, ranker: Ranker) -> dict[str, Any]:
    """Return what a question, of whose readings `asked` has the vectors [dim], would get, and the entry."""
    _, candidates = ranker.surest(
        [search(index, one, asked[one], tokenize=bulk_encoder.tokenize) for one in readings(text, index)]
    )
    outcome = ranker.outcome(candidates)
    if outcome == events.DECLINED:
        return {"outcome": outcome, "key": "", "probability": 0.0}
    best = candidates[0]
    return {
        "outcome": outcome,
        "key": index.entries[best.entry].key,
        "probability": round(best.probability, 3),
    }
