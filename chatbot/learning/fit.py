"""Fit the ranker that Kefu ships to public data, and write it where the server reads it.

    python -m chatbot.learning.fit SOURCE... --encoder FOLDER [--seed N]

A source is a folder with `faq.jsonl` and `queries.jsonl` (and `meta.json`, whose `source` says which folders are
translations of one another), or an FAQ file in any format that Kefu imports: of that, every second alternate is asked.
Each is taken several times: with all its alternates, with few, with none, and as a small FAQ that is asked the
questions of the large one, so that the weights know what each signal is worth in each kind of FAQ. The data are not
kept: what is written are the mean vectors of questions and passages, and some twenty weights.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

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
)
from chatbot.learning.encoding import LocalEncoder
from chatbot.learning.examples import Group, examine
from chatbot.learning.fitting import fit
from chatbot.learning.material import Asked, Material, embed_entries
from chatbot.learning.risk import with_risk
from customers.faq_file.reader import parse

ALTERNATES = (0, 1, 3, 8)
SMALL_FAQS = (4, 12)
# The less an FAQ holds, the more is asked of it that it does not hold.
SMALL_OUT_OF_SCOPE = 0.2
QUERIES = 300
# Editors write alternates to differ, each about another part of the answer; visitors ask more plainly.
EDITORS_VOICE = 0.3


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set, its family (those that are translations of one another are one voice together) and its voice."""

    dataset: Dataset
    family: str
    voice: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A source with its vectors: the FAQ, and questions with the keys of the entries that answer them."""

    source: Source
    material: Material
    asked: list[tuple[Asked, frozenset[str]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Fit and write; return the exit status."""
    options = _parser().parse_args(argv)
    encoder = LocalEncoder(options.encoder)
    try:
        sources = [read_source(path) for path in options.source]
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    embedded = []
    for source in sources:
        embedded.append(
            embed_source(source, embed=encoder.embed, tokenize=encoder.tokenize, seed=options.seed)
        )
        print(
            f"{source.dataset.name}: {len(source.dataset.entries)} FAQs, {len(embedded[-1].asked)} questions"
        )
    means = {
        kind: [round(x, 4) for x in mean_vector(embedded, kind).tolist()] for kind in ("query", "passage")
    }
    options.background.write_text(json.dumps(means) + "\n")
    space.background.cache_clear()
    groups = weigh(
        [(found.source, group) for found in embedded for group in groups_of(found, seed=options.seed)]
    )
    weights = with_risk(fit(groups), groups)
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
        dataset = read_dataset(
            path / FAQ_FILE, path / QUERIES_FILE, name=path.name, locale=about.get("locale", "")
        )
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


def embed_source(source: Source, *, embed: Embed, tokenize: Tokenize, seed: int) -> Embedded:
    """Embed a source's FAQ and at most `QUERIES` of its questions."""
    queries = source.dataset.queries
    chosen = [queries[place] for place in np.random.default_rng(seed).permutation(len(queries))[:QUERIES]]
    texts = [prepare(query.text) for query in chosen]
    vectors, tokens = embed(texts, "query"), tokenize([lexical(text) for text in texts])
    return Embedded(
        source=source,
        material=embed_entries(source.dataset.entries, embed=embed, tokenize=tokenize),
        asked=[
            (Asked(text=text, vector=vector, tokens=words), frozenset(query.relevant))
            for query, text, vector, words in zip(chosen, texts, vectors, tokens, strict=True)
        ],
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
    return [
        *(Group(examples=examine(variant.index(), found.asked)) for variant in variants.values()),
        *(
            Group(examples=examine(few.index(), found.asked), out_of_scope=SMALL_OUT_OF_SCOPE)
            for few in small
        ),
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


def weigh(groups: Sequence[tuple[Source, Group]]) -> list[Group]:
    """Weigh groups by their source's voice, a family by the root of its number of groups."""
    counts = Counter(source.family for source, _ in groups)
    return [replace(group, weight=source.voice * counts[source.family] ** -0.5) for source, group in groups]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chatbot.learning.fit", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("source", nargs="+", type=Path, help="a data set's folder or an FAQ file")
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
