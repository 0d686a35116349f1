"""The user under whom programs run: another one than the worker's, where the system lets it change users.

Only a worker that runs as root can. Under another user a program reads neither the memory nor the environment nor the
files of its worker, where the credentials are. A worker of any other user has its programs run under that user too, and
hides its memory and environment from them alone (``launch.hide``).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.names import Env

SAME = "same"
"""The name that stands for the worker's own user."""
NOBODY = "nobody"


class UnknownUser(Exception):
    """Programs cannot run under the user that was named; the text says in one line why."""


@dataclass(frozen=True, slots=True)
class ProgramUser:
    """A user under whom programs run.

    Args:
        uid: The user's id.
        gid: The id of the only group that they belong to.
        home: The user's home; it need not exist.
    """

    uid: int
    gid: int
    home: str


def program_user(
    named: str, effective_uid: int, find: Callable[[str], pwd.struct_passwd] = pwd.getpwnam
) -> ProgramUser | None:
    """The user under whom programs run; None for the worker's own.

    Args:
        named: A user's name, ``same`` for the worker's own, or empty for the default: ``nobody`` if the worker is root,
            else the worker's own.
        effective_uid: The worker's user.
        find: Finds a user by name.

    Raises:
        UnknownUser: There is no such user, or the worker cannot change users.
    """
    if named == SAME or (not named and effective_uid != 0):
        return None
    if effective_uid != 0:
        raise UnknownUser(f"{Env.PROGRAM_USER} names {named!r}, but only a worker that runs as root can change users")
    try:
        found = find(named or NOBODY)
    except KeyError:
        remedy = f"name one in {Env.PROGRAM_USER}, or {SAME!r} to run programs as root"
        raise UnknownUser(f"there is no user {named or NOBODY!r} under whom programs could run: {remedy}") from None
    return ProgramUser(found.pw_uid, found.pw_gid, found.pw_dir)


def home_of(user: ProgramUser, otherwise: str) -> str:
    """The home of a user, or another folder if there is none."""
    return user.home if os.path.isdir(user.home) else otherwise  # noqa: PTH112 - a text is wanted
