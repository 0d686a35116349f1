"""What must hold of a history at its end."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.memory_stack import TENANT
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Generation, JobState
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.jobs.precision import CLAIM_EARLY_MS, Precision
from tidewheel.domain.limits import SKEW_MS

if TYPE_CHECKING:
    from tests.simulation.history import History


_PROMISED_MS = {Precision.HIGH: 100, Precision.NORMAL: 1_000, Precision.LOW: 10_000}
_SLACK_MS = 200 + SKEW_MS // 2
"""What histories add (ms): virtual time's steps, a call's delivery, and a scheduler's clock that is behind."""


def broken_promises(history: History) -> list[str]:
    """Every broken promise, in words."""
    return Promises(history).broken()


@dataclass
class Promises:
    """Checks a history; other kinds of histories use those checks that hold for them.

    Args:
        history: What was played.
        held_up_ms: For how long a worker may be held up between its look at a job and its claim.
    """

    history: History
    held_up_ms: int = 0
    _known: dict[tuple[str, bool], set[int]] = field(default_factory=dict)

    def broken(self) -> list[str]:
        return [
            *self._forgotten(),
            *self._brought_back(),
            *self._lost(),
            *self._stood_for(),
            *self._miscounted(),
            *self._unnamed(),
            *self._doubled(),
            *self._early(),
            *self._tardy(),
            *self._side_by_side(),
            *self._cancel_requested(),
            *self._redriven(),
            *self._over_budget(),
            *self._misplaced(),
            *self._unsettled(),
        ]

    def _named(self, id: str, *, until_landed: bool = False) -> set[int]:
        """The instants that the job's generations named, each up to the next one's effective time.

        Or up to the moment at which the next one was durable, if that came later: what fired before was right.
        """
        if (id, until_landed) in self._known:
            return self._known[id, until_landed]
        rows = list(self.history.stack.jobs.generations(TENANT, id, 1).values())
        named = self._known[id, until_landed] = set()
        for row, following in itertools.zip_longest(rows, rows[1:]):
            until = following.effective_from_ms if following else 10**15
            if following and until_landed:
                landed_ms = self.history.landed.get((id, following.number), 10**15)
                until = max(until, landed_ms + CLAIM_EARLY_MS + self.held_up_ms)
            named |= set(_instants(row, until))
        return named

    def _forgotten(self) -> list[str]:
        """A job that was created exists until it is deleted."""
        jobs = self.history.stack.world.jobs
        return [
            f"{id}: was created and is not there"
            for id in self.history.ids
            if id not in self.history.deleted and (TENANT, id) not in jobs
        ]

    def _brought_back(self) -> list[str]:
        """The sweep over executions that wait finds none that nothing else would have brought."""
        return [
            f"{fields['execution']}: was forgotten as {fields['state']}"
            for message, fields in self.history.stack.telemetry.errors
            if message == "a forgotten execution was brought back"
        ]

    def _lost(self) -> list[str]:
        """Every instant has a record of its own, or lies in a row of the ledger."""
        world = self.history.stack.world
        records = {id for _, id in world.executions}
        rows: dict[str, list[tuple[int, int]]] = {}
        for row in world.missed.values():
            rows.setdefault(row.job, []).append((row.from_ms, row.until_ms))
        return [
            f"{id}: {nominal - self.history.start_ms} ms was named and has no account"
            for id in self.history.ids
            if id not in self.history.deleted
            for nominal in sorted(self._named(id))
            if str(ExecutionId(id, nominal)) not in records
            and not any(first <= nominal <= last for first, last in rows.get(id, ()))
        ]

    def _stood_for(self) -> list[str]:
        """What was coalesced has a run that stands for it: that of the instant before the range.

        Unless an edit that became durable later took effect before that instant: then none of them is named any more.
        """
        world = self.history.stack.world
        return [
            f"{row.id}: no run stands for what was coalesced"
            for row in world.missed.values()
            if row.reason is Reason.COALESCED and row.job not in self.history.deleted
            for generation in [world.generations[row.tenant, row.job][row.generation]]
            for before in [[at for at in _instants(generation, row.from_ms) if at < row.from_ms][-1:]]
            if not before
            or (
                (row.tenant, str(ExecutionId(row.job, before[0]))) not in world.executions
                and not self._cut(row, before[0])
                and not self._left_out_since(row, before[0])
            )
        ]

    def _left_out_since(self, row: Missed, nominal_ms: int) -> bool:
        """Whether an edited policy left out what was to stand for the row, after a crash kept it from being sent."""
        return any(
            later.from_ms <= nominal_ms <= later.until_ms and later.noted_ms > row.noted_ms
            for later in self.history.stack.world.missed.values()
            if (later.tenant, later.job) == (row.tenant, row.job)
        )

    def _cut(self, row: Missed, nominal_ms: int) -> bool:
        following = self.history.stack.world.generations[row.tenant, row.job].get(row.generation + 1)
        return following is not None and following.effective_from_ms <= nominal_ms

    def _miscounted(self) -> list[str]:
        """A row holds instants of its generation, from the first to the last, as many as it says."""
        world = self.history.stack.world
        found = []
        for row in world.missed.values():
            generation = world.generations[row.tenant, row.job][row.generation]
            held = [at for at in _instants(generation, row.until_ms + 1) if at >= row.from_ms]
            if [*held[:1], *held[-1:], len(held)] != [row.from_ms, row.until_ms, row.count]:
                found.append(f"{row.id}: says {row.count}, holds {len(held)}")
        return found

    def _unnamed(self) -> list[str]:
        return [
            f"{call.execution}: {call.nominal_ms - self.history.start_ms} ms ran and no generation named it"
            for _, call in self.history.stack.caller.calls
            if (id := ExecutionId.parse(call.execution)).origin is Origin.SCHEDULE
            and call.nominal_ms not in self._named(id.job, until_landed=True)
        ]

    def _doubled(self) -> list[str]:
        tokens = Counter((call.execution, call.attempt) for _, call in self.history.stack.caller.calls)
        return [
            f"{execution}: attempt {n} was called {count} times"
            for (execution, n), count in tokens.items()
            if count > 1
        ]

    def _early(self) -> list[str]:
        return [
            f"{call.execution}: {call.due_ms - at} ms early"
            for at, call in self.history.stack.caller.calls
            if at < call.due_ms
        ]

    def _tardy(self) -> list[str]:
        """Some time after the faults a first attempt keeps its precision's promise, unless overlap made it wait."""
        settled_ms, jobs = self.history.calm_ms + self.history.settling_ms, self.history.stack.world.jobs
        return [
            f"{call.execution}: {at - call.due_ms} ms late"
            for at, call in self.history.stack.caller.calls
            if call.due_ms > settled_ms
            and call.attempt == 1
            and (id := ExecutionId.parse(call.execution)).origin is Origin.SCHEDULE
            and (job := jobs.get((TENANT, id.job))) is not None
            and job.definition.overlap is Overlap.ALLOW
            and at - call.due_ms > _PROMISED_MS[job.definition.precision] + _SLACK_MS
        ]

    def _side_by_side(self) -> list[str]:
        """From an execution's first call to its last, no other of its job is called, unless some edit allowed it.

        One that is redriven had let go of the lock between: its calls count anew.
        """
        calls: dict[str, list[str]] = {}
        for number, (_, call) in enumerate(self.history.stack.caller.calls):
            era = sum(redriven <= number for redriven in self.history.redriven.get(call.execution, ()))
            calls.setdefault(ExecutionId.parse(call.execution).job, []).append(f"{call.execution} ({era})")
        return [
            f"{other}: was called between two calls of {execution}"
            for job, called in calls.items()
            if Overlap.ALLOW not in self.history.policies[job]
            for execution, times in Counter(called).items()
            if times > 1
            for first, last in [(called.index(execution), len(called) - called[::-1].index(execution))]
            for other in set(called[first:last]) - {execution}
        ]

    def _cancel_requested(self) -> list[str]:
        """Once it is durable that an execution is cancelled, its target is not called any more."""
        return [
            f"{call.execution}: was called after it had been cancelled"
            for number, (_, call) in enumerate(self.history.stack.caller.calls)
            if number >= self.history.cancelled.get(call.execution, number + 1)
        ]

    def _redriven(self) -> list[str]:
        """A dead letter that is redriven runs again, unless it is cancelled, or gives way to another of its job.

        Or unless its route is missing for so long that it is set aside anew.
        """
        stack = self.history.stack
        return [
            f"{id}: was redriven, did not run again and ended as {record.state}"
            for id, times in self.history.redriven.items()
            if (record := stack.world.executions[TENANT, id]).state not in (State.CANCELLED, State.SKIPPED)
            and not record.reason.startswith("could not be delivered")
            and all(call.execution != id for _, call in stack.caller.calls[times[-1] :])
        ]

    def _over_budget(self) -> list[str]:
        """Between two redrives an execution has no more attempts than some edit of its job allows."""
        found = []
        for id, times in Counter(call.execution for _, call in self.history.stack.caller.calls).items():
            most = max(self.history.budgets[ExecutionId.parse(id).job])
            redrives = [0, *self.history.redriven.get(id, ()), len(self.history.stack.caller.calls)]
            for first, last in itertools.pairwise(redrives):
                made = sum(call.execution == id for _, call in self.history.stack.caller.calls[first:last])
                if times > most and made > most:
                    found.append(f"{id}: was called {made} times, and {most} were allowed")
        return found

    def _misplaced(self) -> list[str]:
        """What a schedule named is due where some generation's window and jitter put it."""
        world = self.history.stack.world
        return [
            f"{call.execution}: due {call.due_ms - call.nominal_ms} ms after its nominal time, which nothing says"
            for _, call in self.history.stack.caller.calls
            if (id := ExecutionId.parse(call.execution)).origin is Origin.SCHEDULE
            and call.due_ms
            not in {
                row.occurrences(id.job).due(call.nominal_ms)
                for row in world.generations[TENANT, id.job].values()
                if row.schedule is not None
            }
        ]

    def _unsettled(self) -> list[str]:
        return [
            f"{execution.id} still stands at {execution.state}"
            for execution in self.history.stack.world.executions.values()
            if not is_end(execution.state)
        ]


def _instants(row: Generation, until_ms: int) -> list[int]:
    if row.state is not JobState.ACTIVE or row.schedule is None:
        return []
    found = []
    instant = row.schedule.first_from(row.effective_from_ms)
    while instant is not None and instant < until_ms:
        found.append(instant)
        instant = row.schedule.next_after(instant)
    return found
