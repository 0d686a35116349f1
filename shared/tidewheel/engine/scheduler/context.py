"""What a scheduler and the owner of a shard work with."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.shard_layout import Layouts
from tidewheel.engine.scheduler.background_io import Errands
from tidewheel.ports import Clock, Control, Executions, Jobs, Telemetry, Wheel


@dataclass(frozen=True, slots=True)
class Stores:
    """What turning reads and writes."""

    wheel: Wheel
    jobs: Jobs
    control: Control
    executions: Executions


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is held under an epoch, with what its owner works with."""

    number: int
    epoch: int
    stores: Stores
    errands: Errands
    telemetry: Telemetry
    clock: Clock
    layouts: Layouts


@dataclass(frozen=True, slots=True)
class Means:
    """What a scheduler works with."""

    stores: Stores
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    layouts: Layouts
    backoff: Backoff
    pace: Pace = LOOP

    def errands(self) -> Errands:
        """A set of errands of its own."""
        return Errands(self.executor, self.clock, self.telemetry, self.backoff)
