"""How a scheduler comes to hold a lease."""

from __future__ import annotations

from collections.abc import Generator

from tidewheel.domain.fleet.lease import Lease, Vigil
from tidewheel.domain.fleet.skew import Standing
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.scheduler.watchdog import _LOOK_EVERY_MS
from tidewheel.ports import Clock, Control

PATIENCE_MS = 30_000
"""How long a candidate waits for the holder to yield or to fall silent."""


def take_lease(
    control: Control, clock: Clock, owner: str, version: str, seat: int, guard: ClockGuard | None = None
) -> Generator[int, None, Lease | None]:
    """Waits until a seat's lease is free, given up or silent, and takes it; yields until when there is nothing to do.

    Returns:
        The lease, or None when the holder lives and does not yield, or another candidate was faster, or this
        machine's clock is off.
    """
    vigil = Vigil()
    stood_for = None
    until = clock.monotonic_ms() + PATIENCE_MS
    while clock.monotonic_ms() < until:
        seen = control.lease(seat)
        match guard.standing if guard else Standing.FIT:
            case Standing.OFF:
                return None
            case Standing.DOUBTFUL:
                yield clock.now_ms() + SECOND_MS
                continue
        if vigil.stands_still(seen, clock.monotonic_ms()):
            return control.take(seen, owner, version, seat)
        if seen is not None and seen.epoch != stood_for:
            control.stand(seen, version)
            stood_for = seen.epoch
        yield clock.now_ms() + _LOOK_EVERY_MS
    return None
