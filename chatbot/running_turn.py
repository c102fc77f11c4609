"""A turn of a conversation while it is being answered."""

import asyncio
import uuid
from dataclasses import dataclass, field

from chatbot.answering.events import Answer, Question, Turn


@dataclass(eq=False)
class RunningTurn:
    """One visitor message being answered, or several that were sent in one breath: `seqs` and `texts` go together."""

    conversation_id: uuid.UUID
    profile_id: int
    locale: str
    seqs: list[int]
    texts: list[str]
    chosen_key: str
    history: tuple[Turn, ...] = ()
    shown: str = ""
    stopped: bool = False
    is_joined: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    composing: asyncio.Task[Answer] | None = field(default=None, repr=False)
    # Set when the visitor types or has sent more.
    stirred: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def seq(self) -> int:
        """Return the number of the message that the answer replies to."""
        return self.seqs[-1]

    @property
    def question(self) -> Question:
        """Return what is to be answered."""
        return Question(text="\n".join(self.texts), chosen_key=self.chosen_key, history=self.history)
