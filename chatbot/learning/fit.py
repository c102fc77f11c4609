"""Fit the ranker that Kefu ships to public data, and write it where the server reads it.

    python -m chatbot.learning.fit SOURCE... --encoder FOLDER [--strangers SOURCE...] [--seed N]

A source is a folder with `faq.jsonl` and `queries.jsonl` (and `meta.json`, whose `source` says which folders are
translations of one another), or an FAQ file in any format that Kefu imports: of that, every second alternate is asked.
Each is taken several times: with all its alternates, with few, with none, and as a small FAQ that is asked the
questions of the large one, so that the weights know what each signal is worth in each kind of FAQ. Beside its own
questions it is asked what is none of its business: questions of other FAQs (`--strangers`), and the background's. The
data are not kept: what is written are the mean vectors of questions and passages, and some twenty weights.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chatbot.answering import background
from chatbot.answering.rank import DEFAULT, weights_to_json
from chatbot.answering.retrieve import Embed, Tokenize, lexical, prepare
from chatbot.engine import space
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.index import Entry
from chatbot.learning.dataset import (
    FAQ_FILE,
    META_FILE,
    QUERIES_FILE,
    Dataset,
    DatasetError,
    LabelledQuery,
    read_dataset,
    read_faq,
)
from chatbot.learning.encoding import LocalEncoder
from chatbot.learning.examples import Example, Group, examine
from chatbot.learning.fitting import fit
from chatbot.learning.material import Asked, Material, embed_entries
from chatbot.learning.risk import with_risk
from customers.culture import language_of
from customers.faq_file.reader import parse

ALTERNATES = (0, 1, 3, 8)
SMALL_FAQS = (4, 12)
# The less an FAQ holds, the more is asked of it that it does not hold.
SMALL_OUT_OF_SCOPE = 0.2
QUERIES = 300
# Editors write alternates to differ, each about another part of the answer; visitors ask more plainly.
EDITORS_VOICE = 0.1
# An intent of many wordings is broader than the few that are left of it where it is cut, and broader than an FAQ that
# was written with few; so these, and small FAQs, count less than what was not cut.
CUT, CUT_SMALL = 0.03, 0.2
# How many of the strangers' questions an FAQ is asked, and how near (cosine) one may be to the FAQ's own.
STRANGERS = 60
NEARLY_SAME = 0.9
STRANGER, OFF_TOPIC = "stranger", "off topic"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set, its family (those that are translations of one another are one voice together) and its voice."""

    dataset: Dataset
    family: str
    voice: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A source with its vectors: the FAQ, and questions with the keys of the entries that answer them.

    Not for this FAQ are `others`, which other FAQs answer, and `off_topic`, which are of the background's first half.
    """

    source: Source
    material: Material
    asked: list[tuple[Asked, frozenset[str]]]
    others: tuple[Asked, ...] = ()
    off_topic: tuple[Asked, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Fit and write; return the exit status."""
    options = _parser().parse_args(argv)
    encoder = LocalEncoder(options.encoder)
    try:
        sources = [read_source(path) for path in options.source]
        strangers = [read_source(path) for path in options.strangers or ()]
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    embedded = []
    for source in sources:
        embedded.append(
            embed_source(
                source, embed=encoder.embed, tokenize=encoder.tokenize, seed=options.seed, strangers=strangers
            )
        )
        print(
            f"{source.dataset.name}: {len(source.dataset.entries)} FAQs, {len(embedded[-1].asked)} questions"
        )
    means = {
        kind: [round(x, 4) for x in mean_vector(embedded, kind).tolist()] for kind in ("query", "passage")
    }
    options.background.write_text(json.dumps(means) + "\n")
    space.background.cache_clear()
    groups = weigh([(found.source, groups_of(found, seed=options.seed)) for found in embedded])
    # A small FAQ is easily told apart, and would make the others' answers look less risky than they are.
    weights = with_risk(fit(groups), [group for group in groups if not group.out_of_scope])
    about = {
        "encoder": encoder.version,
        "seed": options.seed,
        "sources": [source.dataset.name for source in sources],
    }
    options.output.write_text(json.dumps({"about": about} | weights_to_json(weights), indent=1) + "\n")
    return 0


def read_source(path: Path) -> Source:
    """Read a folder or an FAQ file. Raises DatasetError."""
    if path.is_dir():
        meta = path / META_FILE
        about = json.loads(meta.read_text("utf-8")) if meta.is_file() else {}
        locale = about.get("locale", "")
        if any(queries.stat().st_size for queries in path.glob(QUERIES_FILE)):
            dataset = read_dataset(path / FAQ_FILE, path / QUERIES_FILE, name=path.name, locale=locale)
        else:
            dataset = Dataset(name=path.name, locale=locale, entries=read_faq(path / FAQ_FILE), queries=())
        return Source(dataset=dataset, family=about.get("source", path.name))
    try:
        parsed = parse(path.read_bytes(), filename=path.name, locale=path.stem)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}).") from error
    if parsed.errors or not parsed.rows:
        raise DatasetError(
            f"{path} holds no FAQ, or {len(parsed.errors)} errors. Import it once to see them."
        )
    entries, queries = [], []
    for row in parsed.rows:
        entries.append(Entry(key=row.id, questions=(row.question, *row.alternates[::2]), answer=row.answer))
        queries += [
            LabelledQuery(key=row.id, text=text, relevant={row.id: 1}) for text in row.alternates[1::2]
        ]
    dataset = Dataset(name=path.name, locale=path.stem, entries=tuple(entries), queries=tuple(queries))
    return Source(dataset=dataset, family=str(path.parent), voice=EDITORS_VOICE)


def embed_source(
    source: Source, *, embed: Embed, tokenize: Tokenize, seed: int, strangers: Sequence[Source] = ()
) -> Embedded:
    """Embed a source's FAQ, at most `QUERIES` of its questions, and what is asked in its language but not for it."""
    random = np.random.default_rng(seed)
    queries = source.dataset.queries
    chosen = [queries[place] for place in random.permutation(len(queries))[:QUERIES]]
    language = language_of(source.dataset.locale)
    known = [
        entry.questions[0]
        for other in strangers
        if language_of(other.dataset.locale) == language
        for entry in other.dataset.entries
    ]
    others = [known[place] for place in random.permutation(len(known))[:STRANGERS]]
    off_topic = [
        text for (of, _, place), text in background.by_place().items() if of == language and not place % 2
    ]
    material = embed_entries(source.dataset.entries, embed=embed, tokenize=tokenize)

    def asked(texts: Sequence[str]) -> list[Asked]:
        prepared = [prepare(text) for text in texts]
        tokens = tokenize([lexical(text) for text in prepared])
        return [
            Asked(text=text, vector=vector, tokens=words)
            for text, vector, words in zip(prepared, embed(prepared, "query"), tokens, strict=True)
        ]

    def not_for_it(texts: Sequence[str]) -> tuple[Asked, ...]:
        return tuple(one for one in asked(texts) if (material.questions @ one.vector).max() < NEARLY_SAME)

    return Embedded(
        source=source,
        material=material,
        asked=[
            (question, frozenset(query.relevant))
            for query, question in zip(chosen, asked([query.text for query in chosen]), strict=True)
        ],
        others=not_for_it(others),
        off_topic=not_for_it(off_topic),
    )


def mean_vector(embedded: Sequence[Embedded], kind: Kind) -> Vectors:
    """Return the mean [dim] over families of their questions, or of their passages that hold an answer."""
    families: dict[str, list[Vectors]] = {}
    for found in embedded:
        rows = found.material.questions
        if kind == "passage":
            rows = found.material.passages[[bool(entry.answer) for entry in found.material.entries]]
        if len(rows):
            families.setdefault(found.source.family, []).append(rows.mean(0))
    mean: Vectors = np.mean([np.mean(means, axis=0) for means in families.values()], axis=0)
    return mean


def groups_of(found: Embedded, *, seed: int) -> list[Group]:
    """Return a source's examples, a group for each number of alternates and each small FAQ cut from it."""
    random = np.random.default_rng(seed)
    variants = {len(found.material.questions): found.material}
    for most in ALTERNATES:
        variant = fewer_alternates(found.material, most, random)
        variants.setdefault(len(variant.questions), variant)
    sizes = [size for size in SMALL_FAQS if size < len(found.material.entries)]
    small = [few_entries(found.material, size, random) for size in sizes]
    whole, *cut = variants.values()
    return [
        Group(examples=examples_of(found, whole)),
        *(Group(examples=examples_of(found, variant), weight=CUT) for variant in cut),
        *(
            Group(examples=examples_of(found, few), weight=CUT_SMALL, out_of_scope=SMALL_OUT_OF_SCOPE)
            for few in small
        ),
    ]


def examples_of(found: Embedded, variant: Material) -> list[Example]:
    """Ask a variant of a source all of its questions, those off topic beside the other half of the background."""
    index = variant.index()
    assert variant.background is not None
    kept = np.array([place % 2 == 1 for _, _, place in background.by_place()])
    beside = replace(variant, background=variant.background[kept]).index()
    return [
        *examine(index, found.asked),
        *examine(index, [(one, frozenset[str]()) for one in found.others], source=STRANGER),
        *examine(beside, [(one, frozenset[str]()) for one in found.off_topic], source=OFF_TOPIC),
    ]


def fewer_alternates(material: Material, most: int, random: np.random.Generator) -> Material:
    """Return the material with at most so many alternates of each entry, drawn at random."""
    draw = random.random(len(material.questions)) - 2 * material.shown
    ranks = np.lexsort([draw, material.owners])
    starts = np.flatnonzero(material.shown)
    place = np.empty(len(ranks), np.int64)
    place[ranks] = np.arange(len(ranks)) - starts[material.owners[ranks]]
    return material.keep(place <= most)


def few_entries(material: Material, size: int, random: np.random.Generator) -> Material:
    """Return the material of so many entries, drawn at random."""
    return material.keep(np.isin(material.owners, random.permutation(len(material.entries))[:size]))


def weigh(sources: Sequence[tuple[Source, Sequence[Group]]]) -> list[Group]:
    """Weigh groups by their source's voice, a family by the root of what its groups count together."""
    together: dict[str, float] = {}
    for source, groups in sources:
        together[source.family] = together.get(source.family, 0.0) + sum(group.weight for group in groups)
    return [
        replace(group, weight=group.weight * source.voice * together[source.family] ** -0.5)
        for source, groups in sources
        for group in groups
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chatbot.learning.fit", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("source", nargs="+", type=Path, help="a data set's folder or an FAQ file")
    parser.add_argument(
        "--strangers", nargs="+", type=Path, help="FAQs whose questions none of the sources answers"
    )
    parser.add_argument("--encoder", required=True, type=Path, help="the encoder's model folder")
    parser.add_argument(
        "--output", type=Path, default=DEFAULT, help="where the weights go (default: %(default)s)"
    )
    parser.add_argument(
        "--background",
        type=Path,
        default=space.BACKGROUND,
        help="where the mean vectors go (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
