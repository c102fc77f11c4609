"""From texts to an index and from a question to its candidates: the preparation that training and serving share."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from chatbot.answering import elsewhere
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.index import Entry, Index, Signals
from chatbot.engine.ngrams import fold
from chatbot.engine.wording import Wording

Embed = Callable[[Sequence[str], Kind], Vectors]
Tokenize = Callable[[list[str]], list[list[int]]]

# Zero-width and directional marks, halves of surrogate pairs and every control character: typed by accident or to hide
# something.
INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
# Emoji and pictographs, with what joins and colours them.
PICTURES = re.compile(
    "[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
    "[\u200d\u20e3\ufe0e\ufe0f\u2600-\u27bf\U0001f000-\U0001faff\U000e0020-\U000e007f]*"
)
# A passage beyond this adds encoding time and dilutes its vector.
PASSAGE_CHARS = 600


def prepare(text: str) -> str:
    """Return a question as it is searched: NFKC, no invisible characters, single spaces."""
    return " ".join(INVISIBLE.sub(" ", unicodedata.normalize("NFKC", text)).split())


def readings(text: str, index: Index) -> tuple[str, ...]:
    """Return the texts to search an index for: a question as its FAQ would spell it, and as it would word it if other.

    Pictures beside words are left out, for what they add is a mood.
    """
    prepared = prepare(text)
    plain = " ".join(PICTURES.sub(" ", prepared).split())
    return index.wording.readings(plain if has_words(plain) else prepared)


def has_words(text: str) -> bool:
    """Say whether a text holds any letter or digit of any script: emoji and punctuation alone ask nothing."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def index_texts(entry: Entry) -> tuple[list[str], str]:
    """Return the texts to embed for an entry: its questions, and its question with the answer."""
    questions = [prepare(question) for question in entry.questions]
    return questions, prepare(f"{entry.questions[0]} {entry.answer}")[:PASSAGE_CHARS]


def text_digest(kind: Kind, text: str) -> bytes:
    """Return the sha256 under which a prepared text's vector is stored."""
    return hashlib.sha256(f"{kind}\0{text}".encode()).digest()


def make_index(
    entries: Sequence[Entry],
    *,
    questions: Vectors,
    passages: Vectors,
    tokenize: Tokenize,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    background: Vectors | None = None,
) -> Index:
    """Index entries whose `index_texts` are embedded: `questions` [all of them, dim], `passages` [entries, dim].

    `synonyms` are the locale's: head terms, each with the words that mean the same. `background` [texts, dim] is what
    `background.vectors` gives for the same encoder.
    """
    wording = wording_of(entries, synonyms=synonyms)
    asked = [lexical(question, wording) for entry in entries for question in entry.questions]
    return Index(
        entries,
        questions=questions,
        passages=passages,
        tokens=tokenize(asked),
        answers=tokenize([lexical(entry.answer, wording)[:PASSAGE_CHARS] for entry in entries]),
        wording=wording,
        background=background,
        elsewhere=elsewhere_of(entries),
    )


def elsewhere_of(entries: Sequence[Entry]) -> re.Pattern[str]:
    """Return what finds in a folded question that it is not for these entries."""
    return elsewhere.unknown_to(fold(text) for entry in entries for text in (*entry.questions, entry.answer))


def wording_of(entries: Sequence[Entry], *, synonyms: Mapping[str, Sequence[str]] | None = None) -> Wording:
    """Return how the entries are worded."""
    return Wording(
        (text for entry in entries for text in (*entry.questions, entry.answer)), synonyms=synonyms
    )


def build_index(
    entries: Sequence[Entry], *, embed: Embed, tokenize: Tokenize, background: Vectors | None = None
) -> Index:
    """Embed and index entries; `embed` returns unit vectors [len(texts), dim], `tokenize` token ids per text."""
    texts = [index_texts(entry) for entry in entries]
    return make_index(
        entries,
        questions=embed([question for questions, _ in texts for question in questions], "query"),
        passages=embed([passage for _, passage in texts], "passage"),
        tokenize=tokenize,
        background=background,
    )


def search(index: Index, text: str, vector: Vectors, *, tokenize: Tokenize) -> Signals:
    """Return the candidates' signals for one of a question's `readings` and its unit vector [dim]."""
    return index.search(vector, tokenize([lexical(text, index.wording)])[0], text=text)


def lexical(text: str, wording: Wording | None = None) -> str:
    """Return a text as its words are compared: case, width, accents, letter forms and synonyms made equal."""
    folded = fold(prepare(text))
    return wording.fold(folded) if wording else folded
