"""Slots: how many attempts a pool's worker runs at once, and whose turn it is when one is free.

Of N slots

- one in eight, and at least one where there are four or more, is for critical work alone (``Slots.reserved``);
- critical goes first, so it gets the first slot that becomes free;
- while low work runs nowhere, it goes next, for one slot, before high and normal; and critical, which would take all
  there is, leaves it the last one: it holds at most N - 1 while low waits. With one slot alone low has no such right;
- then high, normal and low, each as much as there is.

Whoever has nothing waiting is passed over, so no slot stays free that waiting work may take.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tidewheel.domain.fleet.route import PRIORITIES

_CRITICAL, _HIGH, _NORMAL, _LOW = PRIORITIES
_SHARE = 8
_FEWEST = 4
"""With fewer slots none is reserved: a quarter of what there is would be too much to leave unused."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose queue is looked into next, and for how many messages at most."""

    priority: str
    most: int


@dataclass(frozen=True, slots=True)
class WorkerSlots:
    """The slots of one worker.

    Args:
        count: How many there are, one or more.
    """

    count: int

    @property
    def reserved(self) -> int:
        """How many only critical work may take."""
        return max(1, self.count // _SHARE) if self.count >= _FEWEST else 0

    def room(self, priority: str, held: Mapping[str, int]) -> int:
        """How many more of a priority may run.

        Args:
            priority: Which.
            held: How many run of each priority.
        """
        busy = sum(held.values())
        if priority == _CRITICAL:
            return self.count - busy
        return max(0, min(self.count - busy, self.count - self.reserved - (busy - held[_CRITICAL])))

    def turn(self, held: Mapping[str, int], quiet: Collection[str]) -> Turn | None:
        """Whose turn it is, or None if no slot is free that anybody could take.

        Args:
            held: How many run of each priority.
            quiet: The priorities of which nothing waits, as far as is known.
        """
        low_is_owed = self.count > 1 and not held[_LOW] and _LOW not in quiet
        order = (_CRITICAL, _LOW, _HIGH, _NORMAL) if low_is_owed else PRIORITIES
        for priority in order:
            most = self.room(priority, held)
            if low_is_owed and priority == _CRITICAL:
                most = min(most, self.count - 1 - held[_CRITICAL])
            elif low_is_owed and priority == _LOW:
                most = min(most, 1)
            if most > 0 and priority not in quiet:
                return Turn(priority, most)
        return None
