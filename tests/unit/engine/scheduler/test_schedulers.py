"""Several schedulers share the shards: each turns its own and those of a dead one, and none is turned twice."""

from __future__ import annotations

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.fleet.lease import Holding, assignee, is_vacant
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.engine.scheduler.handover import LAST_CALL_MS
from tidewheel.engine.scheduler.term import End
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.ports import PortError

FOR_EVER = 10**12


def fleet(shards: int = 4, instances: int = 2) -> Fleet:
    stack = MemoryStack(shards)
    stack.layouts.now()
    return Fleet(stack, instances)


def check_all(stack: MemoryStack, interval_ms: int, until_ms: int) -> None:
    """Every instant of every job fired, and no effect came twice."""
    for job in stack.world.jobs.values():
        fired = [
            call.nominal_ms
            for _, call in stack.caller.calls
            if call.execution.startswith(job[1] if isinstance(job, tuple) else job.id)
        ]
        assert sorted(set(fired)) == list(range(START_MS, until_ms, interval_ms))
    assert len(stack.effects()) == len({*stack.effects()})


def test_assignees() -> None:
    assert [assignee(shard, 2, {0, 1}) for shard in range(4)] == [0, 1, 0, 1]
    assert [assignee(shard, 3, {0, 2}) for shard in range(6)] == [0, 2, 2, 0, 2, 2]
    with pytest.raises(ValueError, match="no instance"):
        assignee(0, 2, set())


def test_vacancy() -> None:
    alive = {1: 7}
    assert is_vacant(None, alive)
    assert is_vacant(Holding(3, None, 7), alive)
    assert is_vacant(Holding(3, 1, 6), alive)  # a former term of that instance
    assert is_vacant(Holding(3, 0, 7), alive)
    assert not is_vacant(Holding(3, 1, 7), alive)


def test_two_schedulers_share_the_shards() -> None:
    both = fleet()
    both.start(0)
    both.start(1)
    both.run_until(START_MS + 10_000)
    assert both.holders() == [0, 1, 0, 1]


def test_one_alone_turns_all_and_gives_half_to_the_one_that_comes() -> None:
    both = fleet()
    for _ in range(12):
        both.stack.create(every(2_000), end=START_MS + 60_000)
    both.start(0)
    both.run_until(START_MS + 20_000)
    assert both.holders() == [0, 0, 0, 0]
    both.start(1)
    both.run_until(START_MS + 30_000)
    assert both.holders() == [0, 1, 0, 1]
    both.run_until(START_MS + 90_000)
    check_all(both.stack, 2_000, START_MS + 60_000)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_schedulers_shards_fire_again_within_five_seconds(victim: int) -> None:
    both = fleet()
    for _ in range(12):
        both.stack.create(every(1_000), end=START_MS + 120_000, precision=Precision.HIGH)
    numbers = [both.start(0), both.start(1)]
    both.run_until(START_MS + 63_000)
    both.kill(numbers[victim])
    died_ms = both.stack.clock.now_ms()
    both.run_until(START_MS + 160_000)
    assert both.holders() == [1 - victim] * 4
    check_all(both.stack, 1_000, START_MS + 120_000)
    latest = max(called - call.due_ms for called, call in both.stack.caller.calls)
    assert latest <= 5_000
    assert died_ms < START_MS + 120_000


def test_a_new_scheduler_in_a_dead_ones_instance_gets_its_shards_back() -> None:
    both = fleet()
    both.stack.create(every(1_000), end=START_MS + 120_000)
    numbers = [both.start(0), both.start(1)]
    both.run_until(START_MS + 20_000)
    both.kill(numbers[1])
    both.run_until(START_MS + 40_000)
    assert both.holders() == [0, 0, 0, 0]
    both.start(1)
    both.run_until(START_MS + 60_000)
    assert both.holders() == [0, 1, 0, 1]
    both.run_until(START_MS + 150_000)
    check_all(both.stack, 1_000, START_MS + 120_000)


def test_one_that_was_cut_off_comes_back_harmlessly() -> None:
    both = fleet()
    for _ in range(8):
        both.stack.create(every(1_000), end=START_MS + 100_000)
    numbers = [both.start(0), both.start(1)]
    both.run_until(START_MS + 20_000)
    both.suspend(numbers[1], 15_000)
    both.run_until(START_MS + 34_000)
    assert both.holders() == [0, 0, 0, 0]
    both.run_until(START_MS + 130_000)
    assert both.ends == {}
    assert both.holders() == [0, 1, 0, 1]
    check_all(both.stack, 1_000, START_MS + 100_000)


def test_a_clean_hand_over_of_one_instance_leaves_the_other_alone() -> None:
    both = fleet()
    both.stack.create(every(1_000), end=START_MS + 120_000)
    deadline = START_MS + 60_000
    first = both.start(0, remaining=lambda: deadline - both.stack.clock.now_ms())
    both.start(1)
    both.run_until(deadline - 19_000)
    assert both.stack.launcher.launched == 1
    before = both.stack.control.holding(1)
    both.start(0)
    both.run_until(deadline)
    assert both.ends[first] is End.HANDED_OVER
    assert both.holders() == [0, 1, 0, 1]
    assert before is not None
    now = both.stack.control.holding(1)
    assert now is not None
    assert now.epoch == before.epoch  # instance 1 never noticed
    both.run_until(START_MS + 150_000)
    check_all(both.stack, 1_000, START_MS + 120_000)


class Throttled(MemoryControl):
    """Stores no cursor between two times (ms since the epoch)."""

    def __init__(self, stack: MemoryStack, from_ms: int, until_ms: int) -> None:
        super().__init__()
        self._stack, self._from_ms, self._until_ms = stack, from_ms, until_ms

    def advance(self, shard, epoch, cursors):
        if self._from_ms <= self._stack.clock.now_ms() < self._until_ms:
            raise PortError("control.advance", str(shard), "throttled")
        super().advance(shard, epoch, cursors)


def test_a_shard_that_is_assigned_again_while_it_is_given_up_goes_on() -> None:
    """Whoever was to turn it has ended before it was vacated: it is vacated all the same, and claimed anew."""
    both = fleet()
    stack = both.stack
    stack.control = Throttled(stack, START_MS + 20_000, START_MS + 24_000)
    for _ in range(8):
        stack.create(every(1_000), end=START_MS + 100_000)
    both.start(0)
    both.run_until(START_MS + 21_000)
    both.start(1, remaining=lambda: LAST_CALL_MS - 1 if stack.clock.now_ms() > START_MS + 21_600 else FOR_EVER)
    both.run_until(START_MS + 40_000)
    assert both.ends == {1: End.HANDED_OVER}
    assert both.holders() == [0, 0, 0, 0]
    both.run_until(START_MS + 130_000)
    check_all(stack, 1_000, START_MS + 100_000)
    assert max(called - call.due_ms for called, call in stack.caller.calls) <= 5_000


def test_the_whole_fleet_dies_and_comes_back() -> None:
    both = fleet()
    both.stack.create(every(60_000), end=START_MS + 600_000, misfire=Misfire(Policy.ALL, limit=10**6))
    numbers = [both.start(0), both.start(1)]
    both.run_until(START_MS + 90_000)
    for number in numbers:
        both.kill(number)
    both.run_until(START_MS + 270_000)
    both.start(0)
    both.start(1)
    both.run_until(START_MS + 700_000)
    assert both.holders() == [0, 1, 0, 1]
    check_all(both.stack, 60_000, START_MS + 600_000)


def test_two_for_one_instance_the_second_is_not_needed() -> None:
    one = fleet(instances=1)
    one.start(0)
    second = one.start(0)
    one.run_until(START_MS + 60_000)
    assert one.ends == {second: End.NOT_NEEDED}


def test_more_instances_than_shards() -> None:
    many = fleet(shards=2, instances=3)
    for instance in range(3):
        many.start(instance)
    many.run_until(START_MS + 10_000)
    assert many.holders() == [0, 1]


def test_the_watchdog_starts_what_is_missing_and_nothing_else() -> None:
    both = fleet()
    stack, started = both.stack, []

    class Launcher:
        def launch(self, instance: int) -> None:
            started.append(instance)

    class Clock:
        def now_ms(self) -> int:
            return stack.clock.now_ms()

        def monotonic_ms(self) -> int:
            return stack.clock.now_ms()

        def sleep(self, duration_ms: int) -> None:
            both.run_until(stack.clock.now_ms() + duration_ms)

        def sleep_until(self, instant_ms: int) -> None:
            both.run_until(instant_ms)

    watch = Watchdog(stack.control, Launcher(), Clock(), stack.telemetry, "v1", 2)
    assert watch.look() == 2
    number = both.start(0)
    both.run_until(START_MS + 10_000)
    started.clear()
    assert watch.look() == 1
    assert started == [1]
    both.start(1)
    both.run_until(START_MS + 30_000)
    assert watch.look() == 0
    both.kill(number)
    started.clear()
    assert watch.look() == 1
    assert started == [0]
