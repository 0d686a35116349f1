"""Races for permits, which random histories found: between two workers, or a worker and the end of a lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.support.admission_bench import OK, Bench
from tests.support.memory_stack import START_MS, TENANT
from tidewheel.adapters.memory import MemoryQueue
from tidewheel.domain import keys
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.transitions import claimed, with_declined
from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.limits import LEASE_MS, LOWERED_LOOK_MS, MINUTE_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.ports import Call, PortError, Refused


def before_the_take(bench: Bench, work: Callable[[], object]) -> None:
    """Does something right before somebody takes a permit."""

    def watch(name: str) -> PortError | None:
        if name == "take":
            work()
        return None

    bench.permits.fails = watch


def test_a_worker_that_froze_before_it_took_its_permit_claims_no_longer_than_that_lasts() -> None:
    """Else it would call under a permit that anybody may take."""
    bench = Bench(limit=1)
    before_the_take(bench, lambda: bench.stack.clock.advance(MINUTE_MS))
    bench.handle(0)
    record, (permit,) = bench.record(0), bench.world.permits.values()
    assert record is not None
    assert (record.attempt, record.lease_until_ms, permit.until_ms) == (1, START_MS + LEASE_MS, START_MS + LEASE_MS)
    assert bench.calls == 0  # it hands over, since its lease is over


def test_a_permit_that_is_taken_again_for_the_next_attempt_has_another_name() -> None:
    """Another worker that saw the first one, which is void, replaces whatever has its name."""
    bench = Bench(limit=1, retry=RetryPolicy(max_attempts=2))
    lost = claimed(bench.dispatch(0).blank(), 1, "gone", START_MS, received_ms=0)
    bench.stack.executions.swap(lost, None)
    bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    bench.permits.asked.clear()
    seen: list[Sequence[Permit]] = []

    def call(_: Call) -> Answer:
        seen.append(bench.taken)
        return OK

    bench.answers(call)
    assert bench.handle(0) == "succeeded"
    assert bench.permits.asked.count("take") == 2
    ((held,),) = seen
    assert (held.attempt, held.token.partition(".")[2]) == (2, "2")


def test_what_runs_keeps_its_permit_from_who_saw_the_one_before() -> None:
    bench = Bench(limit=1, retry=RetryPolicy(max_attempts=2))
    bench.stack.executions.swap(claimed(bench.dispatch(0).blank(), 1, "gone", START_MS, received_ms=0), None)
    bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    rows: list[Permit] = []
    leave = bench.grants.permits.leave

    def seen_before_it_is_left(permit: Permit) -> None:
        rows.extend(bench.grants.permits.all(TENANT))
        leave(permit)

    stolen: list[bool] = []

    def rival(_: Call) -> Answer:
        holder = keys.claim_name(bench.dispatch(5).execution, "other")
        asked = Permit(TENANT, 0, holder, bench.now_ms + LEASE_MS, 1)
        stolen.append(bench.grants.permits.take(asked, bench.now_ms, rows[0].holder))
        return OK

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.grants.permits, "leave", seen_before_it_is_left)
        bench.answers(rival)
        assert bench.handle(0) == "succeeded"
    assert stolen == [False]


def test_who_learns_that_its_permit_was_declined_takes_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard takes a permit that an arriving run took for one that was given to a copy of its message in line."""
    bench = Bench(limit=1)
    swap = bench.stack.executions.swap
    declined: list[str] = []

    def declined_before(new: Execution, version: int | None) -> Execution | None:
        if new.holder and not declined:
            (permit,) = bench.taken
            declined.append(permit.token)
            swap(with_declined(bench.dispatch(0).blank(), permit.token, permit.until_ms), None)
        return swap(new, version)

    monkeypatch.setattr(bench.stack.executions, "swap", declined_before)
    seen = []

    def call(_: Call) -> Answer:
        seen.extend(permit.token for permit in bench.taken)
        return OK

    bench.answers(call)
    assert bench.handle(0) == "succeeded"
    assert seen == [f"{declined[0]}.2"]


def test_no_process_takes_its_last_permit_again_while_more_are_held_than_a_lowered_limit() -> None:
    bench = Bench(limit=1)
    assert bench.handle(0) == "succeeded"  # with permit 0, which it may take again
    bench.stack.clock.advance(LOWERED_LOOK_MS)
    holder = keys.claim_name(bench.dispatch(5).execution, "other")
    assert bench.grants.permits.take(Permit(TENANT, 2, holder, bench.now_ms + LEASE_MS, 1), bench.now_ms)
    assert bench.handle(1) == "waiting"
    assert [permit.number for permit in bench.taken] == [2]


class Refusing(MemoryQueue):
    """A queue that never takes the messages of some executions."""

    refused: frozenset[str] = frozenset()

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        if self.refused & {dispatch.execution for dispatch in dispatches}:
            raise Refused("queue.send", str(route), "invalid", mendable=False)
        return super().send(route, dispatches, delays_s)


def test_a_permit_goes_on_in_the_same_look_past_those_whose_messages_no_queue_takes() -> None:
    bench = Bench(limit=1)
    bench.stack.queue = queue = Refusing(bench.stack.clock)
    ids = [bench.dispatch(number).execution for number in range(4)]
    queue.refused = frozenset(ids[:3])
    lines = bench.grants.lines
    lines.announce(Announced(TENANT, 1))
    for id in ids:
        lines.join(LineEntry(TENANT, id, 1, 2, START_MS, 0, 1, START_MS, ROUTES[2]))
    bench.watched = replace(bench.watched, queue=queue)
    bench.fresh_guard().look()
    assert [dispatch.execution for dispatch in bench.woken()] == ids[3:]
    assert [permit.execution for permit in bench.taken] == ids[3:]
    assert [len(bench.entries_of(id)) for id in ids] == [1, 1, 1, 0]
    assert bench.line == []
