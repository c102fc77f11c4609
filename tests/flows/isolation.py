"""Whether an answer of another locale is ever given: every FAQ's own question, asked in its locale once it is gone.

`python -m tests.flows.isolation FOLDER` does so with folders of FAQs of the same topics, one per locale, as one tenant,
and prints what came, and how often a locale's questions find their topic in the English FAQ; without a folder, with the
demo's.
"""

import asyncio
import functools
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import customers
from chatbot.answering import abroad, background, pipeline, routing
from chatbot.answering.events import Answer, Question
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import build_index, prepare
from chatbot.engine import weights
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry
from chatbot.engine.upper import Upper
from chatbot.learning.dataset import FAQ_FILE, read_faq
from chatbot.learning.encoding import LocalEncoder
from customers.culture import PHRASES, Manners
from customers.faq_file.reader import parse

TESTS = Path(__file__).resolve().parent.parent
DEMO = Path(customers.__file__).parent / "demo" / "faq"

# An entry without its question is known by its alternates, or else by how its answer begins.
ALTERNATES = 1
BEGINNING_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that was asked in its locale, and what came."""

    locale: str
    text: str
    answer: Answer


class BatchEncoder:
    """Embeds all questions beforehand, many at a time."""

    def __init__(self, encoder: LocalEncoder, texts: Sequence[str]) -> None:
        self._encoder = encoder
        self.base = encoder.encoder.base
        prepared = list(dict.fromkeys(prepare(text) for text in texts))
        self._known = dict(zip(prepared, encoder.embed(prepared, "query"), strict=True))

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors:
        """Return the unit vector [dim] of a prepared text."""
        return (await self.embed_queries([text], upper=upper))[0]

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors:
        """Return the unit vectors [len(texts), dim] of prepared texts."""
        new = [text for text in texts if text not in self._known]
        self._known |= dict(zip(new, self._encoder.embed(new, "query"), strict=True))
        return np.stack([self._known[text] for text in texts])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of prepared texts."""
        return self._encoder.tokenize(texts)


def without_question(entry: Entry) -> Entry:
    """Return an entry that no longer has the question that is shown."""
    kept = tuple(text for text in entry.questions[1:] if text.casefold() != entry.questions[0].casefold())
    return replace(entry, questions=kept[:ALTERNATES] or (entry.answer[:BEGINNING_CHARS],))


@functools.cache
def _off_topic(encoder: LocalEncoder) -> Vectors:
    return encoder.embed(background.texts(), "query")


def bundle(locale: str, entries: Sequence[Entry], encoder: LocalEncoder, *, foreign_answers: bool) -> Bundle:
    """Return what answers for a locale whose phrases are their names."""
    return Bundle(
        profile_id=0,
        revision=1,
        version=encoder.version,
        upper=Upper(name=encoder.version, layers=()),
        index=build_index(
            entries,
            embed=encoder.embed,
            tokenize=encoder.tokenize,
            background=_off_topic(encoder),
        ),
        ranker=Ranker(),
        manners=Manners(
            locale=locale,
            brand="",
            persona_name="",
            persona_role="",
            time_zone="UTC",
            phrases={name: name for name in PHRASES},
            greetings={},
            suggestions=(),
            foreign_answers=foreign_answers,
        ),
    )


async def ask(
    bundles: Mapping[str, Bundle], questions: Mapping[str, Sequence[str]], encoder: LocalEncoder
) -> list[Asked]:
    """Ask each locale its questions, with all others beside it."""
    texts = [text for asked in questions.values() for text in asked]
    batch, detector = BatchEncoder(encoder, texts), Detector()
    came = []
    for locale, asked in questions.items():
        others = [other for name, other in bundles.items() if name != locale]
        for text in asked:
            answer = await routing.decide(
                Question(text=text), home=bundles[locale], others=others, encoder=batch, detector=detector
            )
            came.append(Asked(locale=locale, text=text, answer=answer))
    return came


def isolation(faqs: Mapping[str, Sequence[Entry]], encoder: LocalEncoder) -> list[Asked]:
    """Ask every FAQ's question in its locale, where it no longer is."""
    bundles = {
        locale: bundle(locale, list(map(without_question, entries)), encoder, foreign_answers=False)
        for locale, entries in faqs.items()
    }
    questions = {locale: [entry.questions[0] for entry in entries] for locale, entries in faqs.items()}
    return asyncio.run(ask(bundles, questions, encoder))


def found_in(locale: str, faqs: Mapping[str, Sequence[Entry]], encoder: LocalEncoder) -> dict[str, float]:
    """Return hit@1 by locale: how often its questions find their topic in another locale's FAQ, searched abroad."""
    there = bundle(locale, faqs[locale], encoder, foreign_answers=True)
    there = replace(there, ranker=abroad.ranker(there.manners))
    shared = {
        name: [entry for entry in entries if entry.key in there.index.by_key]
        for name, entries in faqs.items()
        if name != locale
    }
    batch = BatchEncoder(encoder, [entry.questions[0] for entries in shared.values() for entry in entries])

    async def is_found(entry: Entry) -> bool:
        candidates = await pipeline.rank(entry.questions[0], bundle=there, encoder=batch)
        return there.index.entries[candidates[0].entry].key == entry.key

    async def share(entries: Sequence[Entry]) -> float:
        return float(np.mean([await is_found(entry) for entry in entries]))

    return {name: asyncio.run(share(entries)) for name, entries in shared.items()}


def strays(came: Sequence[Asked]) -> list[Asked]:
    """Return the questions to which another locale's text or switch was given."""
    return [one for one in came if one.answer.lang != one.locale or one.answer.switch]


def folder_faqs(folder: Path) -> dict[str, tuple[Entry, ...]]:
    """Read the FAQs of a folder's folders, which are named for their locales."""
    return {path.parent.name: read_faq(path) for path in sorted(folder.glob(f"*/{FAQ_FILE}"))}


def demo_faqs() -> dict[str, tuple[Entry, ...]]:
    """Read the demo's FAQs."""
    return {
        path.stem: tuple(
            Entry(key=row.id, questions=(row.question, *row.alternates), answer=row.answer)
            for row in parse(path.read_bytes(), filename=path.name, locale=path.stem).rows
        )
        for path in sorted(DEMO.glob("*.csv"))
    }


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    folder = weights.prepare(None, Path(os.environ.get("KEFU_VAR_DIR", "var")) / "models")
    encoder = LocalEncoder(folder)
    faqs = folder_faqs(Path(arguments[0])) if arguments else demo_faqs()
    english = next(locale for locale in faqs if locale.startswith("en"))
    for locale, share in found_in(english, faqs, encoder).items():
        print(f"{locale}: {share:.1%} of its questions find their topic in {english}")
    came = isolation(faqs, encoder)
    print(f"{len(came)} questions: {dict(Counter(one.answer.outcome for one in came))}")
    found = strays(came)
    print(f"{len(found)} of them got another locale's answer")
    for one in found:
        print(
            f"{one.locale} {one.text!r}: {one.answer.outcome} in {one.answer.lang}, offers {one.answer.switch}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
