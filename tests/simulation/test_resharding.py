"""The number of shards changes under load, up and down, with entries that rest 400 days ahead: nothing is lost.

Months of empty slots are leapt over: a look at the store shows that nothing lies in them, and the cursors move past
them as their owner would move them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.fleet import Fleet
from tests.support.instants import first_of
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.levels import RINGS, Level, Slot

AHEAD_MS = 400 * DAY_MS
FAR = 120
LOADED_MS = 5 * MINUTE_MS
"""How long each number of shards is in force, or announced, under load."""


def _deploy(fleet: Fleet, shards: int, version: str) -> None:
    """What a deployment with another setting does: schedulers of a new version take the instances over."""
    fleet.stack.shards = shards
    for instance in range(fleet.instances):
        fleet.start(instance, version)
    fleet.run_until(fleet.stack.clock.now_ms() + LOADED_MS)


def _far_ahead(stack: MemoryStack, count: int) -> list[Job]:
    first = stack.clock.now_ms() + AHEAD_MS
    return [stack.create(At(first + number * 700)) for number in range(count)]


def _load(stack: MemoryStack, end_ms: int) -> list[Job]:
    """Jobs of every second, ten seconds and minute, each until the end."""
    intervals = [1_000, 10_000, 60_000] * 8
    return [stack.create(every(interval), end=end_ms) for interval in intervals]


def _filled(stack: MemoryStack) -> Iterator[tuple[Slot, int]]:
    """The slots that are still to be turned and are not empty, with the time at which each is to be loaded."""
    world, leads = stack.world, {ring.level: ring.lead_ms for ring in RINGS}
    cursors = {shard: _cursors(stack, shard) for shard in range(stack.layouts.now().numbers)}
    for slot in {slot for kept in (world.singles, world.packs) for slot, held in kept.items() if held}:
        if slot.level is Level.LATE or slot.start_ms >= cursors[slot.shard][slot.level]:
            yield slot, slot.start_ms - leads.get(slot.level, 0)


def _cursors(stack: MemoryStack, shard: int) -> dict[Level, int]:
    holding = stack.control.holding(shard)
    assert holding is not None
    return dict(holding.cursors)


def _leap(stack: MemoryStack) -> bool:
    """To shortly before the next slot that holds anything is loaded; false if there is none."""
    to_ms = min((load_ms for _, load_ms in _filled(stack)), default=0) - SECOND_MS
    if to_ms < 0:
        return False
    stack.clock.advance(max(0, to_ms - stack.clock.now_ms()))
    for shard in range(stack.layouts.now().numbers):
        holding = stack.control.holding(shard)
        assert holding is not None
        passed = {ring.level: ring.start_of(stack.clock.now_ms()) for ring in RINGS}
        moved = {level: max(passed[level], cursor) for level, cursor in holding.cursors.items()}
        stack.control.advance(shard, holding.epoch, moved)
    return True


def test_four_sixteen_four_under_load_with_jobs_400_days_ahead() -> None:
    stack = MemoryStack(shards=4)
    fleet = Fleet(stack, instances=2)
    far = _far_ahead(stack, FAR)
    load = _load(stack, START_MS + 5 * LOADED_MS)
    for number, shards in enumerate([4, 16, 4, 4]):
        _deploy(fleet, shards, f"v{number}")
        far += _far_ahead(stack, FAR // 4)
    layout = stack.control.layout()
    assert layout is not None
    assert [period.shards for period in layout.periods] == [4, 16, 4]
    fleet.run_until(START_MS + 6 * LOADED_MS)
    for number in fleet.running:
        fleet.kill(number)

    leaps = 0
    while _leap(stack):
        leaps += 1
        stack.turn_for(3 * MINUTE_MS)
    print(f"{leaps} leaps, {len(stack.caller.calls)} calls")  # noqa: T201

    assert not stack.telemetry.errors
    effects = stack.effects()
    assert len(effects) == len(set(effects))
    ran = {call.execution for _, call in stack.caller.calls}
    for job in [*far, *load]:
        schedule = job.definition.schedule
        assert schedule is not None
        named = list(first_of(schedule, job.created_ms, 10_000))
        assert [call.nominal_ms for _, call in stack.caller.calls if call.execution.startswith(job.id)] == named
    states = {execution.state for execution in stack.world.executions.values()}
    assert states == {State.SUCCEEDED}
    assert len(ran) == len(effects)
    assert all(at >= call.due_ms for at, call in stack.caller.calls)
    assert max(at - call.due_ms for at, call in stack.caller.calls) < 5 * SECOND_MS
