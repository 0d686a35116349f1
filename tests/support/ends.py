"""The end handler over the ports of a test."""

from __future__ import annotations

from tests.support.workflows import no_versions
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.ports import Clock, Executions, Jobs, Locks, Queue, Telemetry, Wheel
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.wheel_writer import wheel_writer


def ends_of(  # noqa: PLR0917 - as many parts as a process has
    executions: Executions,
    locks: Locks,
    wheel: Wheel,
    queue: Queue,
    layouts: LayoutCache,
    clock: Clock,
    telemetry: Telemetry,
    jobs: Jobs,
    pace: Pace = LOOP,
) -> EndHandler:
    """What follows the ends of executions that lie in these stores."""
    writer = wheel_writer(wheel, queue, layouts, clock, telemetry, pace)
    return end_handler(executions, locks, clock, writer, telemetry, jobs, queue, no_versions())
