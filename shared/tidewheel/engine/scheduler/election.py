"""Election: how a scheduler comes to hold the lease of an instance, and takes it back after the store was away."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from tidewheel.domain.fleet.lease import Lease, LeaseWatcher
from tidewheel.domain.fleet.skew import Standing
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.scheduler.handover import LAST_CALL_MS
from tidewheel.ports import Clock, LeaseStore, PortError, Telemetry

PATIENCE_MS = 30_000
"""How long a candidate waits for the holder to yield or to fall silent."""
LOOK_EVERY_MS = 100
"""How often a lease is read that somebody waits for."""
AGAIN_MS = 400
"""How soon a store is asked again that did not answer: nothing fires until it does."""

Candidacy = Generator[int, None, Lease | None]
"""Yields the time (ms since the epoch) of the next look, and returns the lease; None if it was not to be had."""


@dataclass(slots=True)
class _Candidate:
    """What a candidate has seen so far.

    Args:
        watcher: Watches the holder.
        stood_for: The epoch for which it has announced itself.
        lease: The lease, once it is taken.
    """

    watcher: LeaseWatcher = field(default_factory=LeaseWatcher)
    stood_for: int | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Election:
    """One run of a scheduler that wants to hold an instance.

    A store that does not answer is asked again and again, as long as the run may go on.

    Args:
        leases: Holds the lease.
        clock: Time.
        telemetry: Log events.
        owner: The unique name of the run.
        version: Its code version.
        instance: Which instance.
        guard: Says whether this machine's clock is fit to schedule by; None trusts it.
    """

    leases: LeaseStore
    clock: Clock
    telemetry: Telemetry
    owner: str
    version: str
    instance: int
    guard: ClockGuard | None = None

    def stand(self, remaining_ms: Callable[[], int]) -> Candidacy:
        """Waits until the lease is free, released or silent, and takes it.

        Args:
            remaining_ms: How long (ms) this process may go on.

        Returns:
            The lease. None if the holder lives and does not yield, if another candidate was faster, if this machine's
            clock is off, or if the time was over before the store answered.
        """
        candidate = _Candidate()
        until = self.clock.monotonic_ms() + PATIENCE_MS
        while self.clock.monotonic_ms() < until:
            try:
                delay_ms = self._look(candidate)
            except PortError as error:
                if self._is_over(error, remaining_ms()):
                    return None
                until, delay_ms = self.clock.monotonic_ms() + PATIENCE_MS, AGAIN_MS
            if delay_ms is None:
                return candidate.lease
            yield self.clock.now_ms() + delay_ms
        return None

    def _look(self, candidate: _Candidate) -> int | None:
        """In how long (ms) to look again; None if it is decided."""
        seen = self.leases.lease(self.instance)
        match self.guard.standing if self.guard else Standing.FIT:
            case Standing.OFF:
                return None
            case Standing.DOUBTFUL:
                return SECOND_MS
        if candidate.watcher.stands_still(seen, self.clock.monotonic_ms()):
            candidate.lease = self.leases.take(seen, self.owner, self.version, self.instance)
            return None
        if seen is not None and seen.epoch != candidate.stood_for:
            self.leases.announce(seen, self.version)
            candidate.stood_for = seen.epoch
        return LOOK_EVERY_MS

    def stand_again(self, remaining_ms: Callable[[], int]) -> Candidacy:
        """Takes the lease anew that this run held last, at once: nobody need be watched who is oneself.

        Args:
            remaining_ms: How long (ms) this process may go on.

        Returns:
            The lease, under a new epoch. None if another run has it, or if the time was over before.
        """
        while remaining_ms() >= LAST_CALL_MS:
            try:
                seen = self.leases.lease(self.instance)
                if seen is None or seen.owner != self.owner:
                    return None
                lease = self.leases.take(seen, self.owner, self.version, self.instance)
            except PortError as error:
                if self._is_over(error, remaining_ms()):
                    return None
                yield self.clock.now_ms() + AGAIN_MS
                continue
            if lease is not None:
                return lease
            yield self.clock.now_ms() + LOOK_EVERY_MS  # a late renewal of the former term came between
        return None

    def _is_over(self, error: PortError, remaining_ms: int) -> bool:
        """Whether the store has not answered for as long as this process may go on."""
        self.telemetry.info(
            "a lease could not be read or taken", instance=self.instance, problem=str(error), delay_ms=AGAIN_MS
        )
        return remaining_ms < LAST_CALL_MS
