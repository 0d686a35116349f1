"""The concurrency limiter: no more permits than the limit, each released when its execution ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.admission_bench import FAILED, OK, Bench
from tests.support.memory_stack import START_MS, TENANT
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import State, Stop
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.fleet.permit import Permit, free_numbers, limit_of
from tidewheel.domain.limits import LEASE_MS, PERMITS_TAKEN_MS, RENEW_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.engine.worker.admission import Admission
from tidewheel.ports import Call, PortError

NOW_MS = START_MS


@pytest.mark.parametrize(
    ("limits", "limit"),
    [({}, None), ({"*": 50}, 50), ({"*": 50, "acme": 5}, 5), ({"other": 5}, None)],
)
def test_the_limit_of_a_tenant(limits: dict[str, int], limit: int | None) -> None:
    assert limit_of(limits, "acme") == limit


def test_which_permits_are_free() -> None:
    over_ms = NOW_MS - TAKEOVER_GRACE_MS
    permits = [
        Permit("t", 0, "a", NOW_MS),
        Permit("t", 1, "b", over_ms - 1),
        Permit("t", 2, "", 0),
        Permit("t", 3, "c", over_ms),
    ]
    assert list(free_numbers(permits, 6, NOW_MS)) == [1, 2, 4, 5]
    assert list(free_numbers(permits, 2, NOW_MS)) == []  # two run, under whichever numbers
    assert list(free_numbers([], 3, NOW_MS)) == [0, 1, 2]


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
    seen = inside(bench, lambda: bench.handle(1))
    assert bench.handle(2) == "succeeded"
    assert seen == ["waiting"]
    assert (bench.calls, bench.taken) == (1, [])
    record = bench.record(1)
    assert record is not None
    assert (record.state, record.attempt, record.version) == (State.QUEUED, 0, 1)
    assert record.reason == "waits until fewer than 1 executions of its tenant run"
    (entry,) = bench.entries(1)
    assert bench.now_ms + 2 * SECOND_MS < entry.due_ms <= bench.now_ms + 30 * SECOND_MS
    assert bench.handle(1, recorded=True) == "succeeded"


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
    assert (most[0], bench.calls, bench.taken) == (3, 3, [])
    assert bench.stack.telemetry.counts["execution_waiting[reason=permit]"] == 1


def test_the_permit_that_was_released_last_is_taken_again_without_a_read() -> None:
    bench = Bench(limit=2)
    for number in range(3):
        bench.handle(number)
    assert bench.permits.asked == ["all", "take", "leave", "take", "leave", "take", "leave"]


def test_permits_that_are_all_taken_are_not_read_again_within_a_second() -> None:
    bench = Bench(limit=1)
    bench.stack.clock.advance(9 * SECOND_MS)  # all are due

    def look() -> None:
        for number in (1, 2):
            bench.handle(number)
        bench.stack.clock.advance(PERMITS_TAKEN_MS)
        bench.handle(3)

    inside(bench, look)
    bench.handle(0)
    assert bench.permits.asked == ["all", "take", "all", "all", "leave"]


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
    made = bench.another().open(TENANT, f"{claim.id}#{claim.holder}")
    assert made.take_permit(claim.lease_until_ms) is not None
    return made, claim


def test_after_a_crash_a_permit_is_taken_until_its_lease_ends() -> None:
    bench = Bench(limit=1)
    _, claim = entered(bench, 0)
    assert bench.taken == [Permit(TENANT, 0, f"{claim.id}#gone0", claim.lease_until_ms)]
    bench.stack.clock.sleep_until(claim.lease_until_ms + TAKEOVER_GRACE_MS)
    assert bench.handle(1) == "waiting"
    bench.stack.clock.advance(PERMITS_TAKEN_MS)
    assert bench.handle(1) == "succeeded"


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


def test_a_permit_that_cannot_be_released_is_free_when_its_lease_ends() -> None:
    bench = Bench(limit=1)
    bench.permits.fails = lambda name: PortError("permits.leave", "x", "no") if name == "leave" else None
    assert bench.handle(0) == "succeeded"
    assert bench.stack.telemetry.counts["permit_not_released"] == 1
    bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
    assert bench.handle(1) == "succeeded"


def test_a_lowered_limit_is_valid_for_executions_that_start_after_it() -> None:
    bench = Bench(limit=2)
    entered(bench, 0)
    entered(bench, 1)
    bench.stack.tenant_concurrency = {TENANT: 1}
    bench.admission = bench.another()
    assert bench.handle(2) == "waiting"


def test_workers_that_see_the_same_free_permits_take_different_ones() -> None:
    bench = Bench(limit=4)
    stale = list(bench.stack.admission.limiter._permits.all(TENANT))
    got = []
    for number in range(4):
        bench.permits.__dict__["all"] = lambda _tenant: stale  # nobody sees what was taken just now
        permit = bench.another().open(TENANT, f"c{number}").take_permit(bench.now_ms + LEASE_MS)
        got += [permit.number] if permit else []
    assert len(got) == len(set(got)) >= 3  # three permits are tried at most
