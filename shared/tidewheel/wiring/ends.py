"""Builds the end handler, for every function that may write an execution's end."""

from __future__ import annotations

from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.dead_letters import DeadLetterCounter
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.engine.orchestration.runs import WorkflowRuns
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.ports import Clock, Executions, Jobs, Locks, Queue, Telemetry


def end_handler(
    executions: Executions,
    locks: Locks,
    clock: Clock,
    wheel_writer: WheelWriter,
    telemetry: Telemetry,
    jobs: Jobs,
    queue: Queue,
    versions: VersionCache,
) -> EndHandler:
    """Builds the handler with all its followers. A new follower is added here and nowhere else.

    What follows the end of a step of a run may be the end of the run, which the other followers follow as well.
    """
    overlap_lock = OverlapLock(executions, locks, clock, wheel_writer.put)
    followers = (overlap_lock, DeadLetterCounter(telemetry))
    sender = NodeSender(queue, clock, wheel_writer.put)
    runs = WorkflowRuns(executions, jobs, versions, sender, clock, telemetry, followers)
    return EndHandler(executions, overlap_lock, runs, (*followers, runs))
