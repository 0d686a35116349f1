"""The API's flow: what is stored, what is sent at once, what a repeat or a race does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.errors import Conflict, Invalid, KeyReused, NotFound, Outdated
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import Origin
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.jobs.listing import JobFilter
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, RETENTION_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.levels import Level
from tidewheel.ports import PortError

SCHEDULE = Schedule(every(60_000))
DEFINITION = Definition("job", SCHEDULE, Target("http", {}))


def builder(_id: str, _now: int, _existing: Definition | None) -> Definition:
    return DEFINITION


def named(name: str):
    return lambda _id, _now, existing: replace(existing or DEFINITION, name=name)


def tagged(**tags: str):
    return lambda _id, _now, existing: replace(existing or DEFINITION, tags=tags)


def tenth(number: int):
    tags = {"all": "1", "tenth": str(number % 10)}
    return lambda _id, _now, existing: replace(existing or DEFINITION, name=str(number), tags=tags)


def levels(stack: MemoryStack) -> list[Level]:
    return [slot.level for slot, singles in stack.world.singles.items() for _ in singles]


def test_a_job_with_no_schedule_is_queued_sent_and_its_entry_removed() -> None:
    stack = MemoryStack()
    job = stack.create(None)
    ((_, execution),) = stack.world.executions.items()
    assert (execution.state, execution.due_ms) == (State.QUEUED, START_MS)
    assert stack.queue.requests == 1
    assert not levels(stack)
    assert job.state_at(START_MS) is JobState.COMPLETED
    assert job.expires_ms() == START_MS + RETENTION_MS


def test_if_sending_fails_the_wheel_fires_it() -> None:
    stack = MemoryStack()
    send = stack.queue.send

    def broken(*_args: object) -> object:
        raise PortError("queue.send", "x", "down")

    stack.queue.send = broken  # type: ignore[method-assign,assignment]
    stack.create(None)
    assert levels(stack) == [Level.LATE]
    assert stack.telemetry.counts["immediate_send_failed"] == 1
    stack.queue.send = send  # type: ignore[method-assign]
    stack.turn_for(5_000)
    assert len(stack.caller.calls) == 1
    assert not levels(stack)


@pytest.mark.parametrize(
    ("ahead_ms", "level"),
    [
        (14_000, Level.LATE),
        (30_000, Level.SECONDS),
        (119_000, Level.MINUTES),
        (90 * MINUTE_MS, Level.HOURS),
        (3 * DAY_MS, Level.DAYS),
        (400 * DAY_MS, Level.BEYOND),
    ],
)
def test_where_an_entry_rests(ahead_ms: int, level: Level) -> None:
    stack = MemoryStack()
    stack.create(At(START_MS + ahead_ms))
    assert levels(stack) == [level]


def test_a_repeat_with_the_same_key_returns_the_same_job() -> None:
    stack = MemoryStack()
    first = stack.job_service.create(TENANT, builder, "key", "print")
    again = stack.job_service.create(TENANT, builder, "key", "print")
    assert again == first
    assert len(stack.world.jobs) == 1
    assert stack.job_service.create("other", builder, "key", "print").id != first.id


def test_a_repeat_is_not_judged_by_what_time_it_is_now() -> None:
    stack = MemoryStack()

    def once(_id: str, now: int, _existing: Definition | None) -> Definition:
        soon = At(START_MS + 5_000)
        soon.check_new(now)
        return replace(DEFINITION, schedule=Schedule(soon))

    first = stack.job_service.create(TENANT, once, "key", "print")
    stack.clock.advance(60_000)
    assert stack.job_service.create(TENANT, once, "key", "print") == first


def test_a_rare_filter_ends_a_request_early_with_a_cursor() -> None:
    stack = MemoryStack()
    oldest = stack.job_service.create(TENANT, tagged(a="1", b="2"))
    for _ in range(1_000):
        stack.job_service.create(TENANT, tagged(a="1"))
    both = JobFilter(tags=[("a", "1"), ("b", "2")])
    page = stack.job_service.listed(TENANT, both, 5, None)
    assert page.items == []
    assert page.cursor is not None
    assert stack.job_service.listed(TENANT, both, 5, page.cursor).items == [oldest]


def test_one_rare_tag_state_or_name_among_many_others_is_found_at_once() -> None:
    stack = MemoryStack()
    oldest = stack.job_service.create(TENANT, tagged(rare="1"))
    for _ in range(1_500):
        stack.job_service.create(TENANT, builder)
    oldest = stack.job_service.edit(TENANT, oldest.id, named("x-ray"))
    oldest = stack.job_service.pause(TENANT, oldest.id)
    for asked in (JobFilter(tags=[("rare", "1")]), JobFilter(JobState.PAUSED), JobFilter(name_prefix="x-")):
        page = stack.job_service.listed(TENANT, asked, 1, None)
        assert (page.items, page.cursor) == ([oldest], None)


def test_states_are_told_as_of_now() -> None:
    stack = MemoryStack()
    once, now = stack.create(At(START_MS + MINUTE_MS)), stack.create(None)
    often, paused = stack.create(every(60_000)), stack.create(every(60_000))
    stack.job_service.pause(TENANT, paused.id)

    def ids(state: JobState) -> list[str]:
        return [job.id for job in stack.job_service.listed(TENANT, JobFilter(state), 10, None).items]

    stack.clock.advance(1)
    assert ids(JobState.ACTIVE) == [often.id, once.id]
    assert ids(JobState.COMPLETED) == [now.id]
    stack.clock.advance(MINUTE_MS)
    assert ids(JobState.ACTIVE) == [often.id]
    assert ids(JobState.COMPLETED) == [once.id, now.id]
    assert ids(JobState.PAUSED) == [paused.id]


def test_a_schedule_that_ends_is_completed_after_its_last_instant_not_its_end() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000), end=START_MS + 2 * MINUTE_MS + 30_000)
    stack.clock.advance(2 * MINUTE_MS)
    assert [one.id for one in stack.job_service.listed(TENANT, JobFilter(JobState.ACTIVE), 5, None).items] == [job.id]
    stack.clock.advance(1)
    assert [one.id for one in stack.job_service.listed(TENANT, JobFilter(JobState.COMPLETED), 5, None).items] == [
        job.id
    ]


def test_jobs_are_found_by_when_they_fire_next() -> None:
    stack = MemoryStack()
    soon, later = stack.create(At(START_MS + MINUTE_MS)), stack.create(At(START_MS + DAY_MS))
    stack.create(None)

    def ids(after: int | None, before: int | None) -> list[str]:
        asked = JobFilter(fires_after_ms=after, fires_before_ms=before)
        return [job.id for job in stack.job_service.listed(TENANT, asked, 10, None).items]

    assert ids(None, START_MS + 2 * MINUTE_MS) == [soon.id]
    assert ids(START_MS + 2 * MINUTE_MS, None) == [later.id]
    assert ids(START_MS, START_MS + 2 * DAY_MS) == [later.id, soon.id]
    stack.clock.advance(2 * MINUTE_MS)
    assert ids(None, START_MS + 2 * DAY_MS) == [later.id]


def test_a_key_used_for_another_request_is_refused() -> None:
    stack = MemoryStack()
    stack.job_service.create(TENANT, builder, "key", "print")
    with pytest.raises(KeyReused, match="is print, of this one another"):
        stack.job_service.create(TENANT, builder, "key", "another")


def test_a_key_whose_job_was_deleted_makes_no_second_job() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder, "key", "print")
    stack.job_service.delete(TENANT, job.id)
    with pytest.raises(Conflict):
        stack.job_service.create(TENANT, builder, "key", "print")


def test_a_run_with_a_key_is_made_once() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    first = stack.execution_service.run(TENANT, job.id, "key")
    stack.clock.advance(5_000)
    assert stack.execution_service.run(TENANT, job.id, "key").id == first.id
    assert stack.execution_service.run(TENANT, job.id).id != first.id
    assert Origin.RUN in first.id


def test_an_edit_of_an_outdated_generation_is_refused() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    assert stack.job_service.edit(TENANT, job.id, named("a"), match=1).generation == 2
    with pytest.raises(Outdated, match="newest is 2"):
        stack.job_service.edit(TENANT, job.id, named("b"), match=1)
    with pytest.raises(Outdated):
        stack.job_service.delete(TENANT, job.id, match=1)


def test_a_race_of_edits_is_tried_again_and_ends() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    replaced, losses = stack.jobs.replace, []

    def beaten(new: Job, before: Job, placed: object, tally: object) -> bool:
        losses.append(new)
        return len(losses) == 3 and replaced(new, before, placed, tally)  # type: ignore[arg-type]

    stack.jobs.replace = beaten  # type: ignore[method-assign,assignment]
    assert stack.job_service.edit(TENANT, job.id, named("a")).generation == 2
    stack.jobs.replace = lambda *_args: False  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="try again"):
        stack.job_service.edit(TENANT, job.id, named("b"))


def test_a_scheduled_job_keeps_a_schedule() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    with pytest.raises(Invalid, match="schedule"):
        stack.job_service.edit(TENANT, job.id, lambda *_args: replace(DEFINITION, schedule=None))


def test_pausing_twice_changes_nothing() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    paused = stack.job_service.pause(TENANT, job.id)
    assert (paused.state, paused.generation) == (JobState.PAUSED, 2)
    assert stack.job_service.pause(TENANT, job.id) == paused
    assert stack.job_service.upcoming(TENANT, job.id, 3) == []
    assert stack.job_service.resume(TENANT, job.id).generation == 3


def test_the_effective_time_never_goes_back() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    stack.clock._now_ms -= 5_000
    assert stack.job_service.pause(TENANT, job.id).effective_from_ms == job.effective_from_ms


def test_upcoming_names_nominal_and_due_times() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000), jitter_ms=10_000)
    upcoming = stack.job_service.upcoming(TENANT, job.id, 3)
    assert [due.nominal_ms for due in upcoming] == [START_MS, START_MS + 60_000, START_MS + 120_000]
    assert all(0 <= due.due_ms - due.nominal_ms < 10_000 for due in upcoming)


def test_upcoming_begins_with_what_is_due_though_its_nominal_time_is_past() -> None:
    stack = MemoryStack()
    job = stack.create(every(DAY_MS), window_ms=DAY_MS)
    due = job.due(START_MS)
    stack.clock.advance(due - START_MS)
    assert [one.due_ms for one in stack.job_service.upcoming(TENANT, job.id, 2)] == [due, due + DAY_MS]
    stack.clock.advance(1)
    assert [one.due_ms for one in stack.job_service.upcoming(TENANT, job.id, 1)] == [due + DAY_MS]
    stack.job_service.pause(TENANT, job.id)
    assert stack.job_service.upcoming(TENANT, job.id, 2) == []


def test_a_filtered_list_fills_its_pages() -> None:
    stack = MemoryStack()
    jobs = [stack.job_service.create(TENANT, tenth(number)) for number in range(250)]
    wanted = [job.id for job in reversed(jobs) if int(job.definition.name) % 10 == 0]
    asked = JobFilter(tags=[("all", "1"), ("tenth", "0")])
    found: list[str] = []
    after = None
    while True:
        page = stack.job_service.listed(TENANT, asked, 7, after)
        found += [job.id for job in page.items]
        if page.cursor is None:
            break
        assert len(page.items) == 7
        after = page.cursor
    assert found == wanted


@pytest.mark.parametrize("name", ["get", "pause", "resume", "delete"])
def test_what_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        getattr(MemoryStack().job_service, name)(TENANT, "j" + "0" * 16)


def test_a_job_that_is_not_there_is_not_run() -> None:
    with pytest.raises(NotFound):
        MemoryStack().execution_service.run(TENANT, "j" + "0" * 16)


def test_a_job_of_another_tenant_is_not_found() -> None:
    stack = MemoryStack()
    job = stack.job_service.create(TENANT, builder)
    with pytest.raises(NotFound):
        stack.job_service.get("other", job.id)


def test_history_is_newest_first_and_paged() -> None:
    stack = MemoryStack()
    job = stack.create(every(5_000), end=START_MS + 30_000)
    stack.turn_for(60_000)
    first = stack.execution_service.history(TENANT, job.id, 4, None)
    rest = stack.execution_service.history(TENANT, job.id, 4, first.cursor)
    times = [execution.nominal_ms for execution in (*first.items, *rest.items)]
    assert times == sorted(range(START_MS, START_MS + 30_000, 5_000), reverse=True)
    with pytest.raises(NotFound):
        stack.execution_service.history(TENANT, "j" + "0" * 16, 4, None)
