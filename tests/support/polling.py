"""Waiting for a condition, never for a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tidewheel.adapters.clock import SystemClock

T = TypeVar("T")
_LOOK_MS = 50


def until(look: Callable[[], T], what: str, *, within_s: float = 60) -> T:
    """Looks again and again until there is something (anything true), and gives it.

    Args:
        look: Gives what is looked for, or something false.
        what: Named when it does not come.
        within_s: A bound for a machine in trouble; nothing is measured by it.

    Raises:
        AssertionError: It did not come; the message holds what was seen last.
    """
    clock = SystemClock()
    give_up = clock.monotonic_ms() + round(within_s * 1_000)
    while True:
        seen = look()
        if seen:
            return seen
        if clock.monotonic_ms() > give_up:
            raise AssertionError(f"{what}: not within {within_s:.0f} s; seen last: {seen!r}")
        clock.sleep(_LOOK_MS)
