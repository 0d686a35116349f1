"""The small rules: the state table and its diagram, leases, ids, errors."""

from __future__ import annotations

import re

import pytest

from tidewheel.domain.errors import IllegalTransition, Invalid, Unreadable
from tidewheel.domain.executions import states
from tidewheel.domain.executions.claiming import ClaimVerdict, judge
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import TRANSITIONS, Result, State, is_end
from tidewheel.domain.executions.transitions import claimed, ended_unrun, finished
from tidewheel.domain.fleet.lease import BLINK_MS, Lease, LeaseWatcher
from tidewheel.domain.ids import ExecutionId, Origin, check_tenant, is_job_id, job_id
from tidewheel.domain.limits import ATTEMPTS_KEPT, STILL_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.wheel.entries import decode

ID = str(ExecutionId("j0123456789abcdef", 1_795_000_000_000))


def record(state: State, attempt: int = 1) -> Execution:
    return Execution("t", ID, state, 1_000, 1, attempt=attempt, lease_until_ms=5_000, holder="h", claimed_ms=1_000)


def test_every_state_is_in_the_table_and_in_the_diagram() -> None:
    assert set(TRANSITIONS) == {None, *State}
    assert states.__doc__ is not None
    named = set(re.findall(r"[a-z_]+", states.__doc__))
    assert {str(state) for state in State} <= named


def test_ends_lead_nowhere_and_the_rest_lead_on() -> None:
    ends = {state for state in State if is_end(state)}
    assert ends == set(State) - {State.QUEUED, State.RUNNING, State.RETRYING, State.OPEN}


@pytest.mark.parametrize("state", [state for state in State if is_end(state)])
def test_nothing_follows_an_end(state: State) -> None:
    with pytest.raises(IllegalTransition, match=ID):
        claimed(record(state), 2, "h", 9_000, received_ms=9_000)
    with pytest.raises(IllegalTransition):
        ended_unrun(record(state), State.CANCELLED, "x", 9_000)


def test_what_a_message_finds() -> None:
    late = 5_000 + TAKEOVER_GRACE_MS + 1
    assert judge(None, 1, 0) is ClaimVerdict.CLAIM
    assert judge(record(State.QUEUED, 0), 1, 0) is ClaimVerdict.CLAIM
    assert judge(record(State.QUEUED, 3), 4, 0) is ClaimVerdict.CLAIM  # it was redriven
    assert judge(record(State.QUEUED, 3), 3, 0) is ClaimVerdict.OBSOLETE
    assert judge(record(State.RETRYING, 1), 2, 0) is ClaimVerdict.CLAIM
    assert judge(record(State.RETRYING, 2), 2, 0) is ClaimVerdict.OBSOLETE
    assert judge(record(State.RUNNING), 1, late - 1) is ClaimVerdict.BUSY
    assert judge(record(State.RUNNING), 1, late) is ClaimVerdict.TAKE_OVER
    assert all(judge(record(state), 1, late) is ClaimVerdict.OBSOLETE for state in State if is_end(state))


def test_a_record_keeps_only_its_newest_attempts_and_short_reasons() -> None:
    execution = record(State.QUEUED, 0)
    for number in range(1, ATTEMPTS_KEPT + 5):
        running = claimed(execution, number, "h", number * 10_000, received_ms=number * 10_000)
        failure = Answer(Result.FAILED, 500, "", "x" * 10_000)
        execution = finished(running, State.RETRYING, failure, number * 10_000, number * 10_000 + 1)
    assert [attempt.number for attempt in execution.attempts][-1] == ATTEMPTS_KEPT + 4
    assert len(execution.attempts) == ATTEMPTS_KEPT
    assert len(execution.reason) < 300
    assert execution.lateness_ms == 10_000 - 1_000  # of the first attempt, whatever came after


def test_a_lease_may_be_taken_when_its_counter_stood_still_while_we_watched() -> None:
    watcher = LeaseWatcher()
    lease = Lease("a", 1, 7, "v")
    assert not watcher.stands_still(lease, 0)
    assert not any(watcher.stands_still(lease, at) for at in range(0, STILL_MS, BLINK_MS))
    beaten = Lease("a", 1, 8, "v")
    looks = [watcher.stands_still(beaten, at) for at in range(STILL_MS - 1, 2 * STILL_MS - 1, BLINK_MS)]
    assert looks == [False] * len(looks)
    assert watcher.stands_still(beaten, 2 * STILL_MS - 1)


def test_what_nobody_could_watch_does_not_count() -> None:
    """The store answered nobody: its holder could not renew either."""
    watcher, lease = LeaseWatcher(), Lease("a", 1, 7, "v")
    assert not watcher.stands_still(lease, 0)
    assert not watcher.stands_still(lease, 60_000)
    looks = [watcher.stands_still(lease, 60_000 + at) for at in range(1, STILL_MS - BLINK_MS, 100)]
    assert not any(looks)
    assert watcher.stands_still(lease, 60_000 + STILL_MS - BLINK_MS)


@pytest.mark.parametrize("lease", [None, Lease(None, 3, 0, "v")])
def test_a_free_lease_may_be_taken_at_once(lease: Lease | None) -> None:
    assert LeaseWatcher().stands_still(lease, 0)


@pytest.mark.parametrize(
    "text",
    ["", "x", ID[:-1], ID + "x", ID.replace("-s", "-q"), ID.replace("-s", "-r!"), "j1-2-s", ID.upper()],
)
def test_what_is_no_execution_id_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        ExecutionId.parse(text)


def test_ids_hold_what_they_say() -> None:
    id = ExecutionId("j0123456789abcdef", 123, Origin.RUN, "abc")
    assert ExecutionId.parse(str(id)) == id
    assert is_job_id(job_id(b"0123456789"))
    assert not is_job_id("j123")


@pytest.mark.parametrize("tenant", ["", "A", "a b", "x" * 33, "-a", "a#b", "a|b"])
def test_tenants_that_would_break_a_key_are_refused(tenant: str) -> None:
    with pytest.raises(Invalid, match="tenant"):
        check_tenant(tenant)


@pytest.mark.parametrize("text", ["", "o|t|j|1", "o|t|j|x|1|0", "w|t|nonsense|1|1|1|lambda-low/low", "q|1|2|3|4|5"])
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        decode(text)
