"""Questions as people type them: one slip at a time, of the kinds that typists of a language make.

Language knowledge is in slips/*.toml. Synthetic typing noise makes encoders robust to real one (Belinkov and Bisk,
Synthetic and natural noise both break neural machine translation, ICLR 2018); slips of more kinds than keys are what
the input methods of each script make.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chatbot.engine import han
from chatbot.engine.ngrams import MARKS
from chatbot.engine.romanised import INDIC_WORD, latin
from chatbot.learning import keystrokes
from chatbot.learning.slip_rules import Forms, Language, language_of, synonym_forms

# Tries at a slip that changes the text before it is left as it is.
TRIES = 12
# Shorter words are left alone, for with a wrong letter there is often another word: not, now.
_FEWEST = {"hangul": 2, "hiragana": 2, "katakana": 2, "word": 4}
# Fewer words have an order that says something.
FEWEST_WORDS = 4

_RUN = re.compile(
    "(?P<hangul>[\uac00-\ud7a3]+)|(?P<hiragana>[\u3041-\u3096ー]+)|(?P<katakana>[\u30a1-\u30f6ー]+)"
    "|(?P<han>[\u3400-\u9fff]+)|(?P<word>(?:[^\\W\\d_]|[\u0900-\u0963\u0971-\u109f\u1780-\u17d3])+)"
)
_SPACE = re.compile(r"(?<=\S) +(?=\S)")
_TRAILING = re.compile(r"[?!.。？！؟।…]+\s*$")
# Full-width forms of ASCII, and half-width katakana with the voicing that they are typed with.
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_HALF_WIDTH = {
    unicodedata.normalize("NFKC", "".join(form)): "".join(form)
    for form in itertools.product(map(chr, range(0xFF66, 0xFF9E)), ("", "\uff9e", "\uff9f"))
    if len(unicodedata.normalize("NFKC", "".join(form))) == 1
}
# Characters of Big5 that traditional text seldom has, while simplified text writes them for frequent others.
_RARE_IN_TRADITIONAL = frozenset("么于云儿几后听坏并愿里筑虫丰")
_TWICE = re.compile(r"([a-z])\1")
_KATAKANA = re.compile("[\u30a1-\u30fc]+")

Slip = Callable[[str, Language, np.random.Generator], str]


def augment(
    text: str,
    *,
    locale: str,
    random: np.random.Generator,
    synonyms: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return a text with one slip, or as it is where no slip fits; never empty unless the text is.

    `locale` is a BCP 47 tag; of one without data, the slips of its script are made. `synonyms` are the locale's: head
    terms, each with the words that mean the same.
    """
    language = language_of(locale)
    terms = synonym_forms(tuple((head, tuple(others)) for head, others in (synonyms or {}).items()))
    for _ in range(TRIES):
        kind = language.kind(random.random())
        slipped = terms.write(text, random) if kind == "synonym" else SLIPS[kind](text, language, random)
        if slipped != text and slipped.strip() and unicodedata.category(slipped.strip()[0])[0] != "M":
            return slipped
    return text


def _key(text: str, language: Language, random: np.random.Generator) -> str:
    """Mistype one word; Chinese characters are typed by sound, and mistaken for those that sound alike."""
    runs = [
        run for run in _RUN.finditer(text) if len(run[0]) >= _FEWEST.get(run.lastgroup or "", len(text) + 1)
    ]
    if not runs:
        return text
    run = runs[int(random.integers(len(runs)))]
    neighbours = keystrokes.neighbours_of(language.keyboard)
    if run.lastgroup == "hangul":
        typed = keystrokes.hangul(keystrokes.mistype(keystrokes.jamo(run[0]), neighbours, random))
    elif run.lastgroup in ("hiragana", "katakana"):
        keys = keystrokes.mistype(keystrokes.romaji(run[0]), neighbours, random)
        typed = keystrokes.kana(keys, katakana=run.lastgroup == "katakana")
    else:
        typed = "".join(keystrokes.mistype(run[0], neighbours, random))
    if not typed or unicodedata.category(typed[0])[0] == "M":
        return text
    return text[: run.start()] + typed + text[run.end() :]


def _accents(text: str, language: Language, random: np.random.Generator) -> str:
    """Leave out the accents of Latin and Greek letters, and Arabic and Hebrew vowel signs, or spell them out."""
    if language.spelled and random.random() < 0.5:
        return text.translate(language.spelled)
    return MARKS.sub("", text.translate(_unaccented()))


@functools.cache
def _unaccented() -> dict[int, str]:
    """Return Latin and Greek letters without their accents; й and أ are letters of their own."""
    letters = [*range(0xC0, 0x250), *range(0x386, 0x3CF), *range(0x1E00, 0x2000)]
    plain = {code: unicodedata.normalize("NFD", chr(code))[0] for code in letters}
    return {code: letter for code, letter in plain.items() if letter != chr(code)}


def _case(text: str, language: Language, random: np.random.Generator) -> str:
    """Write all small, all large, or a small letter at the beginning."""
    choice = random.random()
    if choice < 0.6:
        return text.lower()
    return text.upper() if choice < 0.8 else text[:1].lower() + text[1:]


def _punctuation(text: str, language: Language, random: np.random.Generator) -> str:
    """Leave out the last mark or all of them, or repeat the last."""
    choice = random.random()
    if choice < 0.5:
        return _TRAILING.sub("", text)
    if choice < 0.8:
        kept = (letter for letter in text if letter in "@#%-/" or unicodedata.category(letter)[0] != "P")
        return " ".join("".join(kept).split())
    return _TRAILING.sub(lambda match: match[0].strip() + match[0].strip()[-1] * 2, text)


def _space(text: str, language: Language, random: np.random.Generator) -> str:
    """Leave out a space, or type one within a word."""
    spaces = list(_SPACE.finditer(text))
    if spaces and random.random() < 0.7:
        space = spaces[int(random.integers(len(spaces)))]
        return text[: space.start()] + text[space.end() :]
    words = [run for run in _RUN.finditer(text) if len(run[0]) >= 2 * _FEWEST["word"]]
    if not words:
        return text
    word = words[int(random.integers(len(words)))]
    at = word.start() + int(random.integers(2, len(word[0]) - 1))
    return text if unicodedata.category(text[at])[0] == "M" else f"{text[:at]} {text[at:]}"


def _unspaced(text: str, language: Language, random: np.random.Generator) -> str:
    """Leave out all spaces."""
    return "".join(text.split())


def _dropped(text: str, language: Language, random: np.random.Generator) -> str:
    """Leave out a word or particle that the question can do without."""
    found = [match for pattern in language.dropped for match in pattern.finditer(text)]
    if not found:
        return text
    match = found[int(random.integers(len(found)))]
    return " ".join((text[: match.start()] + text[match.end() :]).split())


def _swapped(text: str, language: Language, random: np.random.Generator) -> str:
    """Exchange two words beside each other, as afterthoughts do."""
    words = text.split(" ")
    if len(words) < FEWEST_WORDS:
        return text
    at = int(random.integers(len(words) - 1))
    words[at : at + 2] = words[at + 1], words[at]
    return " ".join(words)


def _width(text: str, language: Language, random: np.random.Generator) -> str:
    """Write Latin letters and digits full-width, or katakana half-width."""
    if _KATAKANA.search(text) and random.random() < 0.5:
        return _KATAKANA.sub(lambda run: "".join(_HALF_WIDTH.get(kana, kana) for kana in run[0]), text)
    return text.translate(_FULL_WIDTH)


def _han(text: str, language: Language, random: np.random.Generator) -> str:
    """Write simplified characters as traditional ones, or the other way."""
    known = han.variants()
    if known.only_simplified.isdisjoint(text):
        return text.translate(known.simplified)
    simplified = known.only_simplified.intersection(text)
    usual = {form: known.traditional[form][0] for form in simplified if not _is_traditional_too(form)}
    return "".join(usual.get(character, character) for character in text)


@functools.cache
def _is_traditional_too(simplified: str) -> bool:
    """Say whether a simplified character is in use in traditional text, like 只: whether it is in Big5 and not rare."""
    try:
        simplified.encode("big5")
    except UnicodeEncodeError:
        return False
    return simplified not in _RARE_IN_TRADITIONAL


def _romanised(text: str, language: Language, random: np.random.Generator) -> str:
    """Write words of Indic scripts in Latin letters, which few type twice for a long vowel or a retroflex."""
    return INDIC_WORD.sub(lambda word: _TWICE.sub(r"\1", latin(word[0])), text)


def _forms(of: Callable[[Language], Forms]) -> Slip:
    return lambda text, language, random: of(language).write(text, random)


SLIPS: dict[str, Slip] = {
    "key": _key,
    "alike": _forms(lambda language: language.alike),
    "words": _forms(lambda language: language.words),
    "accents": _accents,
    "case": _case,
    "punctuation": _punctuation,
    "space": _space,
    "unspaced": _unspaced,
    "dropped": _dropped,
    "swapped": _swapped,
    "width": _width,
    "han": _han,
    "romanised": _romanised,
}
