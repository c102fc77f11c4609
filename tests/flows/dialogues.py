"""Scripted dialogues, played over the real socket as visitors type them, and how each came out.

`python -m tests.flows.dialogues [LOCALE...]` serves the demo, plays the scripts and prints the table.
"""

import asyncio
import csv
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.flows.client import Chat, chat

BASE_DIR = Path(__file__).resolve().parent.parent.parent
FOLDER = BASE_DIR / "tests" / "dialogues"
FAQ_FOLDER = BASE_DIR / "customers" / "demo" / "faq"
LOCALES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
KINDS = ("follow_up", "correction", "burst", "two_in_one", "switch")
BETWEEN_FRAGMENTS = 0.3  # seconds
TURN_SECONDS = 60.0
AT_ONCE = 4  # conversations


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a good agent would do: `answered`, `clarify` or either, or `declined`, or `chosen`.

    `answered`: for each source the FAQ ids that will do. `clarify`: ids of which one must be offered. `chosen`: the
    answer is that suggestion of the message before, counted from 1. `or_clarify`: asking back with the right id first
    will do too. `foreign`: instead of declining, an answer of another locale that is named as such, where the profile
    allows it. `lang`: the answer's locale, empty for the chat's own. `offers`: the locale offered to switch to.
    """

    answered: tuple[frozenset[str], ...] = ()
    declined: bool = False
    clarify: frozenset[str] = frozenset()
    chosen: int = 0
    or_clarify: bool = False
    foreign: frozenset[str] = frozenset()
    lang: str = ""
    offers: str = ""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the visitor sends, several messages for a burst, and what should come."""

    say: tuple[str, ...]
    expect: Expectation


@dataclass(frozen=True, kw_only=True)
class Script:
    """One conversation."""

    locale: str
    name: str
    kind: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True)
class Played:
    """A script and what was wrong with it: empty where all was right."""

    script: Script
    fault: str


def scripts(locale: str) -> list[Script]:
    """Read a locale's scripts. Raises TypeError for a key that no script has."""
    return [
        Script(
            locale=locale,
            name=row["id"],
            kind=row["kind"],
            turns=tuple(
                Turn(
                    say=(turn["say"],) if isinstance(turn["say"], str) else tuple(turn["say"]),
                    expect=_expectation(**turn["expect"]),
                )
                for turn in row["turns"]
            ),
        )
        for row in yaml.safe_load((FOLDER / f"{locale}.yaml").read_text())
    ]


def _expectation(
    answered: Iterable[Any] = (), clarify: Iterable[str] = (), foreign: Iterable[str] = (), **rest: Any
) -> Expectation:
    sources = tuple(frozenset([item] if isinstance(item, str) else item) for item in answered)
    return Expectation(answered=sources, clarify=frozenset(clarify), foreign=frozenset(foreign), **rest)


async def play_all(port: int, locales: Sequence[str] = LOCALES) -> list[Played]:
    """Play the locales' scripts, a fresh conversation each."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(script: Script) -> Played:
        async with room:
            return Played(script=script, fault=await play(port, script))

    return await asyncio.gather(*(one(script) for locale in locales for script in scripts(locale)))


async def play(port: int, script: Script) -> str:
    """Play one script until something is wrong; returns what was, or nothing."""
    async with chat(port, locale=script.locale) as visitor:
        await visitor.hello()
        before: dict[str, Any] = {"suggestions": []}
        for number, turn in enumerate(script.turns, 1):
            try:
                came = await asyncio.wait_for(send(visitor, turn.say), TURN_SECONDS)
            except TimeoutError:
                return f"turn {number} {' / '.join(turn.say)!r}: no answer"
            if reason := strange(came) or wrong(turn.expect, came, before, locale=script.locale):
                return f"turn {number} {' / '.join(turn.say)!r}: {reason}; came {shown(came[-1])}"
            before = came[-1]
    return ""


async def send(visitor: Chat, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Send messages without waiting for answers; returns the bot's once each message is covered by one."""
    mine: set[str] = set()
    for text in texts:
        if mine:
            await asyncio.sleep(BETWEEN_FRAGMENTS)
        mine.add(await visitor.say(text, client_id=str(uuid.uuid4())))
    asked: set[int] = set()
    came: list[dict[str, Any]] = []
    while len(asked) < len(mine) or asked - covered(came):
        frame = await visitor.until("message")
        if frame.get("client_id") in mine:
            asked.add(frame["seq"])
        elif frame["role"] == "bot":
            came.append(frame)
    return came


def covered(came: Iterable[dict[str, Any]]) -> set[int]:
    """Return the visitor messages that these bot messages answer."""
    return {seq for frame in came for seq in (frame["reply_to"], *frame["joined"])}


def strange(came: Iterable[dict[str, Any]]) -> str:
    """Return what shows another locale's FAQ as if it were of the message's own, or nothing."""
    for frame in came:
        for named in (*frame["sources"], *frame["suggestions"]):
            owners = owners_of_questions().get(named["question"], {frame["lang"]})
            if frame["lang"] not in owners:
                return (
                    f"{named['question']!r} is shown as {frame['lang']}, but belongs to {', '.join(owners)}"
                )
    return ""


@cache
def owners_of_questions() -> dict[str, set[str]]:
    """Return the demo's locales by the questions of their FAQs."""
    owners: dict[str, set[str]] = {}
    for locale in LOCALES:
        for question in faq(locale).values():
            owners.setdefault(question, set()).add(locale)
    return owners


@cache
def faq(locale: str) -> dict[str, str]:
    """Return the question of each FAQ of the demo by its id."""
    with (FAQ_FOLDER / f"{locale}.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["id"]: row["question"] for row in csv.DictReader(file)}


def wrong(expect: Expectation, came: Sequence[dict[str, Any]], before: dict[str, Any], *, locale: str) -> str:
    """Return what is wrong with a turn's bot messages; the last one counts, others may only be small talk."""
    *early, last = came
    if any(frame["outcome"] != "smalltalk" for frame in early):
        return f"a part of it was answered alone, {'; '.join(map(shown, early))}"
    given = [source["faq"] for source in last["sources"]]
    offered = [suggestion["faq"] for suggestion in last["suggestions"]]
    if last["lang"] != locale and last["outcome"] == "answered" and expect.foreign & set(given[:1]):
        return ""
    if last["lang"] != (expect.lang or locale):
        return f"the language should be {expect.lang or locale}"
    if (last.get("switch") or "") != expect.offers:
        return f"it should offer {expect.offers or 'no switch'}"
    if expect.declined:
        return "" if last["outcome"] == "declined" else "it should decline"
    wanted = expect.answered
    if expect.chosen:
        if len(before["suggestions"]) < expect.chosen:
            return "there was no such suggestion"
        wanted = (frozenset([before["suggestions"][expect.chosen - 1]["faq"]]),)
    if wanted and last["outcome"] == "answered" and fits(given, wanted):
        return ""
    if last["outcome"] == "clarify" and (
        expect.clarify & set(offered) or (expect.or_clarify and offered[0] in frozenset().union(*wanted))
    ):
        return ""
    return f"it should {should(wanted, expect.clarify)}"


def should(wanted: Iterable[frozenset[str]], clarify: frozenset[str]) -> str:
    """Say what was expected of a turn that is answered or asked back."""
    answer = " and ".join("|".join(sorted(item)) for item in wanted)
    return " or ".join(
        [f"answer {answer}"] * bool(answer) + [f"ask back with {'|'.join(sorted(clarify))}"] * bool(clarify)
    )


def fits(given: Sequence[str], wanted: Sequence[frozenset[str]]) -> bool:
    """Whether each source given is one wanted, in any order, and none is missing."""
    if not given:
        return not wanted
    return any(
        given[0] in item and fits(given[1:], [*wanted[:place], *wanted[place + 1 :]])
        for place, item in enumerate(wanted)
    )


def shown(frame: dict[str, Any]) -> str:
    """Return a bot message in one line: outcome, FAQ ids, language, confidence."""
    names = [named["faq"] for named in frame["sources"] or frame["suggestions"]]
    switch = f", offers {frame['switch']}" if frame.get("switch") else ""
    return f"{frame['outcome']} {names} in {frame['lang']} at {frame['confidence']}{switch}"


def report(played: Sequence[Played]) -> str:
    """Return how many scripts went right by locale and kind, and then what was wrong with the others."""
    right, total = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in played:
        for key in [(a, b) for a in (one.script.locale, "all") for b in (one.script.kind, "all")]:
            total[key] += 1
            right[key] += not one.fault
    columns = (*KINDS, "all")
    lines = [f"{'':8}" + "".join(f"{kind:>12}" for kind in columns)]
    for locale in (*dict.fromkeys(one.script.locale for one in played), "all"):
        cells = (f"{right[locale, kind]}/{total[locale, kind]}" for kind in columns)
        lines.append(f"{locale:8}" + "".join(f"{cell:>12}" for cell in cells))
    faults = [
        f"{one.script.locale} {one.script.kind} {one.script.name}: {one.fault}" for one in played if one.fault
    ]
    return "\n".join([*lines, "", *faults])


def main(locales: Sequence[str]) -> None:
    """Serve the demo, play the scripts of these locales, or of all, and print the report."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    from chatbot.bench.server import running_server

    limits = {"MESSAGES_PER_MINUTE": "600", "CONVERSATIONS_PER_MINUTE": "6000"}
    with running_server(environment=limits) as server:
        began = time.monotonic()
        played = asyncio.run(play_all(server.port, locales or LOCALES))
        print(report(played))
        print(f"\n{len(played)} scripts in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
