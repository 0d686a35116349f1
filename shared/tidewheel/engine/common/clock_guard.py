"""The clock's guard: a machine whose clock is off says so; one whose clock is far off takes no work."""

from __future__ import annotations

import threading

from tidewheel.domain.fleet.skew import Deviation, Standing
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.ports import Clock, ClockWatch, Telemetry


class ClockGuard:
    """One per process.

    A loop that stops asking while it is refused hears no newer answers: it should ask for something small now and
    then, so that a clock which was set right is found to be so.

    Args:
        watch: What is known of the clock.
        clock: Says when it was last warned of.
        telemetry: Gets ``clock_skew`` and a warning, once a minute at most.
    """

    def __init__(self, watch: ClockWatch, clock: Clock, telemetry: Telemetry) -> None:
        self._watch = watch
        self._clock = clock
        self._telemetry = telemetry
        self._warned_ms = clock.monotonic_ms() - MINUTE_MS
        self._lock = threading.Lock()

    @property
    def standing(self) -> Standing:
        """What may be said of the clock now."""
        deviation = self._watch.deviation()
        standing = deviation.standing
        if standing in {Standing.WARNED, Standing.OFF}:
            self._warn(deviation, standing)
        return standing

    def refusal(self) -> str:
        """Why no work may be taken now, for people; empty if it may."""
        if self.standing is not Standing.OFF:
            return ""
        return f"this machine's clock is {self._watch.deviation()}"

    def _warn(self, deviation: Deviation, standing: Standing) -> None:
        with self._lock:
            now = self._clock.monotonic_ms()
            if now - self._warned_ms < MINUTE_MS:
                return
            self._warned_ms = now
        self._telemetry.count("clock_skew")
        problem = f"this machine's clock is {deviation}"
        refuses = standing is Standing.OFF
        what = "the clock is off: no work is taken until it is right" if refuses else "the clock is off"
        self._telemetry.error(what, problem=problem, deviation_ms=deviation.ms)
