"""Calls targets, and has the lease of the execution renewed during the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.executions.decisions.facts import Called, Lack
from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.decisions.retry import repeats_unknown
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.domain.workflows.runs.limits import STEP_OUTPUT_BYTES
from tidewheel.engine.orchestration.steps import StepJobs
from tidewheel.engine.worker.admission import Admission
from tidewheel.engine.worker.lease_renewer import HeldLease, LeaseRenewer
from tidewheel.ports import Call, Caller, Clock, Received, SelectiveCaller


@dataclass(frozen=True, slots=True)
class TargetCalls:
    """Makes the calls of one process.

    Args:
        callers: The adapters, by kind of target.
        lease_renewer: Renews leases, and stops calls whose time or lease is over.
        clock: Reads the time and waits.
        kinds: Which kinds of target a pool runs.
        steps: Tells whether a step of a run is still wanted.
        least_log: Bytes: the log of a call that succeeded is stored if it is not shorter; 0: each is.
    """

    callers: Mapping[str, Caller]
    lease_renewer: LeaseRenewer
    clock: Clock
    kinds: AllowedKinds
    steps: StepJobs
    least_log: int = 0

    def lack(self, job: Job, message: Received | None) -> Lack | None:
        """What this worker lacks of what a job's target needs; None if it can call it, or must not."""
        target = job.definition.target
        if not self.kinds.allows(target.kind, _pool(job, message)):
            return None  # the call is refused
        caller = self.callers.get(target.kind)
        if caller is None:
            return Lack(f"the target kind {target.kind!r}", "run workers of a release that has it")
        return caller.lack(target) if isinstance(caller, SelectiveCaller) else None

    def call(
        self, claim: Execution, job: Job, message: Received | None, admission: Admission
    ) -> tuple[HeldLease, Called]:
        """Waits for the due time, calls the target and stores what it logged.

        Args:
            claim: The record of the execution, claimed by this worker.
            job: Its job.
            message: The message, which is hidden from other workers during the call; None without a queue.
            admission: Permit and probe, which are extended with the lease; gets the answer of the call.

        Returns:
            The lease, which is renewed until it is released, and the result of the call.
        """
        self.clock.sleep_until(claim.due_ms)  # also in later attempts: the first may have been handed over early
        started = self.clock.now_ms()
        timeout = min(job.definition.timeout_ms, deadline_ms(claim, job) - started)
        held = self.lease_renewer.hold(claim, job, message, timeout)
        held.renewals.append(admission.extend)
        if claim.node is not None:
            held.renewals.append(lambda _until_ms: self._still_wanted(held))
        try:
            admission.answer = answer = self._answer(held, job, timeout, _pool(job, message))
        except BaseException:
            self.lease_renewer.release(held)
            raise
        admission.stop = held.progress.stopping
        if held.parts or self._is_log_worth_it(held, answer):
            self.lease_renewer.store_log(held, last=True)
        clean, checkpoint = held.progress.cleaned(answer, _output_bytes(claim)), held.progress.restored
        return held, Called(claim, clean, admission.stop, started, checkpoint)

    def _still_wanted(self, held: HeldLease) -> bool:
        """Has a step end whose run was stopped, or that is to run again: no lease is renewed without a look at that."""
        if not self.steps.is_wanted(held.record):
            held.progress.stop(Stop.CANCELLED)
        return True

    def _is_log_worth_it(self, held: HeldLease, answer: Answer) -> bool:
        """Whether to store a log of which nothing is stored yet: not what the record says too, nor what is short."""
        if answer.result is Result.SUCCEEDED and held.progress.logged < self.least_log:
            return False
        return held.progress.logged_beyond(answer.output)

    def _answer(self, held: HeldLease, job: Job, timeout_ms: int, pool: str) -> Answer:
        target, claim = job.definition.target, held.record
        if not self.kinds.allows(target.kind, pool):
            return Answer(Result.FAILED, reason=self.kinds.problem(target.kind, pool), retryable=False)
        if held.progress.stopping is not None:
            return Answer(Result.FAILED, reason="it was told to end before it began")
        return self.callers[target.kind].call(
            Call(
                target,
                claim.tenant,
                claim.key,
                claim.nominal_ms,
                claim.due_ms,
                claim.attempt,
                timeout_ms,
                held.progress,
                repeats_unknown(job.definition.retry),
                _output_bytes(claim),
            )
        )


def _output_bytes(claim: Execution) -> int:
    """How much of the answer is kept: more of a step's, for the steps behind it."""
    return OUTPUT_BYTES if claim.node is None else STEP_OUTPUT_BYTES


def _pool(job: Job, message: Received | None) -> str:
    """The pool whose rights this worker has: that of the message's queue, whatever the job names by now."""
    return job.definition.pool if message is None else message.route.pool
