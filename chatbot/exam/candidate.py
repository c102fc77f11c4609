"""A generator that sits the exam: it writes as it is served, with the guard or bare.

In the chat most answers need no generator at all; here it writes every reply, for its own words are what is examined.
What it may not finish is finished with the whole sources, as the chat would with approved sentences.
"""

from collections.abc import Sequence
from contextlib import aclosing

from chatbot.answering.composition.stream import Unfit, Unknown
from chatbot.answering.composition.wording import after
from chatbot.answering.composition.writer import Writer
from chatbot.answering.events import EXTRACTIVE, GENERATED, Composition, Said
from chatbot.answering.pipeline import ComposingEncoder
from chatbot.engine.errors import GeneratorBusy, GeneratorLate, PromptTooLong
from chatbot.exam.exam import Reply
from chatbot.exam.manners import plain_manners
from chatbot.exam.trap import Trap

# So that the machine's load decides nothing, a reply has longer than a visitor would wait.
SECONDS = 120.0


class Written:
    """A `Candidate` that replies with what a writer writes from a trap's sources alone."""

    def __init__(self, writer: Writer, *, locale: str, encoder: ComposingEncoder) -> None:
        self.version = writer.version
        self._writer = writer
        self._manners = plain_manners(locale)
        self._encoder = encoder

    async def reply(self, trap: Trap) -> Reply:
        """Return a reply. Raises EngineError where no other would fare better."""
        said: list[Said] = []
        why = ""
        try:
            await self._write(trap, said)
        except Unknown:
            if not self._writer.is_guarded:
                return self._reply(said, "", "unknown")
            # In the chat the approved text was found to answer the question, so it is shown then.
            why = "unknown"
        except Unfit:
            why = "failed_guard"
        except (GeneratorLate, GeneratorBusy, PromptTooLong):
            why = "deadline"
        rest = _unsaid(trap.sources, said) if why else []
        return self._reply(said, "\n\n".join(rest), why)

    async def _write(self, trap: Trap, said: list[Said]) -> None:
        writing = self._writer.reply(
            trap.question, trap.sources, manners=self._manners, encoder=self._encoder
        )
        async with aclosing(writing) as written:
            async for one in written:
                said.append(one)

    def _reply(self, said: Sequence[Said], rest: str, why: str) -> Reply:
        own = ""
        for one in said:
            own += after(own, one.sentence) if one.shown else ""
        is_own = any(one.shown and one.level == GENERATED for one in said)
        text = "\n\n".join(part for part in (own, rest) if part)
        return Reply(
            text=text,
            composition=Composition(
                level=GENERATED if is_own else EXTRACTIVE, why=why, said=tuple(said), generator=self.version
            ),
            declined=not text,
        )


def _unsaid(sources: Sequence[str], said: Sequence[Said]) -> list[str]:
    """Return the sources that were not shown whole already."""
    shown = " ".join(one.sentence for one in said if one.shown)
    return [source for source in sources if source not in shown]
