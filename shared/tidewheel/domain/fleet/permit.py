"""Places: a tenant's cap is so many places, and each of its executions that runs has one under a lease. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidewheel.domain.limits import DAY_MS, TAKEOVER_GRACE_MS

EVERYONE = "*"
"""The tenant under which the cap stands of those who are not named."""


def limit_of(limiter: Mapping[str, int], tenant: str) -> int | None:
    """How many executions of a tenant may run at once; None: any number."""
    return limiter.get(tenant, limiter.get(EVERYONE))


@dataclass(frozen=True, slots=True)
class Permit:
    """One of a tenant's places.

    Args:
        tenant: Whose.
        number: 0 for the first.
        holder: The claim that has it; empty if it was left.
        until_ms: Until when that one's lease lasts.
    """

    tenant: str
    number: int
    holder: str
    until_ms: int

    def is_free(self, now_ms: int) -> bool:
        """Whether another may take it."""
        return not self.holder or self.until_ms < open_before_ms(now_ms)

    def left(self) -> Permit:
        """The place when nobody has it."""
        return Permit(self.tenant, self.number, "", 0)

    def expires_ms(self) -> int:
        """When the row may vanish (ms)."""
        return self.until_ms + DAY_MS


def open_before_ms(now_ms: int) -> int:
    """A lease that ended earlier than this (ms) is over by any clock."""
    return now_ms - TAKEOVER_GRACE_MS


def free_numbers(permits: Iterable[Permit], cap: int, now_ms: int) -> Sequence[int]:
    """The numbers that nobody has, in order; none while as many leases live as the cap allows.

    That can be so beyond its own numbers, if it was lowered.
    """
    taken = {permit.number for permit in permits if not permit.is_free(now_ms)}
    return [] if len(taken) >= cap else [number for number in range(cap) if number not in taken]
