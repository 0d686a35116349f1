"""A worker's runner over whatever stores a test has."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.workflows import no_versions
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.orchestration.steps import StepJobs
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.reading import FactReader
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Caller, Clock, Entropy, Executions, Jobs, Locks, Queue, Telemetry, Wheel
from tidewheel.wire.targets import allowed_kinds
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.wheel_writer import wheel_writer


def a_runner(  # noqa: PLR0917 - as many parts as a worker has
    jobs: Jobs,
    executions: Executions,
    wheel: Wheel,
    queue: Queue,
    callers: Mapping[str, Caller],
    clock: Clock,
    entropy: Entropy,
    telemetry: Telemetry,
    layouts: LayoutCache,
    locks: Locks,
    lease_renewer: LeaseRenewer,
    admission: AdmissionControl,
    pace: Pace = LOOP,
    allow_kinds: Mapping[str, frozenset[str]] | None = None,
    versions: VersionCache | None = None,
) -> Runner:
    """Builds it as ``wiring.worker`` does."""
    writer = wheel_writer(wheel, queue, layouts, clock, telemetry, pace)
    versions = versions or no_versions()
    ends = end_handler(executions, locks, clock, writer, telemetry, jobs, queue, versions)
    steps = StepJobs(executions, versions)
    return Runner(
        FactReader(jobs, executions, ends.overlap_lock, steps),
        executions,
        writer,
        ends.overlap_lock,
        ends,
        admission,
        TargetCalls(callers, lease_renewer, clock, allowed_kinds(allow_kinds or {}), steps),
        clock,
        entropy,
        telemetry,
    )
