"""Decides whether an execution may start: its target's circuit must be closed, and a limited tenant must have a permit.

An execution that has to wait uses no attempt, and keeps its job's overlap lock. One that waits for a circuit has the
reason written into its record, and an entry on the wheel brings the same attempt back. One that waits for a permit
stands in its tenant's line until one is given to it; if it has a deadline, an entry on the wheel brings it back then.
All this is stored before the message is acknowledged.
"""

from __future__ import annotations

from tidewheel.domain.executions.decisions.facts import TAKEN, UNREAD, Facts, Unknown
from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.decisions.steps import Fact, JoinLine, Note, Read, SendProbe, Step, TakePermit, Wait
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import with_wait_reason
from tidewheel.domain.fleet.circuit import Circuit, Phase
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import FOREVER_MS, WAIT_NOTED_MS
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.permits.permit import Permit, is_void
from tidewheel.domain.wheel.entries import ExecutionEntry


def decide_admission(facts: Facts, job: Job, claim: Execution, now_ms: int) -> Step | None:
    """The next step towards admission; None if the execution may be claimed.

    The circuit is checked first, since that costs least; then a permit is taken; then, if the circuit is half-open or
    the run was requested, the execution becomes its probe.

    Args:
        facts: What is known.
        job: The job of the execution.
        claim: The record as its claim would write it.
        now_ms: The time (ms since the epoch).
    """
    if facts.circuit is UNREAD:
        return Read(Fact.CIRCUIT)
    circuit = None if facts.probing else facts.circuit
    phase = Phase.CLOSED if circuit is None else circuit.phase(now_ms, requested=facts.requested)
    if circuit is not None and phase in (Phase.OPEN, Phase.PROBED):
        return _wait_for_circuit(facts, job, circuit, now_ms)
    if facts.permit is TAKEN:
        return _wait_for_permit(facts, job, claim, now_ms)
    if facts.limit is not None and not _has_permit(facts.permit, claim, facts.before):
        return _take_permit(facts, claim, now_ms)
    if circuit is not None and phase is Phase.READY:
        return SendProbe(circuit, claim.lease_until_ms)
    return None


def _has_permit(permit: Permit | Unknown, claim: Execution, before: Execution) -> bool:
    """Whether there is a permit for just this claim.

    One for another attempt may count as free already, and so does one that was declined: a copy of the message that
    stands in line may have brought it to another worker.
    """
    if not isinstance(permit, Permit) or is_void(permit, before):
        return False
    return permit.is_for(claim.attempt, claim.redriven_ms)


def _take_permit(facts: Facts, claim: Execution, now_ms: int) -> TakePermit:
    """A permit that came with the message is used unless it is for another attempt, was declined, or ends too soon."""
    dispatch, before = facts.dispatch, facts.before
    grant = dispatch.grant
    granted = grant is not None and grant.is_usable(before, claim.attempt, dispatch.attempt, now_ms)
    return TakePermit(claim.attempt, claim.redriven_ms or 0, claim.lease_until_ms, granted)


def _wait_for_circuit(facts: Facts, job: Job, circuit: Circuit, now_ms: int) -> Step:
    requested_ms = _since_ms(facts.before) if facts.requested else None
    until_ms = circuit.come_back_ms(facts.dispatch.execution, now_ms, requested_ms)
    return _wait(facts, job, until_ms, f"waits until {circuit.key} works again", "circuit", now_ms)


def _wait_for_permit(facts: Facts, job: Job, claim: Execution, now_ms: int) -> Step:
    """Nothing is written into its record: the line says that it waits. With a deadline it gets one, if it has none yet:
    the entry on the wheel that brings it back then does not say when it was due.

    The record is read before: the message may be the only one left of an attempt whose worker vanished, and what stands
    in line for an attempt that was claimed already is removed.
    """
    if facts.record is UNREAD:
        return Read(Fact.RECORD)
    own, end_ms = facts.before, deadline_ms(facts.before, job)
    deadline = None
    if end_ms != FOREVER_MS:
        if own.version == 0:
            return Note(with_wait_reason(own, f"waits until fewer than {facts.limit} executions of its tenant run"))
        deadline = ExecutionEntry.of(own, job, facts.dispatch.attempt, max(end_ms, now_ms))
    return JoinLine(LineEntry.of(own, job, claim.attempt), deadline)


def _wait(facts: Facts, job: Job, until_ms: int, reason: str, what: str, now_ms: int) -> Step:
    """Notes the reason, then waits. The record of a vanished attempt is left to the worker that takes it over."""
    own = facts.before
    if own.state is not State.RUNNING and needs_note(own, reason, now_ms):
        return Note(with_wait_reason(own, reason, noted_until_ms(until_ms, now_ms)))
    due_ms = min(until_ms, deadline_ms(own, job))
    return Wait(ExecutionEntry.of(own, job, facts.dispatch.attempt, due_ms), what)


def needs_note(record: Execution, reason: str, now_ms: int) -> bool:
    """Whether the record does not yet give the reason for which the execution waits, or last did so long ago.

    A sweep takes an execution for forgotten that does not say for longer than an hour that it still waits.
    """
    soon_ms = now_ms + WAIT_NOTED_MS // 2
    return record.version == 0 or record.reason != reason or record.next_ms is None or record.next_ms < soon_ms


def noted_until_ms(until_ms: int, now_ms: int) -> int:
    """By when (ms since the epoch) an execution that comes back at ``until_ms`` has noted again that it waits."""
    return max(until_ms, now_ms + WAIT_NOTED_MS)


def _since_ms(record: Execution) -> int:
    """Since when an execution waits (ms since the epoch): its due time, its redrive, or the end of its last attempt."""
    ended = record.attempts[-1].finished_ms if record.attempts else 0
    return max(record.due_ms, record.redriven_ms or 0, ended)
