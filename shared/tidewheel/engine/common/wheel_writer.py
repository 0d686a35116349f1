"""Puts an execution's next attempt on the wheel, or into the queue if no scheduler would load its slot in time."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import Clock, Wheel


@dataclass(frozen=True, slots=True)
class WheelWriter:
    """For writers that own no shard.

    Args:
        wheel: Where entries lie.
        layouts: Finds their shard.
        clock: Time.
        immediate: Sends what is due before a scheduler would load it. It sends nothing where schedulers loop.
    """

    wheel: Wheel
    layouts: LayoutCache
    clock: Clock
    immediate: ImmediateDispatch

    def put(self, entry: ExecutionEntry) -> None:
        """Puts an entry on the wheel, or sends it at once. Its slot is chosen by the time at which the write begins.

        Args:
            entry: The entry.

        Raises:
            PortError: A call failed; the entry may be stored or not.
        """
        if self.immediate.retry(entry, self.clock.now_ms()):
            return
        shard = self.layouts.shard_of(entry.tenant, entry.job)
        slot = self.immediate.pace.place(entry.due_ms, self.clock.now_ms(), shard)
        self.wheel.put(Placed(slot, entry))
