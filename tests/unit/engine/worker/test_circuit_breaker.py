"""Who waits for a target that failed too often: nobody is called, no attempt is used, and one is let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.admission_bench import FAILED, KEY, OK, OPEN_MS, Bench
from tests.support.memory_stack import START_MS, TENANT, every
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.fleet.circuit import Circuit, Phase, Sign
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy, Strategy
from tidewheel.domain.limits import (
    CIRCUIT_FRESH_MS,
    CIRCUIT_PROBE_GAP_MS,
    CIRCUIT_RECHECK_MS,
    CIRCUIT_SPREAD_MS,
    HOUR_MS,
    LEASE_MS,
    MINUTE_MS,
    RENEW_MS,
    SECOND_MS,
    TAKEOVER_GRACE_MS,
)
from tidewheel.engine.api.circuits import CircuitService
from tidewheel.ports import Call, PortError

SLOWLY = RetryPolicy(max_attempts=9, strategy=Strategy.FIXED, base_ms=30_000, jitter=0)


def test_a_target_that_works_costs_a_read_in_five_seconds_and_no_write() -> None:
    bench = Bench()
    for number in range(10):
        bench.stack.clock.advance(CIRCUIT_FRESH_MS // 5)  # ten calls in ten seconds
        bench.runner.handle(replace(bench.dispatch(number), due_ms=bench.now_ms))
    assert bench.calls == 10
    assert bench.circuits.asked == ["get", "get"]
    assert bench.world.circuits == {}


def test_without_a_tolerance_nobody_looks() -> None:
    bench = Bench(failures=0)
    bench.answers(FAILED)
    for number in range(9):
        assert bench.handle(number) == "dead"
    assert bench.circuits.asked == []


def test_after_three_failures_in_a_row_nobody_calls_and_no_attempt_is_used() -> None:
    bench = Bench()
    until_ms = bench.opened()
    assert bench.disposition(3) == bench.disposition(3, recorded=True)
    assert bench.handle(3) == "waiting"
    assert bench.calls == 0
    record = bench.record(3)
    assert record is not None
    assert (record.state, record.attempt, record.attempts, record.version) == (State.QUEUED, 0, (), 1)
    assert record.reason == f"waits until {KEY} works again"
    (entry,) = bench.entries(3)
    assert (entry.attempt, entry.execution) == (1, record.id)
    assert bench.now_ms < entry.due_ms <= bench.now_ms + CIRCUIT_RECHECK_MS < until_ms
    assert bench.stack.telemetry.counts["circuit_opened"] == 1


def test_a_success_in_between_begins_anew() -> None:
    bench = Bench()
    bench.answers(FAILED, FAILED, OK, FAILED, FAILED, OK)
    for number in range(6):
        bench.handle(number)
    assert (bench.phase, bench.circuit.failures) == (Phase.CLOSED, 0)


def test_refusals_open_nothing() -> None:
    bench = Bench()
    bench.answers(Answer(Result.FAILED, 429), Answer(Result.FAILED, 404, retryable=False))
    for number in range(9):
        bench.handle(number)
    assert bench.world.circuits == {}


def test_a_retry_waits_with_its_number_and_its_state() -> None:
    bench = Bench(retry=SLOWLY)
    until_ms = bench.opened()
    first = bench.record(0)
    assert first is not None
    assert bench.handle(0, 2, recorded=True) == "waiting"
    record = bench.record(0)
    assert record is not None
    assert (record.state, record.attempt, record.version) == (State.RETRYING, 1, first.version + 1)
    assert [entry.attempt for entry in bench.entries(0)] == [2, 2]  # the retry's own, and the one that waits
    bench.stack.clock.sleep_until(until_ms)
    assert bench.handle(0, 2, recorded=True) == "succeeded"
    record = bench.record(0)
    assert record is not None
    assert [account.number for account in record.attempts] == [1, 2]


def test_a_crash_between_record_and_entry_is_made_good() -> None:
    bench = Bench()
    bench.opened()

    def crash(*_: object) -> None:
        raise PortError("wheel.put", "x", "no answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.stack.wheel, "put", crash)
        with pytest.raises(PortError):
            bench.handle(3)
    record = bench.record(3)
    assert record is not None
    assert bench.handle(3) == "waiting"
    assert bench.record(3) == record
    assert len(bench.entries(3)) == 1


def test_an_execution_whose_worker_vanished_waits_as_it_stands() -> None:
    bench = Bench(retry=SLOWLY)
    until_ms = bench.opened()
    dispatch = bench.dispatch(3)
    left = claimed(dispatch.blank(), 1, "gone", bench.now_ms - HOUR_MS, received_ms=0)
    bench.stack.executions.swap(left, None)
    bench.stack.clock.sleep_until(left.lease_until_ms + TAKEOVER_GRACE_MS + 1)
    assert bench.handle(3) == "waiting"
    assert bench.record(3) == left
    bench.stack.clock.sleep_until(until_ms)
    assert bench.handle(3) == "succeeded"
    record = bench.record(3)
    assert record is not None
    assert [account.result for account in record.attempts] == [Result.WORKER_LOST, Result.SUCCEEDED]


def test_a_deadline_ends_what_waits() -> None:
    bench = Bench(deadline_ms=30 * SECOND_MS)
    bench.opened()
    assert bench.handle(3) == "waiting"
    (entry,) = bench.entries(3)
    assert entry.due_ms == bench.dispatch(3).due_ms + 30 * SECOND_MS
    bench.stack.clock.sleep_until(entry.due_ms)
    assert bench.handle(3, recorded=True) == "timed_out"
    assert bench.calls == 0


def test_what_is_cancelled_while_it_waits_is_not_called() -> None:
    bench = Bench()
    until_ms = bench.opened()
    bench.handle(3)
    bench.stack.job_service.delete(TENANT, bench.job.id)
    bench.stack.clock.sleep_until(until_ms + CIRCUIT_SPREAD_MS)
    assert bench.handle(3, recorded=True) == "cancelled"
    assert bench.calls == 0


# --- half-open ------------------------------------------------------------------------------------------------


def test_exactly_one_is_let_through_and_its_success_lets_the_others() -> None:
    bench = Bench()
    until_ms = bench.opened()
    bench.handle(4)
    bench.stack.clock.sleep_until(until_ms)
    seen: list[str] = []

    def call(_: Call) -> Answer:
        bench.answers(OK)
        seen.append(bench.handle(4, recorded=True))
        return OK

    bench.answers(call)
    assert bench.handle(3) == "succeeded"
    assert seen == ["waiting"]
    assert (bench.calls, bench.phase) == (1, Phase.CLOSED)
    assert bench.handle(4, recorded=True) == "succeeded"
    record = bench.record(4)
    assert record is not None
    assert (record.attempt, record.reason) == (1, "")


def test_its_failure_opens_it_anew() -> None:
    bench = Bench()
    until_ms = bench.opened()
    bench.stack.clock.sleep_until(until_ms)
    bench.answers(FAILED)
    assert bench.handle(3) == "dead"
    assert (bench.phase, bench.circuit.open_until_ms) == (Phase.OPEN, bench.now_ms + OPEN_MS)
    assert bench.handle(4) == "waiting"
    assert bench.calls == 1


def test_a_refusal_shows_that_it_is_there() -> None:
    bench = Bench()
    bench.stack.clock.sleep_until(bench.opened())
    bench.answers(Answer(Result.FAILED, 404, retryable=False))
    assert bench.handle(3) == "failed"
    assert bench.phase is Phase.CLOSED


def test_a_probe_that_says_nothing_makes_way_for_the_next() -> None:
    bench = Bench()
    bench.stack.clock.sleep_until(bench.opened())

    def call(_: Call) -> Answer:
        raise RuntimeError("a fault of ours")

    bench.answers(call, OK)
    with pytest.raises(RuntimeError):
        bench.handle(3)
    assert bench.phase is Phase.READY
    assert bench.handle(4) == "succeeded"


def test_a_probe_whose_worker_vanished_makes_way_when_its_lease_is_over() -> None:
    bench = Bench()
    bench.stack.clock.sleep_until(bench.opened())
    until_ms = bench.now_ms + LEASE_MS
    gone = bench.another().open(bench.dispatch(99), "gone")
    circuit = gone.circuit(bench.job)
    assert circuit is not None
    assert gone.probe(circuit, until_ms) is None  # and nothing more is heard of it
    assert bench.handle(4) == "waiting"
    bench.stack.clock.sleep_until(until_ms + TAKEOVER_GRACE_MS + 1)
    assert bench.handle(4, recorded=True) == "succeeded"


def test_a_long_probe_is_still_the_only_one() -> None:
    bench = Bench()
    bench.stack.clock.sleep_until(bench.opened())
    seen: list[str] = []

    def call(_: Call) -> Answer:
        for _second in range(120):
            bench.stack.clock.advance(SECOND_MS)
            bench.stack.lease_renewer.tick()
        seen.append(bench.handle(4))
        return OK

    bench.answers(call, OK)
    assert bench.handle(3) == "succeeded"
    assert seen == ["waiting"]


def test_a_claim_that_another_was_faster_with_is_no_probe_any_more() -> None:
    bench = Bench()
    bench.stack.clock.sleep_until(bench.opened())
    dispatch = bench.dispatch(3)
    other = claimed(dispatch.blank(), 1, "other", bench.now_ms, received_ms=0)
    bench.stack.executions.swap(other, None)
    assert bench.handle(3) == "busy"
    assert bench.phase is Phase.READY


# --- several workers, stores that fail ----------------------------------------------------------------------


def test_another_worker_finds_out_within_five_seconds() -> None:
    bench = Bench()
    other = bench.another()
    assert other.breaker.circuit(TENANT, KEY).phase(bench.now_ms) is Phase.CLOSED
    bench.opened()
    bench.admission = other
    bench.stack.clock.advance(CIRCUIT_FRESH_MS)
    assert bench.handle(9) == "waiting"


def test_workers_count_together() -> None:
    bench = Bench(failures=4)
    bench.answers(FAILED)
    workers = [bench.another(), bench.another()]
    for number in range(4):
        bench.admission = workers[number % 2]
        bench.handle(number)
    assert bench.phase is Phase.OPEN


def test_what_a_circuit_cannot_be_told_costs_no_run() -> None:
    bench = Bench()
    bench.answers(FAILED)
    bench.circuits.fails = lambda name: PortError("circuits", KEY, "no") if name == "swap" else None
    assert bench.handle(0) == "dead"
    assert bench.stack.telemetry.counts["circuit_not_updated"] == 1


def test_a_circuit_that_cannot_be_asked_brings_the_message_back() -> None:
    bench = Bench()
    bench.circuits.fails = lambda _: PortError("circuits", KEY, "no")
    with pytest.raises(PortError):
        bench.handle(0)
    assert bench.record(0) is None


def test_a_row_that_cannot_be_read_stops_nobody() -> None:
    bench = Bench()
    bench.circuits.fails = lambda _: Unreadable("circuit", KEY, "damaged")
    bench.answers(FAILED)
    assert bench.handle(0) == "dead"
    assert bench.stack.telemetry.counts["record_unreadable"] == 1


def test_a_row_whose_time_to_live_is_over_is_written_anew() -> None:
    bench = Bench()
    bench.answers(FAILED)
    bench.handle(0)
    bench.world.circuits.clear()
    bench.handle(1)
    assert (bench.circuit.failures, bench.circuit.version) == (1, 1)


# --- the overlap lock ---------------------------------------------------------------------------------------


def test_the_jobs_lock_stays_with_what_waits_however_long_it_lasts() -> None:
    bench = Bench(overlap=Overlap.SKIP)
    bench.opened()
    assert bench.handle(3) == "waiting"
    lock = bench.stack.locks.get(TENANT, bench.job.id)
    assert lock is not None
    assert lock.holder == bench.dispatch(3).execution
    for _ in range(12):  # the target stays away for two hours
        circuit = replace(bench.circuit, version=bench.circuit.version + 1, open_until_ms=bench.now_ms + OPEN_MS)
        bench.stack.admission.breaker._circuits.swap(circuit)
        bench.stack.clock.advance(CIRCUIT_FRESH_MS)
        assert bench.handle(3, recorded=True) == "waiting"
        bench.stack.clock.advance(OPEN_MS)
    assert bench.handle(100) == "skipped"
    bench.stack.clock.sleep_until(bench.circuit.open_until_ms + MINUTE_MS)
    assert bench.handle(3, recorded=True) == "succeeded"


def test_a_record_that_stands_otherwise_is_judged_anew() -> None:
    bench = Bench()
    bench.opened()
    dispatch = bench.dispatch(3)
    ended = Execution(TENANT, dispatch.execution, State.CANCELLED, dispatch.due_ms, 1)
    bench.stack.executions.swap(ended, None)
    assert bench.handle(3) == "duplicate"
    assert bench.entries(3) == []


def test_a_target_that_fails_now_and_then_stays_open_to_many_workers() -> None:
    """Each worker sees some successes; none of them hears of the others' failures in time."""
    bench = Bench(failures=5)
    workers = [bench.another() for _ in range(4)]
    for number in range(40):
        worker = workers[number % 4]
        bench.stack.clock.advance(100)
        for claim, seen in (("fails", Sign.FAILS), ("works", Sign.WORKS)):
            worker.breaker._known.clear()  # what it knew is old
            worker.breaker._known[TENANT, KEY] = bench.circuit, bench.stack.clock.monotonic_ms()
            if seen is Sign.WORKS:
                worker.breaker._known[TENANT, KEY] = Circuit(TENANT, KEY), 0
            worker.breaker.tell(TENANT, KEY, seen, claim)
            bench.stack.clock.advance(1)
    assert bench.stack.telemetry.counts["circuit_opened"] == 0


# --- parties, requested runs, operators --------------------------------------------------------------------------


@pytest.mark.parametrize(("circuit", "outcome"), [("prefix", "succeeded"), ("host", "waiting"), ("off", "succeeded")])
def test_a_route_that_fails_holds_the_jobs_of_its_party_alone(circuit: str, outcome: str) -> None:
    bench = Bench(circuit="host" if circuit == "host" else "prefix")
    bench.answers(FAILED)
    assert [bench.handle(number) for number in range(4)] == ["dead", "dead", "dead", "waiting"]
    bench.answers(OK)
    other = bench.stack.create(every(SECOND_MS, START_MS), url="https://api.example/well", circuit=circuit)
    assert (
        bench.runner.handle(replace(bench.dispatch(3), execution=str(ExecutionId(other.id, START_MS)))).why == outcome
    )


def test_a_job_without_a_circuit_is_called_all_the_same_and_its_failures_stop_nobody() -> None:
    bench = Bench(circuit="off")
    bench.answers(FAILED)
    assert {bench.handle(number) for number in range(9)} == {"dead"}
    assert bench.circuits.asked == []


def requested(bench: Bench, number: int) -> str:
    """Runs the message of a run that someone requested."""
    id = ExecutionId(bench.job.id, START_MS + number * SECOND_MS, Origin.RUN, f"{number}")
    return bench.runner.handle(replace(bench.dispatch(number), execution=str(id), due_ms=bench.now_ms)).why


def test_a_requested_run_is_called_though_the_circuit_is_open_and_its_success_closes_it() -> None:
    bench = Bench()
    bench.opened()
    bench.stack.clock.advance(CIRCUIT_PROBE_GAP_MS)
    assert bench.handle(3) == "waiting"
    assert requested(bench, 3) == "succeeded"
    assert bench.phase is Phase.CLOSED
    assert bench.handle(3, recorded=True) == "succeeded"


def test_however_many_runs_are_requested_one_at_a_time_is_called_ten_seconds_apart() -> None:
    bench = Bench()
    until_ms = bench.opened()
    seen: list[str] = []

    def call(_: Call) -> Answer:
        seen.append(requested(bench, 999))
        return FAILED

    bench.answers(call)
    started_ms = bench.now_ms
    for number in range(300):
        requested(bench, 3 + number)
        bench.stack.clock.advance(200)
    assert bench.calls == (bench.now_ms - started_ms) // CIRCUIT_PROBE_GAP_MS - 1
    assert set(seen) == {"waiting"}
    assert bench.circuit.open_until_ms == until_ms, "nobody else waits longer for their sake"
    assert bench.stack.telemetry.counts["circuit_opened"] == 1


def test_a_requested_run_that_may_not_be_called_yet_comes_back_soon() -> None:
    bench = Bench()
    bench.opened()
    assert requested(bench, 3) == "waiting"
    id = str(ExecutionId(bench.job.id, START_MS + 3 * SECOND_MS, Origin.RUN, "3"))
    (entry,) = bench.entries_of(id)
    assert entry.due_ms <= bench.now_ms + 4 * SECOND_MS


def test_what_an_operator_closes_is_called_within_two_minutes_and_a_probe_goes_on() -> None:
    bench = Bench()
    bench.opened()
    bench.handle(3)
    service = CircuitService(bench.stack.admission.breaker._circuits, bench.stack.clock, bench.stack.telemetry)

    def call(made: Call) -> Answer:
        assert service.close(TENANT, KEY) == service.close(TENANT, KEY)
        bench.stack.clock.advance(RENEW_MS + SECOND_MS)
        bench.stack.lease_renewer.tick()
        assert made.progress.stopping is None
        return FAILED

    bench.stack.clock.advance(CIRCUIT_PROBE_GAP_MS)
    bench.answers(call, OK)
    assert requested(bench, 5) == "dead"
    assert (bench.phase, bench.circuit.failures) == (Phase.CLOSED, 1)
    (entry,) = bench.entries(3)
    bench.stack.clock.sleep_until(entry.due_ms)
    assert bench.handle(3, recorded=True) == "succeeded"
    assert bench.stack.telemetry.counts["circuit_closed_by_operator"] == 1
