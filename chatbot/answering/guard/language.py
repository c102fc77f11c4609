"""Whether a sentence is in the language and script of its locale."""

from collections import Counter

from chatbot.answering.guard.facts import EMAIL, LATIN, URL
from chatbot.answering.guard.folding import normal, script_of
from chatbot.answering.language import Detector
from customers.culture import language_of

# Names and codes in Latin letters stand in sentences of any script, but do not make up most of one.
LATIN_SHARE_MAX = 0.6
FOREIGN_SHARE_MAX = 0.1
# So many letters tell languages of one script apart.
LETTERS_MIN = 25
SCRIPTS = {
    "ar": {"ARABIC"}, "hi": {"DEVANAGARI"}, "ja": {"HIRAGANA", "KATAKANA", "CJK"},
    "ko": {"HANGUL", "CJK"}, "zh": {"CJK"}, "ru": {"CYRILLIC"}, "el": {"GREEK"}, "he": {"HEBREW"}, "th": {"THAI"},
}  # fmt: skip


def is_in_language(sentence: str, *, locale: str, detector: Detector | None, approved: str = "") -> bool:
    """Say whether a sentence is written as its locale is; names, addresses and what was approved do not count.

    `approved` is the sources' text: words that stand there in another script are quoted, not said.
    """
    language = language_of(locale)
    plain = EMAIL.sub(" ", URL.sub(" ", normal(sentence)))
    own = SCRIPTS.get(language, {"LATIN"})
    if own != {"LATIN"}:
        plain = LATIN.sub(lambda match: " " if match[0].casefold() in approved else match[0], plain)
    counts = Counter(script_of(character) for character in plain if character.isalpha())
    letters = counts.total()
    if not letters:
        return True
    latin = 0 if own == {"LATIN"} else counts["LATIN"]
    foreign = letters - latin - sum(counts[script] for script in own)
    if foreign > FOREIGN_SHARE_MAX * letters or latin > LATIN_SHARE_MAX * letters:
        return False
    if detector is None or letters < LETTERS_MIN:
        return True
    found = detector.detect(plain, home=language)
    return found in ("", language)
