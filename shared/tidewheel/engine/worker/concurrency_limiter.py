"""Limits how many executions of a tenant run at once: each of them holds one of the tenant's numbered permits.

The limit is hard. A permit is taken by a conditional write, under a lease that ends no sooner than the lease of the
execution. If a worker vanishes, its permits are free when their leases end. A worker that freezes for longer than its
lease may run, until it stops its call, beside the execution that has taken its permit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tidewheel.domain.fleet.permit import Permit, free_numbers, limit_of
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import PERMITS_TAKEN_MS
from tidewheel.ports import Clock, Permits, PortError, Telemetry

_TRIES = 3
"""How many of the free permits are tried after all were read; other workers take them at the same time."""


class ConcurrencyLimiter:
    """One per process.

    Args:
        permits: The store of permits.
        clock: Reads the time.
        telemetry: Counts and logs.
        limits: How many executions may run at once, by tenant; ``permit.EVERYONE`` is the key for all other tenants.
            A tenant without a limit needs no permit.
    """

    def __init__(self, permits: Permits, clock: Clock, telemetry: Telemetry, limits: Mapping[str, int]) -> None:
        self._permits = permits
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._released: defaultdict[str, list[int]] = defaultdict(
            list
        )  # numbers that this process released: likely still free
        self._full_until_ms: dict[str, int] = {}

    def limit(self, tenant: str) -> int | None:
        """How many of a tenant's executions may run at once; None for any number."""
        return limit_of(self._limits, tenant)

    def take(self, tenant: str, claim: str, until_ms: int) -> Permit | None:
        """Takes a permit of a tenant that has a limit; None if all are taken.

        Args:
            tenant: A tenant that has a limit.
            claim: The name of the claim that is to hold it.
            until_ms: The end of its lease (ms since the epoch).

        Raises:
            PortError: A store failed; a permit may have been taken, and is free again when its lease ends.
        """
        limit = self.limit(tenant)
        assert limit is not None
        if permit := self._first(self._remembered(tenant, limit), tenant, claim, until_ms):
            return permit
        if self._clock.monotonic_ms() < self._full_until_ms.get(tenant, 0):
            return None
        free = list(free_numbers(self._permits.all(tenant), limit, self._clock.now_ms()))
        start = stable_hash(claim) % len(free) if free else 0
        if permit := self._first([*free[start:], *free[:start]][:_TRIES], tenant, claim, until_ms):
            return permit
        if not free:
            self._full_until_ms[tenant] = self._clock.monotonic_ms() + PERMITS_TAKEN_MS
        return None

    def _remembered(self, tenant: str, limit: int) -> Iterator[int]:
        """The number of the permit that this process released last, if there is one within the limit."""
        try:
            number = self._released[tenant].pop()
        except IndexError:
            return
        if number < limit:
            yield number

    def _first(self, numbers: Iterable[int], tenant: str, claim: str, until_ms: int) -> Permit | None:
        for number in numbers:
            permit = Permit(tenant, number, claim, until_ms)
            if self._permits.take(permit, self._clock.now_ms()):
                return permit
        return None

    def extend(self, permit: Permit, until_ms: int) -> bool:
        """Extends a permit's lease until ``until_ms`` (ms since the epoch); False if another claim holds the permit.

        Raises:
            PortError: A store failed; the lease may be extended or not.
        """
        return self._permits.hold(Permit(permit.tenant, permit.number, permit.holder, until_ms))

    def leave(self, permit: Permit) -> None:
        """Releases a permit. Never raises: if the store fails, the permit is free when its lease ends."""
        try:
            self._permits.leave(permit)
        except PortError as error:
            self._telemetry.count("permit_not_released")
            self._telemetry.info(
                "a permit was not released and is free when its lease ends", permit=permit.number, problem=str(error)
            )
            return
        self._released[permit.tenant].append(permit.number)
