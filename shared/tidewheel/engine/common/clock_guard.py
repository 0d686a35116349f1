"""Guards against a machine's clock that is wrong: a small deviation is reported, a large one stops the work."""

from __future__ import annotations

import threading

from tidewheel.domain.fleet.skew import Deviation, Standing
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.ports import Clock, ClockWatch, Telemetry


class ClockGuard:
    """There is one in each process.

    The deviation is measured from the answers of AWS. A loop that is refused work must therefore still make a small
    call now and then: otherwise it never learns that the clock was corrected.

    Args:
        watch: Measures the deviation.
        clock: Limits the warnings to one a minute.
        telemetry: Gets the count ``clock_skew`` and the warning.
    """

    def __init__(self, watch: ClockWatch, clock: Clock, telemetry: Telemetry) -> None:
        self._watch = watch
        self._clock = clock
        self._telemetry = telemetry
        self._warned_ms = clock.monotonic_ms() - MINUTE_MS
        self._lock = threading.Lock()

    @property
    def standing(self) -> Standing:
        """How far the clock is to be trusted now; a deviation is reported, at most once a minute."""
        deviation = self._watch.deviation()
        standing = deviation.standing
        if standing in {Standing.WARNED, Standing.OFF}:
            self._warn(deviation, standing)
        return standing

    def refusal(self) -> str:
        """Why no work may be taken now, as a text for people; empty if it may."""
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
        self._telemetry.error(
            "the clock is off",
            problem=f"this machine's clock is {deviation}",
            deviation_ms=deviation.ms,
            takes_work=standing is not Standing.OFF,
        )
