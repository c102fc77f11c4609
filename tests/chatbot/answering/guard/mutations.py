"""Changes that make an approved sentence false, by kind, made automatically in ten languages."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from chatbot.answering.guard.facts import Fact, facts_of
from chatbot.answering.guard.folding import normal
from chatbot.answering.guard.lexicon import lexicon_for

DATA = tomllib.loads(Path(__file__).with_name("data").joinpath("mutations.toml").read_text(encoding="utf-8"))
NAMES = (
    "UPS", "USPS", "FedEx", "DHL", "Klarna", "PayPal", "Colissimo", "Chronopost", "Correios", "Estafeta", "Geodis",
    "EMS", "LINE", "PayPay", "COD", "UPI", "OXXO", "Pix", "PIX", "Apple Pay", "WhatsApp", "SMS", "Visa", "CJ",
    "Tidepine", "Delhivery",
)  # fmt: skip
NAME = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(NAMES)})(?![A-Za-z])")
OTHER_NAME = "Quolvex"
CONDITION_KINDS = ("if", "only", "except", "limit", "floor")
PART = re.compile(r"(,(?=\s)|[，،、]|\s?[(（][^()（）]*[)）])")


def mutations(text: str, locale: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, changed text) for each kind of change that a sentence allows."""
    lexicon = lexicon_for(locale)
    data = DATA[lexicon.language]
    plain = normal(text)
    facts = [fact for fact in facts_of(text, lexicon) if fact.is_claim]
    makers = {
        "number": _number(plain, facts),
        "unit": _replaced(plain, *data["units"], after_digit=True),
        "currency": _currency(plain, facts, *(normal(sign) for sign in data["currencies"])),
        "date": _date(plain, facts),
        "name": _name(plain),
        "address": _address(plain, facts),
        "negation": _first(text, data["negations"], spaced=lexicon.spaced),
        "swap": _first(text, data["swaps"], spaced=lexicon.spaced),
        "condition": _without_condition(text, locale),
    }
    for kind, changed in makers.items():
        if changed is not None and normal(changed) != plain:
            yield kind, changed


def _number(text: str, facts: Sequence[Fact]) -> str | None:
    for fact in facts:
        if fact.kind in ("number", "money") and (digits := re.search(r"\d+", fact.text)):
            value = int(digits[0])
            other = str(value + 2 if value < 10 else value * 2 + 5)
            return text[: fact.start + digits.start()] + other + text[fact.start + digits.end() :]
    return None


def _currency(text: str, facts: Sequence[Fact], old: str, new: str) -> str | None:
    for fact in facts:
        if fact.kind == "money" and (place := text.find(old, max(0, fact.start - 4), fact.end + 4)) >= 0:
            return text[:place] + new + text[place + len(old) :]
    return None


def _date(text: str, facts: Sequence[Fact]) -> str | None:
    for fact in facts:
        if fact.kind == "date" and (digits := re.search(r"\d+(?=\D*$)|\d+", fact.text)):
            value = int(digits[0])
            other = str(value - 2 if value > 2 else value + 2)
            return text[: fact.start + digits.start()] + other + text[fact.start + digits.end() :]
    return None


def _address(text: str, facts: Sequence[Fact]) -> str | None:
    for fact in facts:
        if fact.kind in ("url", "email", "phone", "code"):
            digit = re.search(r"\d(?=\D*$)|[a-z](?=[^a-z]*$)", fact.text)
            if digit:
                other = (
                    str((int(digit[0]) + 3) % 10) if digit[0].isdigit() else ("q" if digit[0] != "q" else "x")
                )
                return text[: fact.start + digit.start()] + other + text[fact.start + digit.end() :]
    return None


def _name(text: str) -> str | None:
    found = NAME.search(text)
    return text[: found.start()] + OTHER_NAME + text[found.end() :] if found else None


def _replaced(text: str, old: str, new: str, *, after_digit: bool = False) -> str | None:
    edge = r"(?![A-Za-z])" if old.isalpha() and old.isascii() else ""
    found = re.search((r"(?<=\d)(\s?)" if after_digit else "()") + re.escape(old) + edge, text)
    return text[: found.start()] + found[1] + new + text[found.end() :] if found else None


def _first(text: str, pairs: Sequence[Sequence[str]], *, spaced: bool) -> str | None:
    for old, new in pairs:
        edge = r"(?<![^\W_])" if spaced and old[0] != " " else ""
        found = re.search(edge + re.escape(old), text)
        if found and not (new and new.strip() in text):
            return text[: found.start()] + new + text[found.end() :]
    return None


def _without_condition(text: str, locale: str) -> str | None:
    """Leave out a clause that says under which condition the others hold."""
    lexicon = lexicon_for(locale)
    parts = PART.split(text)
    pieces = [piece for piece in parts if piece]
    for place, piece in enumerate(pieces):
        folded = normal(piece).casefold()
        words = any(lexicon.cues[kind].search(folded) for kind in CONDITION_KINDS if kind in lexicon.cues)
        rest = "".join(pieces[:place] + pieces[place + 1 :]).strip(" ,，、،")
        begun = lexicon.separators and lexicon.separators.match(folded.lstrip(" ,"))
        if words and not begun and len(rest) > max(12, 0.4 * len(text)) and len(piece) > 4 and place > 0:
            return rest
    return None
