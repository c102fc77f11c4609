"""From a profile's stored FAQ and its vectors to the index that answers: the same wherever it is done.

A small FAQ's index is built in the process that serves it, a large one's in a process of its own (`index_apart`).
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef

from chatbot import faq_texts, vectors
from chatbot.answering import background
from chatbot.answering.retrieve import Tokenize, make_index
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.index import Index
from chatbot.faq_texts import FaqTexts
from chatbot.models import QuestionVector
from chatbot.vectors import StoredVector
from customers.models import FaqQuestion

BULK_TEXTS = 512
# Reading and indexing more questions than these keeps the interpreter busy for longer than an answer may take.
LARGE_QUESTIONS = 2_000

EmbedTexts = Callable[[list[str], Kind], Vectors]


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which index is wanted: of a profile at a revision and on a day, from the vectors of an encoder's version.

    At most `patience` texts may be embedded for it. Where more lack a vector, there is no index, or where it
    `may_be_partial`, one of the entries that have all theirs.
    """

    profile_id: int
    revision: int
    today: dt.date
    version: str
    dim: int
    synonyms: Mapping[str, Sequence[str]]
    patience: float
    may_be_partial: bool


@dataclass(frozen=True, kw_only=True)
class Built:
    """What became of an order; it `is_whole` if nothing lacks in the index, and None if there is too much to embed."""

    order: Order
    index: Index | None
    is_whole: bool


def is_large(*, profile_id: int) -> bool:
    """Say whether a profile's FAQ is too large to be indexed in a process with chats in it."""
    asked = FaqQuestion.objects.filter(entry__profile_id=profile_id, entry__is_active=True)
    return asked[: LARGE_QUESTIONS + 1].count() > LARGE_QUESTIONS


def is_far_off(order: Order) -> bool:
    """Say at a glance whether too much lacks a vector: more entries than an order's patience have none at all."""
    if math.isinf(order.patience):
        return False
    made = QuestionVector.objects.filter(entry=OuterRef("pk"), version=order.version)
    entries = faq_texts.answering(profile_id=order.profile_id, today=order.today).filter(
        ~Exists(made), questions__position=0
    )
    return entries[: int(order.patience) + 1].count() > order.patience


def build(order: Order, *, tokenize: Tokenize, embed: EmbedTexts) -> Built:
    """Read a profile's FAQ, embed and store what has no vector yet, delete vectors without a text, and index it."""
    faq = faq_texts.read(profile_id=order.profile_id, today=order.today)
    known = vectors.stored_keys(profile_id=order.profile_id, version=order.version)
    missing = faq.wanted() - known
    if len(missing) > order.patience:
        if not order.may_be_partial:
            return Built(order=order, index=None, is_whole=False)
        return Built(order=order, index=_partial(order, faq.having(known), tokenize, embed), is_whole=False)
    _embed(order, faq, missing, embed)
    stored = vectors.load_all(profile_id=order.profile_id, version=order.version)
    wanted = faq.wanted()
    stale = [row_id for row_id, key in zip(stored.ids, stored.keys, strict=True) if key not in wanted]
    if stale:
        vectors.prune(ids=stale)
    places = stored.places()
    if not wanted <= places.keys():
        # An entry went while it was read; its announcement is on the way.
        return Built(order=order, index=None, is_whole=False)
    return Built(order=order, index=_index(order, faq, stored.matrix, places, tokenize, embed), is_whole=True)


def _partial(order: Order, faq: FaqTexts, tokenize: Tokenize, embed: EmbedTexts) -> Index:
    stored = vectors.load_all(profile_id=order.profile_id, version=order.version)
    places = stored.places()
    return _index(order, faq.having(set(places)), stored.matrix, places, tokenize, embed)


def _index(
    order: Order,
    faq: FaqTexts,
    matrix: Vectors,
    places: Mapping[tuple[int, bytes], int],
    tokenize: Tokenize,
    embed: EmbedTexts,
) -> Index:
    """Index an FAQ all of whose vectors have their places in the matrix [rows, dim]."""
    asked = [places[it.entry_id, digest] for it in faq.entries for digest in it.questions]
    passages = [places[it.entry_id, it.passage] for it in faq.entries]
    matrix = matrix if len(matrix) else matrix.reshape(0, order.dim)
    return make_index(
        [it.entry for it in faq.entries],
        questions=matrix[asked] if asked else matrix[:0],
        passages=matrix[passages] if passages else matrix[:0],
        tokenize=tokenize,
        synonyms=order.synonyms,
        background=background.vectors(embed, version=order.version, folder=settings.MODEL_DIR),
    )


def _embed(order: Order, faq: FaqTexts, missing: set[tuple[int, bytes]], embed: EmbedTexts) -> None:
    """Embed and store the texts that have no vector yet."""
    for kind in ("query", "passage"):
        keys = [key for key in sorted(missing) if faq.texts[key[1]][0] == kind]
        for start in range(0, len(keys), BULK_TEXTS):
            piece = keys[start : start + BULK_TEXTS]
            made = embed([faq.texts[digest][1] for _, digest in piece], kind)
            vectors.save(
                version=order.version,
                vectors=[
                    StoredVector(entry_id=entry_id, digest=digest, vector=vector)
                    for (entry_id, digest), vector in zip(piece, made, strict=True)
                ],
            )
