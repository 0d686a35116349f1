"""A worker's flow over whatever stores a test has."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.reading import FactReader
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Caller, Clock, Entropy, Executions, Jobs, Locks, Telemetry, Wheel
from tidewheel.wiring.ends import end_handler


def a_runner(  # noqa: PLR0917 - as many parts as a worker has
    jobs: Jobs,
    executions: Executions,
    wheel: Wheel,
    callers: Mapping[str, Caller],
    clock: Clock,
    entropy: Entropy,
    telemetry: Telemetry,
    layouts: LayoutCache,
    locks: Locks,
    lease_renewer: LeaseRenewer,
    admission: AdmissionControl,
    immediate: ImmediateDispatch | None = None,
) -> Runner:
    """Puts it together as ``wiring.worker`` does."""
    wheel_writer = WheelWriter(wheel, layouts, clock, immediate)
    ends = end_handler(executions, locks, clock, wheel_writer)
    return Runner(
        FactReader(jobs, executions, ends.overlap_lock),
        executions,
        wheel_writer,
        ends.overlap_lock,
        ends,
        admission,
        TargetCalls(callers, lease_renewer, clock),
        clock,
        entropy,
        telemetry,
    )
