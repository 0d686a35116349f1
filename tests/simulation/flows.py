"""Random histories of runs of workflows: the same workers, schedulers and faults, and users who direct runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.faults import FaultyStore
from tests.simulation.flow_promises import FlowPromises
from tests.simulation.worked import WorkedHistory
from tests.simulation.workers import Plan
from tests.support.memory_stack import TENANT
from tests.support.workflows import a_step, a_workflow
from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.workflows.definition import FailurePolicy, Need, Step, Workflow
from tidewheel.domain.workflows.rules import Rule
from tidewheel.domain.workflows.runs.version import WORKFLOW_KIND
from tidewheel.engine.api.runs.directing import RunDirector
from tidewheel.ports import PortError

_RULES = [rule for rule in Rule if rule is not Rule.ALL_DONE_SETUP_SUCCESS]


@dataclass(frozen=True)
class Parity:
    """Met by an even output, or by an odd one."""

    rest: int

    def met(self, output: Any) -> bool:
        return isinstance(output, int) and output % 2 == self.rest


@dataclass
class Request:
    """What a user asked of a run, once it was written."""

    run: str
    what: str
    at_ms: int
    steps: tuple[int, ...] = ()
    generation: int = 0


class FlowHistory(WorkedHistory):
    """Everything follows from the seed."""

    MOST_STEPS = 9
    USERS = 0.015
    ASKS = ("cancel", "pause", "pause", *["resume"] * 4, "clear", "clear", "clear")
    DEATHS = 0.1
    """How often a user's process dies at one of its calls, before the call is made or after."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.requests_made: list[Request] = []
        self.watched: list[str] = []
        self.users = 0.0
        workers = self.workers
        workers.failing = self.hands.choice([0.05, 0.2, 0.4])
        plan = workers.plan
        workers.plan = lambda: self._with_output(plan())  # type: ignore[method-assign]
        enter = workers.witness.enter
        self.flow_promises = FlowPromises(self)

        def entered(call: Any, worker: Any) -> Any:
            self.flow_promises.called(call, worker)
            return enter(call, worker)

        workers.witness.enter = entered  # type: ignore[method-assign]
        leave = workers.witness.leave

        def left(visit: Any, worker: Any) -> None:
            self.flow_promises.left(visit, worker)
            leave(visit, worker)

        workers.witness.leave = left  # type: ignore[method-assign]
        inner = self.stack.executions._store  # type: ignore[attr-defined]
        store = inner.swap

        def swap(new: Execution, expected: int | None) -> Execution | None:
            before = inner.get(new.tenant, new.id)
            standing = store(new, expected)
            if standing is None and before != new:
                self.flow_promises.wrote(before, new)
            return standing

        inner.swap = swap

    def _with_output(self, plan: Plan) -> Plan:
        answer = plan.answer
        if answer.output == "ok":
            answer = replace(answer, output=str(self.hands.randrange(4)))
        return replace(plan, answer=answer, duration_ms=self._lasts(plan.duration_ms), silent=False)

    def _lasts(self, duration_ms: int) -> int:
        """How long (ms) a call lasts, of which a plan has made something."""
        return min(duration_ms, self.hands.choice([300, 1_000, 4_000, 25_000]))

    # --- what users do ------------------------------------------------------------------------------------

    def workflow(self, name: str) -> Workflow:
        """A random one: wide or deep, with any rules, conditions, retries and either failure policy."""
        hands, steps = self.hands, []
        count, reach, dense = (
            hands.randrange(1, self.MOST_STEPS + 1),
            hands.choice([2, 4, 8]),
            hands.choice([0.2, 0.5, 0.9]),
        )
        odd = hands.choice([0.0, 0.3, 0.8])
        for place in range(count):
            needs: list[Need] = []
            if place and hands.random() < 0.93:
                among = range(max(0, place - reach), place)
                number = 1
                while number < 5 and hands.random() < dense:
                    number += 1
                for parent in sorted(hands.sample(among, min(number, len(among)))):
                    when = Parity(hands.randrange(2)) if hands.random() < 0.12 else None
                    needs.append(Need(f"s{parent:02d}", when))  # type: ignore[arg-type]
            steps.append(
                self._step(
                    f"s{place:02d}", tuple(needs), hands.choice(_RULES) if hands.random() < odd else Rule.ALL_SUCCESS
                )
            )
        failure = FailurePolicy.FAIL_FAST if hands.random() < 0.3 else FailurePolicy.LET_RUN
        return a_workflow(*steps, name=name, failure=failure)

    def _step(self, name: str, needs: tuple[Need, ...], rule: Rule) -> Step:
        retry = RetryPolicy(
            self.hands.choice([1, 2, 3]), Strategy.FIXED, base_ms=self.hands.choice([1_000, 5_000, 30_000])
        )
        return replace(a_step(name), needs=needs, rule=rule, retry=retry, timeout_ms=60_000)

    def _builder(self, id: str, now: int, existing: Definition | None) -> Definition:
        workflow = self.workflow(f"flow-{id}")
        self.stack.workflows.put(workflow)
        target = Target(WORKFLOW_KIND, {"workflow": workflow.name, "params": {}})
        at = Schedule(At(now + self.hands.choice([0, 900, 16_000, 40_000])))
        return Definition("run", at, target, deadline_ms=self.hands.choice([0, 0, 0, 60_000, 200_000]))

    def heartbeat_of(self, execution: str) -> int:
        return 10**9

    @property
    def runs(self) -> list[Execution]:
        """The records of all runs that have begun."""
        return [one for one in self.stack.world.executions.values() if one.run is not None and one.attempt]

    def _act(self) -> None:
        """Nobody edits jobs here."""

    def _cancel(self) -> None:
        """Users act on runs in another way here."""

    def _pump(self) -> None:
        super()._pump()
        if self.faults.stormy and self.hands.random() < self.USERS and not self.stall.lasts:
            self._ask()

    def _director(self) -> RunDirector:
        """What a user's request is served by; it may die at any of its calls."""
        faults, stack = self.faults, self.stack
        director = stack.run_director
        queue = FaultyStore(stack.queue, faults, self.DEATHS)
        executions = FaultyStore(stack.executions, faults, self.DEATHS)
        sender = replace(director.sender, queue=queue)  # type: ignore[arg-type]
        return replace(director, sender=sender, executions=executions)  # type: ignore[arg-type]

    def _ask(self) -> None:
        runs = self.runs
        if not runs:
            return
        run = self.hands.choice(runs)
        assert run.run is not None
        director, id = self._director(), run.id
        graph = self.stack.workflows.by_digest[run.run.digest].graph()
        node = self.hands.randrange(len(graph))
        asks: dict[str, Callable[[], object]] = {
            "cancel": lambda: director.cancel(TENANT, id, "enough"),
            "pause": lambda: director.pause(TENANT, id),
            "resume": lambda: director.resume(TENANT, id),
            "clear": lambda: director.clear(TENANT, id, [graph.nodes[node].name]),
        }
        what = self.hands.choice(self.ASKS)
        if run.run.paused and self.hands.random() < 0.5:
            what = "resume"
        if what == "clear" and len(run.run.clears) > 4:
            return
        before = self.stack.world.executions[TENANT, id]
        try:
            asks[what]()
        except (Conflict, NotFound, PortError):
            self.faults.counts[f"{what} refused, or died"] += 1
        after = self.stack.world.executions[TENANT, id]
        assert before.run is not None
        assert after.run is not None
        if what == "clear" and len(after.run.clears) > len(before.run.clears):
            self.requests_made.append(Request(id, what, self.stack.clock.now_ms(), (node,), after.run.generation))
        self.faults.counts[what] += 1

    def _settle(self) -> None:
        """Once the faults are over every pause ends."""
        for run in self.runs:
            if run.state is State.OPEN and run.run is not None and run.run.paused:
                self.stack.run_director.resume(TENANT, run.id)
        super()._settle()

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        return [*self.workers.scheduler.failures, *self.workers.witness.broken, *self.flow_promises.broken()]


class Asked(FlowHistory):
    """Users ask for more, and stores and workers fail less: so that requests meet what runs."""

    USERS = 0.04
    DEATHS = 0.3

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate = 0.001, 0.001, 0.1, 0.02
        workers.cuts, workers.chills, workers.ends, workers.short = 0.0, 0.0, 0.0, 0.3
        self.stall_rate = 0.0


class Failing(FlowHistory):
    """Steps that fail, workflows that end by that, workers that die at any step, messages that come twice."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.failing, workers.doubles, workers.size = 0.03, 0.5, 0.2, 3
        self.stall_rate = 0.0

    def workflow(self, name: str) -> Workflow:
        return replace(super().workflow(name), failure=FailurePolicy.FAIL_FAST)


class Wide(FlowHistory):
    """Joins of steps that last equally long, with calls of stores that lag: so that many end at the same time."""

    USERS = 0.0

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate, workers.size = 0.0, 0.0, 0.3, 0.0, 3
        workers.failing, workers.cuts, workers.chills, workers.ends, workers.doubles = 0.0, 0.0, 0.0, 0.0, 0.0
        self.stall_rate = 0.0

    def _lasts(self, duration_ms: int) -> int:
        return 1_000 if duration_ms else 0

    def workflow(self, name: str) -> Workflow:
        width = self.hands.randrange(2, 7)
        beside = [a_step(f"s{place:02d}", "s00", retry=RetryPolicy(3)) for place in range(1, width + 1)]
        join = a_step("s99", *(step.name for step in beside))
        return a_workflow(a_step("s00"), *beside, join, name=name)


class Patient(Asked):
    """Long calls by workers that nothing befalls, and users who cancel: a call ends early by that alone."""

    ASKS = ("cancel",)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.workers.kills = self.workers.freezes = self.workers.lags = self.workers.rate = 0.0
        self.workers.doubles, self.workers.failing, self.workers.short = 0.0, 0.0, 0.0

    def _lasts(self, duration_ms: int) -> int:
        return 25_000 if duration_ms else 0


class Hasty(Asked):
    """Users who pause and resume, and whose processes die at every other call."""

    USERS, DEATHS = 0.06, 0.5
    ASKS = ("pause", "resume")
