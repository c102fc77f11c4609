"""Put the exam's traps to the generator, and print how it went."""

import asyncio
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot import exam_candidate
from chatbot.engine.errors import WeightsError
from chatbot.exam import results, traps, versions
from chatbot.exam.exam import Candidate, Sat, ask
from chatbot.exam.results import Result
from chatbot.exam.trap import Trap
from chatbot.exam.traps import TrapError

AT_ONCE = 8


class Command(BaseCommand):
    """Examine the installed generator, as the worker does for the admin; needs no database."""

    help = "Put the exam's traps to the generator: what it may say freely, it has to earn in each language."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--locale", action="append", metavar="L", help="a locale; several may be given (default: all)"
        )
        parser.add_argument("--bare", action="store_true", help="without the guard, to see what it is worth")
        parser.add_argument("--limit", type=int, help="only so many traps of each locale, of every kind some")
        parser.add_argument(
            "--save", action="store_true", help="keep the results among those that Kefu is shipped with"
        )
        parser.add_argument("--json", action="store_true", help="print a list with an object per locale")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["save"] and options["limit"]:
            raise CommandError("Only whole exams are saved: leave --limit or --save out.")
        found = []
        for locale in self._locales(options["locale"]):
            try:
                result = self._examine(locale, is_bare=options["bare"], limit=options["limit"])
            except (TrapError, WeightsError, exam_candidate.NoGenerator) as error:
                raise CommandError(str(error)) from error
            found.append(result)
            # At once: an exam takes minutes, and a later one may be interrupted.
            if options["save"]:
                results.save([result])
            if not options["json"]:
                self._print(result)
        if options["json"]:
            self.stdout.write(json.dumps([result.to_json() for result in found], ensure_ascii=False))

    def _locales(self, wanted: list[str] | None) -> list[str]:
        held = traps.locales()
        for locale in wanted or ():
            if locale not in held:
                raise CommandError(f"There is no exam for {locale}, only for {', '.join(held)}.")
        return wanted or held

    def _examine(self, locale: str, *, is_bare: bool, limit: int | None) -> Result:
        chosen = _some(traps.load(locale), limit)
        with exam_candidate.loaded(locale, is_bare=is_bare) as candidate:
            sat = asyncio.run(self._sit(locale, chosen, candidate))
            key = versions.key(locale, candidate.version)
            return results.result_of(key, sat, is_bare=is_bare, is_whole=limit is None)

    async def _sit(self, locale: str, chosen: list[Trap], candidate: Candidate) -> list[Sat]:
        """Put traps to a candidate, several at once: a generator writes them in one batch."""
        started, seats = time.monotonic(), asyncio.Semaphore(AT_ONCE)
        done = 0

        async def one(trap: Trap) -> Sat:
            nonlocal done
            async with seats:
                sat = await ask(trap, candidate)
            done += 1
            self._tell(locale, sat, done, len(chosen), time.monotonic() - started)
            return sat

        return list(await asyncio.gather(*map(one, chosen)))

    def _tell(self, locale: str, sat: Sat, done: int, total: int, seconds: float) -> None:
        """Say on standard error how far an exam is."""
        left = seconds / done * (total - done)
        mark = sat.mark.why.value
        self.stderr.write(f"{locale} {done}/{total} {sat.trap.key}: {mark} ({left:.0f} s left)")

    def _print(self, result: Result) -> None:
        """Print how an exam went, and every failure."""
        score = result.score
        verdict = "bare" if result.is_bare else "passed" if result.is_passed else "not passed"
        self.stdout.write(
            f"{result.key.locale}: {verdict}, {score.right} of {score.total} right, {score.forbidden} false claims, "
            f"{score.own} in its own words "
            f"({result.key.generator})"
        )
        for failure in result.failures:
            phrases = ", ".join(failure.phrases)
            self.stdout.write(f"  {failure.key} {failure.why} ({phrases}): {failure.question}")
            self.stdout.write(f"    {failure.shown}")


def _some(chosen: tuple[Trap, ...], limit: int | None) -> list[Trap]:
    """Return so many of the traps, spread evenly."""
    if limit is None or limit >= len(chosen):
        return list(chosen)
    return [chosen[place * len(chosen) // limit] for place in range(max(1, limit))]
