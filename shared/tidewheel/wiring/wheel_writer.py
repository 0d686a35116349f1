"""What puts entries on the wheel, for every function that owns no shard."""

from __future__ import annotations

from tidewheel.domain.wheel.pace import Pace
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.ports import Clock, Queue, Telemetry, Wheel


def wheel_writer(
    wheel: Wheel, queue: Queue, layouts: LayoutCache, clock: Clock, telemetry: Telemetry, pace: Pace
) -> WheelWriter:
    """Builds the writer with its immediate dispatch, which sends what is due before a scheduler would load it."""
    return WheelWriter(wheel, layouts, clock, telemetry, ImmediateDispatch(queue, wheel, clock, telemetry, pace))
