"""Admission: who may begin now. Not who calls a target whose circuit is open, nor who finds its tenant's places taken.

An execution that has to wait uses no attempt. Its record says why it waits and an entry on the wheel brings the same
attempt back, both before its message is deleted; whoever repeats that finds the record as it is to be, and the same
entry. It waits for a circuit until that may close, and for a place by looking again and again: nobody stands in
line. A job's overlap lock stays with it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.outcome import deadline_ms
from tidewheel.domain.executions.states import State, Stop
from tidewheel.domain.executions.transitions import with_wait_reason
from tidewheel.domain.fleet.circuit import Phase, circuit_key, sign
from tidewheel.domain.fleet.permit import Permit
from tidewheel.domain.fleet.recheck import look_again_ms
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import PERMIT_RECHECK_MOST_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.engine.worker.concurrency_limiter import ConcurrencyLimiter
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.ports import Clock, Executions, Telemetry


@dataclass(frozen=True, slots=True)
class Wait:
    """An execution may not begin now.

    Args:
        until_ms: When it comes back (ms).
        reason: Why, for people; the same each time, so that it is written once.
        what: Why, in one word for the counters.
    """

    until_ms: int
    reason: str
    what: str


@dataclass(slots=True)
class Admission:
    """An execution may begin: what it has for as long as it runs. To be used as a context, which gives it back.

    Args:
        admission: Who gave it.
        tenant: Whose.
        claim: What the claim is known by to places and probes.
        circuit: The party that it calls; empty if no failure of it counts.
        place: Its place, if its tenant has a cap.
        probing: Whether it is the probe of its circuit.
        answer: How the call went, once it has returned.
        stop: Why it was told to end, if it was.
    """

    admission: AdmissionControl
    tenant: str
    claim: str
    circuit: str
    permit: Permit | None = None
    probing: bool = False
    answer: Answer | None = None
    stop: Stop | None = None

    def renew(self, until_ms: int) -> bool:
        """Extends what it has, before its execution's lease is extended so far; False if another has it by now.

        Raises:
            PortError: It may be extended or not.
        """
        return self.admission.renew(self, until_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admission.leave(self)


@dataclass(frozen=True, slots=True)
class AdmissionControl:
    """One per process: it remembers what it learns of targets and tenants.

    Args:
        executions: The records.
        breaker: The circuits.
        caps: The tenants' places.
        clock: Time.
        telemetry: Counts.
        put: Puts an entry on the wheel, given now (ms).
    """

    executions: Executions
    breaker: CircuitBreaker
    limiter: ConcurrencyLimiter
    clock: Clock
    telemetry: Telemetry
    put: Callable[[ExecutionEntry, int], None] = field(repr=False)

    def enter(
        self, claim: Execution, record: Execution | None, dispatch: Dispatch, job: Job
    ) -> Admission | Execution | Disposition:
        """Lets an execution begin that is about to be claimed, or has it wait.

        Args:
            claim: The record as it is to be written.
            record: As it stands; None if there is none.
            dispatch: What its message says.
            job: Its job.

        Returns:
            A pass: it may be claimed. ``Disposition``: it waits, and its message is not needed any more. A record: the
            execution stands otherwise than was thought, so it must be judged anew.

        Raises:
            PortError: A store failed; the message must come back.
        """
        key = circuit_key(job.definition.target) if self.breaker.watches else ""
        entered = Admission(self, claim.tenant, f"{claim.id}#{claim.holder}", key)
        try:
            wait = self._admit(entered, claim, record or dispatch.blank())
        except BaseException:
            self.leave(entered)
            raise
        if wait is None:
            return entered
        self.leave(entered)
        return self._wait_for_turn(wait, record or dispatch.blank(), dispatch, job)

    def _admit(self, entered: Admission, claim: Execution, record: Execution) -> Wait | None:
        """Looks at the circuit first: that costs least; then takes a place; then, if it is one, sends the probe."""
        now, key = self.clock.now_ms(), entered.circuit
        circuit = self.breaker.circuit(entered.tenant, key) if key else None
        if circuit is not None and circuit.phase(now) in (Phase.OPEN, Phase.PROBED):
            return self._wait_for_circuit(circuit.come_back_ms(claim.id, now), key)
        cap = self.limiter.cap(entered.tenant)
        if cap is not None:
            entered.permit = self.limiter.take(entered.tenant, entered.claim, claim.lease_until_ms)
            if entered.permit is None:
                again_ms = look_again_ms(claim.id, _since_ms(record), now, PERMIT_RECHECK_MOST_MS)
                return Wait(again_ms, f"waits until fewer than {cap} executions of its tenant run", "cap")
        if circuit is None or circuit.phase(now) is Phase.CLOSED:
            return None
        standing = self.breaker.probe(circuit, entered.claim, claim.lease_until_ms)
        entered.probing = standing is None
        if standing is None or standing.phase(now) is Phase.CLOSED:
            return None
        return self._wait_for_circuit(standing.come_back_ms(claim.id, now), key)

    @staticmethod
    def _wait_for_circuit(until_ms: int, key: str) -> Wait:
        return Wait(until_ms, f"waits until {key} works again", "circuit")

    def _wait_for_turn(self, wait: Wait, own: Execution, dispatch: Dispatch, job: Job) -> Execution | Disposition:
        """Record, entry, and then the message: a crash before the last brings it back, and all is done again.

        The record of an attempt whose worker vanished says that it runs, and is left to whoever takes it over.
        """
        now = self.clock.now_ms()
        if own.state is not State.RUNNING and (own.version == 0 or own.reason != wait.reason):
            standing = self.executions.swap(with_wait_reason(own, wait.reason), own.version or None)
            if standing is not None:
                return standing
        due_ms = min(wait.until_ms, deadline_ms(own, job))
        self.put(
            ExecutionEntry(own.tenant, own.id, dispatch.attempt, own.generation, due_ms, job.route, Precision.NORMAL),
            now,
        )
        self.telemetry.count("waiting", reason=wait.what)
        return Disposition(Action.ACK, "waiting")

    def renew(self, entered: Admission, until_ms: int) -> bool:
        """See ``Pass.renew``."""
        if entered.permit is not None and not self.limiter.extend(entered.permit, until_ms):
            return False
        if not entered.probing:
            return True
        return self.breaker.extend(entered.tenant, entered.circuit, entered.claim, until_ms)

    def leave(self, entered: Admission) -> None:
        """Gives back what an execution had, and tells its circuit how the call went."""
        if entered.circuit and (entered.probing or entered.answer is not None):
            seen = sign(entered.answer, entered.stop)
            self.breaker.tell(entered.tenant, entered.circuit, seen, entered.claim)
        if entered.permit is not None:
            self.limiter.leave(entered.permit)


def _since_ms(record: Execution) -> int:
    """Since when (ms) an execution may have waited: its due time, or the end of its last attempt."""
    ended = record.attempts[-1].finished_ms if record.attempts else 0
    return max(record.due_ms, record.redriven_ms or 0, ended)
