"""What of a definition is accepted, and yet not done as it is written: shortened, or without effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from tidewheel.domain.executions.decisions.retry import plain_delay_ms
from tidewheel.domain.jobs.job import Definition, Job
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import DAY_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import place_in

_LOOKED_AT = 50
"""Instants to come whose gaps are looked at: more than a week of a cron that names several times a day."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """A field that has less effect than it says.

    Args:
        field: Its path in the job's document.
        problem: What happens instead, as a sentence without a full stop.
        remedy: What to write, so that nothing is shortened.
    """

    field: str
    problem: str
    remedy: str


def shortened(job: Job, now_ms: int) -> list[Shortened]:
    """What of a job's definition has less effect than it says, as of ``now_ms`` (ms since the epoch)."""
    return [*_spread(job, now_ms), *_attempts(job.definition), *_retries(job.definition), *_misfire(job.definition)]


def _spread(job: Job, now_ms: int) -> Iterator[Shortened]:
    definition, gap_ms = job.definition, _least_gap_ms(job, now_ms)
    if gap_ms is None:
        return
    gap = _text(gap_ms)
    if definition.window_ms > gap_ms:
        problem = f"two instants are {gap} apart, so runs spread over that and not over {_text(definition.window_ms)}"
        yield Shortened("window", problem, f"use {gap} or less")
    room_ms = gap_ms - place_in(definition.window_ms, gap_ms, job.id)
    if definition.jitter_ms > room_ms:
        problem = f"two instants are {gap} apart, which leaves {_text(room_ms)} of {_text(definition.jitter_ms)}"
        yield Shortened("jitter", problem, f"use {_text(room_ms)} or less")


def _least_gap_ms(job: Job, now_ms: int) -> int | None:
    """The least time between two of the next instants; None if there are no two."""
    instants = islice(_instants(job, now_ms), _LOOKED_AT)
    return min((following - nominal for nominal, following in pairwise(instants)), default=None)


def _instants(job: Job, now_ms: int) -> Iterator[int]:
    schedule = job.definition.schedule
    if schedule is None or not (job.definition.window_ms or job.definition.jitter_ms):
        return
    nominal = schedule.first_from(max(now_ms, job.effective_from_ms))
    while nominal is not None:
        yield nominal
        nominal = schedule.next_after(nominal)


def _attempts(definition: Definition) -> Iterator[Shortened]:
    timeout, deadline = _text(definition.timeout_ms), _text(definition.deadline_ms)
    if 0 < definition.deadline_ms < definition.timeout_ms:
        yield Shortened("timeout", f"the run must end {deadline} after it is due", f"use {deadline} or less")
    if definition.heartbeat_ms >= definition.timeout_ms:
        yield Shortened("heartbeat", f"an attempt ends after {timeout} in any case", f"use less than {timeout}")


def _retries(definition: Definition) -> Iterator[Shortened]:
    retry = definition.retry
    if retry.max_attempts > 1 and retry.cap_ms < retry.base_ms:
        base, cap = _text(retry.base_ms), _text(retry.cap_ms)
        yield Shortened(
            "retry.base", f"no delay is longer than the cap, {cap}", f"use {cap} or less, or a cap of {base}"
        )
    if not definition.deadline_ms:
        return
    waited_ms = 0
    for attempt in range(1, retry.max_attempts):
        waited_ms += plain_delay_ms(retry, attempt)
        if waited_ms >= definition.deadline_ms:
            count = f"{attempt} of {retry.max_attempts} attempts" if attempt > 1 else "one attempt alone"
            problem = f"the delays leave time for {count} before the deadline, {_text(definition.deadline_ms)}"
            yield Shortened("retry.max_attempts", problem, "shorten the delays, or lengthen the deadline")
            return


def _misfire(definition: Definition) -> Iterator[Shortened]:
    misfire = definition.misfire
    if misfire.policy is not Policy.ALL and misfire.limit != Misfire().limit:
        yield Shortened("misfire.limit", f"it counts under all, not under {misfire.policy}", "leave it out")


def _text(ms: int) -> str:
    """A duration as options take it."""
    for unit, size in (("d", DAY_MS), ("h", 60 * 60 * SECOND_MS), ("m", 60 * SECOND_MS), ("s", SECOND_MS)):
        if ms and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms" if ms < SECOND_MS else f"{ms / SECOND_MS:g}s"
