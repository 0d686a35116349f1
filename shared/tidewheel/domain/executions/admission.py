"""Whether an execution may begin now: not while its target's circuit is open, nor without one of its tenant's permits.

An execution that has to wait uses no attempt. Its record says why it waits, and an entry on the wheel brings the same
attempt back; both are durable before its message is acknowledged. Its job's overlap lock stays with it meanwhile.
"""

from __future__ import annotations

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.facts import TAKEN, UNREAD, Facts
from tidewheel.domain.executions.outcome import deadline_ms
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.steps import Fact, Note, Read, SendProbe, Step, TakePermit, Wait
from tidewheel.domain.executions.transitions import with_wait_reason
from tidewheel.domain.fleet.circuit import Circuit, Phase
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import PERMIT_RECHECK_MOST_MS
from tidewheel.domain.wheel.entries import ExecutionEntry


def decide_admission(facts: Facts, job: Job, lease_until_ms: int, now_ms: int) -> Step | None:
    """The step by which an execution is admitted, or waits; None if it may be claimed.

    The circuit is looked at first, since that costs least; then a permit is taken; then, if the circuit is half-open,
    the probe is sent.

    Args:
        facts: What is known.
        job: Its job.
        lease_until_ms: Until when (ms) its claim would last.
        now_ms: The time (ms).
    """
    if facts.circuit is UNREAD:
        return Read(Fact.CIRCUIT)
    circuit = None if facts.probing else facts.circuit
    if circuit is not None and circuit.phase(now_ms) in (Phase.OPEN, Phase.PROBED):
        return _wait_for_circuit(facts, job, circuit, now_ms)
    if facts.limit is not None and facts.permit is UNREAD:
        return TakePermit(lease_until_ms)
    if facts.permit is TAKEN:
        return _wait_for_permit(facts, job, now_ms)
    if circuit is not None and circuit.phase(now_ms) is Phase.READY:
        return SendProbe(circuit, lease_until_ms)
    return None


def _wait_for_circuit(facts: Facts, job: Job, circuit: Circuit, now_ms: int) -> Step:
    until_ms = circuit.come_back_ms(facts.dispatch.execution, now_ms)
    return _wait(facts, job, until_ms, f"waits until {circuit.key} works again", "circuit")


def _wait_for_permit(facts: Facts, job: Job, now_ms: int) -> Step:
    own = facts.before
    until_ms = recheck_ms(own.id, _since_ms(own), now_ms, PERMIT_RECHECK_MOST_MS)
    return _wait(facts, job, until_ms, f"waits until fewer than {facts.limit} executions of its tenant run", "permit")


def _wait(facts: Facts, job: Job, until_ms: int, reason: str, what: str) -> Step:
    """The record of an attempt whose worker vanished says that it runs, and is left to whoever takes it over."""
    own = facts.before
    if own.state is not State.RUNNING and needs_note(own, reason):
        return Note(with_wait_reason(own, reason))
    due_ms = min(until_ms, deadline_ms(own, job))
    return Wait(ExecutionEntry.of(own, job, facts.dispatch.attempt, due_ms), what)


def needs_note(record: Execution, reason: str) -> bool:
    """Whether the reason for which an execution waits is yet to be written."""
    return record.version == 0 or record.reason != reason


def _since_ms(record: Execution) -> int:
    """Since when (ms) an execution may have waited: its due time, its redrive, or the end of its last attempt."""
    ended = record.attempts[-1].finished_ms if record.attempts else 0
    return max(record.due_ms, record.redriven_ms or 0, ended)
