"""Limits how many executions of a tenant run at once: each of them holds one of the tenant's numbered permits.

The limit is hard. A permit is taken by a conditional write, under a lease that ends no sooner than the lease of the
execution. Nothing is written to return one while nobody waits: its holder's record shows that it is free. Who finds
none stands in line, and is given one by whoever returns it. If a worker vanishes, its permits are free when their
leases end. A worker that freezes for longer than its lease may run, until it stops its call, beside the execution that
has taken its permit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import with_declined
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import LINE_ANNOUNCE_MS, LOWERED_LOOK_MS, MAX_TENANT_CONCURRENCY
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit, free_permits, is_void
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.ports import PortError

_TRIES = 3
"""How many of the free permits are tried after all were read; other workers take them at the same time."""


@dataclass(frozen=True, slots=True)
class NoPermit:
    """What ``take`` found when it took none.

    Args:
        behind: Whether somebody waits already.
        seen_ms: When that was seen, on the monotonic clock (ms).
    """

    behind: bool
    seen_ms: int


class ConcurrencyLimiter:
    """One per process.

    Args:
        grants: Gives permits to those who wait; it has the stores, too.
        limits: How many executions of a tenant may run at once. A tenant without a limit needs no permit.
    """

    def __init__(self, grants: PermitGrants, limits: RunningLimits) -> None:
        self._grants = grants
        self._permits, self._lines = grants.permits, grants.lines
        self._clock, self._telemetry = grants.clock, grants.telemetry
        self._limits = limits
        self._left: defaultdict[str, list[Permit]] = defaultdict(list)
        self._lowered_look_ms: dict[str, int] = {}
        self._announced: dict[str, int] = {}

    def limit(self, tenant: str) -> int | None:
        """How many of a tenant's executions may run at once; None for any number.

        Raises:
            PortError: The tenant could not be read.
        """
        return self._limits.of(tenant)

    # --- before the call --------------------------------------------------------------------------------------

    def take(self, permit: Permit) -> Permit | NoPermit:
        """Takes a permit of a tenant that has a limit, unless somebody waits for one.

        Args:
            permit: For whom: tenant, holder, lease and attempt. Its number does not matter.

        Returns:
            The permit with its number, unless all are taken or somebody waits.

        Raises:
            PortError: A store failed; a permit may have been taken, and is free again when its lease ends.
        """
        limit, seen_ms = self._limit(permit.tenant), self._clock.monotonic_ms()
        if self._lines.head(permit.tenant, 1):
            return NoPermit(behind=True, seen_ms=seen_ms)
        if (own := self._own(permit, limit)) is not None:
            return own
        free = list(self._free(permit.tenant, limit))
        start = stable_hash(permit.holder) % len(free) if free else 0
        found = self._first([*free[start:], *free[:start]][:_TRIES], permit)
        return found or NoPermit(behind=False, seen_ms=seen_ms)

    def _limit(self, tenant: str) -> int:
        """The limit of a tenant that has one; if it was taken away a moment ago, the highest that there may be."""
        return self.limit(tenant) or MAX_TENANT_CONCURRENCY

    def _own(self, permit: Permit, limit: int) -> Permit | None:
        """The permit that this process used last, if there is one within the limit that nobody else has taken since.

        Not while more are held than a lowered limit allows: then all that are held have to be counted.
        """
        try:
            left = self._left[permit.tenant].pop()
        except IndexError:
            return None
        return self._first([left], permit) if self._may_give(left, limit) else None

    def _free(self, tenant: str, limit: int) -> Sequence[Permit]:
        """The free permits of a tenant. The records of their holders are only read if there seems to be none."""
        rows, now = self._permits.all(tenant), self._clock.now_ms()
        return free_permits(rows, {}, limit, now, tenant) or self._void(tenant, rows, limit)

    def _void(self, tenant: str, rows: Iterable[Permit], limit: int) -> Sequence[Permit]:
        held = [row for row in rows if not row.is_free(self._clock.now_ms())]
        return free_permits(held, self._grants.records(tenant, held), limit, self._clock.now_ms(), tenant)

    def _first(self, free: Iterable[Permit], permit: Permit) -> Permit | None:
        for replaced in free:
            taken = replace(permit, number=replaced.number)
            if self._permits.take(taken, self._clock.now_ms(), replaced.holder):
                return taken
        return None

    def join(self, entry: LineEntry, found: NoPermit) -> None:
        """Puts an execution into its tenant's line, after ``take`` found no permit for it.

        The first one announces the line before, so that the line guard looks at it, and so does a process that knows
        of another limit. The first one then looks once more for free permits: who returned one meanwhile may have seen
        nobody wait.

        Raises:
            PortError: A store failed; it may stand in line or not, and its message must come back.
        """
        tenant, limit = entry.tenant, self._limit(entry.tenant)
        if not found.behind or self._announced.get(tenant) != limit:
            self._announce(tenant, limit)
        self._lines.join(self._grants.marked(entry))
        if self._clock.monotonic_ms() - found.seen_ms >= LINE_ANNOUNCE_MS:
            self._announce(tenant, limit)
        if not found.behind:
            self._give_free_ones(tenant, limit)

    def _announce(self, tenant: str, limit: int) -> None:
        self._lines.announce(Announced(tenant, limit, self._grants.token()))
        self._announced[tenant] = limit

    def _give_free_ones(self, tenant: str, limit: int) -> None:
        """Gives free permits to those who wait. If a store fails, the line guard does."""
        try:
            for permit in self._free(tenant, limit):
                if not self._grants.give(permit, limit):
                    return
        except PortError as error:
            self._report(tenant, error)

    # --- during and after the call ----------------------------------------------------------------------------

    def extend(self, permit: Permit, until_ms: int) -> bool:
        """Extends a permit's lease until ``until_ms`` (ms since the epoch); False if another claim holds the permit.

        Raises:
            PortError: A store failed; the lease may be extended or not.
        """
        return self._permits.hold(replace(permit, until_ms=until_ms))

    def give_back(self, permit: Permit, *, void: bool) -> None:
        """Gives a permit to the next in line; if nobody waits, leaves it.

        Never raises: if a store fails, the line guard, or the end of its lease, frees it.

        Args:
            permit: A permit that nothing runs under any more.
            void: Whether the record of its execution shows that, so that nothing is to be written if nobody waits.
        """
        try:
            limit = self.limit(permit.tenant) or 0  # it may have been given while there was one
            if self._may_give(permit, limit) and self._grants.give(permit, limit):
                return
            if not void:
                self._permits.leave(permit)
        except PortError as error:
            self._report(permit.tenant, error)
            return
        self._left[permit.tenant].append(permit)

    def _may_give(self, permit: Permit, limit: int) -> bool:
        """Whether a permit may be given on, or taken again: not while more are held than a lowered limit allows."""
        if permit.number >= limit:
            return False
        now = self._clock.monotonic_ms()
        if now < self._lowered_look_ms.get(permit.tenant, 0):
            return True
        beyond = self._permits.all(permit.tenant, limit)
        if any(not row.is_free(self._clock.now_ms()) for row in beyond):
            return False
        self._lowered_look_ms[permit.tenant] = now + LOWERED_LOOK_MS
        return True

    def decline(self, dispatch: Dispatch, *, dropped: bool = False) -> None:
        """Gives on the permit that came with a message and is not used.

        Another copy of the message may be about to claim with it. So the execution's record says first that this is
        not possible any more; unless it runs under that permit. Never raises, as ``give_back``.

        Args:
            dispatch: The message.
            dropped: Whether no copy of the message may run any more, so that nothing is to be written: an occurrence
                that an edit ended before it began has no record, and must not get one.
        """
        grant = dispatch.grant
        if grant is None:
            return
        permit = grant.permit(dispatch.tenant, dispatch.execution, dispatch.attempt)
        try:
            if dropped or self._is_declined(dispatch, permit):
                self.give_back(permit, void=False)
        except PortError as error:
            self._report(dispatch.tenant, error)

    def _is_declined(self, dispatch: Dispatch, permit: Permit) -> bool:
        """Whether no claim can be made with a permit any more, by the execution's record."""
        executions = self._grants.executions
        for _ in range(_TRIES):
            record = executions.get(dispatch.tenant, dispatch.execution)
            if is_void(permit, record):
                return True
            if record is not None and record.state is State.RUNNING:
                return False
            before = record or dispatch.blank()
            declined = with_declined(before, permit.token, permit.until_ms)
            if executions.swap(declined, before.version or None) is None:
                self._telemetry.count("permit_declined")
                return True
        return False

    def _report(self, tenant: str, error: PortError) -> None:
        self._telemetry.count("permit_not_released")
        self._telemetry.info("a permit was not given on; the line guard does it", tenant=tenant, problem=str(error))
