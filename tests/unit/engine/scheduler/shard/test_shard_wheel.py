"""A scheduler on virtual time: every instant fires once, on time, across crashes and hand-overs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.health import Signals
from tidewheel.domain.fleet.lease import Lease, Mark
from tidewheel.domain.ids import ExecutionId, shard_of
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Slot
from tidewheel.engine.scheduler.term import End
from tidewheel.ports import Fenced, PortError


@pytest.mark.parametrize("ahead_ms", [500, 3_000, 14_000, 20_000, 61_000, 200_000])
@pytest.mark.parametrize("precision", list(Precision))
def test_a_one_time_job_fires_once_and_never_early(ahead_ms: int, precision: Precision) -> None:
    stack = MemoryStack()
    job = stack.create(At(START_MS + ahead_ms), precision=precision)
    stack.turn_for(ahead_ms + 10_000)
    ((called_ms, call),) = stack.caller.calls
    assert call.nominal_ms == START_MS + ahead_ms
    assert called_ms >= call.due_ms
    assert stack.execution_service.get(TENANT, call.execution).state is State.SUCCEEDED
    assert job.id in call.execution


def test_nothing_of_a_one_time_job_stays_on_the_wheel() -> None:
    stack = MemoryStack()
    stack.create(At(START_MS + 30_000))
    stack.create(At(START_MS + 1_000))
    stack.create(None)
    stack.turn_for(60_000)
    assert len(stack.caller.calls) == 3
    assert not any(stack.world.singles.values())


@pytest.mark.parametrize("interval_ms", [1_000, 2_000, 7_000, 60_000])
def test_an_interval_fires_every_instant_once(interval_ms: int) -> None:
    stack = MemoryStack()
    stack.create(every(interval_ms), end=START_MS + 240_000)
    stack.turn_for(260_000)
    assert stack.caller.nominal == list(range(START_MS, START_MS + 240_000, interval_ms))[-len(stack.caller.nominal) :]
    assert stack.caller.nominal == list(range(START_MS, START_MS + 240_000, interval_ms))
    assert stack.telemetry.counts["message_handled[outcome=duplicate]"] <= 1  # the first may be sent by the API as well


def test_high_precision_is_handed_over_early_and_starts_at_its_due_time() -> None:
    stack = MemoryStack()
    stack.create(every(10_000, START_MS + 20_000), precision=Precision.HIGH, end=START_MS + 120_000)
    stack.turn_for(130_000)
    assert len(stack.caller.calls) == 10
    assert {called - call.due_ms for called, call in stack.caller.calls} == {0}


def test_a_recurring_job_costs_one_pack_per_minute() -> None:
    stack = MemoryStack(shards=1)
    stack.create(Cron("* * * * *", "UTC"))
    stack.turn_for(600_000)
    packs = [texts for slot in stack.world.packs.values() for texts in slot.values()]
    assert len(stack.caller.calls) == pytest.approx(10, abs=1)
    assert len(packs) <= len(stack.caller.calls) + 1


def test_a_hundred_jobs_share_a_pack() -> None:
    stack = MemoryStack(shards=1)
    for _ in range(100):
        stack.create(Cron("* * * * *", "UTC"))
    stack.turn_for(300_000)
    sizes = [len(texts) for slot in stack.world.packs.values() for texts in slot.values()]
    assert len(stack.caller.calls) >= 400
    assert 100 in sizes
    assert len(sizes) <= 8


def test_a_window_shifts_all_due_times_by_the_same_and_never_the_nominal_time() -> None:
    stack = MemoryStack()
    jobs = [stack.create(every(30_000), window_ms=20_000, end=START_MS + 300_000) for _ in range(5)]
    stack.turn_for(330_000)
    delays = {job.id: job.due(START_MS) - START_MS for job in jobs}
    assert len(set(delays.values())) > 1
    calls = stack.caller.calls
    assert len(calls) == 50
    assert all(call.due_ms - call.nominal_ms == delays[ExecutionId.parse(call.execution).job] for _, call in calls)
    assert all(at >= call.due_ms for at, call in calls)
    assert all((call.nominal_ms - START_MS) % 30_000 == 0 for _, call in calls)


def test_jitter_shifts_the_due_time_and_never_the_nominal_time() -> None:
    stack = MemoryStack()
    stack.create(every(30_000), jitter_ms=20_000, end=START_MS + 300_000)
    stack.turn_for(340_000)
    assert sorted(stack.caller.nominal) == list(range(START_MS, START_MS + 300_000, 30_000))
    delays = {call.due_ms - call.nominal_ms for _, call in stack.caller.calls}
    assert len(delays) > 3
    assert all(0 <= delay < 20_000 for delay in delays)
    assert all(called >= call.due_ms for called, call in stack.caller.calls)


# --- crashes and hand-overs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("crash_ms", [0, 100, 1_300, 9_700, 50_100, 59_900, 60_000, 61_000])
def test_a_crash_between_any_two_ticks_loses_nothing_and_repeats_no_effect(crash_ms: int) -> None:
    stack = MemoryStack()
    stack.create(every(3_000), end=START_MS + 180_000)
    stack.create(At(START_MS + 70_000))
    stack.crash_after(crash_ms)
    stack.turn_for(200_000)
    expected = {*range(START_MS, START_MS + 180_000, 3_000)}
    assert {*stack.caller.nominal} == expected | {START_MS + 70_000}
    assert len(stack.effects()) == len({*stack.effects()})


def test_many_crashes_in_a_row() -> None:
    stack = MemoryStack()
    stack.create(every(2_000), end=START_MS + 300_000)
    for _ in range(12):
        stack.crash_after(17_300)
    stack.turn_for(200_000)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 300_000, 2_000)}
    assert len(stack.effects()) == len({*stack.effects()})


def test_a_clean_hand_over_loses_nothing() -> None:
    stack = MemoryStack()
    stack.create(every(2_000), end=START_MS + 200_000)
    ends = [stack.turn_for(33_000) for _ in range(6)]
    assert set(ends) == {End.HANDED_OVER}
    stack.turn_for(60_000)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 200_000, 2_000)}
    assert len(stack.effects()) == len({*stack.effects()})


RUN_ALL = Misfire(Policy.ALL, limit=10**6)


def test_the_whole_fleet_down_for_an_hour_is_caught_up() -> None:
    stack = MemoryStack()
    stack.create(every(60_000), end=START_MS + 2 * 3_600_000, misfire=RUN_ALL)
    stack.crash_after(90_000)
    stack.clock.advance(3_600_000)
    stack.turn_for(3_700_000)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 2 * 3_600_000, 60_000)}


def test_a_suspended_process_catches_up() -> None:
    stack = MemoryStack()
    stack.create(every(60_000), end=START_MS + 7_200_000, misfire=RUN_ALL)
    until = START_MS + 7_300_000
    slept = []

    def remaining() -> int:
        if not slept and stack.clock.now_ms() > START_MS + 100_000:
            slept.append(True)
            stack.clock._now_ms += 3_600_000
        return until - stack.clock.now_ms() + 6_000

    scheduler = replace(stack.scheduler_loop(), clock=_Suspendable(stack.clock))
    scheduler.run(remaining)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 7_200_000, 60_000)}


class _Suspendable:
    """A clock whose monotonic time stood still during the suspension, as Linux's does."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self._ticks = 0

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def monotonic_ms(self) -> int:
        return self._ticks

    def sleep_until(self, instant_ms: int) -> None:
        self._ticks += max(0, instant_ms - self._clock.now_ms())
        self._clock.sleep_until(instant_ms)

    def sleep(self, duration_ms: int) -> None:
        self._ticks += duration_ms
        self._clock.sleep(duration_ms)


def test_a_scheduler_calls_its_successor_and_yields_to_it() -> None:
    stack = MemoryStack()
    until = START_MS + 60_000
    seen: list[int] = []

    def remaining() -> int:
        left = until - stack.clock.now_ms()
        lease = stack.control.lease()
        if stack.launcher.launched and lease is not None and lease.candidate is None:
            assert stack.control.announce(lease, "v1")
            seen.append(left)
        return left

    assert stack.scheduler_loop().run(remaining) is End.HANDED_OVER
    assert stack.launcher.launched == 1
    assert min(seen) > 15_000
    assert stack.clock.now_ms() < until - 10_000  # it did not wait for the last call
    lease = stack.control.lease()
    assert lease is not None
    assert lease.owner is None


def test_a_candidate_of_the_same_version_displaces_nobody_before_the_deadline() -> None:
    stack = MemoryStack()
    until = START_MS + 100_000

    def remaining() -> int:
        lease = stack.control.lease()
        if lease is not None and lease.candidate is None:
            stack.control.announce(lease, "v1")
        return until - stack.clock.now_ms()

    stack.scheduler_loop().run(remaining)
    assert stack.clock.now_ms() >= until - 21_000


def test_newer_code_displaces_older_code_at_once() -> None:
    stack = MemoryStack()

    def remaining() -> int:
        lease = stack.control.lease()
        if stack.clock.now_ms() > START_MS + 10_000 and lease is not None and lease.candidate is None:
            stack.control.announce(lease, "v2")
        return 10**9

    assert stack.scheduler_loop("v1").run(remaining) is End.HANDED_OVER
    assert stack.clock.now_ms() < START_MS + 15_000


def test_a_scheduler_that_was_cut_off_is_fenced() -> None:
    stack = MemoryStack()

    def remaining() -> int:
        lease = stack.control.lease()
        if stack.clock.now_ms() > START_MS + 5_000 and lease is not None and lease.epoch == 1:
            stack.control.take(lease, "thief", "v1")
        return 10**9

    with pytest.raises(Fenced):
        stack.scheduler_loop().run(remaining)


class _Deaf(MemoryControl):
    """A control table that can be read but no more renewed in."""

    def renew(self, lease: Lease, mark: Mark | None = None, signals: Signals | None = None) -> Lease:
        raise PortError("control.renew", f"epoch {lease.epoch}", "cut off")


class _Unreachable(MemoryControl):
    """A control table that does not answer."""

    def lease(self, instance: int) -> Lease | None:
        raise PortError("control.lease", f"instance {instance}", "down")


def test_a_scheduler_that_cannot_renew_lets_go_and_stands_again() -> None:
    stack = MemoryStack()
    stack.control = _Deaf()
    until_ms = START_MS + 20_000
    assert stack.scheduler_loop().run(lambda: until_ms - stack.clock.now_ms()) is End.HANDED_OVER
    ends = [fields["end"] for message, fields in stack.telemetry.infos if message == "a term ended"]
    assert ends == [End.LET_GO] * 3 + [End.HANDED_OVER]
    assert stack.telemetry.counts["scheduler_let_go"] == 3


def test_a_scheduler_reports_when_it_takes_its_lease_and_each_minute() -> None:
    stack = MemoryStack()
    stack.turn_for(5 * MINUTE_MS - SECOND_MS)
    assert stack.telemetry.counts["scheduler_reported"] == 5


def test_whoever_cannot_take_the_lease_reports_nothing() -> None:
    stack = MemoryStack()
    stack.control = _Unreachable()
    until_ms = START_MS + 3 * MINUTE_MS
    stack.scheduler_loop().run(lambda: until_ms - stack.clock.now_ms())
    assert not stack.telemetry.counts["scheduler_reported"]


# --- edits --------------------------------------------------------------------------------------------------


def test_a_paused_job_fires_no_more_and_a_resumed_one_goes_on() -> None:
    stack = MemoryStack()
    job = stack.create(every(2_000))
    stack.crash_after(60_500)
    stack.job_service.pause(TENANT, job.id)
    paused_ms = stack.clock.now_ms()
    stack.crash_after(60_000)
    stack.job_service.resume(TENANT, job.id)
    resumed_ms = stack.clock.now_ms()
    stack.turn_for(60_000)
    assert not [nominal for nominal in stack.caller.nominal if paused_ms <= nominal < resumed_ms]
    assert {*range(START_MS, paused_ms, 2_000)} <= {*stack.caller.nominal}
    after = [nominal for nominal in stack.caller.nominal if nominal >= resumed_ms]
    assert after == list(range(after[0], after[-1] + 1, 2_000))
    assert after[0] - resumed_ms < 2_000


def test_an_edited_schedule_takes_over_at_its_effective_time_without_a_gap_or_a_double() -> None:
    stack = MemoryStack()
    job = stack.create(every(2_000))
    stack.crash_after(70_300)
    cut_ms = stack.clock.now_ms()

    def faster(_id: str, _now: int, existing: Definition | None) -> Definition:
        assert existing is not None
        return Definition(existing.name, Schedule(every(1_000, START_MS + 500)), existing.target)

    stack.job_service.edit(TENANT, job.id, faster)
    stack.turn_for(60_000)
    before = [nominal for nominal in stack.caller.nominal if nominal < cut_ms]
    after = [nominal for nominal in stack.caller.nominal if nominal >= cut_ms]
    assert before == list(range(START_MS, cut_ms, 2_000))
    assert after == list(range(after[0], after[-1] + 1, 1_000))
    assert after[0] % 1_000 == 500


def test_a_deleted_job_is_dropped_silently() -> None:
    stack = MemoryStack()
    job = stack.create(every(2_000))
    stack.crash_after(30_000)
    stack.job_service.delete(TENANT, job.id)
    deleted_ms = stack.clock.now_ms()
    stack.turn_for(120_000)
    assert max(stack.caller.nominal) < deleted_ms
    assert stack.telemetry.counts["entry_dropped[reason=deleted]"] > 0
    assert not stack.telemetry.errors


# --- what goes wrong outside --------------------------------------------------------------------------------


def test_only_what_the_queue_accepted_counts_as_sent() -> None:
    stack = MemoryStack(shards=1)
    send, refused = stack.queue.send, []

    def partial(route, dispatches, delays_s=()):
        kept = [dispatch for index, dispatch in enumerate(dispatches) if index % 2 == 0]
        refused.extend(dispatches[1::2])
        send(route, kept)
        return [index % 2 == 0 for index in range(len(dispatches))]

    stack.queue.send = partial  # type: ignore[method-assign]
    for _ in range(8):
        stack.create(At(START_MS + 30_000))
    stack.turn_for(60_000)
    assert refused
    assert len(stack.effects()) == len({*stack.effects()}) == 8


def test_an_outage_of_the_queue_delays_and_loses_nothing() -> None:
    stack = MemoryStack()
    send = stack.queue.send

    def broken(route, dispatches, delays_s=()):
        if START_MS + 20_000 < stack.clock.now_ms() < START_MS + 100_000:
            raise PortError("queue.send", str(route), "down")
        return send(route, dispatches)

    stack.queue.send = broken  # type: ignore[method-assign]
    stack.create(every(5_000), end=START_MS + 150_000)
    stack.turn_for(200_000)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 150_000, 5_000)}
    assert len(stack.effects()) == len({*stack.effects()})


def test_a_store_that_fails_now_and_then_is_asked_again() -> None:
    stack = MemoryStack()
    calls = {"n": 0}

    def flaky(operation):
        def attempt(*args, **kwargs):
            calls["n"] += 1
            if calls["n"] % 3 == 0:
                raise PortError("store", "x", "flaky")
            result = operation(*args, **kwargs)
            if calls["n"] % 5 == 0:
                raise PortError("store", "x", "applied, then reported as failed")
            return result

        return attempt

    stack.create(every(2_000), end=START_MS + 120_000)
    for name in ("load", "put_pack", "remove"):
        setattr(stack.wheel, name, flaky(getattr(stack.wheel, name)))
    stack.jobs.batch = flaky(stack.jobs.batch)  # type: ignore[method-assign]
    stack.turn_for(180_000)
    assert {*stack.caller.nominal} == {*range(START_MS, START_MS + 120_000, 2_000)}


def test_a_write_that_came_after_its_slot_was_loaded_is_found_by_the_second_read() -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(every(3_600_000, START_MS + 50_000))
    stack.world.singles.clear()
    written = []

    def remaining() -> int:
        if not written and stack.clock.now_ms() >= START_MS + 30_000:
            written.append(True)
            entry = ScheduleEntry(TENANT, job.id, 1, START_MS + 50_000, START_MS + 50_000)
            stack.wheel.put(Placed(Slot(Level.MINUTES, START_MS, shard_of(TENANT, job.id, 1)), entry))
        return START_MS + 120_000 - stack.clock.now_ms()

    stack.scheduler_loop().run(remaining)
    assert stack.caller.nominal == [START_MS + 50_000]
    assert stack.telemetry.counts["late_entry_found"] == 1
