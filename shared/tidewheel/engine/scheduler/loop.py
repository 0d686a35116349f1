"""The scheduler: it takes the lease of an instance and turns that instance's shards, for one term after another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random

from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.scheduler.context import SchedulerContext, Stores
from tidewheel.engine.scheduler.election import Election
from tidewheel.engine.scheduler.handover import Handover
from tidewheel.engine.scheduler.health.failures import Failures
from tidewheel.engine.scheduler.term import End, Steps, Term
from tidewheel.ports import Clock, Launcher, Queue, Telemetry


@dataclass(frozen=True, slots=True)
class SchedulerLoop:
    """One scheduler.

    Args:
        stores: The stores that it reads and writes.
        queue: Where occurrences go.
        launcher: Starts its successor.
        clock: Time.
        telemetry: Counts and log events.
        executor: Runs background calls.
        layouts: How many shards are in force, by time.
        ends: Hands the ends of executions to their followers.
        owner: A name that no other run has.
        version: Its code version.
        instance: Which instance it is to be, from 0 on.
        instances: How many instances there are.
        pace: Whether it loops, or hands over what comes next and ends.
        line_guard: Makes the line guard of a term; None: another scheduler has one.
        guard: Says whether this machine's clock is fit to schedule by; None trusts it.
        tenants: What this process knows of tenants, for their weights; None: all are equal.
    """

    stores: Stores
    queue: Queue
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: LayoutCache
    ends: EndHandler
    owner: str
    version: str
    instance: int = 0
    instances: int = 1
    pace: Pace = LOOP
    line_guard: Callable[[], LineGuard] | None = None
    guard: ClockGuard | None = None
    tenants: TenantCache | None = None

    def run(self, remaining_ms: Callable[[], int]) -> End:
        """Takes the lease and turns the wheel until the deadline nears or, in a short run, all is handed over.

        A term that ends because the store did not answer is followed by another as soon as it does.

        Args:
            remaining_ms: How long (ms) this process may go on.

        Returns:
            Why the last term was over. It is ``let_go`` only if another scheduler has the instance by now, or if the
            deadline came before the store answered.

        Raises:
            Fenced: Another scheduler has taken over, because this one was cut off for too long.
        """
        steps = self.steps(remaining_ms)
        while True:
            try:
                until_ms = next(steps)
            except StopIteration as stop:
                return End(stop.value)
            self.clock.sleep_until(until_ms)

    def steps(self, remaining_ms: Callable[[], int]) -> Steps:
        """The same step by step: yields the time (ms since the epoch) until which there is nothing to do."""
        election = Election(
            self.stores.leases, self.clock, self.telemetry, self.owner, self.version, self.instance, self.guard
        )
        lease = yield from election.stand(remaining_ms)
        end = End.SKEWED if self._is_skewed() else End.NOT_NEEDED
        while lease is not None:
            end = yield from self._one_term(lease, remaining_ms)
            lease = (yield from election.stand_again(remaining_ms)) if end is End.LET_GO else None
        return end

    def _one_term(self, lease: Lease, remaining_ms: Callable[[], int]) -> Steps:
        self.telemetry.info("a term begins", owner=self.owner, instance=self.instance, epoch=lease.epoch)
        end = yield from self._term(lease).steps(remaining_ms)
        self.telemetry.info("a term ended", owner=self.owner, instance=self.instance, epoch=lease.epoch, end=str(end))
        self.telemetry.flush()
        return end

    def _term(self, lease: Lease) -> Term:
        backoff = Backoff(Random(self.owner))  # noqa: S311 - spreads tries, guards nothing; no owner has two runs
        context = SchedulerContext(
            self.stores,
            self.clock,
            self.telemetry,
            self.executor,
            self.layouts,
            backoff,
            self.ends,
            Failures(self.clock),
            self.pace,
            self.line_guard,
            self.tenants,
        )
        handover = Handover(self.launcher, self.instance, self.version)
        return Term(context, self.queue, handover, lease, self.instances, self._is_skewed)

    def _is_skewed(self) -> bool:
        """Whether this machine's clock is so far off that it may turn nothing."""
        return self.guard is not None and bool(self.guard.refusal())
