"""Permits: a tenant may run as many executions at once as it has permits, and each of them holds one under a lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidewheel.domain.limits import DAY_MS, TAKEOVER_GRACE_MS

EVERYONE = "*"
"""The name under which the limit stands for tenants that have none of their own."""


def limit_of(limits: Mapping[str, int], tenant: str) -> int | None:
    """How many executions of a tenant may run at once; None means any number."""
    return limits.get(tenant, limits.get(EVERYONE))


@dataclass(frozen=True, slots=True)
class Permit:
    """One of a tenant's permits.

    Args:
        tenant: Whose.
        number: Which one, from 0 on.
        holder: The claim that holds it; empty if it was returned.
        until_ms: Until when (ms since the epoch) the holder's lease lasts.
    """

    tenant: str
    number: int
    holder: str
    until_ms: int

    def is_free(self, now_ms: int) -> bool:
        """Whether another claim may take it at a time (ms since the epoch)."""
        return not self.holder or self.until_ms < open_before_ms(now_ms)

    def returned(self) -> Permit:
        """The same when nobody holds it."""
        return Permit(self.tenant, self.number, "", 0)

    def expires_ms(self) -> int:
        """When its row may vanish (ms since the epoch)."""
        return self.until_ms + DAY_MS


def open_before_ms(now_ms: int) -> int:
    """The time (ms since the epoch) before which a lease must have ended to be over by every machine's clock."""
    return now_ms - TAKEOVER_GRACE_MS


def free_numbers(permits: Iterable[Permit], limit: int, now_ms: int) -> Sequence[int]:
    """The numbers of the free permits, in order; none while as many are held as the limit allows.

    Permits with higher numbers count as well: they are still held for a while after the limit was lowered.

    Args:
        permits: The tenant's permits, as stored.
        limit: How many of its executions may run at once.
        now_ms: The time (ms since the epoch).
    """
    taken = {permit.number for permit in permits if not permit.is_free(now_ms)}
    return [] if len(taken) >= limit else [number for number in range(limit) if number not in taken]
