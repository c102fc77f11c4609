"""Which language a message is in: its script first, then naive Bayes over byte n-grams among that script's languages.

Lui and Baldwin, langid.py, ACL 2012, in the model of py3langid. A message is read as the language of its page unless
another is clearly more likely: silence costs nothing, a wrong guess loses the visitor.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from customers.text_language import identifier, known_languages

# How much likelier than any other language of the world a visitor's is before a word is read: the page's, another of
# the tenant's.
HOME_PRIOR = 10.0
OFFERED_PRIOR = 3.0
# The model's probabilities are cautious; their squares are what short questions bear out.
SHARPNESS = 2.0
CERTAIN = 0.85
SAMPLE_CHARS = 400
# Brands and borrowed words are written in Latin letters in any script.
OTHER_SCRIPT_SHARE = 0.15
# Two words of a language in Latin letters are no accident, one may be.
ROMANISED_WORDS = 2
NAME_WORDS = 5
SMALL_WORD = 3
# BCP 47's tag for a language that is not known.
UNDETERMINED = "und"
HAN_LANGUAGES = {"zh", "ja"}
# Words of one character that Japanese writes in kana or not at all.
CHINESE_WORDS = frozenset("我你您他她的了是哪很也吧呢嗎麼沒這們給誰")

# Addresses, and every word with a digit: an order number is in no language.
_NEUTRAL = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[#*_`>|\[\](){}<]|\w*\d[\w-]*")
_WORD = re.compile(r"[^\W\d_]+")
_FOLDER = Path(__file__).parent
# Codes by which the model calls a language otherwise than CLDR.
_MODEL_CODES = {"nb": "no", "nn": "no", "fil": "tl", "yue": "zh"}


class Detector:
    """Names a message's language, or nothing where that is uncertain."""

    def __init__(self) -> None:
        """Load the model: about a second."""
        scripts: dict[str, list[str]] = json.loads((_FOLDER / "scripts.json").read_text())
        known = known_languages()
        self._scripts = {
            script: [code for code in codes if code in known] for script, codes in scripts.items()
        }
        self._script_of = {code: script for script, codes in scripts.items() for code in codes}
        self._romanised: dict[str, frozenset[str]] = {
            code: frozenset(words)
            for code, words in json.loads((_FOLDER / "romanised.json").read_text()).items()
        }

    def detect(self, text: str, *, home: str, offered: Collection[str] = ()) -> str:
        """Return the primary subtag of a message's language, or empty where it may be that of the page.

        `home` is the language of the page and is preferred, `offered` are the tenant's languages; all are primary
        subtags. "und" stands for a text in a script that none of these is written in. A language that the model does
        not know is never named, and hides all others of its script.
        """
        sample = _NEUTRAL.sub(" ", unicodedata.normalize("NFKC", text)[:SAMPLE_CHARS])
        script = _script(sample)
        if script not in self._scripts:
            return ""
        if script == "LATIN" and (language := self._in_latin_letters(sample, home=home)) is not None:
            return language
        if script == "CJK":
            return _of_characters(sample, {home} if home in HAN_LANGUAGES else {*offered})
        named = {_MODEL_CODES.get(code, code): code for code in (*offered, home)}
        priors = dict.fromkeys(self._scripts[script], 1.0)
        priors |= {code: OFFERED_PRIOR for code in named if self._script_of.get(code, "LATIN") == script}
        spoken = _MODEL_CODES.get(home, home)
        if spoken in priors:
            priors[spoken] = HOME_PRIOR
        if not set(priors) <= known_languages():
            return ""
        found = most_likely(sample, priors)
        if not found and script != "LATIN" and not set(priors) & named.keys():
            return UNDETERMINED
        return named.get(found, found)

    def _in_latin_letters(self, sample: str, *, home: str) -> str | None:
        """Return a language that is seldom written in Latin letters; empty for what may be a name; None to go on."""
        words = _WORD.findall(sample)
        folded = {word.casefold() for word in words}
        for code, romanised in self._romanised.items():
            found = len(folded & romanised)
            if found >= ROMANISED_WORDS or (found and code == home):
                return code
        return "" if _is_name(words) else None


def _is_name(words: Sequence[str]) -> bool:
    """Say whether words are capitalised as those of a name or a title are, small ones aside."""
    great = [word for word in words if len(word) > SMALL_WORD or not word.islower()]
    least = 2 if len(great) == len(words) else 3
    return least <= len(great) <= NAME_WORDS and all(word[0].isupper() for word in great)


def most_likely(sample: str, priors: Mapping[str, float]) -> str:
    """Return the language with the highest probability given the priors, or empty where that is under `CERTAIN`."""
    if len(priors) == 1:
        return next(iter(priors))
    ranked = identifier(tuple(sorted(priors))).rank(sample)
    weights = {code: float(share) ** SHARPNESS * priors[code] for code, share in ranked}
    best = max(weights, key=weights.__getitem__)
    return best if weights[best] >= CERTAIN * math.fsum(weights.values()) else ""


def _of_characters(sample: str, likely: Collection[str]) -> str:
    """Return whether a text in Chinese characters alone is Chinese or Japanese, or empty where it may be either.

    National character sets list what either language writes. What both write is the one that is `likely`.
    """
    characters = {character for character in sample if _script_of(character) == "CJK"}
    if not all(_is_in(character, "shift_jis") for character in characters) or characters & CHINESE_WORDS:
        return "zh"
    if not all(_is_in(character, "gb2312") or _is_in(character, "big5") for character in characters):
        return "ja"
    either = HAN_LANGUAGES & set(likely)
    return either.pop() if len(either) == 1 else ""


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _script(sample: str) -> str:
    """Return the script that a text is in, as Unicode names it; empty without letters."""
    counts = Counter(_script_of(character) for character in sample if character.isalpha())
    letters = counts.total()
    latin = counts.pop("LATIN", 0)
    if counts:
        # Kana beside Chinese characters are Japanese, however few.
        for kana in ("HIRAGANA", "KATAKANA"):
            if counts["CJK"] and counts[kana]:
                counts[kana] += counts["CJK"]
        script, count = counts.most_common(1)[0]
        if count >= OTHER_SCRIPT_SHARE * letters:
            return script
    return "LATIN" if latin else ""


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
