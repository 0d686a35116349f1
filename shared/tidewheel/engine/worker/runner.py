"""Handles one message: asks ``decide`` for the next step and performs it, until a step ends the handling.

The order of the steps keeps an effect from happening twice or getting lost: claim, wait for the due time, call, put the
entry of the next attempt if there is one, write the finish; only then does the caller acknowledge the message. If a
conditional write fails, the stored version becomes a fact, and the next step is decided from that. This is the only
retry loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar

from tidewheel.domain import keys
from tidewheel.domain.executions.claiming import is_held_by
from tidewheel.domain.executions.decisions.decide import decide
from tidewheel.domain.executions.decisions.facts import TAKEN, UNREAD, Facts
from tidewheel.domain.executions.decisions.steps import (
    Acknowledge,
    Claim,
    End,
    EndHolder,
    Fact,
    Finish,
    HoldUntil,
    JoinLine,
    Note,
    Open,
    PutEntry,
    Read,
    RequestCancel,
    RetryLater,
    SendProbe,
    Settle,
    Step,
    TakePermit,
    TransferLock,
    Wait,
    WriteLock,
)
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import nonce
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import CLAIM_EARLY_MS
from tidewheel.domain.limits import LEASE_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.ended import ExecutionEnded
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.engine.worker.admission import Admission, AdmissionControl
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.disposition import CONTENDED, Disposition
from tidewheel.engine.worker.lease_renewer import HeldLease
from tidewheel.engine.worker.reading import FactReader
from tidewheel.ports import Clock, Entropy, Executions, Fenced, PortError, Received, Telemetry

_MOST_STEPS = 60
"""The most steps for one message. Without contention the longest way has 20; each failed write adds up to 6."""


@dataclass(slots=True)
class _Handling:
    """The state of handling one message."""

    facts: Facts
    message: Received | None
    admission: Admission
    backoff: Backoff
    held: HeldLease | None = None  # since its call: the lease is renewed until all that follows is written

    @property
    def job(self) -> Job:
        """The job; ``decide`` names the steps that need it only when it is known."""
        assert isinstance(self.facts.job, Job)
        return self.facts.job

    def learn(self, **known: Any) -> None:
        self.facts = replace(self.facts, **known)

    def learn_of_lock(self, **known: Any) -> None:
        self.learn(locks=replace(self.facts.locks, **known))

    def forget_lock(self) -> None:
        self.learn_of_lock(lock=UNREAD, holder=UNREAD, waiter=UNREAD, written=False)


@dataclass(frozen=True, slots=True)
class Runner:
    """Handles messages one at a time; many threads may share it.

    Args:
        reader: Reads facts.
        executions: The records.
        wheel_writer: Puts entries on the wheel.
        overlap_lock: The locks of jobs whose executions may not overlap.
        ends: Hands ends to their followers.
        admission: Permits and circuits.
        calls: Calls targets.
        clock: Reads the time and waits.
        entropy: Makes the names of claims unique.
        telemetry: Counts and logs.
    """

    reader: FactReader
    executions: Executions
    wheel_writer: WheelWriter
    overlap_lock: OverlapLock
    ends: EndHandler
    admission: AdmissionControl
    calls: TargetCalls
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry

    def drain(self) -> None:
        """Stops every call, and each one that starts later, so that another worker continues them."""
        self.calls.lease_renewer.drain()

    def handle(self, dispatch: Dispatch, message: Received | None = None) -> Disposition:
        """Runs the attempt of a dispatch, unless it has run, is running, or was superseded or cancelled.

        A first attempt that comes early waits unclaimed until ``CLAIM_EARLY_MS`` before its due time, so that an edit
        or a pause up to then still counts.

        Args:
            dispatch: What the message says.
            message: The message, which is hidden from other workers while the attempt runs; None without a queue.

        Raises:
            PortError: A store failed; the message must come back.
            Unreadable: A stored record is malformed; the message must come back.
        """
        received_ms, sent_ms = self.clock.now_ms(), None if message is None else message.sent_ms
        if dispatch.attempt == 1:
            self.clock.sleep_until(dispatch.due_ms - CLAIM_EARLY_MS)
        name = nonce(self.entropy.bytes(5))
        with self.admission.open(dispatch, keys.claim_name(dispatch.execution, name)) as admission:
            facts = Facts(dispatch, received_ms, sent_ms, name, limit=admission.limit)
            backoff = Backoff(Random(name))  # noqa: S311 - spreads tries, guards nothing
            handling = _Handling(facts, message, admission, backoff)
            try:
                disposition = self._handle(handling)
                admission.dropped = disposition.why == "unwanted"
            finally:
                if handling.held is not None:
                    self.calls.lease_renewer.release(handling.held)
        self.telemetry.count("message_handled", outcome=disposition.why)
        return disposition

    def _handle(self, handling: _Handling) -> Disposition:
        for _ in range(_MOST_STEPS):
            step = decide(handling.facts, self.clock.now_ms())
            disposition = self._performed(step, handling)
            if disposition is not None:
                return disposition
        return CONTENDED

    def _performed(self, step: Step, handling: _Handling) -> Disposition | None:
        """Performs a step. After the call it is repeated, as long as the lease is held, until the store takes it.

        A throttled write must not have the target called again.
        """
        tries = 0
        while True:
            try:
                return self._PERFORM[type(step)](self, step, handling)
            except PortError as error:
                if handling.held is None or isinstance(error, Fenced):
                    raise
                self.telemetry.count("write_after_call_failed", operation=error.operation)
                self.clock.sleep(handling.backoff.delay_ms(tries))
                if not self._may_write(handling.held):
                    raise
            tries += 1

    def _may_write(self, held: HeldLease) -> bool:
        """Whether no other worker may have taken the execution over yet."""
        return not held.is_over(self.clock.now_ms())

    # --- steps that end the handling ------------------------------------------------------------------------------

    def _retry_later(self, step: RetryLater, handling: _Handling) -> Disposition:
        if step.why == "lost":
            self.telemetry.error("a lease ended before its call did", execution=handling.facts.dispatch.execution)
        return Disposition.retry_later(step.why, step.delay_ms)

    def _acknowledge(self, step: Acknowledge, _handling: _Handling) -> Disposition:
        return Disposition.ack(step.why)

    def _settle(self, step: Settle, handling: _Handling, *, again: bool = True) -> Disposition:
        job = handling.facts.job if isinstance(handling.facts.job, Job) else None
        return Disposition.ack(step.why) if self.ends.settle(step.record, job, again=again) else CONTENDED

    def _open(self, step: Open, handling: _Handling) -> Disposition | None:
        """Opens a run: if nobody hears whether it was written, its tokens count as used."""
        if step.deadline is not None:
            self.wheel_writer.put(step.deadline)
        tokens = handling.admission.use_tokens()
        if not self._wrote(step.record, handling):
            handling.admission.tokens = tokens
            return None
        self.telemetry.count("run_opened")
        return self._settle(Settle(step.record, "opened"), handling)

    def _end(self, step: End, handling: _Handling) -> Disposition | None:
        if not self._wrote(step.record, handling):
            return None
        self._count_lost(step)
        self._count_blocked(step, handling)
        job = handling.facts.job if isinstance(handling.facts.job, Job) else None
        done = self.ends.handle(ExecutionEnded(step.record, job, step.lock_settled))
        return Disposition.ack(step.record.state) if done else CONTENDED

    def _finish(self, step: Finish, handling: _Handling) -> Disposition | None:
        if step.retry is not None:
            self.wheel_writer.put(step.retry)
        if self._wrote(step.record, handling):
            handling.admission.finished = True
            return self._settle(Settle(step.record, step.record.state), handling, again=False)
        called, standing = handling.facts.called, handling.facts.own
        if called and standing and not is_held_by(standing, called.claim):
            self.telemetry.count("finish_fenced")
            attempt = called.claim.attempt
            self.telemetry.error("another worker took this execution over", execution=standing.id, attempt=attempt)
        return None

    def _wait(self, step: Wait, _handling: _Handling) -> Disposition:
        self.wheel_writer.put(step.entry)
        self.telemetry.count("execution_waiting", reason=step.reason)
        return Disposition.ack("waiting")

    def _join_line(self, step: JoinLine, handling: _Handling) -> Disposition:
        if step.deadline is not None:
            self.wheel_writer.put(step.deadline)
        handling.admission.join_line(step.entry)
        self.telemetry.count("execution_waiting", reason="permit")
        return Disposition.ack("waiting")

    # --- steps after which it goes on -----------------------------------------------------------------------------

    def _read(self, step: Read, handling: _Handling) -> None:
        handling.facts = self.reader.read(step.fact, handling.facts, handling.admission)
        if step.fact is Fact.JOB and isinstance(handling.facts.job, Job):
            handling.learn(lack=self.calls.lack(handling.job, handling.message))

    def _hold_until(self, step: HoldUntil, handling: _Handling) -> None:
        self.clock.sleep_until(step.until_ms)
        handling.forget_lock()

    def _note(self, step: Note, handling: _Handling) -> None:
        if self._wrote(step.record, handling):
            handling.learn(record=step.record)

    def _put_entry(self, step: PutEntry, handling: _Handling) -> None:
        self.wheel_writer.put(step.entry)
        handling.learn_of_lock(awaited=True)

    def _take_permit(self, step: TakePermit, handling: _Handling) -> None:
        """The claim's lease ends no later than that of its permit, which may have begun when it was given to it."""
        permit = handling.admission.take_permit(step, self.clock.now_ms())
        until_ms = step.until_ms if permit is None else permit.until_ms
        handling.learn(permit=permit or TAKEN, admitted_ms=self._admitted_ms(until_ms))

    def _send_probe(self, step: SendProbe, handling: _Handling) -> None:
        standing = handling.admission.probe(step.circuit, step.until_ms)
        admitted_ms = self._admitted_ms(step.until_ms)
        handling.learn(circuit=standing or step.circuit, probing=standing is None, admitted_ms=admitted_ms)

    def _claim(self, step: Claim, handling: _Handling) -> None:
        """Claims and calls. If nobody hears whether the claim was written, its tokens count as used."""
        tokens = handling.admission.use_tokens()
        if not self._wrote(step.record, handling):
            handling.admission.tokens = tokens
            return
        handling.admission.claimed = True
        self._count_lost(step)
        handling.held, called = self.calls.call(step.record, handling.job, handling.message, handling.admission)
        handling.learn(record=handling.held.record, called=called)

    # --- the lock -------------------------------------------------------------------------------------------------

    def _write_lock(self, step: WriteLock, handling: _Handling) -> None:
        if not self.overlap_lock.write(step.lock):
            handling.forget_lock()
            return
        own = step.lock.waiter in {"", handling.facts.dispatch.execution}
        handling.learn_of_lock(lock=step.lock, written=True, **({"waiter": None} if own else {}))
        if step.reread_holder:
            handling.learn_of_lock(holder=UNREAD)
        if step.displaced is not None:
            self._end_other(step.displaced, handling)

    def _transfer_lock(self, step: TransferLock, handling: _Handling) -> None:
        self.overlap_lock.transfer(step.lock, step.waiter, handling.job)
        handling.forget_lock()

    def _end_holder(self, step: EndHolder, handling: _Handling) -> None:
        self.telemetry.count("overlap_holder_cancelled", move=step.move)
        self._end_other(step.record, handling)
        handling.forget_lock()

    def _request_cancel(self, step: RequestCancel, handling: _Handling) -> None:
        standing = self._standing(step.record)
        if standing is None and step.record.state is State.OPEN:
            self.ends.settle(step.record, handling.job)
        handling.learn_of_lock(holder=standing or step.record)

    # --- writes ---------------------------------------------------------------------------------------------------

    def _wrote(self, record: Execution, handling: _Handling) -> bool:
        """Writes this execution's record; if the write fails, the stored version becomes a fact."""
        standing = self._standing(record)
        if standing is not None:
            handling.learn(record=standing)
        return standing is None

    def _standing(self, record: Execution) -> Execution | None:
        """Writes a record over the version before it; returns None, or the stored record if that is another version."""
        return self.executions.swap(record, record.version - 1 or None)

    def _end_other(self, record: Execution, handling: _Handling) -> None:
        """Ends another execution in favour of this one; if it has changed meanwhile, its own message handles it."""
        if self._standing(record) is None:
            self.ends.handle(ExecutionEnded(record, handling.job, lock_settled=True))

    def _count_lost(self, step: End | Claim) -> None:
        if step.lost_attempt:
            self.telemetry.count("attempt_lost")

    def _count_blocked(self, step: End, handling: _Handling) -> None:
        if isinstance(handling.facts.quota, Exceeded) and step.record.reason == handling.facts.quota.reason:
            self.telemetry.count("execution_over_quota", limit=handling.facts.quota.limit)

    def _admitted_ms(self, until_ms: int) -> int:
        """From when on (ms since the epoch) the claim's lease counts, so that it ends no later than ``until_ms``.

        The end was decided before the store was asked, and this process may have been frozen in between.
        """
        return min(self.clock.now_ms(), until_ms - LEASE_MS)

    _PERFORM: ClassVar[Mapping[type, Callable[[Runner, Any, _Handling], Disposition | None]]] = {
        Read: _read,
        RetryLater: _retry_later,
        Settle: _settle,
        Acknowledge: _acknowledge,
        End: _end,
        Claim: _claim,
        Open: _open,
        Finish: _finish,
        Note: _note,
        Wait: _wait,
        PutEntry: _put_entry,
        HoldUntil: _hold_until,
        WriteLock: _write_lock,
        TransferLock: _transfer_lock,
        EndHolder: _end_holder,
        RequestCancel: _request_cancel,
        TakePermit: _take_permit,
        JoinLine: _join_line,
        SendProbe: _send_probe,
    }
    """The method that performs each kind of step."""
