"""The resources that an execution needs to run: tokens of its tenant's quota, a permit of its tenant and, for a probe,
its target's circuit.

Whether it is admitted or has to wait is decided in ``domain/executions/decisions/admission.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tidewheel.domain.executions.decisions.steps import TakePermit
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.fleet.circuit import Circuit, sign
from tidewheel.domain.jobs.job import Job, Target
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import AT_THE_FIRE
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.token_leaser import Charge
from tidewheel.engine.permits.limiter import ConcurrencyLimiter, NoPermit
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker


@dataclass(frozen=True, slots=True)
class AdmissionControl:
    """Makes an ``Admission`` for each message. One per process, since its parts cache what they read.

    Args:
        quota: Counts executions against the limits of their tenants.
        breaker: Reads and writes circuits.
        limiter: Takes permits and gives them on.
        circuit_key: Returns the key of a target's circuit; empty if the target has none.
    """

    quota: Quota
    breaker: CircuitBreaker
    limiter: ConcurrencyLimiter
    circuit_key: Callable[[Target], str] = field(repr=False)

    def open(self, dispatch: Dispatch, claim: str) -> Admission:
        """Returns an admission that holds nothing yet.

        Args:
            dispatch: The message.
            claim: The unique name of the claim, under which it holds a permit or a probe.

        Raises:
            PortError: The tenant's limits could not be read.
        """
        return Admission(self, dispatch, claim, self.limiter.limit(dispatch.tenant))


@dataclass(slots=True)
class Admission:
    """What one execution holds while it runs. As a context manager it reports to the circuit, gives the permit on and
    returns tokens that were not used.

    Args:
        control: The process's quota, breaker and limiter.
        dispatch: The message of the execution.
        claim: The unique name of the claim.
        limit: How many executions of the tenant may run at once; None for any number.
        circuit_key: The key of the target's circuit; empty if the target has none.
        permit: The permit that it holds, or None.
        asked: How many times it asked for one, beside the one that came with the message.
        claimed: Whether the execution was claimed under that permit.
        finished: Whether its record says that it does not run under it any more.
        found: What was found instead of a permit, or None.
        dropped: Whether the message was dropped because no copy of it may run any more: its job was edited or deleted.
        probing: Whether its call is the probe of a circuit that is not closed.
        answer: What the target answered, once the call has returned.
        stop: Why the call was told to end, or None.
        tokens: The tokens of its tenant's quota that it has and has not used yet, or None.
    """

    control: AdmissionControl
    dispatch: Dispatch
    claim: str
    limit: int | None = None
    circuit_key: str = ""
    permit: Permit | None = None
    asked: int = 0
    claimed: bool = False
    finished: bool = False
    found: NoPermit | None = None
    dropped: bool = False
    probing: bool = False
    answer: Answer | None = None
    stop: Stop | None = None
    tokens: Charge | None = None

    @property
    def tenant(self) -> str:
        """The tenant of the execution."""
        return self.dispatch.tenant

    def charge(self) -> Exceeded | None:
        """Takes a token of each of the tenant's limits that count executions, or returns the one that is used up.

        Raises:
            PortError: A store failed; no token was taken.
        """
        found = self.control.quota.charge(self.tenant, AT_THE_FIRE)
        if isinstance(found, Exceeded):
            return found
        self.tokens = found
        return None

    def use_tokens(self) -> Charge | None:
        """Uses the tokens up; returns them, since a claim that was surely not written gives them back."""
        used, self.tokens = self.tokens, None
        return used

    def circuit(self, job: Job) -> Circuit | None:
        """The circuit of a job's target, at most ``limits.CIRCUIT_FRESH_MS`` old; None if the target has no circuit.

        Raises:
            PortError: The circuit could not be read.
        """
        breaker = self.control.breaker
        self.circuit_key = self.control.circuit_key(job.definition.target) if breaker.watches else ""
        return breaker.circuit(self.tenant, self.circuit_key) if self.circuit_key else None

    def take_permit(self, step: TakePermit, now_ms: int) -> Permit | None:
        """Takes one of the tenant's permits, or the one that came with the message; None if all are taken.

        One that it holds for another attempt is given on first. The next one gets another name: whoever saw that the
        first was void replaces what has its name.

        Raises:
            PortError: A store failed; a permit may have been taken, and is free again when its lease ends.
        """
        self._give_back()
        dispatch, grant = self.dispatch, self.dispatch.grant
        if step.granted and grant is not None:
            self.permit = grant.permit(dispatch.tenant, dispatch.execution, dispatch.attempt)
            return self.permit
        self.asked += 1
        holder = self.claim if self.asked == 1 else f"{self.claim}.{self.asked}"
        asked = Permit(self.tenant, -1, holder, step.until_ms, step.attempt, step.redriven_ms, now_ms)
        found = self.control.limiter.take(asked)
        if isinstance(found, NoPermit):
            self.found = found
        else:
            self.permit = found
        return self.permit

    def join_line(self, entry: LineEntry) -> None:
        """Stands in the tenant's line, after no permit was found.

        Raises:
            PortError: A store failed; it may stand in line or not.
        """
        assert self.found is not None
        self.control.limiter.join(entry, self.found)

    def probe(self, circuit: Circuit, until_ms: int) -> Circuit | None:
        """Makes this execution's call the probe of a circuit, leased until ``until_ms`` (ms since the epoch).

        Returns:
            None if it is the probe now; else the circuit as it is stored, because another worker changed it.

        Raises:
            PortError: A store failed; it may be the probe or not, and the lease ends either way.
        """
        standing = self.control.breaker.probe(circuit, self.claim, until_ms)
        self.probing = standing is None
        return standing

    def extend(self, until_ms: int) -> bool:
        """Extends permit and probe until ``until_ms`` (ms since the epoch), before the lease of the execution.

        Returns:
            Whether both are still held; False if another claim has one of them by now.

        Raises:
            PortError: A store failed; they may be extended or not.
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
        """Returns unused tokens, reports the result of the call to the circuit, and gives the permit on."""
        if self.tokens is not None:
            self.control.quota.give_back(self.tokens)
        if self.circuit_key and (self.probing or self.answer is not None):
            self.control.breaker.tell(self.tenant, self.circuit_key, sign(self.answer, self.stop), self.claim)
        self._give_back()
        if self.dispatch.grant is not None and not self._claimed_with_grant:
            self.control.limiter.decline(self.dispatch, dropped=self.dropped)

    @property
    def _claimed_with_grant(self) -> bool:
        return self._is_granted and self.claimed

    @property
    def _is_granted(self) -> bool:
        """Whether its permit came with the message: others may have a copy."""
        grant = self.dispatch.grant
        return self.permit is not None and grant is not None and self.permit.token == grant.token

    def _give_back(self) -> None:
        """Gives on the permit that it holds: one that came with the message only if it was claimed with."""
        if self.permit is not None and (self.claimed or not self._is_granted):
            self.control.limiter.give_back(self.permit, void=self.finished)
        if not self.claimed:
            self.permit = None
