"""What an execution has for as long as it runs: a permit of its tenant's, and its word in the target's circuit.

Whether it is admitted, or has to wait, is decided in ``domain/executions/admission.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.fleet.circuit import Circuit, sign
from tidewheel.domain.fleet.permit import Permit
from tidewheel.domain.jobs.job import Job, Target
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.engine.worker.concurrency_limiter import ConcurrencyLimiter


@dataclass(frozen=True, slots=True)
class AdmissionControl:
    """One per process: it remembers what it learns of targets and tenants.

    Args:
        breaker: The circuits.
        limiter: The tenants' permits.
        circuit_key: The key of a target's circuit; empty if it has none.
    """

    breaker: CircuitBreaker
    limiter: ConcurrencyLimiter
    circuit_key: Callable[[Target], str] = field(repr=False)

    def open(self, tenant: str, claim: str) -> Admission:
        """What an execution will have while it runs: nothing yet.

        Args:
            tenant: Whose it is.
            claim: What its claim is known by to permits and probes; no other claim is.
        """
        return Admission(self, tenant, claim)


@dataclass(slots=True)
class Admission:
    """What an execution has for as long as it runs. To be used as a context, which gives it back.

    Args:
        control: Where it comes from.
        tenant: Whose execution it is.
        claim: What its claim is known by.
        circuit_key: The party that it calls; empty if no failure of that counts.
        permit: Its permit, if it has one.
        probing: Whether it is the probe of its circuit.
        answer: How the call went, once it has returned.
        stop: Why it was told to end, if it was.
    """

    control: AdmissionControl
    tenant: str
    claim: str
    circuit_key: str = ""
    permit: Permit | None = None
    probing: bool = False
    answer: Answer | None = None
    stop: Stop | None = None

    @property
    def limit(self) -> int | None:
        """How many executions of its tenant may run at once; None: any number."""
        return self.control.limiter.limit(self.tenant)

    def circuit(self, job: Job) -> Circuit | None:
        """The circuit of the party that a job calls, as it stood a few seconds ago at most; None if none ever opens.

        Raises:
            PortError: It could not be read.
        """
        breaker = self.control.breaker
        self.circuit_key = self.control.circuit_key(job.definition.target) if breaker.watches else ""
        return breaker.circuit(self.tenant, self.circuit_key) if self.circuit_key else None

    def take_permit(self, until_ms: int) -> Permit | None:
        """Takes one of the tenant's permits, under a lease until an instant (ms); None if all are taken.

        Raises:
            PortError: One may have been taken; it is free again when the lease is over.
        """
        self.permit = self.control.limiter.take(self.tenant, self.claim, until_ms)
        return self.permit

    def probe(self, circuit: Circuit, until_ms: int) -> Circuit | None:
        """Becomes a circuit's probe, under a lease until an instant (ms); or answers how the circuit stands by now.

        Raises:
            PortError: It may be the probe or not; the lease ends either way.
        """
        standing = self.control.breaker.probe(circuit, self.claim, until_ms)
        self.probing = standing is None
        return standing

    def extend(self, until_ms: int) -> bool:
        """Extends what it has, before its execution's lease is extended so far; False if another has it by now.

        Raises:
            PortError: It may be extended or not.
        """
        if self.permit is not None and not self.control.limiter.extend(self.permit, until_ms):
            return False
        if not self.probing:
            return True
        return self.control.breaker.extend(self.tenant, self.circuit_key, self.claim, until_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tells the circuit how the call went, and gives the permit back."""
        if self.circuit_key and (self.probing or self.answer is not None):
            self.control.breaker.tell(self.tenant, self.circuit_key, sign(self.answer, self.stop), self.claim)
        if self.permit is not None:
            self.control.limiter.leave(self.permit)
