"""Sees every call of a target and every write of a worker, and records at once what must never happen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Result, State, Stop, is_end
from tidewheel.domain.limits import LEASE_MS, RENEW_MS, SECOND_MS, STOP_MS
from tidewheel.engine.worker.lease_renewer import TICK_MS
from tidewheel.ports import Call, Executions

if TYPE_CHECKING:
    from tests.simulation.workers import Worker, Workers

THAW_MS = 2 * TICK_MS + STOP_MS
"""How long after a thaw, or after it was told so, a call may still go on."""


@dataclass
class Visit:
    """One call, while its target works."""

    execution: str
    attempt: int
    worker: Worker
    started_ms: int
    heartbeat_ms: int
    call: Call
    beat_ms: int
    kept: int = 0
    ended_ms: int | None = None
    drained: bool = False
    succeeded: bool = False


@dataclass
class Cancel:
    """A durable request that an execution end."""

    at_ms: int
    attempt: int


@dataclass
class Witness:
    """What was seen, and what of it breaks a promise."""

    workers: Workers
    broken: list[str] = field(default_factory=list)
    visits: defaultdict[str, list[Visit]] = field(default_factory=lambda: defaultdict(list))
    cancels: dict[str, Cancel] = field(default_factory=dict)
    effects: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    fenced: int = 0

    def watch(self, executions: Executions) -> Executions:
        """The store, with each applied write seen."""
        return _Watched(executions, self.wrote)  # type: ignore[return-value]

    # --- writes -------------------------------------------------------------------------------------------

    def wrote(self, before: Execution | None, new: Execution) -> None:
        """A write was applied."""
        if before is None:
            return
        anew = new.node is not None and new.generation > before.generation
        if not anew and not is_end(new.state) and int(new.checkpoint or 0) < int(before.checkpoint or 0):
            self._say(new.id, f"its checkpoint went back from {before.checkpoint} to {new.checkpoint!r}")
        if new.attempt < before.attempt:
            self._say(new.id, f"attempt {before.attempt} was followed by {new.attempt}")
        added = new.attempts[-1:] if new.attempts != before.attempts else ()
        for account in added:
            if account.number != before.attempt:
                self._say(new.id, f"attempt {account.number} was finished while {before.attempt} had the lease")
            elif account.result is not Result.WORKER_LOST and any(
                visit.attempt == account.number and visit.ended_ms is None for visit in self.visits[new.id]
            ):
                self._say(new.id, f"attempt {account.number} was finished while its call went on")
            if account.result is Result.HANDED_OVER:
                self._handed_over(new)
        if (cancel := self.cancels.get(new.id)) and new.state is State.RUNNING and new.attempt > cancel.attempt:
            self._say(new.id, f"attempt {new.attempt} was claimed after it was cancelled")

    def _handed_over(self, new: Execution) -> None:
        visit = next((visit for visit in self.visits[new.id] if visit.attempt == new.attempt), None)
        if visit is not None and visit.kept > int(new.checkpoint or 0) and not is_end(new.state):
            self._say(new.id, f"was handed over with checkpoint {new.checkpoint!r}, it had kept {visit.kept}")

    # --- calls --------------------------------------------------------------------------------------------

    def enter(self, call: Call, worker: Worker) -> Visit:
        """A call begins."""
        now, id = self.workers.now_ms, execution_of(call)
        record = self.workers.stack.world.executions[call.tenant, id]
        before = self.visits[id]
        if before and call.attempt <= before[-1].attempt:
            self._say(id, f"attempt {call.attempt} was called after attempt {before[-1].attempt}")
        for other in before:
            if other.ended_ms is None and not other.worker.dead and other.worker.frozen_until_ms + THAW_MS < now:
                self._say(id, f"attempts {other.attempt} and {call.attempt} were called side by side")
        if record.attempt == call.attempt and record.checkpoint != call.progress.restored:
            self._say(id, f"attempt {call.attempt} got checkpoint {call.progress.restored!r} of {record.checkpoint!r}")
        if now + worker.clock.ahead_ms < call.due_ms:
            self._say(id, "was called early")
        visit = Visit(id, call.attempt, worker, now, self.workers.history.heartbeat_of(id), call, now)
        visit.kept = int(call.progress.restored or 0)
        before.append(visit)
        return visit

    def leave(self, visit: Visit, worker: Worker) -> None:
        """A call ends, or its worker does."""
        visit.ended_ms = now = self.workers.now_ms
        if worker.dead:
            return
        visit.drained = visit.call.progress.stopping is Stop.DRAINED
        calm_since = max(worker.frozen_until_ms, visit.started_ms)
        if now > calm_since + visit.call.timeout_ms + THAW_MS:
            self._say(visit.execution, f"a call lasted {now - calm_since} ms of {visit.call.timeout_ms}")
        if now > max(worker.frozen_until_ms, visit.beat_ms) + visit.heartbeat_ms + THAW_MS:
            self._say(visit.execution, f"a call was silent for {now - visit.beat_ms} ms of {visit.heartbeat_ms}")
        cancel = self.cancels.get(visit.execution)
        if cancel is not None and cancel.attempt == visit.attempt:
            self._ended_in_time(visit, worker, max(cancel.at_ms, calm_since))

    def _ended_in_time(self, visit: Visit, worker: Worker, since_ms: int) -> None:
        """After a durable cancel a call ends with the next renewal; with its lease, if none comes through."""
        troubled_ms = max(worker.troubled_ms, self.workers.history.stall.until_ms)
        fair = troubled_ms < visit.started_ms
        bound = RENEW_MS + SECOND_MS if fair else LEASE_MS
        late_ms = self.workers.now_ms - since_ms - bound - THAW_MS
        if late_ms > 0:
            self._say(visit.execution, f"its call ended {late_ms} ms later after its cancel than it may")

    def effect(self, call: Call) -> None:
        """The receiver stores an effect, unless it has it, or knows of a newer attempt."""
        newest = self.visits[execution_of(call)][-1].attempt
        if call.attempt < newest:
            self.fenced += 1
        elif not self.effects[call.execution]:
            self.effects[call.execution].append(call.attempt)

    def _say(self, execution: str, what: str) -> None:
        self.broken.append(f"{execution}: {what}, at {self.workers.now_ms - self.workers.history.start_ms} ms")


def execution_of(call: Call) -> str:
    """The id of a call's execution; the key of a step that runs again says more."""
    id, dot, step = call.execution.partition(".")
    return f"{id}{dot}{step.partition('-')[0]}"


class _Watched:
    def __init__(self, executions: Executions, wrote: Callable[[Execution | None, Execution], None]) -> None:
        self._executions, self._wrote = executions, wrote

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executions, name)

    def swap(self, new: Execution, version: int | None) -> Execution | None:
        before = self._executions.get(new.tenant, new.id)
        standing = self._executions.swap(new, version)
        if standing is None and (before is None or before.version == new.version - 1):
            self._wrote(before, new)
        return standing
