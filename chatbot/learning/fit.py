"""Fit the ranker that Kefu ships to public data, and write it where the server reads it.

    python -m chatbot.learning.fit SOURCE... --encoder FOLDER [--seed N] [--output FILE]

A source is a folder with `faq.jsonl` and `queries.jsonl` (and `meta.json`, whose `source` says which folders are
translations of one another), or an FAQ file in any format that Kefu imports: of that, every second alternate is asked.
Each is taken several times: with all its alternates, with few, with none, and as a small FAQ that is asked the questions
of the large one, so that the weights know what each signal is worth in each kind of FAQ.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatbot.answering.rank import DEFAULT, Weights, weights_to_json
from chatbot.answering.retrieve import Embed, Tokenize, lexical, prepare
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
from customers.faq_file.reader import parse

ALTERNATES = (0, 1, 3, 8, None)
SMALL_FAQS = (4, 12)
QUERIES = 300


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set, and the family of those that it must not be judged by: translations and the like."""

    dataset: Dataset
    family: str


def main(argv: Sequence[str] | None = None) -> int:
    """Fit and write; return the exit status."""
    options = _parser().parse_args(argv)
    encoder = LocalEncoder(options.encoder)
    groups: list[Group] = []
    families: list[str] = []
    try:
        for path in options.source:
            source = read_source(path)
            found = groups_of(source.dataset, embed=encoder.embed, tokenize=encoder.tokenize, seed=options.seed)
            groups += found
            families += [source.family] * len(found)
            print(f"{path}: {len(found)} groups, family {source.family}")
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    weights = fit(weigh(groups, families))
    about = {"encoder": encoder.version, "seed": options.seed, "sources": [str(path) for path in options.source]}
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
        raise DatasetError(f"{path} holds no FAQ, or {len(parsed.errors)} errors. Import it once to see them.")
    entries, queries = [], []
    for row in parsed.rows:
        entries.append(Entry(key=row.id, questions=(row.question, *row.alternates[::2]), answer=row.answer))
        queries += [LabelledQuery(key=row.id, text=text, relevant={row.id: 1}) for text in row.alternates[1::2]]
    dataset = Dataset(name=path.name, locale=path.stem, entries=tuple(entries), queries=tuple(queries))
    return Source(dataset=dataset, family=str(path.parent))


def groups_of(dataset: Dataset, *, embed: Embed, tokenize: Tokenize, seed: int) -> list[Group]:
    """Return a data set's examples, a group for each number of alternates and each small FAQ cut from it."""
    random = np.random.default_rng(seed)
    material = embed_entries(dataset.entries, embed=embed, tokenize=tokenize)
    chosen = random.permutation(len(dataset.queries))[:QUERIES]
    queries = [dataset.queries[place] for place in chosen]
    texts = [prepare(query.text) for query in queries]
    asked = [
        (Asked(text=text, vector=vector, tokens=tokens), frozenset(query.relevant))
        for query, text, vector, tokens in zip(
            queries, texts, embed(texts, "query"), tokenize([lexical(text) for text in texts]), strict=True
        )
    ]
    variants = [fewer_alternates(material, most, random) for most in ALTERNATES]
    sizes = [len(variant.questions) for variant in variants]
    variants = [variant for place, variant in enumerate(variants) if sizes[place] not in sizes[:place]]
    small = [few_entries(material, size, random) for size in SMALL_FAQS if size < len(material.entries)]
    return [Group(examples=examine(variant.index(), asked)) for variant in [*variants, *small]]


def fewer_alternates(material: Material, most: int | None, random: np.random.Generator) -> Material:
    """Return the material with at most so many alternates of each entry, drawn at random."""
    if most is None:
        return material
    draw = random.random(len(material.questions)) - 2 * material.shown
    ranks = np.lexsort([draw, material.owners])
    starts = np.flatnonzero(material.shown)
    place = np.empty(len(ranks), np.int64)
    place[ranks] = np.arange(len(ranks)) - starts[material.owners[ranks]]
    return material.keep(place <= most)


def few_entries(material: Material, size: int, random: np.random.Generator) -> Material:
    """Return the material of so many entries, drawn at random."""
    return material.keep(np.isin(material.owners, random.permutation(len(material.entries))[:size]))


def weigh(groups: Sequence[Group], families: Sequence[str]) -> list[Group]:
    """Weigh groups so that a family counts by the root of its number of groups."""
    counts = Counter(families)
    return [
        Group(examples=group.examples, weight=counts[family] ** -0.5)
        for group, family in zip(groups, families, strict=True)
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chatbot.learning.fit", description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="+", type=Path, help="a data set's folder or an FAQ file")
    parser.add_argument("--encoder", required=True, type=Path, help="the encoder's model folder")
    parser.add_argument("--output", type=Path, default=DEFAULT, help="where to write (default: what the server reads)")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
