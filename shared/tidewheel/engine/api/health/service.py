"""The health as the API knows it: read at most every two seconds, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain.errors import Overloaded, ReadOnly
from tidewheel.domain.fleet.health import (
    SILENT,
    STORE_AWAY,
    Health,
    HealthState,
    Measured,
    Reason,
    Switch,
    in_force,
)
from tidewheel.domain.limits import HEALTH_AWAY_MS, HEALTH_FRESH_MS
from tidewheel.ports import Clock, HealthStore, PortError, Refused, Telemetry


@dataclass(slots=True)
class HealthService:
    """Reads the health, refuses what it does not allow, and sets the operator's switch.

    Args:
        store: Where it is kept.
        clock: Time.
        telemetry: Counts and log events.
        is_measured: Whether schedulers measure it; they do not in economy mode.
    """

    store: HealthStore
    clock: Clock
    telemetry: Telemetry
    is_measured: bool = True
    _read: tuple[int, Health] | None = field(default=None, init=False)
    _away_ms: int | None = field(default=None, init=False)

    def now(self) -> Health:
        """The health that was in force ``limits.HEALTH_FRESH_MS`` ago, or later.

        A store that has answered none of the reads of ``limits.HEALTH_AWAY_MS`` makes the API read-only by itself: no
        change could be stored. One that refuses the read says nothing.
        """
        now_ms = self.clock.now_ms()
        if self._read is not None and 0 <= now_ms - self._read[0] < HEALTH_FRESH_MS:
            return self._read[1]
        try:
            health = self._in_force(*self.store.health())
            self._away_ms = None
        except PortError as error:
            health = self._unread(error)
        self._read = (self.clock.now_ms(), health)
        return health

    def _in_force(self, measured: Measured | None, switch: Switch | None) -> Health:
        if switch is None and not self.is_measured:
            return Health(reasons=(Reason(SILENT, "in economy mode nothing is measured"),))
        return in_force(measured, switch, self.clock.now_ms())

    def _unread(self, error: PortError) -> Health:
        """What holds while the store does not answer: what was known, then that no change can be stored."""
        self.telemetry.info("the health could not be read", problem=str(error))
        now_ms = self.clock.now_ms()
        known = self._read[1] if self._read else Health(reasons=(Reason(SILENT, "the health could not be read"),))
        if isinstance(error, Refused):
            return known
        if self._away_ms is None or now_ms < self._away_ms:
            self._away_ms = now_ms
        if now_ms - self._away_ms < HEALTH_AWAY_MS:
            return known
        said = Reason(STORE_AWAY, "the store of the deployment's health does not answer")
        return Health(HealthState.READ_ONLY, self._away_ms, (said,))

    def check(self, *, creates: bool) -> None:
        """Refuses a change that the health does not allow.

        Args:
            creates: Whether it makes work.

        Raises:
            ReadOnly: No change is allowed.
            Overloaded: It makes work, and no more is taken on.
        """
        health = self.now()
        reasons = "; ".join(reason.text for reason in health.reasons)
        if not health.writes:
            self.telemetry.count("request_held_off", state=health.state)
            raise ReadOnly(reasons)
        if creates and not health.creates:
            self.telemetry.count("request_held_off", state=health.state)
            raise Overloaded(reasons)

    def switch(self, *, read_only: bool, by: str, reason: str) -> Health:
        """Sets the operator's switch, whatever it was.

        Args:
            read_only: Whether every change is to be refused.
            by: The principal that sets it.
            reason: Why; callers that are refused read it.

        Returns:
            The health in force by then. Other processes of the API learn it within ``limits.HEALTH_FRESH_MS``.

        Raises:
            PortError: It may be set or not.
        """
        switch = Switch(by, reason, self.clock.now_ms()) if read_only else None
        self.store.switch(switch)
        self.telemetry.info("an operator set the switch", read_only=read_only, by=by, reason=reason)
        measured, _ = self.store.health()
        health = self._in_force(measured, switch)
        self._read = (self.clock.now_ms(), health)
        return health
