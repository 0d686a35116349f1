"""Applies misfire policies: which missed occurrences still run. Pure.

Missed instants are found by bisection, so that an outage of weeks costs no more than one of minutes, even for a job
that fires each second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain import keys
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import RETENTION_MS
from tidewheel.domain.recurrence.occurrences import Occurrences


class Reason(StrEnum):
    """Why the instants of a range did not run."""

    COALESCED = "coalesced"  # the execution of an earlier instant replaces them
    SKIPPED = "skipped"  # the policy, or its limit, leaves them out
    QUARANTINED = "quarantined"  # the job's record, or a row of its history, cannot be read


@dataclass(frozen=True, slots=True)
class Missed:
    """A ledger row: a range of instants of a job that will not run, and why. An execution's record outranks it.

    Args:
        tenant: The tenant of the job.
        job: The job's id.
        generation: The generation that named the instants.
        from_ms: The first nominal time of the range (ms since the epoch).
        until_ms: The last one, inclusive (ms since the epoch).
        count: How many instants the schedule named in it; None for more than ``limits.COUNTED_MOST`` of a cron.
        reason: Why none of them runs.
        noted_ms: When that was decided (ms since the epoch).
    """

    tenant: str
    job: str
    generation: int
    from_ms: int
    until_ms: int
    count: int | None
    reason: Reason
    noted_ms: int

    @property
    def id(self) -> str:
        """Its sort key among the job's executions, by the first instant; it differs from every execution id."""
        return keys.missed_sort(self.job, self.from_ms, self.until_ms)

    def expires_ms(self) -> int:
        """When the row expires (ms since the epoch)."""
        return max(self.until_ms, self.noted_ms) + RETENTION_MS


@dataclass(frozen=True, slots=True)
class MisfirePlan:
    """What is done with the occurrences from a schedule entry on (nominal times, ms since the epoch).

    Args:
        late: The missed ones that still run, in order.
        live: The first one that is not missed; None if the schedule names no more.
        skipped: The first and the last of those that do not run, or None.
        reason: Why they do not run.
    """

    late: tuple[int, ...]
    live: int | None
    skipped: tuple[int, int] | None = None
    reason: Reason = Reason.SKIPPED


def judged(occurrences: Occurrences, first_ms: int, misfire: Misfire, now_ms: int) -> MisfirePlan:
    """Applies a policy to the occurrences that were missed from an entry on.

    A coalesced range runs as the execution of the entry itself, so that a scheduler that repeats the slot repeats the
    same execution.

    Args:
        occurrences: The occurrences of the entry's generation.
        first_ms: The entry's nominal time (ms since the epoch).
        misfire: The policy.
        now_ms: The time (ms since the epoch).
    """
    bound = now_ms - misfire.grace_ms  # what was due before it is missed
    if occurrences.due(first_ms) >= bound:
        return MisfirePlan((), first_ms)
    last = occurrences.last_before(bound, first_ms)
    if occurrences.due(last) >= bound:  # by its spread; the one before it is due before this one's nominal time
        last = occurrences.last_before(last, first_ms)
    live = occurrences.after(last)
    match misfire.policy:
        case Policy.COALESCE:
            rest = None if last == first_ms else (_following(occurrences, first_ms), last)
            return MisfirePlan((first_ms,), live, rest, Reason.COALESCED)
        case Policy.SKIP:
            return MisfirePlan((), live, (first_ms, last))
        case Policy.ALL:
            late = occurrences.newest(misfire.limit, last, first_ms)
            if not late:
                return MisfirePlan((), live, (first_ms, last))
            older = None if late[0] == first_ms else (first_ms, occurrences.last_before(late[0], first_ms))
            return MisfirePlan(tuple(late), live, older)


def _following(occurrences: Occurrences, nominal_ms: int) -> int:
    found = occurrences.after(nominal_ms)
    assert found is not None  # the caller knows a later one
    return found
