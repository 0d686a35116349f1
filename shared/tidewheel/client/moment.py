"""The clocks of a program that uses the SDK: how it waits, and how it reads the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event


@dataclass(frozen=True, slots=True)
class Moment:
    """A reading of both clocks.

    Args:
        steady_s: Of a clock that never goes back, with no particular beginning (s).
        wall_s: Since the epoch (s).
    """

    steady_s: float
    wall_s: float


def now() -> Moment:
    """The time as this machine has it."""
    return Moment(time.monotonic(), time.time())


def pause(seconds: float) -> None:
    """Waits so many seconds. Tests pass another function."""
    Event().wait(seconds)
