"""The concurrency limiter: no more permits than the limit, each free when its execution ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.admission_bench import FAILED, OK, Bench
from tests.support.memory_stack import START_MS, TENANT
from tidewheel.domain.executions.decisions.steps import TakePermit
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.limits import LEASE_MS, LINE_IDLE_GUARD_MS, RENEW_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.permit import Permit
from tidewheel.engine.worker.admission import Admission
from tidewheel.ports import Call, PortError

NOW_MS = START_MS


def inside(bench: Bench, work: Callable[[], object], answer: Answer = OK) -> list[object]:
    """While the target is called next, this is done."""
    seen: list[object] = []

    def call(_: Call) -> Answer:
        seen.append(work())
        return answer

    bench.answers(call, OK)
    return seen


def test_without_a_limit_no_permit_is_taken() -> None:
    bench = Bench()
    assert bench.handle(0) == "succeeded"
    assert (bench.permits.asked, bench.world.permits) == ([], {})


def test_one_more_than_the_limit_waits_and_uses_no_attempt() -> None:
    bench = Bench(limit=1)
    seen = inside(bench, lambda: (bench.handle(1), bench.line[0].execution))
    assert bench.handle(2) == "succeeded"
    assert seen == [("waiting", bench.dispatch(1).execution)]
    assert (bench.calls, bench.line, bench.entries(1), bench.record(1)) == (1, [], [], None)
    (woken,) = bench.woken()
    assert (woken.execution, woken.attempt) == (bench.dispatch(1).execution, 1)
    assert bench.runner.handle(woken).why == "succeeded"
    assert (bench.calls, bench.taken) == (2, [])


def test_as_many_as_the_limit_run_at_once() -> None:
    bench = Bench(limit=3)
    depth, most = [0], [0]

    def nest(_: Call) -> Answer:
        depth[0] += 1
        most[0] = max(most[0], len(bench.taken))
        if depth[0] < 5:
            bench.handle(depth[0])
        return OK

    bench.answers(nest)
    bench.handle(0)
    assert (most[0], bench.calls) == (3, 3)
    assert bench.stack.telemetry.counts["execution_waiting[reason=permit]"] == 1


def test_the_permit_that_was_used_last_is_taken_again_and_nothing_is_written_to_return_it() -> None:
    bench = Bench(limit=2)
    for number in range(3):
        bench.handle(number)
    assert bench.permits.asked == ["all", "take", "all", "take", "take"]  # once it looks for those beyond the limit
    assert (bench.taken, bench.lines.asked.count("join")) == ([], 0)


@pytest.mark.parametrize("ending", [FAILED, OK])
def test_a_permit_is_released_when_the_execution_ends(ending: Answer) -> None:
    bench = Bench(limit=1)
    bench.answers(ending)
    bench.handle(0)
    assert bench.taken == []


def test_a_permit_is_released_after_a_call_that_raises() -> None:
    bench = Bench(limit=1)

    def call(_: Call) -> Answer:
        raise RuntimeError("a fault of ours")

    bench.answers(call)
    with pytest.raises(RuntimeError):
        bench.handle(0)
    assert bench.taken == []


def test_a_permit_is_released_by_a_fenced_attempt() -> None:
    bench = Bench(limit=1)

    def steal(_: Call) -> Answer:
        record = bench.record(0)
        assert record is not None
        bench.stack.executions.swap(claimed(record, 2, "other", bench.now_ms, received_ms=0), record.version)
        return OK

    bench.answers(steal)
    assert bench.handle(0) == "fenced"
    assert bench.taken == []


def test_a_permit_is_released_if_the_claim_was_not_written() -> None:
    bench = Bench(limit=1)
    dispatch = bench.dispatch(0)
    bench.stack.executions.swap(claimed(dispatch.blank(), 1, "other", bench.now_ms, received_ms=0), None)
    assert bench.handle(0) == "busy"
    assert (bench.calls, bench.taken) == (0, [])


def test_a_permit_is_released_when_the_store_of_records_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(limit=1)

    def fail(*_: object) -> None:
        raise PortError("executions.swap", "x", "no")

    monkeypatch.setattr(bench.stack.executions, "swap", fail)
    with pytest.raises(PortError):
        bench.handle(0)
    assert bench.taken == []


def test_an_execution_that_waits_for_a_circuit_takes_no_permit() -> None:
    bench = Bench(limit=1)
    bench.opened()
    bench.permits.asked.clear()
    assert bench.handle(5) == "waiting"
    assert bench.permits.asked == []


def test_an_execution_that_does_not_become_the_probe_releases_its_permit() -> None:
    bench = Bench(limit=2)
    bench.stack.clock.sleep_until(bench.opened())
    late = bench.another()
    late.breaker.circuit(TENANT, bench.circuit.key)  # it knows of no probe yet

    def look() -> str:
        mine, bench.admission = bench.admission, late
        why = bench.handle(6)
        bench.admission = mine
        return why

    seen = inside(bench, look)
    assert bench.handle(5) == "succeeded"
    assert (seen, bench.taken) == (["waiting"], [])


# --- leases ---------------------------------------------------------------------------------------------------


def entered(bench: Bench, number: int) -> tuple[Admission, Execution]:
    """A worker that took a permit and vanished."""
    dispatch = bench.dispatch(number)
    claim = claimed(dispatch.blank(), 1, f"gone{number}", bench.now_ms, received_ms=bench.now_ms)
    made = bench.another().open(dispatch, f"{claim.id}#{claim.holder}")
    assert made.take_permit(TakePermit(1, 0, claim.lease_until_ms, granted=False), bench.now_ms) is not None
    return made, claim


def test_after_a_crash_a_permit_is_taken_until_its_lease_ends() -> None:
    bench = Bench(limit=1)
    _, claim = entered(bench, 0)
    assert [permit.holder for permit in bench.taken] == [f"{claim.id}#gone0"]
    bench.stack.clock.sleep_until(claim.lease_until_ms + TAKEOVER_GRACE_MS)
    assert bench.handle(1) == "waiting"
    bench.stack.clock.advance(SECOND_MS)
    bench.guard.look()
    assert [bench.runner.handle(woken).why for woken in bench.woken()] == ["succeeded"]


def test_a_permit_is_extended_as_long_as_the_call_runs() -> None:
    bench = Bench(limit=1, timeout_ms=600 * SECOND_MS)

    def last_long() -> object:
        for _ in range(120):
            bench.stack.clock.advance(SECOND_MS)
            bench.stack.lease_renewer.tick()
            (permit,), record = bench.taken, bench.record(0)
            assert record is not None
            assert permit.until_ms >= record.lease_until_ms > bench.now_ms
        return bench.handle(1)

    seen = inside(bench, last_long)
    assert bench.handle(0) == "succeeded"
    assert (seen, bench.calls) == (["waiting"], 1)


def test_a_lease_is_not_extended_if_the_permit_could_not_be() -> None:
    bench = Bench(limit=1)
    seen: list[int] = []

    def call(_: Call) -> Answer:
        bench.permits.fails = lambda name: PortError("permits.hold", "x", "no") if name == "hold" else None
        bench.stack.clock.advance(RENEW_MS)
        bench.stack.lease_renewer.tick()
        record = bench.record(0)
        assert record is not None
        seen.append(record.version)
        bench.permits.fails = lambda _: None
        bench.stack.clock.advance(SECOND_MS)
        bench.stack.lease_renewer.tick()
        record = bench.record(0)
        assert record is not None
        seen.append(record.version)
        return OK

    bench.answers(call)
    assert bench.handle(0) == "succeeded"
    assert seen == [1, 2]


def test_a_call_whose_permit_another_claim_has_is_stopped() -> None:
    bench = Bench(limit=1)
    stops: list[Stop | None] = []

    def call(call: Call) -> Answer:
        bench.world.permits[TENANT, 0] = Permit(TENANT, 0, "another", bench.now_ms + LEASE_MS)
        bench.stack.clock.advance(RENEW_MS)
        bench.stack.lease_renewer.tick()
        stops.append(call.progress.stopping)
        return FAILED

    bench.answers(call)
    assert bench.handle(0) == "lost"
    assert stops == [Stop.LEASE_LOST]
    assert [permit.holder for permit in bench.taken] == ["another"]


def test_a_permit_that_cannot_be_released_is_free_by_its_record_or_when_its_lease_ends() -> None:
    bench = Bench(limit=1)
    bench.permits.fails = lambda name: PortError("permits.leave", "x", "no") if name == "leave" else None
    bench.stack.executions.swap(claimed(bench.dispatch(0).blank(), 1, "other", bench.now_ms, received_ms=0), None)
    assert bench.handle(0) == "busy"
    assert bench.stack.telemetry.counts["permit_not_released"] == 1
    assert bench.taken == []  # its attempt is another claim's
    bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    assert bench.handle(1) == "succeeded"


def test_a_lowered_limit_is_valid_for_executions_that_start_after_it() -> None:
    bench = Bench(limit=2)
    entered(bench, 0)
    entered(bench, 1)
    bench.redeployed(1)
    assert bench.handle(2) == "waiting"


def test_workers_that_see_the_same_free_permits_take_different_ones() -> None:
    bench = Bench(limit=4)
    got = []
    for number in range(4):
        bench.permits.__dict__["all"] = lambda _tenant, _first=0: []  # nobody sees what was taken just now
        asked = Permit(TENANT, -1, f"c{number}#x", bench.now_ms + LEASE_MS, 1)
        permit = bench.another().limiter.take(asked)
        got += [permit.number] if isinstance(permit, Permit) else []
    assert len(got) == len(set(got)) >= 3  # three permits are tried at most


# --- the line -------------------------------------------------------------------------------------------------


def held(bench: Bench, *numbers: int) -> list[str]:
    """These arrive while the first execution is called; the answer is who stands in line then, in order."""
    seen = inside(
        bench, lambda: [bench.handle(number) for number in numbers] and [each.execution for each in bench.line]
    )
    bench.handle(0)
    (found,) = seen
    return found  # type: ignore[return-value]


def test_who_waits_longest_gets_the_next_permit_and_whoever_comes_later_goes_to_the_end() -> None:
    bench = Bench(limit=1)
    bench.stack.clock.advance(9 * SECOND_MS)
    ids = [bench.dispatch(number).execution for number in range(6)]
    assert held(bench, 5, 3, 4) == [ids[3], ids[4], ids[5]]
    assert bench.handle(2) == "waiting"  # three wait, though the permit is only on its way to the first of them
    order = []
    while woken := bench.woken():
        order += [dispatch.execution for dispatch in woken]
        assert [bench.runner.handle(dispatch).why for dispatch in woken] == ["succeeded"]
    assert order == [ids[3], ids[2], ids[4], ids[5]]
    assert (bench.line, bench.taken) == ([], [])
    assert bench.stack.telemetry.counts["execution_waiting[reason=permit]"] == 4  # nobody looks twice


def test_a_copy_of_the_message_does_not_stand_in_line_twice() -> None:
    bench = Bench(limit=1)
    bench.stack.clock.advance(9 * SECOND_MS)
    assert len(held(bench, 1, 1, 1)) == 1


def test_what_was_cancelled_in_line_gets_no_permit() -> None:
    bench = Bench(limit=1)
    bench.stack.clock.advance(9 * SECOND_MS)
    ids = [bench.dispatch(number).execution for number in range(3)]

    def come() -> None:
        bench.handle(1)
        bench.handle(2)
        bench.stack.cancel.run(TENANT, ids[1])

    inside(bench, come)
    bench.handle(0)
    assert [dispatch.execution for dispatch in bench.woken()] == [ids[2]]
    assert bench.line == []


def test_an_entry_on_the_wheel_ends_a_run_in_line_at_its_deadline() -> None:
    bench = Bench(limit=1, deadline_ms=60 * SECOND_MS)
    due_ms = bench.dispatch(1).due_ms

    def come() -> tuple[str, list[int]]:
        why = bench.handle(1)
        bench.permits.fails = lambda _: PortError("permits.take", "x", "no")  # it is given to nobody
        return why, [entry.due_ms for entry in bench.entries(1)]

    seen = inside(bench, come)
    bench.handle(0)
    assert seen == [("waiting", [due_ms + 60 * SECOND_MS])]
    bench.permits.fails = lambda _: None
    bench.stack.clock.sleep_until(due_ms + 60 * SECOND_MS)
    assert bench.handle(1) == "timed_out"


def given(bench: Bench) -> Dispatch:
    """The message that brings a permit to the second execution."""
    bench.stack.clock.advance(9 * SECOND_MS)
    held(bench, 1)
    (woken,) = bench.woken()
    return woken


def test_a_second_copy_of_the_message_with_the_permit_changes_nothing() -> None:
    bench = Bench(limit=1)
    woken = given(bench)
    seen = inside(bench, lambda: (bench.runner.handle(woken).why, len(bench.taken)))
    assert bench.runner.handle(woken).why == "succeeded"
    assert seen == [("busy", 1)]
    assert bench.runner.handle(woken).why == "duplicate"
    assert (bench.calls, bench.taken) == (2, [])


def test_a_permit_that_is_not_used_goes_on_and_no_copy_can_use_it_any_more() -> None:
    bench = Bench(limit=1)
    woken = given(bench)
    bench.opened_by_another()
    assert bench.runner.handle(woken).why == "waiting"  # for the circuit
    record = bench.record(1)
    assert record is not None
    assert record.permit == woken.grant.token  # type: ignore[union-attr]
    assert bench.taken == []
    bench.world.circuits.clear()
    bench.admission = bench.another()
    bench.permits.asked.clear()
    assert bench.runner.handle(woken).why == "succeeded"
    assert "take" in bench.permits.asked  # one of its own
    assert bench.stack.telemetry.counts["permit_declined"] == 1


def test_a_permit_that_comes_too_late_is_not_used() -> None:
    bench = Bench(limit=1)
    woken = given(bench)
    bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    bench.permits.asked.clear()
    assert bench.runner.handle(woken).why == "succeeded"
    assert "take" in bench.permits.asked


def test_the_lease_of_a_claim_ends_with_its_permit_and_is_renewed_at_once_if_that_is_soon() -> None:
    bench = Bench(limit=1, timeout_ms=600 * SECOND_MS)
    woken = given(bench)
    assert woken.grant is not None
    bench.stack.clock.advance(15 * SECOND_MS)
    seen: list[tuple[int, int]] = []

    def call(_: Call) -> Answer:
        for _ in range(2):
            record, (permit,) = bench.record(1), bench.world.permits.values()
            assert record is not None
            seen.append((record.lease_until_ms, permit.until_ms))
            bench.stack.lease_renewer.tick()
        return OK

    bench.answers(call)
    assert bench.runner.handle(woken).why == "succeeded"
    assert seen == [(woken.grant.until_ms, woken.grant.until_ms), (bench.now_ms + LEASE_MS, bench.now_ms + LEASE_MS)]


def test_a_permit_beyond_a_lowered_limit_is_given_to_nobody() -> None:
    bench = Bench(limit=2)
    bench.stack.clock.advance(9 * SECOND_MS)
    entered(bench, 3)
    entered(bench, 4)
    bench.redeployed(1)
    assert bench.handle(1) == "waiting"
    low, high = sorted(bench.taken, key=lambda permit: permit.number)
    bench.admission.limiter.give_back(low, void=False)
    assert (bench.woken(), [permit.number for permit in bench.taken]) == ([], [high.number])
    bench.admission.limiter.give_back(high, void=False)
    bench.guard.look()
    assert [dispatch.execution for dispatch in bench.woken()] == [bench.dispatch(1).execution]
    assert [permit.number for permit in bench.taken] == [0]


def test_a_process_that_knows_of_a_higher_limit_says_so() -> None:
    bench = Bench(limit=1)
    bench.stack.clock.advance(9 * SECOND_MS)
    entered(bench, 0)
    assert bench.handle(1) == "waiting"
    bench.redeployed(3)
    assert bench.handle(2) == "waiting"
    bench.guard.look()
    assert len(bench.woken()) == 2


def test_while_nobody_waits_no_guard_reads_more_than_that() -> None:
    bench = Bench(limit=1)
    bench.handle(0)
    bench.lines.asked.clear()
    bench.guard.look()
    assert (bench.lines.asked, bench.guard.pause_ms) == (["announced"], LINE_IDLE_GUARD_MS)


def test_a_permit_of_what_an_edit_dropped_goes_on_and_nothing_is_written_of_it() -> None:
    bench = Bench(limit=1)
    woken = given(bench)
    bench.stack.job_service.delete(TENANT, bench.job.id)
    assert bench.runner.handle(woken).why == "unwanted"
    assert (bench.record(1), bench.taken) == (None, [])
