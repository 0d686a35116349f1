"""Misfires: what becomes of occurrences whose time passed while nobody could fire them. Pure planning.

Missed instants are found by bisection, never by walking: an outage of weeks of a job that fires each second
costs as little as one of minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.ids import is_job_id, text_of_nominal
from tidewheel.domain.limits import COUNTED_MOST, GRACE_MS, MISFIRE_LIMIT, RETENTION_MS
from tidewheel.domain.schedule import At, Every, Schedule, due_of


class Policy(StrEnum):
    """What happens to missed occurrences."""

    COALESCE = "coalesce"  # one run stands for all of them
    ALL = "all"  # the newest ones run, up to the limit
    SKIP = "skip"  # none runs


@dataclass(frozen=True, slots=True)
class Misfire:
    """A job's misfire policy.

    Args:
        policy: What happens to missed occurrences.
        grace_ms: How late (ms after its due time) an occurrence still fires as if nothing had happened.
        limit: How many missed occurrences run at most, under ``ALL``: the newest ones.
    """

    policy: Policy = Policy.COALESCE
    grace_ms: int = GRACE_MS
    limit: int = MISFIRE_LIMIT


class Reason(StrEnum):
    """Why the instants of a range did not run."""

    COALESCED = "coalesced"  # an earlier instant's run stands for them
    SKIPPED = "skipped"  # the policy, or its limit, leaves them out
    QUARANTINED = "quarantined"  # the job's record, or a row of its history, cannot be read


@dataclass(frozen=True, slots=True)
class Missed:
    """A ledger row: a range of instants of a job that will not run, and why. An execution's record outranks it.

    Args:
        tenant: Whose job it is.
        job: The job's id.
        generation: Whose schedule named the instants.
        from_ms: The first nominal time of the range (ms).
        until_ms: The last one, inclusive (ms).
        count: How many instants the schedule named in it; None for more than ``limits.COUNTED_MOST`` of a cron.
        reason: Why none of them runs.
        noted_ms: When that was decided (ms).
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
        """Its key among the job's executions: sorts by the first instant, and is no execution's id."""
        return f"{self.job}-{text_of_nominal(self.from_ms)}-m{text_of_nominal(self.until_ms)}"

    def expires_ms(self) -> int:
        """When the row may vanish (ms)."""
        return max(self.until_ms, self.noted_ms) + RETENTION_MS


def is_missed_id(text: str) -> bool:
    """Whether the text has the form of a ledger row's id."""
    job, _, rest = text.partition("-")
    return is_job_id(job) and rest.partition("-")[2][:1] == "m"


@dataclass(frozen=True, slots=True)
class Course:
    """The occurrences of one generation.

    Args:
        schedule: What names them.
        jitter_ms: Their spread.
        salt: What the spread depends on: the job's id.
        cut_ms: The first nominal time (ms) that is the next generation's, or None.
        window_ms: The width of the window in which the job has its place.
    """

    schedule: Schedule
    jitter_ms: int
    salt: str
    cut_ms: int | None = None
    window_ms: int = 0

    def due(self, nominal_ms: int) -> int:
        """The due time (ms) of a nominal time."""
        return due_of(self.schedule, nominal_ms, self.jitter_ms, self.salt, self.window_ms)

    def after(self, nominal_ms: int) -> int | None:
        """The first nominal time (ms) after the given one, or None at the end."""
        found = self.schedule.next_after(nominal_ms)
        return None if found is None or (self.cut_ms is not None and found >= self.cut_ms) else found

    def due_after(self, due_ms: int, first_ms: int) -> int | None:
        """The first nominal time (ms), from ``first_ms`` on, whose due time is after ``due_ms``; None if none is."""
        if self.due(first_ms) > due_ms:
            return first_ms
        last = self.last_before(due_ms + 1, first_ms)
        return last if self.due(last) > due_ms else self.after(last)

    def last_before(self, bound_ms: int, first_ms: int) -> int:
        """The last nominal time before ``bound_ms``, given one that is: ``first_ms``."""
        timing, end_ms = self.schedule.timing, self._end_before(bound_ms)
        if isinstance(timing, Every):
            return first_ms + (end_ms - 1 - first_ms) // timing.interval_ms * timing.interval_ms
        found = self.after(first_ms)
        if found is None or found >= end_ms:
            return first_ms
        low = found
        step = found - first_ms
        while (found := self.after(max(low, end_ms - step) - 1)) is None or found >= end_ms:
            step *= 2  # nothing in the last ``step`` ms
        return self._bisected(found, end_ms)

    def _end_before(self, bound_ms: int) -> int:
        bounds = (bound_ms, self.cut_ms, self.schedule.end_ms)
        return min(bound for bound in bounds if bound is not None)

    def _bisected(self, low: int, high: int) -> int:
        """The last instant in [low, high), ``low`` being one; halves the range until nothing follows."""
        while (following := self.after(low)) is not None and following < high:
            middle = (following + high) // 2
            found = self.after(middle - 1)
            if found is None or found >= high:
                low, high = following, middle
            else:
                low = found
        return low

    def newest(self, count: int, last_ms: int, first_ms: int) -> list[int]:
        """Up to ``count`` nominal times in [first, last], the newest, in order; both ends are instants."""
        timing = self.schedule.timing
        if isinstance(timing, Every):
            start = max(first_ms, last_ms - (count - 1) * timing.interval_ms)
            return list(range(start, last_ms + 1, timing.interval_ms)) if count else []
        found: list[int] = []
        at = last_ms
        while len(found) < count:
            found.append(at)
            if at == first_ms:
                break
            at = self.last_before(at, first_ms)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a resting entry's occurrences come to at some time (all ms).

    Args:
        late: Missed ones that run nonetheless, in order.
        live: The first one that is not missed, or None at the end of the course.
        skipped: First and last of those that will not run, or None.
        reason: Why they will not.
    """

    late: tuple[int, ...]
    live: int | None
    skipped: tuple[int, int] | None = None
    reason: Reason = Reason.SKIPPED


def judged(course: Course, first_ms: int, misfire: Misfire, now_ms: int) -> Verdict:
    """Applies a policy to what was missed from an entry on.

    The run that a coalesced range is left with is that of the entry itself. Whoever repeats the slot later finds
    the same entry, and repeats the same execution.

    Args:
        course: The entry's generation.
        first_ms: The entry's nominal time.
        misfire: The policy.
        now_ms: The time.
    """
    bound = now_ms - misfire.grace_ms  # what was due before it is missed
    if course.due(first_ms) >= bound:
        return Verdict((), first_ms)
    last = course.last_before(bound, first_ms)
    if course.due(last) >= bound:  # by its spread; the one before it is due before this one's nominal time
        last = course.last_before(last, first_ms)
    live = course.after(last)
    match misfire.policy:
        case Policy.COALESCE:
            rest = None if last == first_ms else (_following(course, first_ms), last)
            return Verdict((first_ms,), live, rest, Reason.COALESCED)
        case Policy.SKIP:
            return Verdict((), live, (first_ms, last))
        case Policy.ALL:
            late = course.newest(misfire.limit, last, first_ms)
            if not late:
                return Verdict((), live, (first_ms, last))
            older = None if late[0] == first_ms else (first_ms, course.last_before(late[0], first_ms))
            return Verdict(tuple(late), live, older)


def _following(course: Course, nominal_ms: int) -> int:
    found = course.after(nominal_ms)
    assert found is not None  # the caller knows a later one
    return found


def counted(schedule: Schedule, from_ms: int, until_ms: int) -> int | None:
    """How many instants a schedule names in [from, until], both of which it names.

    Arithmetic, but for a cron, whose instants are walked: None if they are more than ``limits.COUNTED_MOST``.
    """
    match schedule.timing:
        case At():
            return 1
        case Every(interval_ms):
            return (until_ms - from_ms) // interval_ms + 1
    count, instant = 1, schedule.next_after(from_ms)
    while instant is not None and instant <= until_ms:
        count, instant = count + 1, schedule.next_after(instant)
        if count > COUNTED_MOST:
            return None
    return count
