"""No more of a tenant's executions run at once than its limit allows: each that runs has one of its permits.

The limit is hard. A permit is taken by a conditional write, under a lease that ends no sooner than the execution's own.
If a worker vanishes, its permit is free again when that lease is over. A worker that is frozen for longer than that may
run, until it is stopped, beside whoever has its permit by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tidewheel.domain.fleet.permit import Permit, free_numbers, limit_of
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import PERMITS_TAKEN_MS
from tidewheel.ports import Clock, Permits, PortError, Telemetry

_TRIES = 3
"""Free permits that are tried after a look at all of them; others take them at the same time."""


class ConcurrencyLimiter:
    """One per process.

    Args:
        permits: Where the permits are.
        clock: Time.
        telemetry: Counts.
        limits: How many executions may run at once, by tenant; ``permit.EVERYONE`` stands for those who are not named.
            A tenant without a limit needs no permit.
    """

    def __init__(self, permits: Permits, clock: Clock, telemetry: Telemetry, limits: Mapping[str, int]) -> None:
        self._permits = permits
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._left: defaultdict[str, list[int]] = defaultdict(list)  # by this process, which may take them again unseen
        self._full_until_ms: dict[str, int] = {}

    def limit(self, tenant: str) -> int | None:
        """How many of a tenant's executions may run at once; None: any number."""
        return limit_of(self._limits, tenant)

    def take(self, tenant: str, claim: str, until_ms: int) -> Permit | None:
        """Takes a permit of a tenant that has a limit; None if all are taken.

        Args:
            tenant: Whose.
            claim: For whom.
            until_ms: Until when its lease lasts.

        Raises:
            PortError: A permit may have been taken; it is free again when the lease is over.
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
        """The permit that this process left last: likely nobody has it."""
        try:
            number = self._left[tenant].pop()
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
        """Extends a permit's lease; False if another has it."""
        return self._permits.hold(Permit(permit.tenant, permit.number, permit.holder, until_ms))

    def leave(self, permit: Permit) -> None:
        """Frees a permit. If that fails it is free when its lease is over."""
        try:
            self._permits.leave(permit)
        except PortError as error:
            self._telemetry.count("permit_not_released")
            self._telemetry.info(
                "a permit was not released and is free when its lease ends", permit=permit.number, problem=str(error)
            )
            return
        self._left[permit.tenant].append(permit.number)
