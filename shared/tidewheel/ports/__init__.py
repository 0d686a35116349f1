"""What the engine needs of the world. The docstrings are the contracts that every adapter is tested against.

All times are milliseconds since the Unix epoch, UTC. Adapters raise ``PortError`` or one of its kin for what
went wrong outside; whoever sees one knows only that the call may or may not have been applied.
"""

from tidewheel.ports.errors import Fenced, PortError, Throttled
from tidewheel.ports.stores import Circuits, ExecutionKey, Executions, JobKey, Jobs, Locks, Page, Permits
from tidewheel.ports.surroundings import Clock, ClockWatch, Entropy, Launcher, Telemetry
from tidewheel.ports.turning import Control, Wheel
from tidewheel.ports.work import SEND_BATCH, Call, Caller, CallProgress, Logs, Queue, Received, Secrets

__all__ = [
    "SEND_BATCH",
    "Call",
    "CallProgress",
    "Caller",
    "Circuits",
    "Clock",
    "ClockWatch",
    "Control",
    "Entropy",
    "ExecutionKey",
    "Executions",
    "Fenced",
    "JobKey",
    "Jobs",
    "Launcher",
    "Locks",
    "Logs",
    "Page",
    "Permits",
    "PortError",
    "Queue",
    "Received",
    "Secrets",
    "Telemetry",
    "Throttled",
    "Wheel",
]
