"""Economy mode on virtual time: no loop; each minute a short run hands over what comes next, with delays."""

from __future__ import annotations

import pytest

from tests.support.economy import LIFE_MS, economical, lateness, live, short_run
from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.errors import Invalid
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import Misfire, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Slot, late
from tidewheel.domain.wheel.pace import ECONOMY, LOOP, Pace
from tidewheel.domain.wheel.span import Span
from tidewheel.engine.scheduler.term import End
from tidewheel.ports import PortError

TIERS = [Precision.NORMAL, Precision.LOW]
PROMISED_MS = {Precision.NORMAL: 1_000, Precision.LOW: 10_000}


def once(stack: MemoryStack) -> None:
    assert len(stack.effects()) == len({*stack.effects()})


@pytest.mark.parametrize("ahead_ms", [0, 500, 3_000, 14_000, 59_000, 61_000, 130_000, 199_000, 215_000, 400_000])
@pytest.mark.parametrize("precision", TIERS)
def test_a_one_time_job_fires_once_on_time_and_never_early(ahead_ms: int, precision: Precision) -> None:
    stack = economical()
    stack.create(At(START_MS + ahead_ms), precision=precision)
    live(stack, ahead_ms + 3 * MINUTE_MS)
    (late_ms,) = lateness(stack)
    assert 0 <= late_ms <= PROMISED_MS[precision]
    assert not any(stack.world.singles.values())


@pytest.mark.parametrize("interval_ms", [1_000, 2_000, 7_000, 60_000, 61_000])
@pytest.mark.parametrize("precision", TIERS)
def test_an_interval_fires_every_instant_once_and_on_time(interval_ms: int, precision: Precision) -> None:
    stack = economical()
    stack.create(every(interval_ms), end=START_MS + 7 * MINUTE_MS, precision=precision)
    live(stack, 9 * MINUTE_MS)
    assert sorted(stack.caller.nominal) == list(range(START_MS, START_MS + 7 * MINUTE_MS, interval_ms))
    assert all(0 <= ms <= PROMISED_MS[precision] for ms in lateness(stack))
    assert not stack.world.missed
    assert not any(stack.world.singles.values())


def test_nothing_is_sent_twice() -> None:
    stack = economical()
    stack.create(every(5_000), end=START_MS + 10 * MINUTE_MS)
    live(stack, 12 * MINUTE_MS)
    assert stack.telemetry.counts["message_handled[outcome=duplicate]"] == 0


def test_a_run_ends_by_itself_within_a_second_however_much_there_is() -> None:
    stack = economical()
    for _ in range(50):
        stack.create(Cron("* * * * *", "UTC"))
    took = live(stack, 5 * MINUTE_MS)
    assert len(took) == 5
    assert max(took) < 1_000


def test_coarse_slots_cascade_ahead_of_their_time() -> None:
    stack = economical()
    first = START_MS - START_MS % HOUR_MS + HOUR_MS
    stack.create(Cron("0 * * * *", "UTC"))
    stack.create(At(first + HOUR_MS + 1_000))
    live(stack, first + HOUR_MS + 2 * MINUTE_MS - START_MS)
    assert stack.caller.nominal == [first, first + HOUR_MS, first + HOUR_MS + 1_000]
    assert max(lateness(stack)) <= 1_000
    assert stack.telemetry.counts["message_handled[outcome=duplicate]"] == 0


def test_one_event_may_fail_to_come() -> None:
    stack = economical()
    stack.create(every(10_000), end=START_MS + 10 * MINUTE_MS)
    live(stack, 12 * MINUTE_MS, lambda minute: minute % 2 == 0)
    assert sorted(stack.caller.nominal) == list(range(START_MS, START_MS + 10 * MINUTE_MS, 10_000))
    assert max(lateness(stack)) <= 1_000


def test_doubled_events_do_no_harm() -> None:
    stack = economical()
    stack.create(every(10_000), end=START_MS + 4 * MINUTE_MS)
    for _ in range(6):
        first, second = stack.scheduler_loop().steps(lambda: 60_000), stack.scheduler_loop().steps(lambda: 60_000)
        ends: list[End] = []
        for steps in (first, second, first):  # the second comes while the first is at work
            try:
                next(steps)
            except StopIteration as stop:
                ends.append(stop.value)
        for steps in (first, second):
            while True:
                try:
                    stack.clock.sleep_until(next(steps))
                except (StopIteration, RuntimeError):
                    break
        live(stack, MINUTE_MS)
    once(stack)
    assert sorted(stack.caller.nominal) == list(range(START_MS, START_MS + 4 * MINUTE_MS, 10_000))


@pytest.mark.parametrize("policy", list(Policy))
def test_an_outage_of_runs_follows_the_misfire_policy(policy: Policy) -> None:
    stack = economical()
    stack.create(every(10_000), end=START_MS + 14 * MINUTE_MS, misfire=Misfire(policy))
    took = live(stack, 18 * MINUTE_MS, lambda minute: not 3 <= minute < 9)
    named = {*range(START_MS, START_MS + 14 * MINUTE_MS, 10_000)}
    ran = {*stack.caller.nominal}
    rows = [range(row.from_ms, row.until_ms + 1, 10_000) for row in stack.world.missed.values()]
    assert ran | {at for row in rows for at in row} == named
    assert bool(rows) == (policy is not Policy.ALL)
    assert ran == named if policy is Policy.ALL else ran < named
    once(stack)
    assert max(took) < 2_000  # the seconds are swept as well, shortly after a change of pace


def test_catching_up_is_paced_by_delays_and_lengthens_no_run() -> None:
    stack = economical(shards=1)
    for _ in range(3):
        stack.create(every(1_000), end=START_MS + 12 * MINUTE_MS, misfire=Misfire(Policy.ALL, limit=1_000))
    took = live(stack, 16 * MINUTE_MS, lambda minute: not 2 <= minute < 9)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 12 * MINUTE_MS, 1_000)}
    assert stack.telemetry.counts["caught_up"] > 500
    assert max(took) < 2_000
    late = sorted(at for at, call in stack.caller.calls if at - call.due_ms > 10_000)
    assert late[-1] - late[0] > 4_000  # a hundred a second


# --- edits --------------------------------------------------------------------------------------------------


def test_an_edit_counts_after_the_hand_over() -> None:
    stack = economical()
    job = stack.create(At(START_MS + 150_000))
    live(stack, 100_000)
    assert sum(stack.queue.depth(route) for route in stack.queue._messages) == 1
    stack.job_service.edit(TENANT, job.id, lambda _id, _now, old: _at(old, START_MS + 170_000))
    live(stack, 4 * MINUTE_MS)
    assert stack.caller.nominal == [START_MS + 170_000]


def test_an_edit_that_keeps_the_instant_loses_it_not() -> None:
    stack = economical()
    job = stack.create(At(START_MS + 50_000))
    live(stack, 20_000)
    stack.job_service.edit(TENANT, job.id, lambda _id, _now, old: _at(old, START_MS + 50_000))
    live(stack, 2 * MINUTE_MS)
    assert stack.caller.nominal == [START_MS + 50_000]


def _at(old: Definition | None, at_ms: int) -> Definition:
    assert old is not None
    return Definition(old.name, Schedule(At(at_ms)), old.target)


def test_a_pause_counts_after_the_hand_over_and_a_resumed_job_goes_on() -> None:
    stack = economical()
    job = stack.create(every(5_000))
    live(stack, 3 * MINUTE_MS)
    paused_ms = stack.clock.now_ms()
    stack.job_service.pause(TENANT, job.id)
    live(stack, 2 * MINUTE_MS)
    resumed_ms = stack.clock.now_ms()
    stack.job_service.resume(TENANT, job.id)
    live(stack, 3 * MINUTE_MS)
    assert not [at for at in stack.caller.nominal if paused_ms < at < resumed_ms]
    after = sorted(at for at in stack.caller.nominal if at >= resumed_ms)
    assert after == list(range(after[0], after[-1] + 1, 5_000))
    assert after[0] - resumed_ms <= 5_000
    assert max(lateness(stack)) <= 1_000


# --- what fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [every(20_000), At(START_MS + 90_000)])
def test_what_the_api_cannot_send_the_next_run_sends(job: At) -> None:
    stack = economical()
    send = stack.queue.send

    def broken(*_args: object) -> object:
        raise PortError("queue.send", "x", "down")

    stack.queue.send = broken  # type: ignore[method-assign,assignment]
    stack.create(job, end=START_MS + 100_000, misfire=Misfire(grace_ms=MINUTE_MS))
    assert stack.telemetry.counts["immediate_send_failed"] == 1
    stack.queue.send = send  # type: ignore[method-assign]
    live(stack, 4 * MINUTE_MS)
    named = [START_MS + 90_000] if isinstance(job, At) else [*range(START_MS, START_MS + 100_000, 20_000)]
    assert sorted(stack.caller.nominal) == named
    once(stack)


def test_a_job_whose_occurrences_were_handed_over_in_part_gets_the_rest() -> None:
    """The queue accepts the first batch and refuses the second: the entry stays, and workers drop the duplicates."""
    stack = economical()
    send, sent = stack.queue.send, []

    def second_refused(route, dispatches, delays_s=()):
        sent.append(dispatches)
        return [False] * len(dispatches) if len(sent) == 2 else send(route, dispatches, delays_s)

    stack.queue.send = second_refused  # type: ignore[method-assign,assignment]
    stack.create(every(5_000), end=START_MS + 5 * MINUTE_MS)
    live(stack, 7 * MINUTE_MS)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 5 * MINUTE_MS, 5_000)}
    once(stack)


@pytest.mark.parametrize("step", range(1, 12))
def test_a_run_that_dies_is_repeated_by_the_next(step: int) -> None:
    stack = economical()
    stack.create(every(10_000), end=START_MS + 6 * MINUTE_MS)
    stack.create(At(START_MS + 5 * MINUTE_MS))
    live(stack, MINUTE_MS)
    steps = stack.scheduler_loop().steps(lambda: 60_000)
    for _ in range(step):
        stack.clock.sleep_until(next(steps, stack.clock.now_ms()))
    steps.close()
    live(stack, 8 * MINUTE_MS)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 6 * MINUTE_MS, 10_000)}
    once(stack)


def test_an_outage_of_the_queue_delays_and_loses_nothing() -> None:
    stack = economical()
    send = stack.queue.send

    def broken(route, dispatches, delays_s=()):
        if START_MS + 60_000 < stack.clock.now_ms() < START_MS + 260_000:
            raise PortError("queue.send", str(route), "down")
        return send(route, dispatches, delays_s)

    stack.queue.send = broken  # type: ignore[method-assign]
    stack.create(every(5_000), end=START_MS + 8 * MINUTE_MS)
    live(stack, 12 * MINUTE_MS)
    rows = [range(row.from_ms, row.until_ms + 1, 5_000) for row in stack.world.missed.values()]
    accounted = {*stack.caller.nominal} | {at for row in rows for at in row}
    assert accounted == {*range(START_MS, START_MS + 8 * MINUTE_MS, 5_000)}
    once(stack)


def test_a_straggler_that_came_after_all_bounds_is_found() -> None:
    stack = economical(shards=1)
    job = stack.create(At(START_MS + 10 * MINUTE_MS), misfire=Misfire(grace_ms=5 * MINUTE_MS))
    live(stack, 9 * MINUTE_MS)
    due = START_MS + 10 * MINUTE_MS
    assert Level.MINUTES not in {slot.level for slot, singles in stack.world.singles.items() if singles}
    straggler = ScheduleEntry(TENANT, job.id, 1, due, due)
    stack.wheel.put(Placed(Slot(Level.MINUTES, due, 0), straggler))
    stack.queue._messages.clear()  # what was handed over of it is gone, to tell the two apart
    live(stack, 3 * MINUTE_MS)
    assert stack.caller.nominal == [due]


# --- retries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base_ms", [1_000, 1_700, 30_300, 150_000, 500_000])
def test_a_retry_comes_at_its_time(base_ms: int) -> None:
    stack = economical()
    answers = iter([Answer(Result.FAILED, 500)])
    stack.caller.answers = lambda _: next(answers, Answer(Result.SUCCEEDED, 200))
    policy = RetryPolicy(3, Strategy.FIXED, base_ms=base_ms, jitter=0)
    stack.create(At(START_MS + 20_000), retry=policy)
    live(stack, 40_000 + base_ms + 3 * MINUTE_MS)
    (first, _), (second, call) = stack.caller.calls
    assert call.attempt == 2
    assert base_ms <= second - first <= base_ms + 1_200
    assert stack.execution_service.get(TENANT, call.execution).state is State.SUCCEEDED
    assert not any(stack.world.singles.values())


def test_a_retry_that_the_queue_refuses_waits_on_the_wheel() -> None:
    stack = economical()
    stack.caller.answers = lambda call: Answer(Result.FAILED if call.attempt == 1 else Result.SUCCEEDED, 200)
    stack.create(At(START_MS + 20_000), retry=RetryPolicy(3, base_ms=1_000))
    send = stack.queue.send

    def broken(*_args: object) -> object:
        raise PortError("queue.send", "x", "down")

    stack.queue.send = broken  # type: ignore[method-assign,assignment]
    live(stack, 25_000, lambda _: False)
    stack.queue.send = send  # type: ignore[method-assign]
    live(stack, 3 * MINUTE_MS)
    assert [call.attempt for _, call in stack.caller.calls] == [1, 2]


# --- precision ----------------------------------------------------------------------------------------------


def test_high_precision_is_refused_with_the_field_and_the_remedy() -> None:
    stack = economical()
    with pytest.raises(Invalid, match="economy") as refused:
        stack.create(every(60_000), precision=Precision.HIGH)
    assert (refused.value.field, "normal" in refused.value.remedy) == ("precision", True)
    job = stack.create(every(60_000))
    with pytest.raises(Invalid, match="economy"):
        stack.job_service.edit(
            TENANT,
            job.id,
            lambda *_: Definition("n", job.definition.schedule, job.definition.target, precision=Precision.HIGH),
        )
    assert stack.job_service.get(TENANT, job.id).generation == 1


# --- changes of pace ----------------------------------------------------------------------------------------


def changed(stack: MemoryStack, pace: Pace) -> None:
    stack.pace = pace


@pytest.mark.parametrize("gap_ms", [0, 3_000, 45_000])
@pytest.mark.parametrize("precision", list(Precision))
def test_from_the_loop_to_economy_and_back_nothing_is_lost(gap_ms: int, precision: Precision) -> None:
    stack = MemoryStack()
    end_ms = START_MS + 14 * MINUTE_MS
    stack.create(every(7_000), end=end_ms, precision=precision, misfire=Misfire(grace_ms=MINUTE_MS))
    for at in range(60_000, 13 * 60_000, 11_000):
        stack.create(At(START_MS + at), precision=precision)
    stack.turn_for(4 * MINUTE_MS + 20_000)
    for at in range(15_000, 120_000, 9_000):  # some of these lie in seconds' slots
        stack.create(At(stack.clock.now_ms() + at), precision=precision)
    changed(stack, ECONOMY)
    live(stack, gap_ms, lambda _: False)
    short_run(stack)
    live(stack, 5 * MINUTE_MS)
    changed(stack, LOOP)
    for at in range(15_000, 200_000, 9_000):  # some of these lie in minutes that were handed over before
        stack.create(At(stack.clock.now_ms() + at), precision=precision)
    live(stack, gap_ms, lambda _: False)
    stack.turn_for(8 * MINUTE_MS)
    records = {id for _, id in stack.world.executions}
    jobs = [job for job in stack.world.jobs.values() if isinstance(job.definition.schedule.timing, At)]
    assert {call.nominal_ms for _, call in stack.caller.calls} >= {*range(START_MS, end_ms, 7_000)}
    assert all(any(job.id in record for record in records) for job in jobs)
    once(stack)
    assert min(lateness(stack)) >= 0


def test_high_precision_jobs_of_before_run_as_normal_ones_and_it_says_so() -> None:
    stack = MemoryStack()
    stack.create(every(20_000), end=START_MS + 8 * MINUTE_MS, precision=Precision.HIGH)
    stack.turn_for(2 * MINUTE_MS)
    changed(stack, ECONOMY)
    live(stack, 8 * MINUTE_MS)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 8 * MINUTE_MS, 20_000)}
    assert stack.telemetry.counts["high_precision_as_normal"] > 0
    assert any("high precision" in note for note, _ in stack.telemetry.infos)


def test_the_seconds_are_swept_after_a_change_and_left_alone_later() -> None:
    stack = MemoryStack(shards=1)
    stack.turn_for(MINUTE_MS)
    changed(stack, ECONOMY)
    loads: list[Slot] = []
    load = stack.wheel.load

    def noted(slot: Slot, span: Span):
        loads.append(slot)
        return load(slot, span)

    stack.wheel.load = noted  # type: ignore[method-assign]
    live(stack, 3 * MINUTE_MS)
    assert Level.SECONDS in {slot.level for slot in loads}
    live(stack, 40 * MINUTE_MS)
    loads.clear()
    live(stack, 3 * MINUTE_MS)
    assert Level.SECONDS not in {slot.level for slot in loads}
    changed(stack, LOOP)
    loads.clear()
    stack.turn_for(10_000)
    assert len([slot for slot in loads if slot.level is Level.SECONDS]) < 200  # not all of those that were left out


def test_what_a_writer_of_the_loop_puts_into_a_minute_that_was_handed_over_is_found() -> None:
    stack = economical(shards=1)
    live(stack, 3 * MINUTE_MS)
    stack.pace = LOOP  # a worker that began under it
    due = START_MS + 4 * MINUTE_MS
    job = stack.create(At(due + 30_000))
    assert Slot(Level.MINUTES, due, 0) in stack.world.singles
    stack.pace = ECONOMY
    live(stack, 4 * MINUTE_MS)
    assert stack.caller.nominal == [due + 30_000]
    assert job.id in stack.effects()[0]


def test_a_writer_puts_nothing_into_the_seconds() -> None:
    now = START_MS
    levels = {ECONOMY.place(now + ms, now, 0).level for ms in range(0, HOUR_MS, 1_000)}
    assert levels == {Level.LATE, Level.MINUTES, Level.HOURS}
    assert ECONOMY.place(now + 150_000, now, 0) == late(0)


def test_loops_that_still_run_give_way_to_the_economy() -> None:
    """The holder of its instance yields to the other version; the other one's shards are claimed, and it is fenced."""
    stack = MemoryStack()
    fleet = Fleet(stack, instances=2)
    stack.create(every(10_000), end=START_MS + 9 * MINUTE_MS, misfire=Misfire(grace_ms=MINUTE_MS))
    loops = [fleet.start(0), fleet.start(1)]
    fleet.run_until(START_MS + 2 * MINUTE_MS)
    changed(stack, ECONOMY)
    fleet.instances = 1
    for minute in range(2, 12):
        until = START_MS + minute * MINUTE_MS + LIFE_MS
        fleet.start(0, "v1-economy", lambda until=until: until - stack.clock.now_ms())
        for step in range(1, 61):
            fleet.run_until(START_MS + minute * MINUTE_MS + step * 1_000)
    assert not fleet.running
    assert [fleet.ends[loop] for loop in loops] == [End.HANDED_OVER, "fenced"]
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 9 * MINUTE_MS, 10_000)}
    once(stack)
