"""The shard layout as a process knows it: read again often enough to see each change before it takes effect."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain.limits import LAYOUT_FRESH_MS
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.ports import Clock, LayoutStore, Telemetry


@dataclass(slots=True)
class LayoutCache:
    """Finds the shard on which a job's entries lie.

    Args:
        store: Where the layout is kept.
        clock: Time.
        shards: How many shards this deployment is to have.
    """

    store: LayoutStore
    clock: Clock
    shards: int
    _known: tuple[int, Layout] | None = field(default=None)

    def now(self) -> Layout:
        """The layout, read at most ``LAYOUT_FRESH_MS`` ago.

        Raises:
            PortError: It could not be read.
        """
        known, monotonic = self._known, self.clock.monotonic_ms()
        if known is not None and monotonic - known[0] < LAYOUT_FRESH_MS:
            return known[1]
        layout = self.store.layout() or self.store.establish(Layout.first(self.clock.now_ms(), self.shards))
        self._known = (monotonic, layout)
        return layout

    @property
    def latest(self) -> Layout:
        """The layout as it was last read; ``now`` must have been called before."""
        assert self._known is not None
        return self._known[1]

    def shard_of(self, tenant: str, job: str) -> int:
        """The shard on which a job's new entry is put now.

        Raises:
            PortError: The layout could not be read.
        """
        return self.now().shard_of(tenant, job, self.clock.now_ms())

    def adopt(self, telemetry: Telemetry) -> None:
        """Announces the deployment's number of shards if it differs from the newest one.

        While an announced change has not taken effect yet, nothing is done: the caller asks again later.

        Raises:
            PortError: The layout could not be read or written.
        """
        layout, now = self.now(), self.clock.now_ms()
        if layout.newest == self.shards or layout.is_changing(now):
            return
        new = layout.reshaped(self.shards, now)
        if self.store.reshape(layout, new):
            telemetry.info(
                "the number of shards changes", before=layout.newest, after=new.newest, from_ms=new.periods[-1].from_ms
            )
            self._known = (self.clock.monotonic_ms(), new)
