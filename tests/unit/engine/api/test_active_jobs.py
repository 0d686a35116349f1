"""The limit of active jobs: nobody goes beyond it, and nobody is refused below it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.memory_stack import TENANT, MemoryStack, every
from tests.support.world_examples import a_tenant
from tidewheel.adapters.memory import MemoryTallies
from tidewheel.domain.jobs.job import Definition, Job, JobState
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.quotas.exceeded import Exceeded, LimitExceeded
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.quotas.tally import SETTLED_AFTER_MS, TRUSTED_MS, Tally
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.engine.common.tenant_cache import KEPT_MS
from tidewheel.ports import Throttled
from tidewheel.wiring.api.services import services_of

ACTIVE = Limit.ACTIVE_JOBS


def limited(most: int) -> MemoryStack:
    return MemoryStack(plans={"default": {ACTIVE: most}})


def active(stack: MemoryStack) -> int:
    """How many jobs are shown as active."""
    now = stack.clock.now_ms()
    return sum(job.state_at(now) is JobState.ACTIVE for job in stack.world.jobs.values())


def later(stack: MemoryStack, delay_ms: int) -> Job:
    return stack.create(At(stack.clock.now_ms() + delay_ms))


def refused(stack: MemoryStack, act: Callable[[], object]) -> Exceeded:
    before = dict(stack.world.jobs)
    with pytest.raises(LimitExceeded) as raised:
        act()
    assert stack.world.jobs == before
    return raised.value.exceeded


def test_one_more_than_the_limit_is_refused_and_nothing_of_it_is_written() -> None:
    stack = limited(2)
    for _ in range(2):
        stack.create(every(MINUTE_MS))
    assert refused(stack, lambda: stack.create(every(MINUTE_MS))) == Exceeded(ACTIVE, 2, 2)
    assert len(stack.world.jobs) == 2


def test_what_runs_at_once_needs_no_place_and_a_paused_job_has_none() -> None:
    stack = limited(1)
    job = stack.create(every(MINUTE_MS))
    stack.create(None)
    stack.job_service.pause(TENANT, job.id)
    other = stack.create(every(MINUTE_MS))
    refused(stack, lambda: stack.job_service.resume(TENANT, job.id))
    stack.job_service.delete(TENANT, other.id)
    assert stack.job_service.resume(TENANT, job.id).state is JobState.ACTIVE
    refused(stack, lambda: stack.create(every(MINUTE_MS)))


def test_an_edit_keeps_its_place_and_one_that_has_it_fire_again_needs_one() -> None:
    stack = limited(1)
    done = later(stack, MINUTE_MS)
    stack.turn_for(2 * MINUTE_MS)
    job = stack.create(every(MINUTE_MS))

    def again(_id: str, _now: int, before: Definition | None) -> Definition:
        assert before is not None
        return replace(before, name="again", schedule=Schedule(every(HOUR_MS)))

    assert stack.job_service.edit(TENANT, job.id, again).definition.name == "again"
    refused(stack, lambda: stack.job_service.edit(TENANT, done.id, again))
    refused(stack, lambda: stack.job_service.draft_edit(TENANT, done.id, again))
    refused(stack, lambda: stack.job_service.draft(TENANT, lambda *_: job.definition))


def test_jobs_that_end_by_themselves_free_their_places() -> None:
    stack = limited(3)
    for number in (1, 2, 3):
        later(stack, number * MINUTE_MS)
    assert refused(stack, lambda: later(stack, HOUR_MS)) == Exceeded(ACTIVE, 3, 3)
    stack.clock.advance(2 * MINUTE_MS + SECOND_MS)
    later(stack, HOUR_MS)
    later(stack, HOUR_MS)
    assert refused(stack, lambda: later(stack, HOUR_MS)) == Exceeded(ACTIVE, 3, 3)
    assert active(stack) == 3


def test_a_job_that_has_ended_is_not_taken_off_twice() -> None:
    stack = limited(2)
    ended = later(stack, MINUTE_MS)
    stack.create(every(MINUTE_MS))
    stack.clock.advance(2 * MINUTE_MS)
    stack.create(every(MINUTE_MS))
    stack.job_service.delete(TENANT, ended.id)
    refused(stack, lambda: stack.create(every(MINUTE_MS)))
    assert active(stack) == 2


def test_a_tenant_without_the_limit_has_no_tally() -> None:
    stack = MemoryStack()
    job = stack.create(every(MINUTE_MS))
    stack.job_service.delete(TENANT, job.id)
    assert stack.world.tallies == {}


def test_a_limit_that_comes_later_counts_what_is_there_and_a_lowered_one_ends_nothing() -> None:
    stack = MemoryStack()
    for _ in range(4):
        stack.create(every(MINUTE_MS))
    assert stack.tenants.swap(a_tenant(TENANT, plan="default", limits={ACTIVE: 5})) is None
    stack.clock.advance(KEPT_MS)
    stack.create(every(MINUTE_MS))
    assert refused(stack, lambda: stack.create(every(MINUTE_MS))) == Exceeded(ACTIVE, 5, 5)
    lowered = replace(a_tenant(TENANT, plan="default", limits={ACTIVE: 3}), version=2)
    assert stack.tenants.swap(lowered) is None
    stack.clock.advance(KEPT_MS)
    assert refused(stack, lambda: stack.create(every(MINUTE_MS))) == Exceeded(ACTIVE, 5, 3)
    assert active(stack) == 5


@pytest.mark.parametrize("after_ms", [SETTLED_AFTER_MS, SETTLED_AFTER_MS + TRUSTED_MS])
def test_what_was_written_beside_the_tally_is_counted(after_ms: int) -> None:
    """By a process that did not know of the limit yet, or while there was none."""
    stack = limited(3)
    stack.create(every(MINUTE_MS))
    stack.clock.advance(SETTLED_AFTER_MS)
    if after_ms > SETTLED_AFTER_MS:
        stack.create(every(MINUTE_MS))
    beside = replace(next(iter(stack.world.jobs.values())), id="zzzzzzzzzzzzzzzz")
    assert stack.jobs.create(beside, None, None)
    stack.clock.advance(after_ms - SETTLED_AFTER_MS)
    while active(stack) < 3:
        stack.create(every(MINUTE_MS))
    refused(stack, lambda: stack.create(every(MINUTE_MS)))


def test_usage_says_how_many_are_active() -> None:
    stack = limited(5)
    stack.create(every(MINUTE_MS))
    later(stack, MINUTE_MS)

    def used() -> float | None:
        return {use.limit: use.used for use in stack.api.limits.usage(TENANT)}[ACTIVE]

    assert used() == 2
    stack.clock.advance(2 * MINUTE_MS)
    assert used() == 1
    assert {use.limit: use.used for use in MemoryStack().api.limits.usage(TENANT)}[ACTIVE] is None


def test_while_nothing_has_ended_a_refusal_looks_at_no_jobs() -> None:
    """So that a client which tries again and again costs a read each time, however many jobs there are."""
    stack = limited(1)
    stack.create(every(MINUTE_MS))
    stack.jobs.listed = None  # type: ignore[method-assign,assignment]
    for _ in range(3):
        refused(stack, lambda: stack.create(every(MINUTE_MS)))


def test_one_that_others_always_outrun_is_sent_away() -> None:
    stack = limited(5)
    stack.create(every(MINUTE_MS))

    class Moving(MemoryTallies):
        """Somebody else changes the tally between each two steps."""

        def get(self, tenant: str) -> Tally | None:
            found = super().get(tenant)
            assert found is not None
            moved = replace(found, as_of_ms=found.as_of_ms + 1, version=found.version + 1)
            stack.world.tallies["", tenant] = moved
            return found

    moving = replace(stack.api_ports, tallies=Moving(stack.world))
    with pytest.raises(Throttled):
        services_of(moving).jobs.create(TENANT, lambda *_: next(iter(stack.world.jobs.values())).definition)


@pytest.mark.parametrize("most", [1, 20])
def test_of_eight_clients_at_once_as_many_get_in_as_there_are_places(most: int) -> None:
    stack = limited(most)
    services = [stack.api.jobs for _ in range(8)]
    definition = MemoryStack().create(every(MINUTE_MS)).definition

    def create(number: int) -> bool:
        try:
            services[number % 8].create(TENANT, lambda *_: definition)
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(create, range(64)))
    assert sum(made) == active(stack) == most


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["pause", "resume", "delete", "edit"]), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 3 * HOUR_MS)),
    ),
    max_size=40,
)


def done(stack: MemoryStack, what: str, number: int) -> None:
    """Does a step; an edit gives a job another end, or has one without a schedule stay as it is."""
    now, jobs, service = stack.clock.now_ms(), sorted(stack.world.jobs), stack.job_service
    if what == "create":
        stack.create((every(HOUR_MS), At(now + HOUR_MS), At(now + 5 * HOUR_MS), None)[number])
        return
    if not jobs:
        return
    _, id = jobs[number % len(jobs)]
    if what != "edit":
        getattr(service, what)(TENANT, id)
    elif stack.world.jobs[TENANT, id].definition.schedule is not None:
        service.edit(TENANT, id, lambda _id, _now, was: moved(was, now + HOUR_MS + number))


def moved(definition: Definition | None, at_ms: int) -> Definition:
    assert definition is not None
    return replace(definition, schedule=Schedule(At(at_ms)))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4), _STEPS)
def test_whatever_is_done_the_limit_is_exact(most: int, steps: list[tuple[str, int]]) -> None:
    """A step that would make one job more active than the limit is refused, and no other is."""
    stack = limited(most)
    for what, number in steps:
        if what == "wait":
            stack.clock.advance(number)
            continue
        before = active(stack)
        try:
            done(stack, what, number)
        except LimitExceeded:
            assert before >= most
            assert active(stack) == before
        assert active(stack) <= max(before, most)
