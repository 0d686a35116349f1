"""Watches the lines of those who wait for permits, in the scheduler loop: what a dead or frozen worker, a lost answer
or a lost race left undone is done here within seconds.

Two guards at once do no harm: every write is conditional, or followed by what the records decide.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidewheel.domain.limits import (
    LEASE_MS,
    LINE_GUARD_MS,
    LINE_HEAD,
    LINE_IDLE_GUARD_MS,
    LINE_LINGER_MS,
    LINE_RESEND_MS,
)
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Grant, Permit, free_permits, live_permits
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.ports import PortError


class LineGuard:
    """One per term of a scheduler. ``look`` runs beside the loop, one at a time.

    Args:
        grants: Gives permits to those who wait.
        limits: How many executions of a tenant may run at once by now; a line says what it was when somebody came.
    """

    def __init__(self, grants: PermitGrants, limits: RunningLimits) -> None:
        self._grants = grants
        self._limits = limits
        self._empty_since_ms: dict[str, tuple[str, int]] = {}
        self.pause_ms = LINE_GUARD_MS

    def look(self) -> None:
        """Gives every free permit of a tenant that somebody waits for to those who do, and wakes who was not woken.

        Raises:
            PortError: It is not known which tenants have a line; a failure at one of them is counted.
        """
        announced = self._grants.lines.announced()
        self.pause_ms = LINE_GUARD_MS if announced else LINE_IDLE_GUARD_MS
        for each in announced:
            try:
                self._look_at(each)
            except PortError as error:
                self._grants.telemetry.count("line_guard_failed")
                self._grants.telemetry.info(
                    "a line was not looked at and will be again", tenant=each.tenant, problem=str(error)
                )

    def _look_at(self, announced: Announced) -> None:
        waiting = self._grants.lines.head(announced.tenant, LINE_HEAD)
        if not waiting:
            self._forget(announced)
            return
        self._empty_since_ms.pop(announced.tenant, None)
        limit = self._limits.of(announced.tenant) or announced.limit  # without one, the line empties as it did
        permits = self._grants.permits.all(announced.tenant)
        now = self._grants.clock.now_ms()
        held = [permit for permit in permits if not permit.is_free(now)]
        records = self._grants.records(announced.tenant, held)
        free = free_permits(permits, records, limit, now, announced.tenant)
        live = live_permits(held, records, now)
        named = [(entry, permit) for entry in waiting for permit in live if entry.is_named_by(permit)]
        self._resend(named, now)
        passed_over = {entry.key for entry, _ in named}
        for permit in free:
            if not self._grants.give(permit, limit, passed_over):
                return

    def _forget(self, announced: Announced) -> None:
        """Removes a tenant from the announced lines, if its line has been empty for ``limits.LINE_LINGER_MS``."""
        now = self._grants.clock.monotonic_ms()
        mark, since_ms = self._empty_since_ms.get(announced.tenant, ("", now))
        if mark != announced.mark:
            self._empty_since_ms[announced.tenant] = announced.mark, now
        elif now - since_ms >= LINE_LINGER_MS:
            self._grants.lines.forget(announced)
            del self._empty_since_ms[announced.tenant]

    def _resend(self, named: Iterable[tuple[LineEntry, Permit]], now_ms: int) -> None:
        """Wakes those that were given a permit some time ago, and whose entries still stand: its giver may be dead."""
        for entry, permit in named:
            if LINE_RESEND_MS < now_ms - permit.since_ms < LEASE_MS and self._grants.waits(entry):
                self._grants.telemetry.count("permit_message_repeated")
                self._grants.wake(entry, Grant(permit.number, permit.token, permit.until_ms, permit.redriven_ms))
