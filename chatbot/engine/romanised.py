"""Words of an Indic script as people type them in Latin letters: "mera order" for मेरा ऑर्डर.

There is no one spelling, so nothing is transliterated. Instead every word that the FAQ uses gets a key of its
consonants, read from the letters' Unicode names, and a typed word is read as the FAQ's word with the same key whose
vowels are nearest (a phonetic key as in Soundex; Christen, A comparison of personal name matching, 2006).
"""

import functools
import math
import re
import unicodedata
from collections import Counter, defaultdict

# Devanagari, Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada, Malayalam, Sinhala: consonants carry an
# inherent "a" until a vowel sign or virama takes it away.
INDIC_WORD = re.compile(
    "[\u0900-\u0963\u0970-\u09e3\u09f0-\u0a65\u0a70-\u0ae5\u0af0-\u0b65\u0b70-\u0be5\u0c00-\u0de5]+"
)
LATIN_WORD = re.compile("[A-Za-z]+")
_LETTER = re.compile(r"\w+ (LETTER|VOWEL SIGN|SIGN) (?:.* )?(\w+)$")
_SIGNS = {"VIRAMA": "-", "ANUSVARA": "n", "CANDRABINDU": "n", "BINDI": "n", "TIPPI": "n", "VISARGA": "h"}
# What sounds alike is typed alike; in this order.
_ALIKE = (
    ("chh", "ch"), ("ck", "k"), ("sh", "s"), ("ph", "f"), ("q", "k"), ("w", "v"), ("x", "ks"), ("z", "j"),
    ("ee", "i"), ("ii", "i"), ("oo", "u"), ("uu", "u"), ("aa", "a"), ("ai", "e"), ("ay", "e"), ("ey", "e"),
    ("au", "o"), ("ou", "o"), ("y", "i"),
)  # fmt: skip
_ALIKE_C = re.compile("c(?!h)")
# Dropped from keys: vowels, aspiration, and a nasal before another consonant, all of which are often left out.
_WEAK = re.compile("[aeiouh]|[nm](?=[^aeiounm])")
_DOUBLE = re.compile(r"(.)\1+")
# A word is read as another if no more than this share of it must be changed.
MOST_CHANGED = 0.34
# Of two equally near words the one that the FAQ has more often is likelier.
FREQUENCY = 0.02


class Romanised:
    """The words that an FAQ uses, by what they sound like. Immutable."""

    def __init__(self, text: str) -> None:
        words = Counter(INDIC_WORD.findall(text))
        self._latin = {word for word in LATIN_WORD.findall(text) if word.isupper()}
        self._sounding: defaultdict[str, list[tuple[str, float, str]]] = defaultdict(list)
        for word, count in words.items():
            sound = sound_of(latin(word))
            self._sounding[key_of(sound)].append((sound, FREQUENCY * math.log(count), word))

    def read(self, text: str) -> str:
        """Return a text with its Latin words as the FAQ writes them, where it has such a word."""
        return LATIN_WORD.sub(lambda match: self._word(match[0]), text)

    def _word(self, word: str) -> str:
        """Return the FAQ's word that sounds most like a word; abbreviations that the FAQ uses stay."""
        if word.upper() in self._latin:
            return word
        sound = sound_of(word)
        best, least = word, math.inf
        # The nasal at the end of "nahin" is a mark over the vowel, which many leave out.
        for form in {sound, sound.removesuffix("n")}:
            for other, often, candidate in self._sounding.get(key_of(form), ()):
                changed = _distance(form, other) / max(len(form), len(other), 1)
                if changed <= MOST_CHANGED and changed - often < least:
                    best, least = candidate, changed - often
        return best


def latin(word: str) -> str:
    """Return an Indic word letter by letter in Latin letters, a final inherent vowel left out."""
    out: list[str] = []
    inherent = False
    for character in unicodedata.normalize("NFD", word):
        sound = _sound(character)
        is_consonant = len(sound) > 1 and sound.endswith("a") and sound[0] not in "+aeiou"
        if sound.startswith(("+", "-")) and inherent:
            out.pop()
        inherent = is_consonant
        out += [sound[:-1], "a"] if is_consonant else [sound.lstrip("+-")]
    if inherent and len(out) > 2:
        out.pop()
    written = "".join(out)
    # A nasal mark at the end only colours the vowel.
    return written[:-1] if word[-1:] in "\u0901\u0902" else written


@functools.cache
def _sound(character: str) -> str:
    """Return a letter's sound: consonants with their "a", vowel signs behind "+", virama "-"."""
    found = _LETTER.match(unicodedata.name(character, ""))
    if found is None:
        return "" if unicodedata.category(character).startswith("M") else character
    kind, name = found.groups()
    if kind == "SIGN":
        return _SIGNS.get(name, "")
    # Unicode calls the sound of "church" CA.
    name = re.sub("^ch?", "ch", name.lower())
    return f"+{name}" if kind == "VOWEL SIGN" else name


@functools.lru_cache(maxsize=4096)
def sound_of(word: str) -> str:
    """Return a word in Latin letters with spellings that sound alike made equal."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    sound = "".join(character for character in decomposed if not unicodedata.combining(character))
    for typed, heard in _ALIKE:
        sound = sound.replace(typed, heard)
    return _DOUBLE.sub(r"\1", _ALIKE_C.sub("k", sound))


def key_of(sound: str) -> str:
    """Return the consonants of a sound, which all spellings of a word share."""
    return _DOUBLE.sub(r"\1", _WEAK.sub("", sound)) or sound[:1]


def _distance(left: str, right: str) -> float:
    """Return how much must be changed between two sounds; vowels, aspiration and nasals count half."""
    row = [0.0]
    for character in right:
        row.append(row[-1] + _cost(character))
    for one in left:
        above, row = row, [row[0] + _cost(one)]
        for place, other in enumerate(right, start=1):
            row.append(
                min(above[place] + _cost(one), row[-1] + _cost(other), above[place - 1] + _swap(one, other))
            )
    return row[-1]


def _swap(one: str, other: str) -> float:
    """Return the cost of one letter for another: less between o and u, and e and i, which are heard alike."""
    if one == other:
        return 0.0
    return 0.25 if {one, other} in ({"o", "u"}, {"e", "i"}) else max(_cost(one), _cost(other))


def _cost(character: str) -> float:
    return 0.5 if character in "aeiouhnm" else 1.0
