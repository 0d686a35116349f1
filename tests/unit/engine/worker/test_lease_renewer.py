"""The lease renewer: leases that are renewed during a call, and everything that stops a call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.long_call import DONE, LongCall
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.overlap_bench import FAILED, OK
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.executions.transitions import cancel_requested, claimed
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.limits import (
    HOUR_MS,
    LEASE_MS,
    MINUTE_MS,
    OUTPUT_BYTES,
    RENEW_MS,
    SECOND_MS,
    STOP_MS,
    TAKEOVER_GRACE_MS,
)
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS, TICK_MS, LeaseRenewer
from tidewheel.ports import Call, Fenced, PortError, Received

DUE_MS = START_MS + 30_000
RETRY = RetryPolicy(3, Strategy.FIXED, base_ms=20_000, cap_ms=20_000, jitter=0)
Swap = Callable[[Execution, int | None], Execution | None]


class Bench:
    """A job whose first occurrence a worker is about to run."""

    def __init__(self, **fields: object) -> None:
        self.stack = MemoryStack()
        plain: dict[str, object] = {"timeout_ms": 10 * MINUTE_MS, "retry": RETRY}
        self.job: Job = self.stack.create(every(HOUR_MS, DUE_MS), **(plain | fields))
        id = str(ExecutionId(self.job.id, DUE_MS))
        self.dispatch = Dispatch(TENANT, id, 1, 1, DUE_MS, recorded=False)
        self.writes: list[tuple[int, Execution]] = []
        swap = self.stack.executions.swap

        def noted(new: Execution, expected: int | None) -> Execution | None:
            standing = swap(new, expected)
            if standing is None:
                self.writes.append((self.stack.clock.now_ms() - DUE_MS, new))
            return standing

        self.stack.executions.swap = noted  # type: ignore[method-assign]

    def handle(self, message: Received | None = None) -> Disposition:
        return self.stack.runner.handle(self.dispatch, message)

    @property
    def record(self) -> Execution:
        return self.stack.execution_service.get(TENANT, self.dispatch.execution)

    @property
    def renewals(self) -> list[int]:
        """When (ms after the due time) its lease was extended."""
        return [at_ms for at_ms, new in self.writes[1:] if new.state is State.RUNNING and not new.cancel]

    def failing(self, times: int, *, applied: bool = False, error: type[PortError] = PortError) -> Callable[..., None]:
        """From the call on which this is done, so many writes fail, or are reported as failed."""

        def begin(_call: object = None) -> None:
            swap: Swap = self.stack.executions.swap
            left = [None] * times

            def failing(new: Execution, expected: int | None) -> Execution | None:
                if not left:
                    return swap(new, expected)
                left.pop()
                if applied:
                    swap(new, expected)
                raise error("executions.swap", new.id, "no answer")

            self.stack.executions.swap = failing  # type: ignore[method-assign]

        return begin


# --- renewals -------------------------------------------------------------------------------------------------


def test_a_short_call_is_never_renewed() -> None:
    bench = Bench()
    LongCall(bench.stack, RENEW_MS - TICK_MS)
    assert bench.handle().why == "succeeded"
    assert (bench.renewals, bench.record.version, bench.stack.lease_renewer.held) == ([], 2, 0)


def test_a_long_one_is_renewed_each_ten_seconds() -> None:
    bench = Bench()
    call = LongCall(bench.stack, 35_000)
    assert bench.handle().why == "succeeded"
    assert (bench.renewals, call.took_ms) == ([10_000, 20_000, 30_000], 35_000)
    leases = [new.lease_until_ms - DUE_MS - at_ms for at_ms, new in bench.writes[1:-1]]
    assert leases == [LEASE_MS] * 3


def test_its_message_stays_hidden_as_long_as_its_worker_lives() -> None:
    bench = Bench()
    seen: list[tuple[int, Route, int]] = []

    def hide(route: Route, receipts: object, duration_ms: int) -> None:
        assert receipts == ["receipt"]
        seen.append((bench.stack.clock.now_ms() - DUE_MS, route, duration_ms))
        if len(seen) == 2:
            raise PortError("queue.hide", "m", "no answer")

    bench.stack.queue.hide = hide  # type: ignore[assignment,method-assign]
    route = Route("lambda", "high")
    LongCall(bench.stack, 35_000)
    assert bench.handle(Received("m", "receipt", "", route, 1)).why == "succeeded"
    assert seen == [(at_ms, route, HIDDEN_MS) for at_ms in (10_000, 20_000, 30_000)]
    assert HIDDEN_MS == LEASE_MS + TAKEOVER_GRACE_MS


def test_a_renewal_that_was_applied_though_it_was_reported_as_failed_is_taken_up() -> None:
    bench = Bench()
    call = LongCall(bench.stack, 35_000, {9_000: bench.failing(1, applied=True)})
    assert bench.handle().why == "succeeded"
    assert (call.stopped, bench.stack.telemetry.counts["lease_renewal_failed"]) == (None, 1)
    assert bench.renewals[0] == 10_000
    assert bench.record.state is State.SUCCEEDED


def test_two_renewals_may_fail() -> None:
    bench = Bench()
    call = LongCall(bench.stack, 44_000, {9_000: bench.failing(15)})
    assert bench.handle().why == "succeeded"
    assert call.stopped is None
    assert bench.renewals == [25_000, 35_000]


def test_a_finish_that_meets_a_renewal_is_written_over_it() -> None:
    """The renewal was applied, and nobody told this worker: its version is one behind."""
    bench = Bench()
    LongCall(bench.stack, 10_250, {9_000: bench.failing(1, applied=True)}, answer=FAILED)
    assert bench.handle().why == "retrying"
    record = bench.record
    assert (record.state, len(record.attempts)) == (State.RETRYING, 1)


def test_a_renewal_that_comes_after_the_finish_changes_nothing() -> None:
    bench = Bench()
    LongCall(bench.stack, 5_000)
    bench.handle()
    ended = bench.record
    held = bench.stack.lease_renewer.hold(replace(bench.writes[0][1]), bench.job, None, 60_000)
    bench.stack.clock.advance(RENEW_MS)
    bench.stack.lease_renewer.tick()
    assert (held.progress.stopping, bench.record) == (Stop.LEASE_LOST, ended)


def test_a_renewal_keeps_the_checkpoint() -> None:
    bench = Bench()
    seen: list[str] = []
    LongCall(
        bench.stack,
        15_000,
        {1_000: lambda call: call.progress.checkpoint("half"), 14_000: lambda _: seen.append(bench.record.checkpoint)},
        answer=FAILED,
    )
    bench.handle()
    assert (seen, bench.record.checkpoint) == (["half"], "half")


def test_the_next_attempt_goes_on_from_it_and_a_success_forgets_it() -> None:
    bench = Bench()
    LongCall(bench.stack, 1_000, {0: lambda call: call.progress.checkpoint("half")}, answer=FAILED)
    bench.handle()
    seen: list[str] = []
    LongCall(bench.stack, 1_000, {0: lambda call: seen.append(call.progress.restored)})
    bench.stack.turn_for(60_000)
    assert (seen, bench.record.state, bench.record.checkpoint) == (["half"], State.SUCCEEDED, "")


# --- lost -----------------------------------------------------------------------------------------------------


def test_a_lease_that_passes_unrenewed_ends_the_call_and_nothing_is_finished() -> None:
    bench = Bench()
    call = LongCall(bench.stack, HOUR_MS, {9_000: bench.failing(10**6)})
    assert bench.handle() == Disposition(Action.RETRY_LATER, "lost", TAKEOVER_GRACE_MS)
    assert (call.stopped, call.took_ms) == (Stop.LEASE_LOST, LEASE_MS - STOP_MS)
    assert (bench.record.state, bench.record.version) == (State.RUNNING, 1)
    (alarm,) = bench.stack.telemetry.errors
    assert alarm[0] == "a lease ended before its call did"


def test_whoever_takes_it_over_says_that_it_was_lost() -> None:
    bench = Bench()
    swap = bench.stack.executions.swap
    LongCall(bench.stack, HOUR_MS, {9_000: bench.failing(10**6)})
    bench.handle()
    bench.stack.executions.swap = swap  # type: ignore[method-assign]
    bench.stack.caller.answers = lambda _call: OK
    assert bench.handle().why == "busy"
    bench.stack.clock.advance(STOP_MS + TAKEOVER_GRACE_MS + 1)
    assert bench.handle().why == "succeeded"
    assert [attempt.result for attempt in bench.record.attempts] == [Result.WORKER_LOST, Result.SUCCEEDED]


def test_a_success_counts_though_the_lease_was_about_to_pass() -> None:
    bench = Bench()
    call = LongCall(bench.stack, 29_000, {9_000: bench.failing(20)}, deaf=True)
    assert bench.handle().why == "succeeded"
    assert call.stopped is Stop.LEASE_LOST
    assert bench.record.state is State.SUCCEEDED


def test_one_who_was_taken_over_meanwhile_is_told_to_end_and_fenced() -> None:
    bench = Bench()
    successors: list[str] = []

    def suspended(_call: Call) -> None:
        bench.stack.clock.advance(LEASE_MS + TAKEOVER_GRACE_MS + 1)
        bench.stack.caller.answers = lambda _call: FAILED
        successors.append(bench.handle().why)

    call = LongCall(bench.stack, HOUR_MS, {1_000: suspended}, deaf=False)
    assert bench.handle().action is Action.RETRY_LATER  # its own lease tells it
    assert (successors, call.stopped) == (["retrying"], Stop.LEASE_LOST)
    assert bench.record.attempt == 2


@pytest.mark.parametrize("answer", [DONE, FAILED])
def test_one_that_ends_after_it_was_taken_over_does_not_write(answer: Answer) -> None:
    bench = Bench()

    def taken(_call: Call) -> None:
        claim = bench.record
        other = claimed(claim, 2, "other", bench.stack.clock.now_ms(), received_ms=START_MS)
        bench.stack.world.executions[TENANT, claim.id] = other

    call = LongCall(bench.stack, 5_000, {1_000: taken}, answer=answer)
    disposition = bench.handle()  # the message is the other's by now
    assert (disposition.action, disposition.why) == (Action.RETRY_LATER, "fenced")
    assert (call.stopped, bench.record.holder, bench.record.attempt) == (None, "other", 2)


@pytest.mark.parametrize("gone", [True, False])
def test_a_renewal_that_finds_another_or_nobody_ends_the_call(gone: bool) -> None:
    bench = Bench()

    def act(_call: Call) -> None:
        claim = bench.stack.world.executions.pop((TENANT, bench.dispatch.execution))
        if not gone:
            other = claimed(claim, 2, "other", bench.stack.clock.now_ms(), received_ms=START_MS)
            bench.stack.world.executions[TENANT, claim.id] = other

    call = LongCall(bench.stack, HOUR_MS, {1_000: act})
    assert bench.handle().why == "lost"
    assert (call.stopped, call.took_ms) == (Stop.LEASE_LOST, RENEW_MS)


def test_a_record_that_vanished_is_no_failed_renewal() -> None:
    bench = Bench()
    call = LongCall(bench.stack, HOUR_MS, {9_000: bench.failing(1, error=Fenced)})
    assert bench.handle().why == "lost"
    assert (call.took_ms, bench.stack.telemetry.counts["lease_renewal_failed"]) == (RENEW_MS, 0)


def test_a_worker_that_was_suspended_between_claim_and_call_does_not_begin() -> None:
    bench = Bench()
    bench.stack.clock.advance(31_000)
    hold = bench.stack.lease_renewer.hold

    def late(*args: object) -> object:
        bench.stack.clock.advance(LEASE_MS)
        return hold(*args)  # type: ignore[arg-type]

    bench.stack.lease_renewer.hold = late  # type: ignore[method-assign,assignment]
    assert bench.handle().why == "retrying"  # it hands over, in case that its message is gone
    assert bench.stack.caller.calls == []


# --- cancel, time-out, silence ----------------------------------------------------------------------------------


def test_a_cancel_request_is_found_by_the_renewal() -> None:
    bench = Bench()

    def request(_call: Call) -> None:
        record = bench.record
        bench.stack.world.executions[TENANT, record.id] = cancel_requested(record, "enough", bench.stack.clock.now_ms())

    call = LongCall(bench.stack, HOUR_MS, {1_000: request})
    assert bench.handle().why == "cancelled"
    assert (call.stopped, call.took_ms) == (Stop.CANCELLED, RENEW_MS)
    record = bench.record
    assert (record.reason, record.cancel, record.attempts[-1].result) == ("enough", "", Result.CANCELLED)


def test_silence_is_a_time_out() -> None:
    bench = Bench(heartbeat_ms=5_000)
    acts = {1_000: _beat, 4_000: lambda call: call.progress.checkpoint("x")}
    call = LongCall(bench.stack, HOUR_MS, acts)
    assert bench.handle().why == "retrying"
    assert (call.stopped, call.took_ms) == (Stop.SILENT, 9_000)
    (attempt,) = bench.record.attempts
    assert (attempt.result, attempt.reason) == (Result.TIMED_OUT, "no sign of life for 5000 ms")


def _beat(call: Call) -> None:
    call.progress.beat()


def test_who_gives_signs_of_life_goes_on() -> None:
    bench = Bench(heartbeat_ms=5_000)
    call = LongCall(bench.stack, 30_000, dict.fromkeys(range(0, 30_000, 4_000), _beat))
    assert bench.handle().why == "succeeded"
    assert call.stopped is None


def test_no_heartbeat_is_asked_of_a_job_that_names_none() -> None:
    bench = Bench()
    LongCall(bench.stack, 9 * MINUTE_MS)
    assert bench.handle().why == "succeeded"


def test_a_target_that_forgets_its_time_out_is_told() -> None:
    bench = Bench(timeout_ms=12_000)
    call = LongCall(bench.stack, HOUR_MS)
    assert bench.handle().why == "retrying"
    assert (call.stopped, call.took_ms) == (Stop.TIMED_OUT, 12_000)
    assert bench.record.attempts[0].result is Result.TIMED_OUT


# --- drain ------------------------------------------------------------------------------------------------------


def test_a_worker_that_has_to_end_hands_over_and_no_attempt_is_counted() -> None:
    bench = Bench(retry=replace(RETRY, max_attempts=1))

    def drain(call: Call) -> None:
        call.progress.checkpoint("page 7")
        bench.stack.lease_renewer.drain()

    call = LongCall(bench.stack, HOUR_MS, {2_000: drain})
    assert bench.handle().why == "retrying"
    record = bench.record
    assert (call.stopped, record.state, record.checkpoint, record.tries) == (
        Stop.DRAINED,
        State.RETRYING,
        "page 7",
        0,
    )
    bench.stack.lease_renewer = bench.stack.fresh_lease_renewer()  # another process
    seen: list[str] = []
    LongCall(bench.stack, 1_000, {0: lambda call: seen.append(call.progress.restored)})
    bench.stack.turn_for(10_000)
    record = bench.record
    assert (seen, record.state, record.attempt) == (["page 7"], State.SUCCEEDED, 2)
    assert [attempt.result for attempt in record.attempts] == [Result.HANDED_OVER, Result.SUCCEEDED]


def test_what_is_yet_to_begin_is_handed_over_without_a_call() -> None:
    bench = Bench()
    bench.stack.lease_renewer.drain()
    assert bench.handle().why == "retrying"
    assert bench.stack.caller.calls == []
    assert [attempt.result for attempt in bench.record.attempts] == [Result.HANDED_OVER]


# --- deadlines --------------------------------------------------------------------------------------------------


def test_past_its_deadline_nothing_begins() -> None:
    bench = Bench(deadline_ms=40_000)
    bench.stack.clock.sleep_until(DUE_MS + 40_000)
    assert bench.handle().why == "timed_out"
    assert (bench.stack.caller.calls, bench.record.attempts) == ([], ())
    assert bench.record.reason == "its deadline passed before this attempt began"


def test_an_attempt_may_last_as_long_as_the_deadline_leaves() -> None:
    bench = Bench(deadline_ms=40_000)
    bench.stack.clock.sleep_until(DUE_MS + 25_000)
    call = LongCall(bench.stack, HOUR_MS)
    assert bench.handle().why == "timed_out"
    assert (call.stopped, call.took_ms) == (Stop.TIMED_OUT, 15_000)
    ((_, made),) = bench.stack.caller.calls
    assert made.timeout_ms == 15_000


def test_no_retry_begins_past_the_deadline() -> None:
    bench = Bench(deadline_ms=40_000)
    LongCall(bench.stack, 25_000, answer=FAILED)  # the retry would be due after 45 s
    assert bench.handle().why == "timed_out"
    assert bench.record.reason == "HTTP 500; its deadline passes before another attempt"


# --- logs -------------------------------------------------------------------------------------------------------


def parts(bench: Bench) -> list[bytes]:
    return [data for _, data in bench.stack.logs.read(TENANT, bench.dispatch.execution, 1)]


def _write(text: bytes) -> Callable[[Call], None]:
    return lambda call: call.progress.write(text)


def test_a_log_is_stored_with_each_renewal_and_at_the_end() -> None:
    bench = Bench()
    LongCall(bench.stack, 25_000, {0: _write(b"one "), 11_000: _write(b"two "), 21_000: _write(b"three")})
    bench.handle()
    assert parts(bench) == [b"one ", b"two ", b"three"]


def test_a_log_that_the_answer_shows_anyway_is_not_stored_apart() -> None:
    bench = Bench()
    text = "x" * OUTPUT_BYTES
    LongCall(bench.stack, 5_000, {0: _write(text.encode())}, answer=replace(DONE, output=text))
    bench.handle()
    assert parts(bench) == []


def test_a_longer_one_is() -> None:
    bench = Bench()
    LongCall(bench.stack, 5_000, {0: _write(b"x" * (OUTPUT_BYTES + 1))})
    bench.handle()
    assert parts(bench) == [b"x" * (OUTPUT_BYTES + 1)]


def test_a_store_that_fails_costs_a_part_and_never_the_run() -> None:
    bench = Bench()
    append, failing = bench.stack.logs.append, [True, False, True]

    def flaky(*args: object) -> None:
        if failing.pop(0):
            raise PortError("logs.append", "x", "no answer")
        append(*args)  # type: ignore[arg-type]

    bench.stack.logs.append = flaky  # type: ignore[method-assign,assignment]
    LongCall(bench.stack, 25_000, {0: _write(b"one "), 11_000: _write(b"two "), 21_000: _write(b"three")})
    assert bench.handle().why == "succeeded"
    assert (parts(bench), bench.stack.telemetry.counts["log_lost"]) == ([b"two "], 2)


def test_secrets_are_in_no_log_answer_or_reason() -> None:
    bench = Bench()
    acts = {
        0: lambda call: call.progress.conceal("hunter22"),
        9_000: _write(b"it is a hun"),
        10_500: _write(b"ter22 z"),
    }
    LongCall(bench.stack, 15_000, acts, answer=Answer(Result.FAILED, 500, "got hunter22", "not hunter22!"))
    bench.handle()
    assert b"".join(parts(bench)) == b"it is a *** z"
    assert (bench.record.output, bench.record.reason) == ("got ***", "not ***!")
    assert bench.record.attempts[0].reason == "not ***!"


# --- the watch --------------------------------------------------------------------------------------------------


class _Enough(Exception):
    """Ends a watch that would go on for ever."""


def test_the_watch_waits_until_there_is_something_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    lease_renewer, ticks = bench.stack.lease_renewer, []
    running = claimed(bench.dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)

    def ticked() -> None:
        ticks.append(lease_renewer.held)

    def slept(_duration_ms: int) -> None:
        raise _Enough

    lease_renewer.tick = ticked  # type: ignore[method-assign]
    bench.stack.clock.sleep = slept  # type: ignore[method-assign]
    ended = threading.Event()

    def watch() -> None:
        with pytest.raises(_Enough):
            lease_renewer.watch()
        ended.set()

    lease_renewer.release(lease_renewer.hold(running, bench.job, None, SECOND_MS))
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    lease_renewer.hold(running, bench.job, None, SECOND_MS)
    assert ended.wait(10)
    thread.join(10)
    assert ticks == [1]


def test_letting_go_of_the_last_does_not_blind_the_watch_to_the_next() -> None:
    """Who begins to hold just as the last one lets go is watched, however the two are interleaved."""
    bench = Bench()
    lease_renewer = bench.stack.lease_renewer
    running = claimed(bench.dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)
    first = lease_renewer.hold(running, bench.job, None, MINUTE_MS)
    clear, began = lease_renewer._some.clear, threading.Event()

    def hold() -> None:
        began.set()
        lease_renewer.hold(running, bench.job, None, MINUTE_MS)

    other = threading.Thread(target=hold)

    def slowly() -> None:
        other.start()
        began.wait(10)
        other.join(0.05)  # lets it come as far as it can: it must not have put itself down before the clearing
        clear()

    lease_renewer._some.clear = slowly  # type: ignore[method-assign]
    lease_renewer.release(first)
    other.join(10)
    assert (lease_renewer.held, lease_renewer._some.is_set()) == (1, True)


def test_a_renewal_under_way_is_not_started_twice() -> None:
    bench = Bench()
    submitted: list[object] = []

    class Slow:
        def submit(self, fn: object, *args: object) -> None:
            submitted.append((fn, args))

    stack = bench.stack
    lease_renewer = LeaseRenewer(stack.executions, stack.queue, stack.logs, stack.clock, stack.telemetry, Slow())  # type: ignore[arg-type]
    running = claimed(bench.dispatch.blank(), 1, "w", START_MS, received_ms=START_MS)
    lease_renewer.hold(running, bench.job, None, MINUTE_MS)
    for _ in range(3):
        stack.clock.advance(RENEW_MS // 2)
        lease_renewer.tick()
    assert len(submitted) == 1
