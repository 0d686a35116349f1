"""The reconciler: what is owed, what is broken, what merely waits; and how a repaired chain joins a living one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.instants import first_of
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.world_examples import a_job
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.ledger import MISSING
from tidewheel.domain.executions.reconcile import Sweep, done_until, expected, first_missing, resumed
from tidewheel.domain.fleet.lease import Holding
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    RECONCILE_MARGIN_MS,
    RECONCILE_PAGE,
    RECONCILE_PAGE_MS,
    RECONCILE_PATIENCE_MS,
    RECONCILE_RUN_MS,
    RECONCILE_SWEEP_MS,
    RETENTION_MS,
)
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import RINGS, Level, late
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.engine.recovery.reconciler import Reconciler, Tally
from tidewheel.ports import Page

MARGIN = RECONCILE_MARGIN_MS
LATER = 10**15


def reconcile(stack: MemoryStack, **changes: object) -> Reconciler:
    return replace(stack.reconcile, **changes)


def swept(stack: MemoryStack) -> Tally:
    """A whole sweep, whenever the last one began."""
    stack.control.move_sweep(stack.control.sweep(), Sweep(0, over=True))
    return reconcile(stack).run()


def break_off(stack: MemoryStack, job: Job) -> None:
    """Takes every entry of a job from the wheel."""
    needle = f"|{job.id}|"
    for singles in stack.world.singles.values():
        for key in [key for key, text in singles.items() if needle in text]:
            del singles[key]
    for packs in stack.world.packs.values():
        for key, texts in packs.items():
            packs[key] = tuple(text for text in texts if needle not in text)


def states(stack: MemoryStack, job: Job, until_ms: int | None = None) -> Counter[str]:
    until = stack.clock.now_ms() - 20_000 if until_ms is None else until_ms
    ledger = LedgerService(stack.jobs, stack.executions, stack.clock)
    return Counter(str(line.state) for line in ledger.report(TENANT, job.id, job.created_ms, until).lines)


# --- what is owed -----------------------------------------------------------------------------------------


def test_the_last_instant_that_was_due_more_than_the_margin_ago_is_owed() -> None:
    job = replace(
        a_job(), effective_from_ms=0, definition=replace(a_job().definition, schedule=Schedule(every(MINUTE_MS)))
    )
    now = START_MS + HOUR_MS + 1
    assert expected(job, LATER, now) == START_MS + HOUR_MS - MARGIN
    assert expected(job, LATER, now - 1) == START_MS + HOUR_MS - MARGIN - MINUTE_MS


def test_nothing_is_owed_that_the_shard_has_not_handed_on() -> None:
    job = replace(a_job(schedule=Schedule(every(MINUTE_MS, START_MS))), effective_from_ms=0)
    now = START_MS + DAY_MS
    assert expected(job, START_MS + 90_000, now) == START_MS + MINUTE_MS
    assert expected(job, START_MS, now) is None
    assert expected(job, 0, now) is None


@pytest.mark.parametrize("timing", [At(START_MS), Cron("0 0 * * *", "UTC"), Cron("*/7 3 * * 1-5", "Europe/Paris")])
def test_what_is_owed_is_named_by_the_schedule_and_the_last_of_its_kind(timing: At | Cron) -> None:
    schedule = Schedule(timing)
    job = replace(a_job(schedule=schedule), effective_from_ms=START_MS - DAY_MS)
    now = START_MS + 6 * DAY_MS
    named = [at for at in first_of(schedule, START_MS - DAY_MS, 400) if at < now - MARGIN]
    assert expected(job, LATER, now) == named[-1]


def test_an_instant_whose_spread_puts_it_off_is_not_owed_yet_and_the_one_before_it_is() -> None:
    job = replace(a_job(schedule=Schedule(every(HOUR_MS)), jitter_ms=HOUR_MS), effective_from_ms=0)
    nominal = START_MS + 5 * HOUR_MS
    due = job.due(nominal)
    assert due > nominal
    assert expected(job, LATER, due + MARGIN) == nominal - HOUR_MS
    assert expected(job, LATER, due + MARGIN + 1) == nominal
    single = replace(a_job(schedule=Schedule(At(nominal)), jitter_ms=HOUR_MS), effective_from_ms=0)
    assert expected(single, LATER, single.due(nominal) + MARGIN) is None


def test_generations_own_their_instants_and_ends_end() -> None:
    job = replace(a_job(schedule=Schedule(every(MINUTE_MS), None, START_MS + HOUR_MS)), effective_from_ms=START_MS + 1)
    now = START_MS + DAY_MS
    assert expected(job, LATER, now) == START_MS + HOUR_MS - MINUTE_MS
    assert expected(replace(job, effective_from_ms=START_MS + HOUR_MS), LATER, now) is None


def test_a_paused_job_and_one_without_a_schedule_owe_nothing() -> None:
    job = replace(a_job(), effective_from_ms=0)
    paused = job.edited(job.definition, "paused", 0)  # type: ignore[arg-type]
    assert expected(paused, LATER, START_MS + DAY_MS) is None
    assert expected(replace(a_job(schedule=None), effective_from_ms=0), LATER, START_MS + DAY_MS) is None


def test_nothing_is_asked_of_a_time_whose_executions_may_have_vanished() -> None:
    job = replace(a_job(schedule=Schedule(At(START_MS))), effective_from_ms=0)
    assert expected(job, LATER, START_MS + RETENTION_MS - MARGIN) == START_MS
    assert expected(job, LATER, START_MS + RETENTION_MS - MARGIN + 1) is None


def test_a_shard_is_done_up_to_its_lowest_cursor() -> None:
    assert done_until(None) == 0
    assert done_until(Holding(1, 0, 1, {Level.MINUTES: 5})) == 0
    cursors = {ring.level: 10**6 + n for n, ring in enumerate(RINGS)}
    assert done_until(Holding(1, 0, 1, cursors)) == 10**6


def test_the_entry_is_written_for_the_first_instant_without_an_account() -> None:
    job = replace(a_job(schedule=Schedule(every(MINUTE_MS))), effective_from_ms=START_MS)
    now, last = START_MS + HOUR_MS, START_MS + 40 * MINUTE_MS
    assert (
        first_missing(job, last, [START_MS + 7 * MINUTE_MS, START_MS + 9 * MINUTE_MS], now) == START_MS + 10 * MINUTE_MS
    )
    assert first_missing(job, last, [], now) == START_MS
    assert first_missing(job, last, [START_MS - MINUTE_MS, last, last + 1], now) == START_MS
    assert first_missing(job, last, [last - MINUTE_MS], now) == last


def test_sweeps_follow_each_other_no_faster_than_they_should() -> None:
    assert resumed(None, 7) == Sweep(7)
    assert resumed(Sweep(5, "a/b"), 7) == Sweep(5, "a/b")
    assert resumed(Sweep(5, over=True), 4 + RECONCILE_SWEEP_MS) is None
    assert resumed(Sweep(5, over=True), 5 + RECONCILE_SWEEP_MS) == Sweep(5 + RECONCILE_SWEEP_MS)


# --- repairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("timing", [every(MINUTE_MS), Cron("* * * * *", "UTC"), every(1_000)])
def test_a_missing_entry_is_written_again_and_each_instant_gets_its_account(policy: Policy, timing: Cron) -> None:
    stack = MemoryStack()
    job, other = stack.create(timing, misfire=Misfire(policy)), stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    stack.turn_for(20 * MINUTE_MS)
    assert states(stack, job)[MISSING] > 15
    assert swept(stack) == Tally(looked=2, repaired=1)
    assert stack.telemetry.counts["schedule_repaired"] == 1
    ((message, fields),) = stack.telemetry.errors
    assert message == "a missing schedule entry was written again"
    assert (fields["tenant"], fields["job"]) == (TENANT, job.id)
    assert START_MS < fields["since_ms"] < fields["nominal_ms"] < stack.clock.now_ms() - MARGIN
    stack.turn_for(15 * MINUTE_MS)
    assert states(stack, job)[MISSING] == states(stack, other)[MISSING] == 0
    assert max(Counter(stack.effects()).values()) == 1
    assert swept(stack).repaired == 0


def test_an_entry_that_was_never_written_is_written_for_the_first_instant() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS, START_MS + MINUTE_MS))
    break_off(stack, job)
    stack.turn_for(15 * MINUTE_MS)
    assert swept(stack).repaired == 1
    stack.turn_for(15 * MINUTE_MS)
    assert set(states(stack, job)) == {"succeeded", "skipped"}


def test_a_lost_one_time_job_runs_late() -> None:
    stack = MemoryStack()
    job = stack.create(At(START_MS + 5 * MINUTE_MS))
    break_off(stack, job)
    stack.turn_for(20 * MINUTE_MS)
    assert swept(stack).repaired == 1
    stack.turn_for(MINUTE_MS)
    assert states(stack, job) == {"succeeded": 1}


def test_a_job_whose_runs_by_hand_are_many_is_armed_from_its_last_scheduled_one() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    for _ in range(250):
        stack.execution_service.run(TENANT, job.id)
        stack.clock.advance(1)
    stack.turn_for(20 * MINUTE_MS)
    assert swept(stack).repaired == 1
    stack.turn_for(MINUTE_MS)
    assert states(stack, job)[MISSING] == 0


def test_an_entry_that_was_missing_before_the_number_of_shards_changed_is_written_to_the_new_shard() -> None:
    stack = MemoryStack(shards=1)
    jobs = [stack.create(every(MINUTE_MS)) for _ in range(6)]
    stack.turn_for(3 * MINUTE_MS)
    for job in jobs:
        break_off(stack, job)
    stack.shards = 4
    stack.turn_for(20 * MINUTE_MS)
    layout = stack.control.layout()
    assert layout is not None
    assert layout.newest == 4
    homes = {layout.shard_of(TENANT, job.id, stack.clock.now_ms()) for job in jobs}
    assert len(homes) > 1
    assert {shard for job in jobs for shard in layout.shards_of(TENANT, job.id)} == homes | {0}
    assert swept(stack).repaired == len(jobs)
    assert {slot.shard for slot, singles in stack.world.singles.items() if singles} == homes
    stack.turn_for(15 * MINUTE_MS)
    assert sum(states(stack, job)[MISSING] for job in jobs) == 0
    assert swept(stack).repaired == 0


# --- what merely waits ------------------------------------------------------------------------------------


def test_an_outage_of_the_fleet_breaks_nothing() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    stack.clock.advance(5 * HOUR_MS)
    assert swept(stack) == Tally(looked=1, repaired=0)
    stack.turn_for(3_000)  # what was missed is under way
    assert swept(stack).repaired == 0
    stack.turn_for(20 * MINUTE_MS)
    assert swept(stack).repaired == 0
    assert states(stack, job)[MISSING] == 0


def test_an_outage_of_the_workers_breaks_nothing() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.workers_up = False
    stack.turn_for(40 * MINUTE_MS)
    assert swept(stack).repaired == 0
    assert stack.telemetry.counts["repair_deferred"] == 1
    stack.workers_up = True
    stack.turn_for(MINUTE_MS)
    assert swept(stack).repaired == 0
    assert states(stack, job)[MISSING] == 0


def test_a_busy_queue_hides_a_missing_entry_only_for_a_while() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    stack.create(every(1_000))
    stack.workers_up = False  # some message always waits
    stack.turn_for(20 * MINUTE_MS)
    assert swept(stack).repaired == 0
    stack.clock.advance(RECONCILE_PATIENCE_MS)
    stack.turn_for(MINUTE_MS)
    assert swept(stack).repaired >= 1
    assert (TENANT, job.id) in {(fields["tenant"], fields["job"]) for _, fields in stack.telemetry.errors}


def test_what_rests_in_the_late_slot_waits_for_its_turn() -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    stack.turn_for(20 * MINUTE_MS)
    assert [swept(stack).repaired, swept(stack).repaired] == [1, 0]  # nobody turns the wheel meanwhile
    assert len(stack.world.singles[late(0)]) == 1


def test_a_job_that_was_edited_meanwhile_is_left_to_its_new_entry() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    stack.turn_for(20 * MINUTE_MS)
    stale = stack.jobs.sweep(None, 10)
    stack.job_service.pause(TENANT, job.id)

    class Stale:
        def __getattr__(self, name: str) -> object:
            return getattr(stack.jobs, name)

        def sweep(self, _after: str | None, _limit: int) -> Page[Job]:
            return stale

    assert reconcile(stack, jobs=Stale()).run() == Tally(looked=1, repaired=0)


# --- doubles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timing", [every(MINUTE_MS), every(7_000), Cron("*/5 * * * *", "UTC"), every(30 * MINUTE_MS)])
def test_a_second_entry_of_a_job_is_dropped_as_a_duplicate(timing: Cron) -> None:
    """As when its account was merely not seen: the same instants again, and nothing runs twice."""
    stack, untouched = MemoryStack(shards=1), MemoryStack(shards=1)
    for one in (stack, untouched):
        job = one.create(timing)
        one.turn_for(33 * MINUTE_MS)
        if one is stack:
            first = job.next_nominal(START_MS + 18 * MINUTE_MS)
            assert first is not None
            one.wheel.put(Placed(late(0), ScheduleEntry(TENANT, job.id, 1, first, job.due(first))))
        one.turn_for(33 * MINUTE_MS)
    assert states(stack, job)[MISSING] == 0
    assert not stack.world.singles[late(0)]
    assert stack.effects() == untouched.effects()
    assert ahead(stack) == ahead(untouched)


def ahead(stack: MemoryStack) -> list[str]:
    """All entries of packs in slots that are still to be turned."""
    holding = stack.control.holding(0)
    assert holding is not None
    return sorted(
        text
        for slot, packs in stack.world.packs.items()
        for texts in packs.values()
        for text in texts
        if slot.start_ms >= holding.cursors[slot.level]
    )


# --- the sweep --------------------------------------------------------------------------------------------


def test_a_run_is_paced_and_the_next_goes_on_where_it_ended() -> None:
    stack = MemoryStack()
    stack.clock.pump = None
    pages = RECONCILE_RUN_MS // RECONCILE_PAGE_MS
    sizes: list[int] = []

    class Endless:
        def sweep(self, after: str | None, limit: int) -> Page[Job]:
            sizes.append(limit)
            number = int((after or "t/0").partition("/")[2]) + 1
            return Page([a_job(schedule=None)] * limit, None if number == pages + 3 else f"t/{number}")

    flow = reconcile(stack, jobs=Endless())
    began = stack.clock.now_ms()
    assert flow.run() == Tally(looked=pages * RECONCILE_PAGE)
    assert stack.clock.now_ms() == began + RECONCILE_RUN_MS
    assert stack.control.sweep() == Sweep(began, f"t/{pages}")
    assert flow.run() == Tally(looked=3 * RECONCILE_PAGE)
    assert stack.control.sweep() == Sweep(began, over=True)
    assert flow.run() == Tally()  # the last sweep is too fresh
    stack.clock.advance(RECONCILE_SWEEP_MS)
    assert flow.run().looked == pages * RECONCILE_PAGE
    assert set(sizes) == {RECONCILE_PAGE}


def test_of_two_runs_at_once_the_slower_ends_after_its_page() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, job)
    stack.turn_for(20 * MINUTE_MS)

    class Beside:
        """Another run comes and goes while this one reads its page."""

        def __getattr__(self, name: str) -> object:
            return getattr(stack.jobs, name)

        def sweep(self, after: str | None, limit: int) -> Page[Job]:
            stack.clock.advance(1)
            reconcile(stack).run()
            return stack.jobs.sweep(after, limit)

    reconcile(stack, jobs=Beside()).run()
    assert "another run of the reconciler continues the sweep" in [note for note, _ in stack.telemetry.infos]
    stack.turn_for(15 * MINUTE_MS)
    assert max(Counter(stack.effects()).values()) == 1
    assert states(stack, job)[MISSING] == 0


def test_what_cannot_be_read_is_counted_and_alarmed_and_hides_nobody() -> None:
    stack = MemoryStack()
    broken, spoilt = stack.create(every(MINUTE_MS)), stack.create(every(MINUTE_MS))
    stack.turn_for(3 * MINUTE_MS)
    break_off(stack, broken)
    break_off(stack, spoilt)
    stack.turn_for(20 * MINUTE_MS)

    class Spoilt:
        def __getattr__(self, name: str) -> object:
            return getattr(stack.jobs, name)

        def sweep(self, after: str | None, limit: int) -> Page[Job]:
            page = stack.jobs.sweep(after, limit)
            return replace(page, unreadable=[Unreadable("job", "t#x/job", "newer")])

        def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:
            if id == spoilt.id:
                raise Unreadable("job", id, "damaged meanwhile")
            return stack.jobs.get(tenant, id, consistent=consistent)

    assert reconcile(stack, jobs=Spoilt()).run() == Tally(looked=2, repaired=1)
    assert stack.telemetry.counts["record_unreadable"] == 2
    assert (
        len(
            [
                message
                for message, _ in stack.telemetry.errors
                if message == "a record cannot be read and was not reconciled"
            ]
        )
        == 2
    )


def test_a_job_of_a_pool_that_was_removed_does_not_stop_the_sweep() -> None:
    """Before, its queue could not be counted, and every run of the reconciler ended at its page."""
    stack = MemoryStack(shards=1)
    jobs = [stack.create(every(60_000, START_MS + 60_000)) for _ in range(2)]
    stack.turn_for(5 * MINUTE_MS)
    for slots in (stack.world.singles, stack.world.packs):
        slots.clear()
    first = min(jobs, key=lambda job: job.id)
    stack.world.jobs[TENANT, first.id] = replace(first, definition=replace(first.definition, pool="moon"))
    stack.turn_for(30 * MINUTE_MS)
    assert stack.reconcile.run().looked == 2
    assert stack.telemetry.counts["repair_deferred"] == 1
    assert stack.telemetry.counts["schedule_repaired"] == 1
