"""How background processes leave the machine to the chats."""

import contextlib
import os
from pathlib import Path

# The lowest share that is still one: where the chats keep every core busy, it is one part in seventy, so that even
# then background work ends. SCHED_IDLE would be a fifth of that, and measured no better for the chats.
NICENESS = 19
AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Have this process, and those that it starts, run when nobody else needs the core."""
    os.nice(NICENESS)
    # Linux shares the cores out between sessions first, and by niceness only within one (sched(7), "The autogroup
    # feature"). A session of this process alone can be niced as a whole; one that others are in must not be.
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))
