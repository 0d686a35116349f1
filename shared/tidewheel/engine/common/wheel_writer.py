"""Puts entries on the wheel for whoever owns no shard: each slot is chosen right before its write.

A write may be held up after that, by the SDK's pauses or because the process was frozen. One that was not sent in time
is refused by the store and placed again, by the time it is then. One whose answer came so late that its slot may have
been loaded before it landed is followed by another one elsewhere: a second entry of the same occurrence or attempt
does no harm, since the records decide what runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tidewheel.domain.wheel.entries import Entry, ExecutionEntry, Placed
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import Clock, Telemetry, TooLate, Wheel

T = TypeVar("T")

_TRIES = 5
"""How often an entry is placed. Whoever is held up between choice and write so often in a row is told."""


@dataclass(frozen=True, slots=True)
class WheelWriter:
    """For writers that own no shard.

    Args:
        wheel: Where entries lie.
        layouts: Finds their shard.
        clock: Time.
        telemetry: Counts the writes that were held up.
        immediate: Sends what is due before a scheduler would load it. It sends nothing where schedulers loop.
    """

    wheel: Wheel
    layouts: LayoutCache
    clock: Clock
    telemetry: Telemetry
    immediate: ImmediateDispatch

    def put(self, entry: ExecutionEntry) -> None:
        """Puts an entry on the wheel, or sends it at once.

        Args:
            entry: The entry.

        Raises:
            PortError: A call failed; the entry may be stored or not.
        """
        if not self.immediate.retry(entry, self.clock.now_ms()):
            self.write(entry, self.wheel.put)

    def write(self, entry: Entry, write: Callable[[Placed], T], tries: int = _TRIES) -> tuple[T, Placed]:
        """Writes an entry, perhaps together with records, into the slot that takes it now.

        Args:
            entry: The entry.
            write: Stores it; it is called again, with another slot, when it raises ``TooLate``.
            tries: How often at most.

        Returns:
            What the last call of ``write`` returned, and what it was given.

        Raises:
            PortError: A call failed; the entry may be stored or not.
        """
        placed = self._placed(entry)
        try:
            answer = write(placed)
        except TooLate as refused:
            self.telemetry.count("wheel_write_held_up", step="before")
            if tries == 1:
                raise
            if refused.tried:  # the records may be stored by now, with the entry where nobody looks any more
                self.write(entry, self.wheel.put, tries - 1)
            return self.write(entry, write, tries - 1)
        if not placed.is_in_time(self.clock.now_ms()):
            self.telemetry.count("wheel_write_held_up", step="after")
            self.write(entry, self.wheel.put)
        return answer, placed

    def _placed(self, entry: Entry) -> Placed:
        """The shard comes first: to find it, the layout may have to be read, which takes time."""
        shard = self.layouts.shard_of(entry.tenant, entry.job)
        return self.immediate.pace.placed(entry, self.clock.now_ms(), shard)
