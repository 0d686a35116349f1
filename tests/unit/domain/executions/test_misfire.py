"""Misfire policies on virtual time: what an outage leaves behind runs or is on the ledger, and stops nobody."""

from __future__ import annotations

import time

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.aws.dynamodb.job_items import job_item, read_job
from tidewheel.domain import keys
from tidewheel.domain.errors import Invalid, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import MISSING, PENDING, Instant, accounted, named, standing
from tidewheel.domain.executions.misfire import Missed, Reason, judged
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.recurrence.occurrences import Occurrences
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.engine.api.ledger import LedgerService, Report
from tidewheel.engine.scheduler.dispatch.catch_up import LOOK_MS, MOST_WINDOW
from tidewheel.ports import PortError

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SKIP, ALL, COALESCE = Misfire(Policy.SKIP), Misfire(Policy.ALL), Misfire()


def occurrences(timing=None, jitter_ms: int = 0, cut_ms: int | None = None) -> Occurrences:
    return Occurrences(Schedule(timing or every(MINUTE)), jitter_ms, "j", cut_ms)


@pytest.mark.parametrize(
    ("misfire", "late_ms", "runs", "live", "row"),
    [
        (COALESCE, 10_000, [], 0, None),
        (COALESCE, 10_001, [0], 1, None),
        (COALESCE, 70_001, [0], 2, (1, 1)),
        (COALESCE, HOUR, [0], 60, (1, 59)),
        (SKIP, 10_001, [], 1, (0, 0)),
        (SKIP, HOUR, [], 60, (0, 59)),
        (ALL, 190_001, [0, 1, 2, 3], 4, None),
        (Misfire(Policy.ALL, limit=2), 190_001, [2, 3], 4, (0, 1)),
        (Misfire(Policy.ALL, limit=1), 70_000, [0], 1, None),
        (Misfire(Policy.ALL, grace_ms=MINUTE), 190_001, [0, 1, 2], 3, None),
        (Misfire(Policy.COALESCE, grace_ms=HOUR), HOUR, [], 0, None),
    ],
)
def test_what_becomes_of_a_minute_job(misfire, late_ms, runs, live, row) -> None:
    def at(number: int) -> int:
        return START_MS + number * MINUTE

    verdict = judged(occurrences(), START_MS, misfire, START_MS + late_ms)
    assert verdict.late == tuple(map(at, runs))
    assert verdict.live == at(live)
    assert verdict.skipped == (row and (at(row[0]), at(row[1])))


@pytest.mark.parametrize("timing", [every(1_000), Cron("* * * * * *", "Europe/Paris"), Cron("* * * 1 * *", "UTC")])
@pytest.mark.parametrize("policy", list(Policy))
def test_a_month_of_seconds_is_planned_at_once(timing, policy: Policy) -> None:
    first = timing.next_after(START_MS)
    now = first + 40 * DAY
    began = time.perf_counter()
    verdict = judged(occurrences(timing), first, Misfire(policy), now)
    assert time.perf_counter() - began < 1
    assert verdict.live is not None
    assert verdict.live >= now - 10_000
    assert len(verdict.late) == {Policy.COALESCE: 1, Policy.ALL: 100, Policy.SKIP: 0}[policy]
    assert verdict.skipped is not None
    count = timing.count_between(*verdict.skipped)
    assert count is None if isinstance(timing, Cron) else count > 3_000_000


def test_a_row_is_no_execution_and_sorts_with_them() -> None:
    row = Missed(TENANT, "j" + "0" * 16, 1, START_MS, START_MS + 5, 2, Reason.SKIPPED, START_MS)
    before, after = (str(ExecutionId(row.job, START_MS + ms)) for ms in (-1, 1))
    assert before < row.id < after
    assert keys.is_missed_sort(row.id)
    assert not keys.is_missed_sort(after)


def test_a_record_of_an_older_release_has_the_default_policy() -> None:
    definition = Definition("n", None, Target("http", {}), misfire=Misfire(Policy.SKIP, 1, 1))
    job = Job("t", "j" + "0" * 16, definition, JobState.ACTIVE, 1, 0, 0, 0)
    item = job_item(job)
    assert read_job(item) == job
    item["d"]["S"] = item["d"]["S"].replace(',"m":["skip",1,1]', "")
    assert read_job(item).definition.misfire == Misfire()


# --- outages ------------------------------------------------------------------------------------------------


def report(stack: MemoryStack, job: Job, from_ms: int | None = None) -> Report:
    return LedgerService(stack.jobs, stack.executions, stack.clock).report(TENANT, job.id, from_ms, None)


def complete(stack: MemoryStack, job: Job) -> list[str]:
    """The states of all settled instants: none lacks an account."""
    found = report(stack, job, START_MS)
    assert found.missing == 0
    return [line.state for line in found.lines if line.state != PENDING]


def after_outage(outage_ms: int, timing, **fields: object) -> tuple[MemoryStack, Job]:
    stack = MemoryStack()
    job = stack.create(timing, **fields)
    stack.crash_after(70_000)
    stack.clock.advance(outage_ms)
    stack.turn_for(150_000)
    return stack, job


@pytest.mark.parametrize("timing", [every(10_000), Cron("*/10 * * * * *", "Asia/Tokyo")])
@pytest.mark.parametrize("outage_ms", [3 * MINUTE, HOUR])
@pytest.mark.parametrize("policy", list(Policy))
def test_after_an_outage_every_instant_has_its_account(timing, outage_ms: int, policy: Policy) -> None:
    stack, job = after_outage(outage_ms, timing, misfire=Misfire(policy, limit=20))
    down, up = START_MS + 70_000, START_MS + 70_000 + outage_ms
    missed = [at for at in stack.caller.nominal if down + 60_000 < at < up - 10_000]
    assert len(missed) == (0 if policy is not Policy.ALL else 10 if outage_ms < HOUR else 19)  # the newest ones
    generations = stack.jobs.generations(TENANT, job.id, 1).values()
    for row in stack.world.missed.values():
        assert row.reason is (Reason.COALESCED if policy is Policy.COALESCE else Reason.SKIPPED)
        assert row.count == len(named(generations, job.id, row.from_ms, row.until_ms + 1, 10**4))
    late = [at for at, call in stack.caller.calls if at > call.due_ms + 10_000 and call.due_ms > down]
    assert len(late) == {Policy.COALESCE: 1, Policy.SKIP: 0}.get(policy, len(late))
    states = complete(stack, job)
    assert set(states) <= {State.SUCCEEDED, State.SKIPPED}
    assert len(states) > outage_ms / 10_000
    assert max(stack.caller.nominal) >= stack.clock.now_ms() - 20_000  # it goes on
    assert len(stack.effects()) == len({*stack.effects()})


@pytest.mark.parametrize(("policy", "calls"), [(Policy.COALESCE, 1), (Policy.ALL, 1), (Policy.SKIP, 0)])
def test_a_missed_one_time_job_runs_late_or_is_on_the_ledger(policy: Policy, calls: int) -> None:
    stack, job = after_outage(HOUR, At(START_MS + 20 * MINUTE), misfire=Misfire(policy))
    assert len(stack.caller.calls) == calls
    assert len(stack.world.missed) == 1 - calls
    assert complete(stack, job) == [State.SUCCEEDED if calls else State.SKIPPED]


def test_catching_up_does_not_delay_what_is_due() -> None:
    stack = MemoryStack(shards=1)
    for _ in range(20):
        stack.create(every(1_000), misfire=Misfire(Policy.ALL, limit=300), end=START_MS + 30 * MINUTE)
    live = stack.create(every(1_000, START_MS + HOUR))
    stack.crash_after(65_000)
    stack.clock.advance(HOUR)
    stack.turn_for(100_000)
    of_live = [(at, call) for at, call in stack.caller.calls if live.id in call.execution]
    behind = sum(at > call.due_ms + 60_000 for at, call in stack.caller.calls)
    assert behind > 5_000
    settled = [at - call.due_ms for at, call in of_live if call.due_ms > START_MS + HOUR + 90_000]
    assert len(settled) > 60
    assert max(settled) <= 1_000
    per_second = [at // 1_000 for at, call in stack.caller.calls if at > call.due_ms + 60_000]
    assert max(map(per_second.count, {*per_second})) <= MOST_WINDOW * 1_000 // LOOK_MS


def test_the_row_is_durable_before_the_entry_goes() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(START_MS + 20 * MINUTE), misfire=SKIP)
    account = stack.executions.account

    def down(row: Missed) -> None:
        raise PortError("executions.account", row.id, "down")

    stack.executions.account = down  # type: ignore[method-assign]
    stack.clock.advance(HOUR)
    stack.turn_for(100_000)
    stack.executions.account = account  # type: ignore[method-assign]
    assert not stack.world.missed
    stack.turn_for(100_000)
    assert len(stack.world.missed) == 1
    assert not any(stack.world.singles.values())


# --- edits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(Policy))
def test_edits_and_pauses_are_no_misfires(policy: Policy) -> None:
    stack = MemoryStack()
    job = stack.create(every(10_000), misfire=Misfire(policy))
    stack.crash_after(65_000)
    stack.job_service.pause(TENANT, job.id)
    stack.crash_after(120_000)
    stack.job_service.resume(TENANT, job.id)
    stack.crash_after(95_000)
    stack.job_service.edit(TENANT, job.id, lambda _id, _now, before: before)  # type: ignore[arg-type,return-value]
    stack.turn_for(120_000)
    assert set(complete(stack, job)) == {State.SUCCEEDED}
    listed = stack.execution_service.history(TENANT, job.id, 100, None).items
    assert all(isinstance(item, Execution) for item in listed)  # what a take-over repeated is outranked


@pytest.mark.parametrize("policy", list(Policy))
def test_what_was_paused_during_an_outage_is_no_misfire_and_what_was_not_is(policy: Policy) -> None:
    stack = MemoryStack()
    job = stack.create(every(10_000), misfire=Misfire(policy))
    stack.crash_after(70_000)
    stack.clock.advance(10 * MINUTE)
    stack.job_service.pause(TENANT, job.id)
    paused = stack.clock.now_ms()
    stack.clock.advance(10 * MINUTE)
    stack.job_service.resume(TENANT, job.id)
    resumed = stack.clock.now_ms()
    stack.clock.advance(10 * MINUTE)
    stack.turn_for(100_000)
    touched = [*stack.caller.nominal]
    for row in stack.world.missed.values():
        touched += range(row.from_ms, row.until_ms + 1, 10_000)
    assert not [at for at in touched if paused <= at < resumed]
    assert {*range(START_MS, paused, 10_000)} <= {*touched}
    complete(stack, job)


# --- the ledger ---------------------------------------------------------------------------------------------


def test_each_generation_names_up_to_the_next_ones_cut() -> None:
    rows = [
        Generation(1, JobState.ACTIVE, Schedule(every(10_000)), 0, START_MS),
        Generation(2, JobState.PAUSED, Schedule(every(10_000)), 0, START_MS + 25_000),
        Generation(3, JobState.ACTIVE, Schedule(every(7_000)), 0, START_MS + 40_000),
        Generation(4, JobState.DELETED, Schedule(every(7_000)), 0, START_MS + 50_000),
    ]
    found = named(rows, "j", START_MS + 5_000, START_MS + 90_000, 10)
    assert [(one.nominal_ms - START_MS, one.generation) for one in found] == [
        (10_000, 1), (20_000, 1), (42_000, 3), (49_000, 3),
    ]  # fmt: skip
    with pytest.raises(Invalid, match="more than 3"):
        named(rows, "j", START_MS, START_MS + 90_000, 3)


def test_an_execution_outranks_a_row_and_what_is_young_is_pending() -> None:
    job = "j" + "0" * 16
    instants = [Instant(START_MS + n * 10_000, START_MS + n * 10_000, 1) for n in range(6)]
    run = Execution(TENANT, str(ExecutionId(job, START_MS + 10_000)), State.FAILED, START_MS, 1, reason="HTTP 500")
    row = Missed(TENANT, job, 1, START_MS, START_MS + 20_000, 3, Reason.COALESCED, START_MS)
    lines = accounted(job, instants, {START_MS + 10_000: run}, [row], START_MS + 56_000)
    assert [(line.state, line.reason) for line in lines] == [
        ("skipped", "coalesced"), ("failed", "HTTP 500"), ("skipped", "coalesced"),
        (MISSING, ""), (MISSING, ""), (PENDING, ""),
    ]  # fmt: skip


def test_a_row_whose_every_instant_ran_is_not_shown() -> None:
    job = "j" + "0" * 16
    runs = [
        Execution(TENANT, str(ExecutionId(job, START_MS + n * 10_000)), State.SUCCEEDED, START_MS, 1) for n in (2, 1, 0)
    ]
    row = Missed(TENANT, job, 1, START_MS, START_MS + 20_000, 3, Reason.SKIPPED, START_MS)
    assert standing([*runs, row]) == runs
    assert standing([*runs[:2], row]) == [*runs[:2], row]


def test_a_lost_execution_is_missing_and_an_unknown_job_is_not_found() -> None:
    stack, job = after_outage(HOUR, every(10_000))
    assert report(stack, job).missing == 0
    with_lost_attempt = next(iter(stack.world.executions))
    del stack.world.executions[with_lost_attempt]
    found = report(stack, job)
    assert found.missing == 1
    assert [line.instant.nominal_ms for line in found.lines if line.state == MISSING] == [
        ExecutionId.parse(with_lost_attempt[1]).nominal_ms
    ]
    stack.job_service.delete(TENANT, job.id)
    with pytest.raises(NotFound):
        report(stack, job)


def test_a_job_that_ran_by_hand_alone_has_an_empty_ledger() -> None:
    stack = MemoryStack()
    job = stack.create(None)
    assert list(report(stack, job).lines) == []
