"""What a scheduler, and the owner of a shard, work with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.undeliverable import Undeliverable
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.health.failures import Failures
from tidewheel.ports import Clock, Executions, HealthStore, Jobs, LeaseStore, ShardOwnership, Telemetry, Wheel


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that a scheduler reads and writes."""

    wheel: Wheel
    jobs: Jobs
    executions: Executions
    leases: LeaseStore
    ownership: ShardOwnership
    health: HealthStore


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is held, with what its owner works with.

    Args:
        number: Which shard.
        epoch: The fencing token under which it is held.
        stores: What is read and written.
        background: The shard's own background calls.
        telemetry: Counts and log events.
        clock: Time.
        layouts: How many shards are in force, by time.
    """

    number: int
    epoch: int
    stores: Stores
    background: BackgroundIO
    telemetry: Telemetry
    clock: Clock
    layouts: LayoutCache


@dataclass(frozen=True, slots=True)
class SchedulerContext:
    """What a scheduler works with during a term.

    Args:
        stores: What is read and written.
        clock: Time.
        telemetry: Counts and log events.
        executor: Runs background calls.
        layouts: How many shards are in force, by time.
        backoff: How long to wait before a failed call is tried again.
        ends: Hands the ends of executions to their followers.
        failures: Counts the requests that fail.
        pace: Whether the scheduler loops, or runs briefly each minute.
        line_guard: Makes the line guard of a term; None: another scheduler has one.
        tenants: What this process knows of tenants, for their weights; None: all are equal.
    """

    stores: Stores
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: LayoutCache
    backoff: Backoff
    ends: EndHandler
    failures: Failures
    pace: Pace = LOOP
    line_guard: Callable[[], LineGuard] | None = None
    tenants: TenantCache | None = None

    @property
    def undeliverable(self) -> Undeliverable:
        """Sets aside what no queue will ever take."""
        stores = self.stores
        return Undeliverable(stores.jobs, stores.executions, stores.wheel, self.clock, self.telemetry, self.ends)

    def background(self) -> BackgroundIO:
        """A new set of background calls: whoever makes it collects their results."""
        return BackgroundIO(self.executor, self.clock, self.telemetry, self.backoff, self.failures)

    def shard(self, number: int, epoch: int) -> Shard:
        """A shard that was claimed under an epoch, with background calls of its own."""
        return Shard(number, epoch, self.stores, self.background(), self.telemetry, self.clock, self.layouts)
