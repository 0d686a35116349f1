"""Run: one message of the queue, from claim to finish.

While the target is called the keeper holds the execution: it renews its lease and says when the call is to end. The
order is what keeps an effect from happening twice or getting lost: claim, hold until the due time, call, put
the retry entry if there is one, write the finish; only then is the message deleted (by the caller). A message that
comes early is held unclaimed until shortly before its due time, so that a pause or an edit up to then still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidewheel.domain.executions.claiming import ClaimVerdict, is_held_by, judge
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.outcome import deadline_ms, outcome
from tidewheel.domain.executions.overlap import replaced_by
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.executions.transitions import claimed, ended_unrun, finished, with_lost_attempt
from tidewheel.domain.ids import ExecutionId, Origin, nonce
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import CLAIM_EARLY_MS, Precision
from tidewheel.domain.limits import SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.engine.worker.admission import Admission, AdmissionControl
from tidewheel.engine.worker.disposition import CONTENDED, Action, Disposition
from tidewheel.engine.worker.lease_renewer import HeldLease, LeaseRenewer
from tidewheel.ports import Call, Caller, Clock, Entropy, Executions, Jobs, Locks, Received, Telemetry, Wheel

_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message's dispatch, and what its attempt's account says of its way."""

    dispatch: Dispatch
    message: Received | None
    received_ms: int

    @property
    def sent_ms(self) -> int | None:
        return None if self.message is None else self.message.sent_ms


@dataclass(frozen=True, slots=True)
class Runner:
    """The worker's flow."""

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    callers: Mapping[str, Caller]
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    layouts: LayoutCache
    locks: Locks
    lease_renewer: LeaseRenewer
    admission: AdmissionControl
    immediate: ImmediateDispatch | None = None

    @property
    def _overlap_lock(self) -> OverlapLock:
        return OverlapLock(self.executions, self.locks, self.clock, self.telemetry, self._put)

    def handle(self, dispatch: Dispatch, message: Received | None = None) -> Disposition:
        """Runs what a message asks for, unless it was done, is being done, or is not wanted any more.

        Args:
            dispatch: What it asks for.
            message: What brought it, which stays hidden from other workers for as long as it runs.

        Raises:
            PortError: A store failed; the message must come back.
        """
        disposition = self._handle(_Delivery(dispatch, message, self.clock.now_ms()))
        self.telemetry.count("handled", outcome=disposition.why)
        return disposition

    def _handle(self, delivery: _Delivery) -> Disposition:
        dispatch = delivery.dispatch
        if dispatch.attempt == 1:
            self.clock.sleep_until(dispatch.due_ms - CLAIM_EARLY_MS)
        now = self.clock.now_ms()
        job = self._job(dispatch)
        record = self._record(dispatch) if dispatch.recorded else None
        if job is None or self._superseded(dispatch, job):
            record = record or self._record(dispatch)  # a message that comes back knows nothing of its own claim
            if job is None or record is None or not record.is_started:
                return self._unwanted(dispatch, job, record, now)
        return self._attempt(delivery, job, record)

    def _record(self, dispatch: Dispatch) -> Execution | None:
        return self.executions.get(dispatch.tenant, dispatch.execution)

    def _job(self, dispatch: Dispatch) -> Job | None:
        """The job's record, read again consistently if it is missing or older than the message."""
        key = dispatch.tenant, ExecutionId.parse(dispatch.execution).job
        job = self.jobs.get(*key)
        if job is None or job.generation < dispatch.generation:
            job = self.jobs.get(*key, consistent=True)
        return job

    def _superseded(self, dispatch: Dispatch, job: Job) -> bool:
        """Whether an edit ended this occurrence's generation before its nominal time.

        It matters only to occurrences that have not begun; what a user ran by hand is named by no generation.
        """
        id = ExecutionId.parse(dispatch.execution)
        if id.origin is not Origin.SCHEDULE or dispatch.generation >= job.generation:
            return False
        if id.nominal_ms >= job.effective_from_ms:
            return True
        following = self.jobs.generations(job.tenant, job.id, first=dispatch.generation + 1)
        next_generation = following.get(dispatch.generation + 1)
        return next_generation is not None and id.nominal_ms >= next_generation.effective_from_ms

    def _unwanted(self, dispatch: Dispatch, job: Job | None, record: Execution | None, now: int) -> Disposition:
        """An occurrence without a record is dropped; one that is on record ends as cancelled, unless it runs.

        So does one that holds its job's lock: that passes on only from an execution whose end is on record.
        """
        verdict = judge(record, dispatch.attempt, now)
        if record is None and self._overlap_lock.holds(dispatch.execution, job):
            record = dispatch.blank()
        if record is None or verdict is ClaimVerdict.OBSOLETE:
            return self._settled(record, job, "unwanted")
        if verdict is ClaimVerdict.BUSY:
            return _busy(record, now)
        reason = record.cancel or "the job was edited, paused or deleted before this attempt began"
        before = with_lost_attempt(record, now) if verdict is ClaimVerdict.TAKE_OVER else record
        met = self._end(ended_unrun(before, State.CANCELLED, reason, now), job)
        return met if isinstance(met, Disposition) else CONTENDED

    # --- claim --------------------------------------------------------------------------------------------

    def _attempt(self, delivery: _Delivery, job: Job, record: Execution | None) -> Disposition:
        """Claims by one conditional write; what stands in the way is judged, and the claim tried again."""
        dispatch = delivery.dispatch
        for _ in range(_TRIES):
            now = self.clock.now_ms()
            verdict = judge(record, dispatch.attempt, now)
            if verdict is ClaimVerdict.OBSOLETE:
                return self._settled(record, job, "duplicate")
            if verdict is ClaimVerdict.BUSY:
                assert record is not None
                return _busy(record, now)
            met = self._overlap_lock.admit(dispatch, job, record)
            if isinstance(met, Disposition):
                return met
            if met is not None:
                record = met
                continue
            claim = self._claim(delivery, job, record, verdict, self.clock.now_ms())
            met = self._begin(claim, record, delivery, job)
            if isinstance(met, Disposition):
                return met
            record = met
        return CONTENDED

    def _begin(
        self, claim: Execution, record: Execution | None, delivery: _Delivery, job: Job
    ) -> Disposition | Execution:
        """Claims and runs what may begin now, or writes its end; or answers which record stands in the way."""
        if claim.state is not State.RUNNING:
            return self._end(claim, job)
        entered = self.admission.enter(claim, record, delivery.dispatch, job)
        if not isinstance(entered, Admission):
            return entered
        with entered:
            return self._write(claim) or self._perform(claim, job, delivery.message, entered)

    def _claim(
        self, delivery: _Delivery, job: Job, record: Execution | None, verdict: ClaimVerdict, now: int
    ) -> Execution:
        """The record with this worker's claim; or ended, if there is to be no (further) attempt."""
        before, attempt = record or delivery.dispatch.blank(), delivery.dispatch.attempt
        if verdict is ClaimVerdict.TAKE_OVER:
            self.telemetry.count("attempt_lost")
            if successor := self._overlap_lock.successor(before, job):
                return ended_unrun(with_lost_attempt(before, now), State.CANCELLED, replaced_by(successor), now)
            spent = before.tries >= job.definition.retry.max_attempts
            before, attempt = with_lost_attempt(before, now), before.attempt + 1
            if before.cancel:
                return ended_unrun(before, State.CANCELLED, before.cancel, now)
            if spent:
                return ended_unrun(before, State.DEAD, "the last attempt's worker vanished", now)
        if now >= deadline_ms(before, job):
            return ended_unrun(before, State.TIMED_OUT, "its deadline passed before this attempt began", now)
        holder = nonce(self.entropy.bytes(5))
        return claimed(before, attempt, holder, now, sent_ms=delivery.sent_ms, received_ms=delivery.received_ms)

    def _end(self, ended: Execution, job: Job | None) -> Disposition | Execution:
        """Writes the end of what does not run; or answers which record stands in the way."""
        return self._write(ended) or self._settled(ended, job, ended.state)

    def _write(self, record: Execution) -> Execution | None:
        """Writes a record over the one that it follows; or answers which stands in the way."""
        return self.executions.swap(record, record.version - 1 or None)

    def _settled(self, record: Execution | None, job: Job | None, why: str) -> Disposition:
        """Deletes the message once all that follows from the record as it stands is done, or done again."""
        if record is not None and job is not None and not self._overlap_lock.settle(record, job):
            return CONTENDED
        return Disposition(Action.ACK, str(why))

    # --- call and finish ----------------------------------------------------------------------------------

    def _perform(self, claim: Execution, job: Job, message: Received | None, entered: Admission) -> Disposition:
        self.clock.sleep_until(claim.due_ms)  # a second attempt too: the first may have been handed over before
        started = self.clock.now_ms()
        timeout = min(job.definition.timeout_ms, deadline_ms(claim, job) - started)
        held = self.lease_renewer.hold(claim, job, message, timeout)
        held.renewals.append(entered.renew)
        try:
            entered.answer = answer = self._call(held, job, timeout)
            entered.stop = held.progress.stopping
        finally:
            self.lease_renewer.release(held)
        if held.parts or held.progress.logged_beyond(answer.output):
            self.lease_renewer.store_log(held, last=True)
        return self._finish(held, job, held.progress.cleaned(answer), started)

    def _call(self, held: HeldLease, job: Job, timeout_ms: int) -> Answer:
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

    def _finish(self, held: HeldLease, job: Job, answer: Answer, started: int) -> Disposition:
        """Writes how the attempt ended, over what was written on the record while it ran."""
        stop = held.progress.stopping
        if stop is Stop.LOST and answer.result is not Result.SUCCEEDED:
            self.telemetry.error("a lease ended before its call did", execution=held.record.id)
            return Disposition(
                Action.RETRY_LATER, "lost", TAKEOVER_GRACE_MS
            )  # whoever takes it next says that it was lost
        record = held.record
        for _ in range(_TRIES):
            now = self.clock.now_ms()
            ending = outcome(answer, stop, record, job, now)
            if ending.retry_ms is not None:
                self._put_retry(record, job, ending.retry_ms, now)
            kept = replace(record, checkpoint=held.progress.restored)
            done = finished(kept, ending.state, ending.answer, started, now)
            standing = self.executions.swap(done, record.version)
            if standing is None:
                return self._settled(done, job, ending.state)
            if not is_held_by(standing, record):
                self.telemetry.count("finish_fenced")
                self.telemetry.error(
                    "another worker took this execution over", execution=record.id, attempt=record.attempt
                )
                live = standing.state is State.RUNNING  # then it is that worker's message by now
                return replace(_busy(standing, now), why="fenced") if live else Disposition(Action.ACK, "fenced")
            record = standing
        return CONTENDED

    def _put_retry(self, claim: Execution, job: Job, due: int, now: int) -> None:
        entry = ExecutionEntry(
            claim.tenant, claim.id, claim.attempt + 1, claim.generation, due, job.route, Precision.NORMAL
        )
        self._put(entry, now)

    def _put(self, entry: ExecutionEntry, now: int) -> None:
        WheelWriter(self.wheel, self.layouts, self.immediate).put(entry, now)


def _busy(record: Execution, now: int) -> Disposition:
    """Another worker holds the execution: the message comes back when that lease may have ended."""
    return Disposition(Action.RETRY_LATER, "busy", max(SECOND_MS, record.lease_until_ms + TAKEOVER_GRACE_MS - now))
