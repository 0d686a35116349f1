"""How far a clock is off by the Date headers that it got, and what a process does about its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import (
    InlineExecutor,
    MemoryQueue,
    RecordingTelemetry,
    SettableClock,
    SettableWatch,
)
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.fleet.skew import FRESH_MS, QUICK_MS, QUORUM, Deviation, Sighting, Standing, deviation, sighted
from tidewheel.domain.limits import MAX_RECEIVES, MINUTE_MS, SECOND_MS, SKEW_REFUSED_MS, SKEW_WARNED_MS
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.scheduler.term import End
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.disposition import Action
from tidewheel.ports import Received
from tidewheel.wire.message import load

D = START_MS


def off_by(ahead_ms: int, seconds: int, before: tuple[Sighting, ...] = ()) -> tuple[Sighting, ...]:
    """What a clock that is ahead hears in so many seconds, one answer at half past each, each 40 ms on its way."""
    sightings = before
    for second in range(seconds):
        d = D + second * SECOND_MS
        sightings = sighted(sightings, d, d + 480 + ahead_ms, d + 520 + ahead_ms)
    return sightings


@pytest.mark.parametrize(("ahead_ms", "proven_ms"), [(0, 0), (500, 0), (1_000, 480), (7_000, 6_480), (-400, 0)])
def test_what_one_answer_proves(ahead_ms: int, proven_ms: int) -> None:
    assert off_by(ahead_ms, 1)[0].proven_ms == proven_ms
    assert off_by(-7_000, 1)[0].proven_ms == -6_480


def test_answers_of_one_second_narrow_each_other() -> None:
    one = sighted((), D, D + 3_000, D + 3_010)
    assert one[0].proven_ms == 2_000
    both = sighted(one, D, D + 3_900, D + 3_950)
    assert [(each.least_ms, each.most_ms, each.proven_ms) for each in both] == [(2_900, 3_010, 2_900)]


def test_a_date_that_stands_still_proves_no_more_than_its_first_answers() -> None:
    cached = sighted((), D, D + 10, D + 20)
    for minute in range(1, 4):
        cached = sighted(cached, D, D + minute * MINUTE_MS, D + minute * MINUTE_MS + 10)
    assert deviation(cached, D + 3 * MINUTE_MS) == Deviation(0, 1)


def test_slow_answers_and_those_whose_clock_was_set_back_meanwhile_count_for_nothing() -> None:
    assert not sighted((), D, D - QUICK_MS - 1, D)
    assert not sighted((), D, D + 1, D)
    assert sighted((), D, D - QUICK_MS, D)


def test_old_answers_are_forgotten_and_so_are_those_from_the_future() -> None:
    heard = off_by(9_000, QUORUM)
    assert deviation(heard, heard[-1].last_ms).standing is Standing.OFF
    assert deviation(heard, heard[-1].last_ms + FRESH_MS + 1) == Deviation(0, 0)
    assert deviation(heard, heard[0].last_ms - 1) == Deviation(0, 0)  # the clock was set back


@pytest.mark.parametrize("lie_ms", [-100_000, -6_000, 6_000, 100_000])
def test_two_false_answers_among_five_change_nothing(lie_ms: int) -> None:
    heard = off_by(0, 3)
    for number in range(2):
        d = D + 60_000 * number - lie_ms
        heard = sighted(heard, d, D + 3_100 + 200 * number, D + 3_120 + 200 * number)
    assert deviation(heard, D + 4_000) == Deviation(0, 5)


def test_a_clock_that_was_set_right_is_acquitted_by_three_answers() -> None:
    heard = off_by(9_000, 5)
    seconds = 0
    while deviation(heard, D + 20_000).standing is Standing.OFF:
        d = D + 10_000 + seconds * SECOND_MS
        heard = sighted(heard, d, d + 480, d + 520)
        seconds += 1
    assert seconds == 3


def test_standings() -> None:
    assert Deviation(SKEW_WARNED_MS, QUORUM).standing is Standing.FIT
    assert Deviation(-SKEW_WARNED_MS - 1, QUORUM).standing is Standing.WARNED
    assert Deviation(SKEW_REFUSED_MS, QUORUM).standing is Standing.WARNED
    assert Deviation(-SKEW_REFUSED_MS - 1, QUORUM).standing is Standing.OFF
    assert Deviation(SKEW_REFUSED_MS + 1, QUORUM - 1).standing is Standing.DOUBTFUL
    assert Deviation(SKEW_REFUSED_MS, QUORUM - 1).standing is Standing.FIT
    assert str(Deviation(7_240)) == "at least 7.2 s ahead of AWS's"
    assert str(Deviation(-1_500)) == "at least 1.5 s behind AWS's"


# --- the guard ------------------------------------------------------------------------------------------------------


class Guarded:
    def __init__(self, ahead_ms: int, sightings: int = QUORUM) -> None:
        self.clock, self.telemetry = SettableClock(D), RecordingTelemetry()
        self.watch = SettableWatch(ahead_ms, sightings)
        self.guard = ClockGuard(self.watch, self.clock, self.telemetry)


def test_a_clock_that_is_fit_or_in_doubt_is_not_spoken_of() -> None:
    for ahead_ms, sightings in ((900, QUORUM), (90_000, 1)):
        guarded = Guarded(ahead_ms, sightings)
        assert guarded.guard.refusal() == ""
        assert not guarded.telemetry.errors
        assert not guarded.telemetry.counts


@pytest.mark.parametrize("ahead_ms", [-3_000, 3_000, 30_000])
def test_it_warns_once_a_minute(ahead_ms: int) -> None:
    guarded = Guarded(ahead_ms)
    for _ in range(180):
        guarded.guard.refusal()
        guarded.clock.advance(SECOND_MS)
    assert guarded.telemetry.counts["clock_skew"] == 3
    assert [fields["deviation_ms"] for _, fields in guarded.telemetry.errors] == [ahead_ms] * 3


def test_it_refuses_and_says_why_until_the_clock_is_right() -> None:
    guarded = Guarded(-6_000)
    assert guarded.guard.refusal() == "this machine's clock is at least 6.0 s behind AWS's"
    guarded.watch.ahead_ms = -4_000
    assert guarded.guard.refusal() == ""


# --- the worker -----------------------------------------------------------------------------------------------------


def received(queue: MemoryQueue, times: int = 1) -> Received:
    (message,) = queue.receive(ROUTES[0], 1, 30_000)
    return Received(message.id, message.receipt, message.body, message.route, times)


def test_a_worker_whose_clock_is_off_leaves_its_messages_to_others() -> None:
    stack = MemoryStack()
    guarded = Guarded(8_000)
    consumer = Consumer(stack.runner, stack.queue, stack.telemetry, load, InlineExecutor(), guarded.guard)
    job = stack.create(None)
    id = stack.execution_service.run(job.tenant, job.id).id
    stack.queue.send(ROUTES[0], [Dispatch(job.tenant, id, 1, job.generation, START_MS, recorded=True)])
    message = received(stack.queue)
    assert consumer.handle([message]) == [message.id]
    assert (stack.caller.calls, stack.telemetry.counts["message_handled[outcome=clock]"]) == ([], 1)
    assert stack.queue.waiting(ROUTES[0]) == 0
    stack.clock.pump = None
    stack.clock.advance(4 * SECOND_MS)
    guarded.watch.ahead_ms = 0
    assert consumer.handle([received(stack.queue)]) == []
    assert len(stack.caller.calls) == 1


def test_what_is_refused_comes_back_over_a_quarter_of_an_hour_before_the_queue_gives_it_up() -> None:
    stack = MemoryStack()
    consumer = Consumer(stack.runner, stack.queue, stack.telemetry, load, InlineExecutor(), Guarded(-8_000).guard)
    delays = []
    for times in range(1, MAX_RECEIVES):
        disposition = consumer._guarded(Received("m", "r", "not even read", ROUTES[0], times))
        assert (disposition.action, disposition.why) == (Action.RETRY_LATER, "clock")
        delays.append(disposition.delay_ms)
    assert delays == sorted(delays)
    assert delays[0] <= 5 * SECOND_MS
    assert sum(delays) > 15 * MINUTE_MS


# --- the scheduler --------------------------------------------------------------------------------------------------


def guarded_scheduler(stack: MemoryStack, guard: ClockGuard, instance: int = 0, instances: int = 1):
    return replace(stack.scheduler_loop(instance=instance, instances=instances), guard=guard)


def test_a_scheduler_whose_clock_is_off_hands_over_and_another_takes_all() -> None:
    guarded = Guarded(0)
    stack = MemoryStack(4)
    stack.layouts.now()
    fleet = Fleet(stack, 2)
    for _ in range(8):
        stack.create(every(1_000), end=START_MS + MINUTE_MS)
    fleet.start(1)
    fleet.outfit = lambda scheduler: guarded_scheduler(stack, guarded.guard, scheduler.instance, 2)
    sick = fleet.start(0)
    fleet.run_until(START_MS + 20_000)
    assert fleet.holders() == [0, 1, 0, 1]
    guarded.watch.ahead_ms = SKEW_REFUSED_MS + 1
    fleet.run_until(START_MS + 26_000)
    assert fleet.ends == {sick: End.SKEWED}
    assert fleet.holders() == [1, 1, 1, 1]
    lease = stack.control.lease(0)
    assert lease is not None
    assert lease.owner is None
    assert stack.launcher.launched == 0  # the watchdog will see the empty instance
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    assert len(stack.effects()) == len(set(stack.effects())) == 8 * 60


def test_while_it_is_off_each_new_one_looks_once_and_takes_nothing() -> None:
    guarded = Guarded(30_000)
    stack = MemoryStack()
    stack.create(every(1_000))
    watchdog = Watchdog(stack.control, stack.launcher, stack.clock, stack.telemetry, "v1")
    for minute in range(1, 4):
        watchdog.look()
        assert stack.launcher.launched == minute
        before = stack.clock.now_ms()
        assert guarded_scheduler(stack, guarded.guard).run(lambda: 10**9) is End.SKEWED
        assert stack.clock.now_ms() == before
        assert stack.control.lease(0) is None
        stack.clock.advance(MINUTE_MS)
    guarded.watch.ahead_ms = 0
    until = stack.clock.now_ms() + MINUTE_MS
    end = guarded_scheduler(stack, guarded.guard).run(lambda: until - stack.clock.now_ms())
    assert end is End.HANDED_OVER
    assert stack.caller.calls


@pytest.mark.parametrize("off", [True, False])
def test_one_strange_answer_has_a_new_scheduler_ask_again_before_it_takes_its_instance(off: bool) -> None:
    guarded = Guarded(30_000, 1)
    stack = MemoryStack()
    steps = guarded_scheduler(stack, guarded.guard).steps(lambda: 10**9)
    next(steps)
    assert stack.control.lease(0) is None
    guarded.watch.sightings, guarded.watch.ahead_ms = (QUORUM, 30_000) if off else (2, 0)
    if off:
        with pytest.raises(StopIteration) as stopped:
            next(steps)
        assert stopped.value.value is End.SKEWED
        assert stack.control.lease(0) is None
    else:
        next(steps)
        assert stack.control.lease(0) is not None
