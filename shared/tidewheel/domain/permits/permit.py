"""Permits: a tenant may run as many executions at once as it has permits, and each of them holds one under a lease.

The holders of permits are a set of names, never a count: a count that was not lowered once is wrong for ever. A permit
is free when its lease is over, and at once when the record of the execution that it names shows that the claim it was
given for is over or can never be made (``is_void``). So nobody has to write anything to return one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.limits import DAY_MS, LEASE_MS, TAKEOVER_GRACE_MS

EVERYONE = "*"
"""The name under which the limit stands for tenants that have none of their own."""


def limit_of(limits: Mapping[str, int], tenant: str, of_plan: float | None = None) -> int | None:
    """How many executions of a tenant may run at once; None means any number.

    Args:
        limits: What the deployment says, by tenant or for ``EVERYONE`` else.
        tenant: Whose.
        of_plan: What its plan says; the lower of both holds, so that each of the two that set one can rely on it.
    """
    said = [each for each in (limits.get(tenant, limits.get(EVERYONE)), of_plan) if each is not None]
    return int(min(said)) if said else None


@dataclass(frozen=True, slots=True)
class Permit:
    """One of a tenant's permits.

    Args:
        tenant: Whose.
        number: Which one, from 0 on.
        holder: The claim that holds it, or is to be made with it; empty if it was returned.
        until_ms: Until when (ms since the epoch) the holder's lease lasts.
        attempt: For which attempt of the execution that the holder names; 0 if that is not known, in rows of releases
            before 0.14.
        redriven_ms: When that execution had been redriven last (ms since the epoch); 0 for never.
        since_ms: Since when it is held for this claim (ms since the epoch); 0 if that is not known.
    """

    tenant: str
    number: int
    holder: str
    until_ms: int
    attempt: int = 0
    redriven_ms: int = 0
    since_ms: int = 0

    @property
    def execution(self) -> str:
        """The id of the execution that the holder names; empty if nobody holds it."""
        return keys.parse_claim_name(self.holder)[0]

    @property
    def token(self) -> str:
        """The part of the holder's name that no other claim has; empty if nobody holds it."""
        return keys.parse_claim_name(self.holder)[1]

    def is_free(self, now_ms: int) -> bool:
        """Whether another claim may take it at a time (ms since the epoch), whatever the execution's record says."""
        return not self.holder or self.until_ms < open_before_ms(now_ms)

    def is_for(self, attempt: int, redriven_ms: int | None) -> bool:
        """Whether an attempt may be claimed with it; ``redriven_ms`` as in the execution's record."""
        return (self.attempt, self.redriven_ms) == (attempt, redriven_ms or 0)

    def returned(self) -> Permit:
        """The same when nobody holds it."""
        return Permit(self.tenant, self.number, "", 0)

    def expires_ms(self) -> int:
        """When its row may vanish (ms since the epoch)."""
        return self.until_ms + DAY_MS


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit that was given to an execution that waits in its tenant's line; the message that wakes it carries this.

    Args:
        number: The permit's number.
        token: The part of its holder's name that no other claim has.
        until_ms: Until when (ms since the epoch) it is held for the claim that is to be made.
        redriven_ms: When the execution had been redriven last (ms since the epoch); 0 for never.
    """

    number: int
    token: str
    until_ms: int
    redriven_ms: int = 0

    def permit(self, tenant: str, execution: str, attempt: int) -> Permit:
        """The permit as it is stored."""
        holder = keys.claim_name(execution, self.token)
        since_ms = self.until_ms - LEASE_MS
        return Permit(tenant, self.number, holder, self.until_ms, attempt, self.redriven_ms, since_ms)

    def is_usable(self, record: Execution, attempt: int, dispatched: int, now_ms: int) -> bool:
        """Whether an attempt may be claimed with it: late enough before its end, and not after it, or a later one, was
        declined.

        Args:
            record: The execution's record, or the blank one.
            attempt: Which attempt would be claimed.
            dispatched: For which attempt it was given: that of the message.
            now_ms: The time (ms since the epoch).
        """
        fits = (attempt, record.redriven_ms or 0) == (dispatched, self.redriven_ms)
        return fits and self.until_ms > (record.declined_ms or 0) and now_ms < self.until_ms - LEASE_MS // 3


def open_before_ms(now_ms: int) -> int:
    """The time (ms since the epoch) before which a lease must have ended to be over by every machine's clock."""
    return now_ms - TAKEOVER_GRACE_MS


def is_void(permit: Permit, record: Execution | None) -> bool:
    """Whether the claim that a permit was given for is over, or can never be made; once true, that never changes.

    ::

        nothing known of the attempt, or no record         no: the claim may be to come
        it runs under this permit                          no
        it does not run, and says that it declined it      yes
        it has ended, or was redriven since                yes
        it has come as far as the attempt, or further      yes: attempts are claimed once, and in order
        else                                               no: the claim may be to come

    Args:
        permit: A permit that somebody holds.
        record: The record of the execution that it names, which may be some seconds old.
    """
    if record is None or not permit.attempt:
        return False
    if record.state is State.RUNNING:
        if (record.permit or record.holder) == permit.token:
            return False
    elif record.permit == permit.token or is_end(record.state):
        return True
    return (record.redriven_ms or 0) > permit.redriven_ms or record.attempt >= permit.attempt


def live_permits(permits: Iterable[Permit], records: Mapping[str, Execution], now_ms: int) -> Sequence[Permit]:
    """The permits that are held; arguments as for ``free_permits``."""
    held = [permit for permit in permits if not permit.is_free(now_ms)]
    return [permit for permit in held if not is_void(permit, records.get(permit.execution))]


def free_permits(
    permits: Iterable[Permit], records: Mapping[str, Execution], limit: int, now_ms: int, tenant: str
) -> Sequence[Permit]:
    """The permits that may be taken, each as it is to be replaced, by number; none while as many are held as allowed.

    Permits with higher numbers count as well: they are still held for a while after the limit was lowered. While that
    lasts, all who look choose the same ones, so that no two of them take the last one twice.

    Args:
        permits: The tenant's permits, as stored.
        records: The records of the executions that they name, by id; a permit whose record is left out is held.
        limit: How many of its executions may run at once.
        now_ms: The time (ms since the epoch).
        tenant: Whose.
    """
    rows = {permit.number: permit for permit in permits if not permit.is_free(now_ms)}
    held = {permit.number for permit in live_permits(rows.values(), records, now_ms)}
    free = [rows.get(number, Permit(tenant, number, "", 0)) for number in range(limit) if number not in held]
    return free[: max(0, limit - len(held))]
