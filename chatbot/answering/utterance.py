"""What a message's own words say about its place in a conversation: yes, the second one, and how long, no I meant.

The words are data, one file per language in `cues/`; a language without a file is read without them.
"""

import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatbot.answering.retrieve import prepare
from chatbot.engine.ngrams import fold

FOLDER = Path(__file__).with_name("cues")
# Cues that hold in any language: BCP 47's tag for "undetermined".
ANY = "und"
# Cues that may open a message; `ordinals` has a list per place, `last` counts from the end.
OPENERS = ("reject", "deny", "affirm", "other", "last", "meant", "follow", "filler")
# Characters of scripts that put no space between words: two or so make a word.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
CHARACTERS_PER_WORD = 2
# Scripts that write articles and particles as a part of the word that follows.
PREFIXING = "\u0590-\u06ff"
# Letters of a word that tell words apart, and those that its ending may have.
SHORTEST_STEM, ENDING = 4, 2
STOPS = re.compile(r"[,.;:!?、，。；：！？،؛؟।…—–\n]+|(?<=\s)-+(?=\s)")
# A clause ends at a terminator or a line's end, and perhaps at a comma.
SENTENCE_ENDS = re.compile(r"(?<=[?!？！。؟।…])\s*|(?<=\.)\s+|\n+")
COMMAS = ",;、，；،؛"
PAUSES = tuple(f"{COMMAS}.!?？！。؟।")
CLAUSE_ENDS = re.compile(f"(?<=[{COMMAS}])\\s*")
QUESTION_ENDS = tuple("?？؟")
FINISHED_ENDS = tuple("?？؟.!。！।」』）)")
UNFINISHED_ENDS = (*"、，,،;；:：—–-", "...", "…")


@dataclass(frozen=True, kw_only=True)
class Cues:
    """A language's cues, compiled: `openers` finds one at a place of a normal text, `kinds` tells which it is."""

    openers: re.Pattern[str] | None
    kinds: Mapping[str, str]
    places: Mapping[str, int]
    interjections: frozenset[str]
    follows: re.Pattern[str] | None
    refers: re.Pattern[str] | None
    asks: re.Pattern[str] | None
    unfinished: re.Pattern[str] | None
    parts: re.Pattern[str] | None
    cuts: re.Pattern[str] | None
    joined: re.Pattern[str] | None


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A message as read by the cues.

    `content` is what is left of `text` behind the words that open it. `place` is the place that was named among what
    was offered, 0 for the first, -1 for the last. `follows`: it opens like a continuation; `refers`: it has a pronoun;
    `asks`: it has the form of a question; `begins_part`: it opens as a second question does; `unfinished`: it breaks
    off.
    """

    text: str
    content: str
    affirms: bool = False
    denies: bool = False
    other: bool = False
    corrects: bool = False
    place: int | None = None
    follows: bool = False
    refers: bool = False
    asks: bool = False
    begins_part: bool = False
    unfinished: bool = False

    @property
    def words(self) -> float:
        """Return the length of the content in words."""
        return length(self.content)

    @property
    def is_complete(self) -> bool:
        """Say whether the message can be answered without waiting for more of it: it asks, ends, or is only cues."""
        ends = self.asks or self.is_bare or self.text.endswith(FINISHED_ENDS)
        return ends and not self.unfinished

    @property
    def is_bare(self) -> bool:
        """Say whether the message is nothing but cues."""
        return not self.content


def ends_as_question(text: str) -> bool:
    """Say whether a text ends with a question mark of any script."""
    return text.rstrip().endswith(QUESTION_ENDS)


@functools.cache
def cues_for(language: str) -> Cues:
    """Return the cues of a language subtag ("en"), those of any language among them."""
    found: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    for name in (ANY, language):
        path = FOLDER / f"{name}.toml"
        file = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for place, phrases in enumerate(file.pop("ordinals", ())):
            places |= dict.fromkeys(map(_normal, phrases), place)
        for kind, phrases in file.items():
            found.setdefault(kind, []).extend(phrases)
    places |= {_normal(phrase): -1 for phrase in found.get("last", ())}
    kinds = dict.fromkeys(places, "place")
    for kind in reversed(OPENERS):
        kinds |= {_normal(phrase): kind for phrase in found.get(kind, ()) if kind != "last"}
    return Cues(
        openers=_either(_whole(kinds)),
        kinds=kinds,
        places=places,
        interjections=frozenset(map(_normal, found.get("interjections", ()))),
        follows=_either(
            _whole(found.get("follow_word", ()), before="^"),
            _prefixed(found.get("follow_prefix", ()), found.get("no_follow_prefix", ())),
        ),
        refers=_either(_whole(found.get("refer", ())), _whole(found.get("refer_last", ()), after="$")),
        asks=_either(
            _whole(found.get("ask", ())),
            _whole(found.get("ask_first", ()), before="(?:^|, )"),
            _ending(found.get("ask_endings", ())),
        ),
        unfinished=_either(
            _whole(found.get("unfinished", ()), after="$"), _ending(found.get("unfinished_endings", ()))
        ),
        parts=_either(_whole(found.get("part", ()), normal=str)),
        cuts=_either(
            _whole((*found.get("part", ()), *found.get("and", ())), normal=str),
            *(rf"(?<={re.escape(ending)})\s" for ending in found.get("and_endings", ())),
        ),
        joined=_either(_ending(found.get("and_endings", ()))),
    )


def understand(text: str, cues: Cues) -> Utterance:
    """Read a message's cues."""
    lines = "\n".join(map(prepare, text.split("\n")))
    text = prepare(text)
    normal = _normal(lines)
    opened, rest = _open(normal, cues)
    kinds = [cues.kinds[phrase] for phrase in opened]
    named = [cues.places[phrase] for phrase in opened if phrase in cues.places]
    content = prepare(_behind(lines, rest)) if opened else text
    return Utterance(
        text=text,
        content=content,
        affirms="affirm" in kinds,
        denies="deny" in kinds or "reject" in kinds,
        other="other" in kinds,
        corrects=bool({"deny", "reject", "meant"} & set(kinds)),
        place=named[0] if named else None,
        follows="follow" in kinds or _has(cues.follows, _normal(content)),
        refers=_has(cues.refers, _normal(content)),
        asks=text.endswith(QUESTION_ENDS) or _has(cues.asks, _normal(content)),
        begins_part=cues.parts is not None and cues.parts.match(text) is not None,
        unfinished=text.endswith(UNFINISHED_ENDS) or _has(cues.unfinished, normal),
    )


def sentences(text: str) -> list[str]:
    """Split a message at line and sentence ends."""
    pieces = [piece for line in text.split("\n") for piece in SENTENCE_ENDS.split(prepare(line))]
    return [piece.strip() for piece in pieces if fold(piece)]


def clauses(text: str, cues: Cues) -> list[str]:
    """Split a message where a second question may begin: at sentence ends, commas and the language's cues."""
    pieces = [piece for whole in sentences(text) for piece in _cut(whole, cues.cuts)]
    pieces = [piece for whole in pieces for piece in CLAUSE_ENDS.split(whole)]
    return [piece.strip() for piece in pieces if fold(piece)]


def goes_on(left: str, right: str, cues: Cues) -> bool:
    """Say whether a clause goes on with another: behind a pause with "and", or by its ending."""
    opens = cues.cuts is not None and cues.cuts.match(right) is not None
    return (opens and left.endswith(PAUSES)) or _has(cues.joined, _normal(left))


def length(text: str) -> float:
    """Return a text's length in words, those of unspaced scripts estimated."""
    spaced = re.sub(f"[{UNSPACED}]+", " ", fold(text)).split()
    return len(spaced) + len(re.findall(f"[{UNSPACED}]", text)) / CHARACTERS_PER_WORD


def holds(text: str, words: str) -> bool:
    """Say whether a text has all of some words, whatever their endings.

    Words are compared by their beginnings (truncation as stemming: McNamee and Mayfield, Information Retrieval 2004).
    """
    beginnings = (word[: max(SHORTEST_STEM, len(word) - ENDING)] for word in fold(words).split())
    inside = f" {fold(text)}"
    return all(
        (beginning if re.match(f"[{UNSPACED}{PREFIXING}]", beginning) else f" {beginning}") in inside
        for beginning in beginnings
    )


def _normal(text: str) -> str:
    """Return a text folded, with " , " wherever it paused."""
    return " , ".join(filter(None, map(fold, STOPS.split(text))))


def _whole(
    phrases: Iterable[str], *, before: str = "", after: str = "", normal: Callable[[str], str] | None = None
) -> str:
    """Return a pattern of any of the phrases, longest first; those of spaced scripts match whole words only."""
    known = sorted(filter(None, map(normal or _normal, phrases)), key=len, reverse=True)
    inside = f"[{UNSPACED}]"
    alternatives = [
        ("" if re.match(inside, phrase) else r"(?<!\S)")
        + re.escape(phrase)
        + ("" if re.match(inside, phrase[-1]) else r"(?!\S)")
        for phrase in known
    ]
    return f"{before}(?:{'|'.join(alternatives)}){after}" if known else ""


def _ending(endings: Iterable[str]) -> str:
    """Return a pattern of a text whose last word ends so."""
    return "|".join(f"{re.escape(_normal(ending))}$" for ending in endings)


def _prefixed(prefixes: Iterable[str], words: Iterable[str]) -> str:
    """Return a pattern of a text whose first word begins with a prefix, but for the words of which it is a part."""
    except_for = "|".join(re.escape(_normal(word)) for word in words)
    return "|".join(rf"^(?!(?:{except_for})(?!\S)){re.escape(_normal(prefix))}\w" for prefix in prefixes)


def _either(*patterns: str) -> re.Pattern[str] | None:
    """Compile an alternation of the patterns that are not empty."""
    known = [pattern for pattern in patterns if pattern]
    return re.compile("|".join(known), re.IGNORECASE) if known else None


def _has(pattern: re.Pattern[str] | None, text: str) -> bool:
    return pattern is not None and pattern.search(text) is not None


def _open(normal: str, cues: Cues) -> tuple[list[str], str]:
    """Return the cues that a normal text opens with, and its rest.

    Where something follows, a place or "the other one" is part of that, and so is a yes or no that runs on into it:
    "no printer at home" denies nothing.
    """
    opened: list[tuple[str, int]] = []
    at = 0
    while cues.openers is not None and (found := cues.openers.match(normal, at)):
        at = found.end()
        opened.append((found[0], at))
        at += len(normal[at:]) - len(normal[at:].lstrip(" ,"))
    while opened and at < len(normal):
        phrase, end = opened[-1]
        kind = cues.kinds[phrase]
        paused = normal[end:].lstrip().startswith(",")
        runs_on = kind in ("follow", "meant", "reject") or phrase in cues.interjections
        if runs_on or (paused and kind in ("affirm", "deny", "filler")):
            break
        opened.pop()
        at = end - len(phrase)
    return [phrase for phrase, _ in opened], normal[at:]


def _behind(text: str, rest: str) -> str:
    """Return the end of a text whose normal form is `rest`."""
    if not rest:
        return ""
    for start in range(len(text)):
        if _normal(text[start:]) == rest:
            return text[start:].lstrip(" ,.;:!?、，。；：！？،؛؟।…—–-")
    return rest


def _cut(text: str, parts: re.Pattern[str] | None) -> list[str]:
    """Cut a text before each of the cues that begin another question."""
    starts = [0, *(found.start() for found in parts.finditer(text) if found.start())] if parts else [0]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
