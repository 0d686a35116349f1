"""The exit statuses of the command line. They are stable: scripts tell by them what happened."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType

import httpx


class ExitStatus(IntEnum):
    """How a command ended; ``MEANINGS`` says it in words."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    NOT_ALLOWED = 6
    BUSY = 7
    RUN_FAILED = 8
    STILL_RUNNING = 9


MEANINGS = MappingProxyType(
    {
        ExitStatus.DONE: "done",
        ExitStatus.REFUSED: "the API or a file's check refused it, or a part of it failed; of `ledger` an instant is "
        "missing; of `doctor` a check failed",
        ExitStatus.USAGE: "wrong options, or no deployment is known; of `apply --dry-run` there is something to change",
        ExitStatus.NOT_FOUND: "there is no such thing (404)",
        ExitStatus.CONFLICT: "it conflicts with the present state, or was edited since, or several may be meant (409, "
        "412)",
        ExitStatus.UNREACHABLE: "no answer, or none that the API gave (502, 504); the request may have been fulfilled",
        ExitStatus.NOT_ALLOWED: "nobody is signed in, or the role does not allow it (401, 403)",
        ExitStatus.BUSY: "over a limit, or the service is busy (429, 503): repeat it later",
        ExitStatus.RUN_FAILED: "the run that was waited for or followed ended without success",
        ExitStatus.STILL_RUNNING: "the run had not ended when the time of `--timeout` was over",
    }
)
"""What each means, for the page."""

_OF_STATUS = {
    0: ExitStatus.UNREACHABLE,
    httpx.codes.UNAUTHORIZED: ExitStatus.NOT_ALLOWED,
    httpx.codes.FORBIDDEN: ExitStatus.NOT_ALLOWED,
    httpx.codes.NOT_FOUND: ExitStatus.NOT_FOUND,
    httpx.codes.CONFLICT: ExitStatus.CONFLICT,
    httpx.codes.PRECONDITION_FAILED: ExitStatus.CONFLICT,
    httpx.codes.TOO_MANY_REQUESTS: ExitStatus.BUSY,
    httpx.codes.BAD_GATEWAY: ExitStatus.UNREACHABLE,
    httpx.codes.SERVICE_UNAVAILABLE: ExitStatus.BUSY,
    httpx.codes.GATEWAY_TIMEOUT: ExitStatus.UNREACHABLE,
}

_REMEDIES = {
    ExitStatus.UNREACHABLE: "tidewheel doctor says what is wrong",
    ExitStatus.BUSY: "repeat it later",
}


def status_of(http_status: int) -> ExitStatus:
    """The exit status for an HTTP status that is no success; 0 stands for no answer."""
    return _OF_STATUS.get(http_status, ExitStatus.REFUSED)


def remedy_of(http_status: int) -> str | None:
    """What to do about it, where the problem itself does not say."""
    if http_status == httpx.codes.UNAUTHORIZED:
        return "sign in: set TIDEWHEEL_TOKEN, or use a context that has a token (tidewheel context add)"
    if http_status == httpx.codes.FORBIDDEN:
        return "tidewheel doctor shows your role; ask an admin of the tenant for one that may do it"
    return _REMEDIES.get(status_of(http_status))
