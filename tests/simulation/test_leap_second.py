"""A leap second: the whole engine on clocks that smear it over a day, or that are set back by a second.

The stack's own clock counts the seconds that really pass. What a machine shows follows from it: AWS's machines smear
(from noon to noon each second lasts 1/86400 longer), others repeat 23:59:59 or are set back a little later.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.support.fleet import Fleet, Told
from tests.support.instants import first_of
from tests.support.memory_stack import MemoryStack, every
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron

LEAP_MS = round(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * SECOND_MS
"""The midnight before which a second is inserted."""
NOON_MS = LEAP_MS - DAY_MS // 2
SMEARED_MS = DAY_MS + SECOND_MS
"""How long the smear lasts in seconds that really pass."""
AROUND_MS = 2 * MINUTE_MS

Shows = Callable[[int], int]


def smears(true_ms: int) -> int:
    into = min(max(0, true_ms - NOON_MS), SMEARED_MS)
    return true_ms - into + into * DAY_MS // SMEARED_MS


def repeats(true_ms: int) -> int:
    """Shows 23:59:59 twice."""
    return true_ms if true_ms < LEAP_MS else true_ms - SECOND_MS


def is_set_back(true_ms: int) -> int:
    """Knows nothing of leap seconds; NTP sets it back half a minute later."""
    return true_ms if true_ms < LEAP_MS + 31_400 else true_ms - SECOND_MS


@dataclass(frozen=True)
class Passage:
    """A time around which schedules fire, and which clocks the two schedulers and the workers have."""

    around_ms: int
    schedulers: tuple[Shows, Shows]
    workers: Shows
    crash: bool = False


PASSAGES = {
    "the smear begins": Passage(NOON_MS, (smears, smears), smears),
    "the leap second, smeared": Passage(LEAP_MS, (smears, smears), smears),
    "the leap second, smeared, and a crash": Passage(LEAP_MS, (smears, smears), smears, crash=True),
    "the smear ends": Passage(NOON_MS + SMEARED_MS, (smears, smears), smears),
    "23:59:59 twice": Passage(LEAP_MS, (repeats, repeats), repeats),
    "23:59:59 twice, and a crash": Passage(LEAP_MS, (repeats, repeats), repeats, crash=True),
    "set back": Passage(LEAP_MS, (is_set_back, is_set_back), is_set_back),
    "set back, and a crash": Passage(LEAP_MS, (is_set_back, is_set_back), is_set_back, crash=True),
    "everyone another way": Passage(LEAP_MS, (smears, is_set_back), repeats, crash=True),
}


def test_the_smear_is_slow_gapless_and_never_half_a_second_from_the_others() -> None:
    assert (smears(NOON_MS), smears(NOON_MS + SMEARED_MS)) == (NOON_MS, NOON_MS + DAY_MS)
    shown = [smears(NOON_MS + ms) for ms in range(0, SMEARED_MS, 97)]
    slow_ppm = (1 - DAY_MS / SMEARED_MS) * 1e6
    assert 11.5 < slow_ppm < 11.6
    assert all(96 <= later - before <= 97 for before, later in itertools.pairwise(shown))
    for ms in range(-DAY_MS, DAY_MS, 997):
        assert abs(smears(LEAP_MS + ms) - repeats(LEAP_MS + ms)) <= SECOND_MS // 2 + 1


def jobs(stack: MemoryStack, around_ms: int) -> dict[str, set[int]]:
    """Jobs that fire around an instant, and the instants that each must fire at."""
    first, end = around_ms - AROUND_MS, around_ms + AROUND_MS
    timings = [
        every(SECOND_MS, first),
        Cron("* * * * *", "UTC"),
        Cron("59 59 23 * * *", "UTC"),
        Cron("0 0 * * *", "UTC"),
        *[At(around_ms + offset) for offset in (-1_000, -500, 0, 500, 1_000)],
    ]
    made: list[Job] = [
        stack.create(timing, end=None if isinstance(timing, At) else end, precision=precision)
        for timing in timings
        for precision in (Precision.HIGH, Precision.NORMAL)
    ]
    named = {}
    for job in made:
        assert job.definition.schedule is not None
        named[job.id] = {at for at in first_of(job.definition.schedule, job.created_ms, 1_000) if at < end}
    assert {len(instants) for instants in named.values()} >= {1, 240}
    return named


@pytest.mark.parametrize("name", PASSAGES)
def test_every_instant_fires_once(name: str) -> None:
    passage = PASSAGES[name]
    around_ms = passage.schedulers[0](passage.around_ms)
    stack = MemoryStack(shards=2, now_ms=passage.around_ms - 2 * AROUND_MS)
    stack.workers_clock = Told(stack.clock, passage.workers)
    stack.layouts.now()
    named = jobs(stack, around_ms)
    fleet = Fleet(stack, 2)
    clocks = [Told(stack.clock, shows) for shows in passage.schedulers]
    numbers = [fleet.start(instance, clock=clock) for instance, clock in enumerate(clocks)]
    fleet.run_until(passage.around_ms - 300)
    if passage.crash:
        fleet.kill(numbers[0])
    fleet.run_until(passage.around_ms + 10_000)
    if passage.crash:
        fleet.start(0, clock=clocks[1])
    fleet.run_until(passage.around_ms + AROUND_MS + MINUTE_MS)

    calls = stack.caller.calls
    fired = [(call.execution, call.nominal_ms) for _, call in calls]
    assert len(fired) == len(set(fired))
    for id, instants in named.items():
        assert {nominal for execution, nominal in fired if execution.startswith(id)} == instants
    assert {execution.state for execution in stack.world.executions.values()} == {State.SUCCEEDED}
    assert not stack.world.missed
    early = [call.due_ms - passage.workers(at) for at, call in calls if passage.workers(at) < call.due_ms]
    assert early == []
    if not passage.crash:
        assert max(passage.workers(at) - call.due_ms for at, call in calls) < 2 * SECOND_MS
