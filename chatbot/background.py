"""How background processes leave the machine to the chats."""

import contextlib
import os
from pathlib import Path

# A tenth of what a chat gets where both want the same core. Lower, and on a machine that others keep busy too, an
# upload would be checked in minutes rather than seconds.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Have this process, and those that it starts, run when nobody else needs the core."""
    os.nice(NICENESS)
    # Linux shares the cores out between sessions first, and by niceness only within one (sched(7), "The autogroup
    # feature"). A session of this process alone can be niced as a whole; one that others are in must not be.
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))
