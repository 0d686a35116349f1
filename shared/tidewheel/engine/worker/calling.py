"""Calls a target while the lease of its execution is renewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.facts import Called
from tidewheel.domain.executions.outcome import deadline_ms
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Job
from tidewheel.engine.worker.admission import Admission
from tidewheel.engine.worker.lease_renewer import HeldLease, LeaseRenewer
from tidewheel.ports import Call, Caller, Clock, Received


@dataclass(frozen=True, slots=True)
class TargetCalls:
    """Makes the calls of one process.

    Args:
        callers: The adapters, by kind of target.
        lease_renewer: Renews leases and ends the calls that are to end.
        clock: Time.
    """

    callers: Mapping[str, Caller]
    lease_renewer: LeaseRenewer
    clock: Clock

    def call(
        self, claim: Execution, job: Job, message: Received | None, admission: Admission
    ) -> tuple[Execution, Called]:
        """Waits for the due time, calls the target and stores what it logged.

        Args:
            claim: The execution as it was claimed.
            job: Its job.
            message: What brought it, which stays hidden from other workers meanwhile; None if no queue did.
            admission: What it has while it runs; extended with its lease, and told how the call went.

        Returns:
            The record as it was renewed last, and how the call went.
        """
        self.clock.sleep_until(claim.due_ms)  # a second attempt too: the first may have been handed over before
        started = self.clock.now_ms()
        timeout = min(job.definition.timeout_ms, deadline_ms(claim, job) - started)
        held = self.lease_renewer.hold(claim, job, message, timeout)
        held.renewals.append(admission.extend)
        try:
            admission.answer = answer = self._answer(held, job, timeout)
            admission.stop = held.progress.stopping
        finally:
            self.lease_renewer.release(held)
        if held.parts or held.progress.logged_beyond(answer.output):
            self.lease_renewer.store_log(held, last=True)
        clean, checkpoint = held.progress.cleaned(answer), held.progress.restored
        return held.record, Called(claim, clean, held.progress.stopping, started, checkpoint)

    def _answer(self, held: HeldLease, job: Job, timeout_ms: int) -> Answer:
        target, claim = job.definition.target, held.record
        if held.progress.stopping is not None:
            return Answer(Result.FAILED, reason="it was told to end before it began")
        caller = self.callers.get(target.kind)
        if caller is None:
            problem = f"this worker has no target kind {target.kind!r}"
            return Answer(Result.FAILED, reason=problem, retryable=False)
        return caller.call(
            Call(
                target,
                claim.tenant,
                claim.id,
                claim.nominal_ms,
                claim.due_ms,
                claim.attempt,
                timeout_ms,
                held.progress,
            )
        )
