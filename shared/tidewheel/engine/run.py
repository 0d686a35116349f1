"""Run: one message of the queue, from claim to finish.

The order is what keeps an effect from happening twice or getting lost: claim, hold until the due time, call, put
the retry entry if there is one, write the finish; only then is the message deleted (by the caller). A message that
comes early is held unclaimed until shortly before its due time, so that a pause or an edit up to then still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.execution import (
    Answer,
    Execution,
    Result,
    State,
    Verdict,
    claimed,
    ended_unrun,
    finished,
    judge,
    lost,
)
from tidewheel.domain.expansion import Dispatch, route_of
from tidewheel.domain.ids import ExecutionId, Origin, nonce
from tidewheel.domain.job import Job
from tidewheel.domain.limits import SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.overlap import replaced_by
from tidewheel.domain.precision import CLAIM_EARLY_MS, Precision
from tidewheel.domain.retry import delay_ms
from tidewheel.domain.wheel import Waiting
from tidewheel.engine.direct import Direct
from tidewheel.engine.handled import CONTENDED, Fate, Handled
from tidewheel.engine.layouts import Layouts
from tidewheel.engine.overlap import Gate
from tidewheel.engine.shelf import Shelf
from tidewheel.ports import Call, Caller, Clock, Entropy, Executions, Jobs, Locks, Telemetry, Wheel

_CLAIM_TRIES = 4


@dataclass(frozen=True, slots=True)
class Run:
    """The worker's flow."""

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    callers: Mapping[str, Caller]
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    layouts: Layouts
    locks: Locks
    direct: Direct | None = None

    @property
    def _gate(self) -> Gate:
        return Gate(self.executions, self.locks, self.clock, self.telemetry, self._put)

    def handle(self, dispatch: Dispatch) -> Handled:
        """Runs what a message asks for, unless it was done, is being done, or is not wanted any more.

        Raises:
            PortError: A store failed; the message must come back.
        """
        handled = self._handle(dispatch)
        self.telemetry.count("handled", outcome=handled.why)
        return handled

    def _handle(self, dispatch: Dispatch) -> Handled:
        if dispatch.attempt == 1:
            self.clock.sleep_until(dispatch.due_ms - CLAIM_EARLY_MS)
        now = self.clock.now_ms()
        job = self._job(dispatch)
        record = self._record(dispatch) if dispatch.recorded else None
        if job is None or self._superseded(dispatch, job):
            record = record or self._record(dispatch)  # a message that comes back knows nothing of its own claim
            if job is None or record is None or not record.begun:
                return self._unwanted(dispatch, job, record, now)
        return self._attempt(dispatch, job, record)

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

    def _unwanted(self, dispatch: Dispatch, job: Job | None, record: Execution | None, now: int) -> Handled:
        """An occurrence without a record is dropped; one that is on record ends as cancelled, unless it runs.

        So does one that holds its job's lock: that passes on only from an execution whose end is on record.
        """
        verdict = judge(record, dispatch.attempt, now)
        if record is None and self._gate.holds(dispatch.execution, job):
            record = dispatch.blank()
        if record is None or verdict is Verdict.OBSOLETE:
            return self._settled(record, job, "unwanted")
        if verdict is Verdict.BUSY:
            return _busy(record, now)
        reason = "the job was edited, paused or deleted before this attempt began"
        before = lost(record, now) if verdict is Verdict.TAKE_OVER else record
        return self._give_up(ended_unrun(before, State.CANCELLED, reason, now), job)

    # --- claim --------------------------------------------------------------------------------------------

    def _attempt(self, dispatch: Dispatch, job: Job, record: Execution | None) -> Handled:
        """Claims by one conditional write; what stands in the way is judged, and the claim tried again."""
        for _ in range(_CLAIM_TRIES):
            now = self.clock.now_ms()
            verdict = judge(record, dispatch.attempt, now)
            if verdict is Verdict.OBSOLETE:
                return self._settled(record, job, "duplicate")
            if verdict is Verdict.BUSY:
                assert record is not None
                return _busy(record, now)
            met = self._gate.admit(dispatch, job, record)
            if isinstance(met, Handled):
                return met
            if met is not None:
                record = met
                continue
            claim = self._claim(dispatch, job, record, verdict, self.clock.now_ms())
            if claim.state is not State.RUNNING:
                return self._give_up(claim, job)
            record = self.executions.swap(claim, claim.version - 1 if record else None)
            if record is None:
                return self._perform(claim, job)
        return CONTENDED

    def _claim(self, dispatch: Dispatch, job: Job, record: Execution | None, verdict: Verdict, now: int) -> Execution:
        """The record with this worker's claim; or ended, if after the attempt that was lost there is to be none."""
        holder = nonce(self.entropy.bytes(5))
        timeout = job.definition.timeout_ms
        if verdict is Verdict.TAKE_OVER:
            assert record is not None
            self.telemetry.count("attempt_lost")
            bereft = lost(record, now)
            if successor := self._gate.successor(record, job):
                return ended_unrun(bereft, State.CANCELLED, replaced_by(successor), now)
            if record.tries >= job.definition.retry.max_attempts:
                return ended_unrun(bereft, State.DEAD, "the last attempt's worker vanished", now)
            return claimed(bereft, record.attempt + 1, holder, timeout, now)
        return claimed(record or dispatch.blank(), dispatch.attempt, holder, timeout, now)

    def _give_up(self, ended: Execution, job: Job | None) -> Handled:
        if self.executions.swap(ended, ended.version - 1 or None) is not None:
            return CONTENDED
        return self._settled(ended, job, ended.state)

    def _settled(self, record: Execution | None, job: Job | None, why: str) -> Handled:
        """Deletes the message once all that follows from the record as it stands is done, or done again."""
        if record is not None and job is not None and not self._gate.settle(record, job):
            return CONTENDED
        return Handled(Fate.DELETE, str(why))

    # --- call and finish ----------------------------------------------------------------------------------

    def _perform(self, claim: Execution, job: Job) -> Handled:
        if claim.attempt == 1:
            self.clock.sleep_until(claim.due_ms)
        started = self.clock.now_ms()
        answer = self._call(claim, job)
        now = self.clock.now_ms()
        state = self._after(answer, claim, job)
        if state is State.RETRYING:
            due = now + delay_ms(job.definition.retry, claim.tries, claim.id)
            self._put_retry(claim, job, due, now)
        done = finished(claim, state, answer, started, now)
        standing = self.executions.swap(done, claim.version)
        if standing is not None:
            self.telemetry.count("finish_fenced")
            self.telemetry.alarm("another worker took this execution over", execution=claim.id, attempt=claim.attempt)
            return Handled(Fate.DELETE, "fenced")
        return self._settled(done, job, state)

    def _call(self, claim: Execution, job: Job) -> Answer:
        target = job.definition.target
        caller = self.callers.get(target.kind)
        if caller is None:
            problem = f"this worker has no target kind {target.kind!r}"
            return Answer(Result.FAILED, reason=problem, retryable=False)
        return caller.call(
            Call(target, claim.id, claim.nominal_ms, claim.due_ms, claim.attempt, job.definition.timeout_ms)
        )

    @staticmethod
    def _after(answer: Answer, claim: Execution, job: Job) -> State:
        if answer.result is Result.SUCCEEDED:
            return State.SUCCEEDED
        if not answer.retryable:
            return State.FAILED
        if claim.tries < job.definition.retry.max_attempts:
            return State.RETRYING
        return State.TIMED_OUT if answer.result is Result.TIMED_OUT else State.DEAD

    def _put_retry(self, claim: Execution, job: Job, due: int, now: int) -> None:
        entry = Waiting(
            claim.tenant, claim.id, claim.attempt + 1, claim.generation, due, route_of(job), Precision.NORMAL
        )
        self._put(entry, now)

    def _put(self, entry: Waiting, now: int) -> None:
        Shelf(self.wheel, self.layouts, self.direct).put(entry, now)


def _busy(record: Execution, now: int) -> Handled:
    """Another worker holds the execution: the message comes back when that lease may have ended."""
    return Handled(Fate.POSTPONE, "busy", max(SECOND_MS, record.lease_until_ms + TAKEOVER_GRACE_MS - now))
