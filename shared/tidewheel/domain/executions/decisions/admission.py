"""Decides whether an execution may start: its target's circuit must be closed, and a limited tenant must have a permit.

An execution that has to wait uses no attempt. The reason is written into its record, and an entry on the wheel brings
the same attempt back; both are stored before the message is acknowledged. It keeps its job's overlap lock.
"""

from __future__ import annotations

from tidewheel.domain.executions.decisions.facts import TAKEN, UNREAD, Facts
from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.decisions.steps import Fact, Note, Read, SendProbe, Step, TakePermit, Wait
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import with_wait_reason
from tidewheel.domain.fleet.circuit import Circuit, Phase
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import PERMIT_RECHECK_MOST_MS, WAIT_NOTED_MS
from tidewheel.domain.wheel.entries import ExecutionEntry


def decide_admission(facts: Facts, job: Job, lease_until_ms: int, now_ms: int) -> Step | None:
    """The next step towards admission; None if the execution may be claimed.

    The circuit is checked first, since that costs least; then a permit is taken; then, if the circuit is half-open or
    the run was requested, the execution becomes its probe.

    Args:
        facts: What is known.
        job: The job of the execution.
        lease_until_ms: The end of the lease that its claim would have (ms since the epoch).
        now_ms: The time (ms since the epoch).
    """
    if facts.circuit is UNREAD:
        return Read(Fact.CIRCUIT)
    circuit = None if facts.probing else facts.circuit
    phase = Phase.CLOSED if circuit is None else circuit.phase(now_ms, requested=facts.requested)
    if circuit is not None and phase in (Phase.OPEN, Phase.PROBED):
        return _wait_for_circuit(facts, job, circuit, now_ms)
    if facts.limit is not None and facts.permit is UNREAD:
        return TakePermit(lease_until_ms)
    if facts.permit is TAKEN:
        return _wait_for_permit(facts, job, now_ms)
    if circuit is not None and phase is Phase.READY:
        return SendProbe(circuit, lease_until_ms)
    return None


def _wait_for_circuit(facts: Facts, job: Job, circuit: Circuit, now_ms: int) -> Step:
    requested_ms = _since_ms(facts.before) if facts.requested else None
    until_ms = circuit.come_back_ms(facts.dispatch.execution, now_ms, requested_ms)
    return _wait(facts, job, until_ms, f"waits until {circuit.key} works again", "circuit", now_ms)


def _wait_for_permit(facts: Facts, job: Job, now_ms: int) -> Step:
    own = facts.before
    until_ms = recheck_ms(own.id, _since_ms(own), now_ms, PERMIT_RECHECK_MOST_MS)
    reason = f"waits until fewer than {facts.limit} executions of its tenant run"
    return _wait(facts, job, until_ms, reason, "permit", now_ms)


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
