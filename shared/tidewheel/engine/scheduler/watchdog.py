"""Recover: how a scheduler comes to hold the wheel, and how a missing one is noticed."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.fleet.lease import Lease, Vigil
from tidewheel.domain.limits import STILL_MS
from tidewheel.ports import Clock, Control, Launcher, Telemetry

_LOOK_EVERY_MS = 100


@dataclass(frozen=True, slots=True)
class Watch:
    """The watchdog's flow: starts a scheduler for each seat that is empty, or whose holder runs older code."""

    control: Control
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    version: str
    seats: int = 1

    def look(self) -> int:
        """Watches the seats for a little longer than a living scheduler would let its lease stand still.

        Doubled or late calls start nothing that is not needed.

        Returns:
            How many schedulers were started.
        """
        vigils = {seat: Vigil() for seat in range(self.seats)}
        first = {seat: self.control.lease(seat) for seat in vigils}
        until = self.clock.monotonic_ms() + STILL_MS + 2 * _LOOK_EVERY_MS
        started = 0
        while vigils:
            over = self.clock.monotonic_ms() >= until
            for seat, vigil in list(vigils.items()):
                needed = self._judge(seat, vigil, first[seat], over=over)
                if needed is not None:
                    del vigils[seat]
                    started += needed
            if vigils:
                self.clock.sleep(_LOOK_EVERY_MS)
        return started

    def _judge(self, seat: int, vigil: Vigil, first: Lease | None, *, over: bool) -> bool | None:
        """Whether a seat needed a scheduler; None if that cannot be told yet."""
        lease = self.control.lease(seat)
        if lease is None or vigil.stands_still(lease, self.clock.monotonic_ms()) or over:
            return self._start(seat, "no scheduler is alive")
        if lease.version != self.version:
            return self._start(seat, "the scheduler runs another code version")
        beats = first is not None and (lease.epoch, lease.counter) != (first.epoch, first.counter)
        return False if beats else None

    def _start(self, seat: int, reason: str) -> bool:
        self.launcher.launch(seat)
        self.telemetry.count("scheduler_started")
        self.telemetry.note("started a scheduler", seat=seat, reason=reason)
        return True
