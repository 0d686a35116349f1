"""Where a worker leaves what has to wait: a slot of the wheel, or the queue if no slot would be loaded in time."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.domain.wheel.pace import LOOP
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import Clock, Wheel


@dataclass(frozen=True, slots=True)
class WheelWriter:
    """Takes entries of writers that own no shard; without ``immediate`` at the pace of the loop."""

    wheel: Wheel
    layouts: LayoutCache
    clock: Clock
    immediate: ImmediateDispatch | None = None

    def put(self, entry: ExecutionEntry) -> None:
        """Puts an entry on the wheel, or sends it at once. Its slot is chosen by the time at which the write begins.

        Raises:
            PortError: It may lie there or not.
        """
        if self.immediate is not None and self.immediate.retry(entry, self.clock.now_ms()):
            return
        pace = self.immediate.pace if self.immediate is not None else LOOP
        shard = self.layouts.shard_of(entry.tenant, entry.job)
        self.wheel.put(Placed(pace.place(entry.due_ms, self.clock.now_ms(), shard), entry))
