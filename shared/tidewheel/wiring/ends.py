"""Builds the end handler, for every function that may write an execution's end."""

from __future__ import annotations

from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.dead_letters import DeadLetterCounter
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.ports import Clock, Executions, Locks, Telemetry


def end_handler(
    executions: Executions, locks: Locks, clock: Clock, wheel_writer: WheelWriter, telemetry: Telemetry
) -> EndHandler:
    """Builds the handler with all its followers. A new follower is added here and nowhere else."""
    overlap_lock = OverlapLock(executions, locks, clock, wheel_writer.put)
    return EndHandler(executions, overlap_lock, (overlap_lock, DeadLetterCounter(telemetry)))
