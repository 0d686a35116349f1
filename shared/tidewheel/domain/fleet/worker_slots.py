"""Worker slots: how many attempts a worker of a pool runs at once, and which priority gets a slot that is free.

Of N slots

- one in eight, and at least one if there are four or more, is reserved for critical work (``WorkerSlots.reserved``);
- critical work comes first, so it gets the first slot that becomes free;
- while no low work runs, low comes next, for one slot, before high and normal; and critical work leaves the last slot
  to it: it holds at most N - 1 while low work waits. A worker with a single slot keeps none for low work;
- then come high, normal and low, each with as many slots as are left.

A priority of which nothing waits is passed over, so no slot stays free that waiting work may take.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tidewheel.domain.fleet.route import PRIORITIES

_CRITICAL, _HIGH, _NORMAL, _LOW = PRIORITIES
_SHARE = 8
_FEWEST = 4
"""With fewer slots none is reserved: more than a quarter of them might stay unused."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The priority whose queue is received from next, and for how many messages at most."""

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
        """How many slots only critical work may take."""
        return max(1, self.count // _SHARE) if self.count >= _FEWEST else 0

    def room(self, priority: str, held: Mapping[str, int]) -> int:
        """How many more attempts of a priority may run.

        Args:
            priority: Which one.
            held: How many attempts of each priority run.
        """
        busy = sum(held.values())
        if priority == _CRITICAL:
            return self.count - busy
        return max(0, min(self.count - busy, self.count - self.reserved - (busy - held[_CRITICAL])))

    def turn(self, held: Mapping[str, int], quiet: Collection[str]) -> Turn | None:
        """Which priority is next, or None if none may take a slot that is free.

        Args:
            held: How many attempts of each priority run.
            quiet: The priorities of which nothing waits, as far as is known.
        """
        low_is_next = self.count > 1 and not held[_LOW] and _LOW not in quiet
        order = (_CRITICAL, _LOW, _HIGH, _NORMAL) if low_is_next else PRIORITIES
        for priority in order:
            most = self.room(priority, held)
            if low_is_next and priority == _CRITICAL:
                most = min(most, self.count - 1 - held[_CRITICAL])
            elif low_is_next and priority == _LOW:
                most = min(most, 1)
            if most > 0 and priority not in quiet:
                return Turn(priority, most)
        return None
