"""A bundle in which one entry reads as somebody is just writing it; nothing of it is stored or served."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from django.conf import settings

from chatbot import vectors
from chatbot.answering import background
from chatbot.answering.pipeline import Bundle
from chatbot.answering.retrieve import index_texts, make_index, text_digest
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.index import Entry
from chatbot.engine.runtime import Engine
from customers.models import FaqEntry

# Rebuilding takes time in proportion; beyond this an editor would wait too long.
QUESTIONS_MAX = 5_000
EMBED_SECONDS = 20


class TooLarge(Exception):
    """The FAQ has more questions than can be indexed anew while somebody waits."""


def with_draft(bundle: Bundle, draft: Entry, *, engine: Engine) -> Bundle:
    """Return the bundle as it would be with the draft in the place of the entry with its key, or beside the others.

    Raises TooLarge, EngineError, TimeoutError.
    """
    entries = [entry for entry in bundle.index.entries if entry.key != draft.key] + [draft]
    if sum(len(entry.questions) for entry in entries) > QUESTIONS_MAX:
        raise TooLarge
    texts = [index_texts(entry) for entry in entries]
    known = _vectors(bundle, entries, texts, engine=engine)
    index = make_index(
        entries,
        questions=np.stack(
            [known[text_digest("query", question)] for questions, _ in texts for question in questions]
        ),
        passages=np.stack([known[text_digest("passage", passage)] for _, passage in texts]),
        tokenize=engine.tokens,
        synonyms=bundle.index.wording.synonyms,
        background=background.vectors(
            lambda asked, kind: engine.embed_bulk(asked, kind, upper=bundle.upper).result(EMBED_SECONDS),
            version=bundle.upper.name,
            folder=settings.MODEL_DIR,
        ),
    )
    return dataclasses.replace(bundle, index=index)


def _vectors(
    bundle: Bundle, entries: Sequence[Entry], texts: Sequence[tuple[list[str], str]], *, engine: Engine
) -> dict[bytes, Vectors]:
    """Return the unit vector [dim] of every text by its digest: the stored ones, and new ones for the draft's."""
    wanted: dict[bytes, tuple[Kind, str]] = {}
    stored: set[tuple[int, bytes]] = set()
    rows = dict(FaqEntry.objects.filter(profile_id=bundle.profile_id).values_list("key", "pk"))
    for entry, (questions, passage) in zip(entries, texts, strict=True):
        own: dict[bytes, tuple[Kind, str]] = {
            text_digest("query", text): ("query", text) for text in questions
        }
        own[text_digest("passage", passage)] = ("passage", passage)
        wanted |= own
        stored |= {(rows[entry.key], digest) for digest in own if entry.key in rows}
    found, _ = vectors.load(profile_id=bundle.profile_id, version=bundle.upper.name, known=stored)
    known: dict[bytes, Vectors] = {row.digest: row.vector for row in found}
    for kind in ("query", "passage"):
        missing = [digest for digest, (its, _) in wanted.items() if its == kind and digest not in known]
        if missing:
            made = engine.embed_bulk(
                [wanted[digest][1] for digest in missing], kind, upper=bundle.upper
            ).result(timeout=EMBED_SECONDS)
            known |= dict(zip(missing, made, strict=True))
    return known
