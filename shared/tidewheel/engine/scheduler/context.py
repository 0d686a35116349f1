"""What a scheduler and the owner of a shard work with."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import Clock, Executions, Jobs, LeaseStore, ShardOwnership, Telemetry, Wheel


@dataclass(frozen=True, slots=True)
class Stores:
    """What a scheduler reads and writes."""

    wheel: Wheel
    jobs: Jobs
    executions: Executions
    leases: LeaseStore
    ownership: ShardOwnership


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is held under an epoch, with what its owner works with."""

    number: int
    epoch: int
    stores: Stores
    background: BackgroundIO
    telemetry: Telemetry
    clock: Clock
    layouts: LayoutCache


@dataclass(frozen=True, slots=True)
class SchedulerContext:
    """What a scheduler works with."""

    stores: Stores
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: LayoutCache
    backoff: Backoff
    pace: Pace = LOOP

    def background(self) -> BackgroundIO:
        """A set of background calls of its own."""
        return BackgroundIO(self.executor, self.clock, self.telemetry, self.backoff)
