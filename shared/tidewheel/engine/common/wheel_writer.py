"""Where a worker leaves what has to wait: a slot of the wheel, or the queue if no slot would be loaded in time."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.wheel.entries import Placed, Waiting
from tidewheel.domain.wheel.pace import LOOP
from tidewheel.engine.common.immediate_dispatch import Direct
from tidewheel.engine.common.shard_layout import Layouts
from tidewheel.ports import Wheel


@dataclass(frozen=True, slots=True)
class Shelf:
    """Takes entries of writers that own no shard; without ``direct`` at the pace of the loop."""

    wheel: Wheel
    layouts: Layouts
    direct: Direct | None = None

    def put(self, entry: Waiting, now_ms: int) -> None:
        """Puts an entry on the wheel, or sends it at once.

        Raises:
            PortError: It may lie there or not.
        """
        if self.direct is not None and self.direct.retry(entry, now_ms):
            return
        pace = self.direct.pace if self.direct is not None else LOOP
        shard = self.layouts.shard_of(entry.tenant, entry.job)
        self.wheel.put(Placed(pace.place(entry.due_ms, now_ms, shard), entry))
