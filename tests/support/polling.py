"""Waiting for a condition, never for a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.support import machine
from tidewheel.adapters.clock import SystemClock

T = TypeVar("T")
_LOOK_MS = 50
_NEVER = object()


class Patience:
    """How long to wait on without any progress: a bound that follows what the machine can do.

    Args:
        within_s: The bound on a quick machine.
        slow: Measures how many times slower this one is; asked when the bound on a quick one is past.
    """

    def __init__(self, within_s: float, slow: Callable[[], float] | None = None) -> None:
        self._clock = SystemClock()
        self._slow = slow or (lambda: max(machine.slowness(), machine.measured()))
        self._within_ms = self._bound_ms = within_s * 1_000
        self._since_ms = self._clock.monotonic_ms()
        self._seen: object = _NEVER

    def saw(self, progress: object) -> None:
        """Begins anew when there is progress: something else than last time."""
        if self._seen is not _NEVER and progress != self._seen:
            self._since_ms = self._clock.monotonic_ms()
        self._seen = progress

    def over(self) -> bool:
        """Whether nothing has progressed for too long."""
        waited_ms = self._clock.monotonic_ms() - self._since_ms
        if waited_ms > self._bound_ms == self._within_ms:
            self._bound_ms = self._within_ms * self._slow()
        return waited_ms > self._bound_ms

    @property
    def bound_s(self) -> float:
        """How long that is, s."""
        return self._bound_ms / 1_000


def until(look: Callable[[], T], what: str, *, within_s: float = 60, progress: Callable[[], object] | None = None) -> T:
    """Looks again and again until there is something (anything true), and gives it.

    Args:
        look: Gives what is looked for, or something false.
        what: Named when it does not come.
        within_s: How long to wait on a quick machine without progress; on a slower one it is as many times longer.
            Nothing is measured by it.
        progress: Gives what changes while the goal comes nearer, and only then; without it nothing counts but the goal.

    Raises:
        AssertionError: It did not come; the message holds what was seen last.
    """
    clock, patience = SystemClock(), Patience(within_s)
    while True:
        seen = look()
        if seen:
            return seen
        if progress is not None:
            patience.saw(progress())
        if patience.over():
            raise AssertionError(f"{what}: not within {patience.bound_s:.0f} s; seen last: {seen!r}")
        clock.sleep(_LOOK_MS)
