"""Who the local Postgres runs as, and what that user must be able to reach: Postgres refuses to run as root."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.postgres import PostgresError

SYSTEM_USER = "kefu-postgres"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The user that the server runs as."""

    uid: int
    gid: int


def as_user(identity: Identity) -> dict[str, Any]:
    """Return the subprocess arguments that make root become the server's user."""
    if os.geteuid() != 0:
        return {"umask": 0o077}
    return {"umask": 0o077, "user": identity.uid, "group": identity.gid, "extra_groups": []}


def choose_identity(data_dir: Path) -> Identity:
    """Decide who runs the server: the data's owner or this user; for root, which Postgres refuses, an own user."""
    found = data_dir.stat() if data_dir.exists() else None
    if os.geteuid() != 0:
        if found is not None and found.st_uid != os.geteuid():
            raise PostgresError(
                f"{data_dir} belongs to user id {found.st_uid}: start Kefu as that user or as root, or set "
                "KEFU_VAR_DIR to a folder of your own."
            )
        return Identity(uid=os.geteuid(), gid=os.getegid())
    if found is not None and found.st_uid != 0:
        return Identity(uid=found.st_uid, gid=found.st_gid)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            raise PostgresError(
                f"Postgres does not run as root, and the user {SYSTEM_USER} could not be created: start Kefu as "
                "an ordinary user, or set DATABASE_URL to use another Postgres."
            ) from error
    return Identity(uid=entry.pw_uid, gid=entry.pw_gid)


def give(folder: Path, identity: Identity) -> None:
    """Hand a folder that root owns, such as a restored copy, to the server's user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


def open_the_way(folder: Path) -> None:
    """Let the server's user pass through (not read) the folders above one; root only."""
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            try:
                parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            except OSError as error:
                raise PostgresError(
                    f"Postgres does not run as root, and its user may not pass through {parent}: move Kefu to "
                    "another folder, start it as an ordinary user, or set DATABASE_URL."
                ) from error


def open_contents(folder: Path) -> None:
    """Let the server's user read the packaged programs, which a strict umask may have closed; root only."""
    if not folder.exists() or folder.stat().st_mode & stat.S_IXOTH:
        return
    for path in (*folder.rglob("*"), folder):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
