"""Recover: how a scheduler comes to hold the wheel, and how a missing one is noticed."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.lease import Lease, Vigil
from tidewheel.domain.limits import STILL_MS
from tidewheel.ports import Clock, Control, Launcher, Telemetry

_LOOK_EVERY_MS = 100
PATIENCE_MS = 30_000
"""How long a candidate waits for the holder to yield or to fall silent."""


def take_lease(control: Control, clock: Clock, owner: str, version: str) -> Lease | None:
    """Waits until the lease is free, given up or silent, and takes it.

    Returns:
        The lease, or None when the holder lives and does not yield, or another candidate was faster.
    """
    vigil = Vigil()
    stood_for = None
    until = clock.monotonic_ms() + PATIENCE_MS
    while clock.monotonic_ms() < until:
        seen = control.lease()
        if vigil.stands_still(seen, clock.monotonic_ms()):
            return control.take(seen, owner, version)
        if seen is not None and seen.epoch != stood_for:
            control.stand(seen, version)
            stood_for = seen.epoch
        clock.sleep(_LOOK_EVERY_MS)
    return None


@dataclass(frozen=True, slots=True)
class Watch:
    """The watchdog's flow: starts a scheduler if none is alive, or if the one alive runs older code."""

    control: Control
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    version: str

    def look(self) -> bool:
        """Watches the lease for a little longer than a living scheduler would let it stand still.

        Doubled or late calls start nothing that is not needed.

        Returns:
            Whether a scheduler was started.
        """
        vigil = Vigil()
        until = self.clock.monotonic_ms() + STILL_MS + 2 * _LOOK_EVERY_MS
        first = self.control.lease()
        while self.clock.monotonic_ms() < until:
            lease = self.control.lease()
            if vigil.stands_still(lease, self.clock.monotonic_ms()):
                return self._start("no scheduler is alive")
            assert lease is not None
            if lease.version != self.version:
                return self._start("the scheduler runs another code version")
            if first is not None and lease.counter != first.counter:
                return False
            self.clock.sleep(_LOOK_EVERY_MS)
        return self._start("no scheduler is alive")

    def _start(self, reason: str) -> bool:
        self.launcher.launch()
        self.telemetry.count("scheduler_started")
        self.telemetry.note("started a scheduler", reason=reason)
        return True
