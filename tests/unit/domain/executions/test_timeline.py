"""The timeline: what an execution's record says of when things happened."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.timeline import Event, Moment, queue_ms, run_ms, timeline
from tidewheel.domain.executions.transitions import (
    cancel_requested,
    claimed,
    ended_unrun,
    finished,
    redriven,
    with_lost_attempt,
)
from tidewheel.domain.ids import ExecutionId, job_id
from tidewheel.domain.limits import ATTEMPTS_KEPT

ID = str(ExecutionId(job_id(bytes(10)), START_MS))
DUE = START_MS + 1_000
QUEUED = Execution(TENANT, ID, State.QUEUED, DUE, 1)
FAILED = Answer(Result.FAILED, 500, "", "HTTP 500")
DONE = Answer(Result.SUCCEEDED, 200)


def claim(record: Execution, at_ms: int, sent_ms: int | None) -> Execution:
    return claimed(record, record.attempt + 1, "w", at_ms, sent_ms=sent_ms, received_ms=at_ms - 5)


def told(record: Execution) -> list[tuple[int, str, int | None]]:
    """What happened when, in ms after the due time, and to which attempt."""
    return [(moment.at_ms - DUE, str(moment.event), moment.attempt) for moment in timeline(record)]


def test_what_waits_is_due_and_no_more() -> None:
    assert timeline(QUEUED) == [Moment(DUE, Event.DUE)]
    assert (queue_ms(QUEUED), run_ms(QUEUED)) == (None, None)


def test_what_runs_was_claimed() -> None:
    running = claim(QUEUED, DUE + 60, DUE + 10)
    assert told(running) == [(0, "due", None), (10, "dispatched", 1), (55, "received", 1), (60, "claimed", 1)]
    assert (queue_ms(running), run_ms(running)) == (45, None)


def test_what_came_early_was_dispatched_and_claimed_before_it_was_due() -> None:
    done = finished(claim(QUEUED, DUE - 250, DUE - 1_000), State.SUCCEEDED, DONE, DUE, DUE + 40)
    assert told(done) == [
        (-1_000, "dispatched", 1),
        (-255, "received", 1),
        (-250, "claimed", 1),
        (0, "due", None),
        (0, "started", 1),
        (40, "ended", 1),
        (40, "finished", None),
    ]
    assert [moment.detail for moment in timeline(done)[-2:]] == ["succeeded", "succeeded"]
    assert (queue_ms(done), run_ms(done)) == (745, 40)


def test_retries_losses_handovers_and_a_redrive_are_told_in_turn() -> None:
    record = finished(claim(QUEUED, DUE + 10, DUE + 1), State.RETRYING, FAILED, DUE + 12, DUE + 20)
    record = with_lost_attempt(claim(record, DUE + 1_000, DUE + 990), DUE + 50_000)
    record = claim(replace(record, state=State.RETRYING), DUE + 50_000, None)
    drained = Answer(Result.HANDED_OVER, reason="its worker had to end")
    record = finished(record, State.RETRYING, drained, DUE + 50_001, DUE + 50_100)
    record = ended_unrun(record, State.DEAD, "given up by the queue", DUE + 60_000)
    record = redriven(record, DUE + 70_000)
    record = finished(claim(record, DUE + 70_050, DUE + 70_020), State.SUCCEEDED, DONE, DUE + 70_060, DUE + 70_070)
    assert told(record) == [
        (0, "due", None),
        (1, "dispatched", 1),
        (5, "received", 1),
        (12, "started", 1),
        (20, "ended", 1),
        (990, "dispatched", 2),
        (995, "received", 2),
        (1_000, "claimed", 2),
        (49_995, "received", 3),
        (50_000, "lost", 2),
        (50_001, "started", 3),
        (50_100, "handed_over", 3),
        (70_000, "redriven", None),
        (70_020, "dispatched", 4),
        (70_045, "received", 4),
        (70_050, "claimed", 4),
        (70_060, "started", 4),
        (70_070, "ended", 4),
        (70_070, "finished", None),
    ]
    details = {(moment.event, moment.attempt): moment.detail for moment in timeline(record)}
    assert details[Event.ENDED, 1] == "failed: HTTP 500"
    assert details[Event.LOST, 2] == "its worker's lease ended"
    assert details[Event.HANDED_OVER, 3] == "its worker had to end"
    assert run_ms(record) == 8 + 99 + 10  # the lost one's end was only found
    assert queue_ms(record) == 4


def test_what_ended_without_an_attempt_says_why() -> None:
    skipped = ended_unrun(QUEUED, State.SKIPPED, "another was running", DUE + 3)
    assert timeline(skipped)[1:] == [Moment(DUE + 3, Event.FINISHED, None, "skipped: another was running")]


def test_a_lost_last_attempt_is_claimed_once() -> None:
    gone = with_lost_attempt(claim(QUEUED, DUE + 10, DUE + 1), DUE + 40_000)
    dead = ended_unrun(gone, State.DEAD, "the last attempt's worker vanished", DUE + 40_000)
    assert [event for _, event, _ in told(dead)] == ["due", "dispatched", "received", "claimed", "lost", "finished"]


def test_a_cancel_request_has_its_time_and_keeps_it() -> None:
    requested = cancel_requested(claim(QUEUED, DUE + 10, None), "someone cancelled it", DUE + 30)
    assert timeline(requested)[-1] == Moment(DUE + 30, Event.CANCEL_REQUESTED, None, "someone cancelled it")
    ended = Answer(Result.CANCELLED, reason="someone cancelled it")
    gone = finished(requested, State.CANCELLED, ended, DUE + 12, DUE + 40)
    assert told(gone)[-4:] == [
        (12, "started", 1),
        (30, "cancel_requested", None),
        (40, "ended", 1),
        (40, "finished", None),
    ]
    assert timeline(gone)[-3].detail == ""  # the lines that follow say it


def test_one_that_succeeded_all_the_same_says_that_it_was_to_be_cancelled() -> None:
    requested = cancel_requested(claim(QUEUED, DUE + 10, None), "someone cancelled it", DUE + 30)
    done = finished(requested, State.SUCCEEDED, DONE, DUE + 12, DUE + 40)
    assert (30, "cancel_requested", None) in told(done)


def test_a_redriven_one_that_waits_ends_with_that() -> None:
    dead = finished(claim(QUEUED, DUE + 10, None), State.DEAD, FAILED, DUE + 12, DUE + 20)
    again = redriven(dead, DUE + 20)
    assert told(again)[-2:] == [(20, "ended", 1), (20, "redriven", None)]
    at_once = claimed(again, 2, "w", DUE + 20, sent_ms=DUE + 20, received_ms=DUE + 20)
    steps = ["ended", "redriven", "dispatched", "received", "claimed", "started", "ended", "finished"]
    done = finished(at_once, State.SUCCEEDED, DONE, DUE + 20, DUE + 20)
    assert [event for at, event, _ in told(done) if at == 20] == steps


def test_old_records_say_less() -> None:
    """Accounts of before there were times of sending and receiving."""
    done = finished(claim(QUEUED, DUE + 10, None), State.SUCCEEDED, DONE, DUE + 12, DUE + 20)
    old = replace(done, attempts=tuple(replace(one, received_ms=None) for one in done.attempts), claimed_ms=None)
    assert [event for _, event, _ in told(old)] == ["due", "started", "ended", "finished"]
    assert queue_ms(old) is None


def test_a_queue_whose_clock_is_ahead_makes_no_negative_wait() -> None:
    assert queue_ms(claim(QUEUED, DUE + 10, DUE + 30)) == 0


def test_a_real_run_leaves_a_whole_timeline() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000, START_MS + 30_000))
    stack.turn_for(40_000)
    (found,) = stack.executions.list(TENANT, job.id, 5, None).items
    assert isinstance(found, Execution)
    events = [moment.event for moment in timeline(found)]
    assert sorted(events) == sorted(
        [Event.DUE, Event.DISPATCHED, Event.RECEIVED, Event.CLAIMED, Event.STARTED, Event.ENDED, Event.FINISHED]
    )


@st.composite
def histories(draw: st.DrawFn) -> Execution:
    """Records as the domain's own steps make them, a step of time after each."""
    record, now = QUEUED, DUE

    def later() -> int:
        nonlocal now
        now += draw(st.integers(0, 50))
        return now

    for _ in range(draw(st.integers(0, ATTEMPTS_KEPT + 3))):
        if record.state is State.DEAD:
            record = redriven(record, later())
        sent = draw(st.none() | st.just(later()))
        received = later()
        record = claimed(record, record.attempt + 1, "w", later(), sent_ms=sent, received_ms=received)
        match draw(st.sampled_from(["lost", "retry", "dead", "running"])):
            case "lost":
                record = ended_unrun(with_lost_attempt(record, later()), State.DEAD, "", now)
            case "retry":
                record = finished(record, State.RETRYING, FAILED, later(), later())
            case "dead":
                record = finished(record, State.DEAD, FAILED, later(), later())
            case _:
                break
    return record


@given(histories())
def test_every_timeline_is_in_order_and_tells_each_attempt_once(record: Execution) -> None:
    moments = timeline(record)
    assert [moment.at_ms for moment in moments] == sorted(moment.at_ms for moment in moments)
    assert len({(moment.event, moment.attempt) for moment in moments}) == len(moments)
    ends = [moment.attempt for moment in moments if moment.event in {Event.ENDED, Event.LOST, Event.HANDED_OVER}]
    assert ends == [account.number for account in record.attempts]
    assert (moments[-1].event is Event.FINISHED) == (record.finished_ms is not None)
    order = [Event.DISPATCHED, Event.RECEIVED, Event.CLAIMED, Event.STARTED, Event.ENDED, Event.LOST]
    for number in {moment.attempt for moment in moments} - {None}:
        own = [order.index(moment.event) for moment in moments if moment.attempt == number]
        assert own == sorted(own)
