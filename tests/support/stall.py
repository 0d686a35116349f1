"""A stall of stores: for some time no call of them is answered, whoever makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidewheel.ports import Clock, PortError


@dataclass
class Stall:
    """One stall after another of the same stores.

    Args:
        clock: Says when one is over.
        until_ms: When the last one is over (ms since the epoch).
    """

    clock: Clock
    until_ms: int = 0

    @property
    def lasts(self) -> bool:
        """Whether the stores do not answer now."""
        return self.clock.now_ms() < self.until_ms

    def begin(self, duration_ms: int) -> None:
        """From now on, and for so long (ms), no call is answered."""
        self.until_ms = self.clock.now_ms() + duration_ms

    def of(self, store: Any) -> Any:
        """The store, as whoever loses it has it."""
        return StallingStore(store, self)


class StallingStore:
    """A store whose calls fail while a stall lasts."""

    def __init__(self, store: Any, stall: Stall) -> None:
        self._store, self._stall = store, stall

    def __getattr__(self, name: str) -> Any:
        operation, stall = getattr(self._store, name), self._stall
        if not callable(operation):
            return operation

        def call(*args: Any, **kwargs: Any) -> Any:
            if stall.lasts:
                raise PortError(name, "-", "nobody answers")
            return operation(*args, **kwargs)

        return call
