"""What the engine needs of the outside. The docstrings are the contracts that every adapter is tested against.

All times are milliseconds since the Unix epoch, UTC. Adapters raise ``PortError`` or a subclass of it for failures
outside; unless the subclass says otherwise, the call may have been applied. "Strongly consistent" reads see every
write that was acknowledged before the read began.
"""

from tidewheel.ports.access import ApiKeys, Tenants, TokenVerifier
from tidewheel.ports.admission import Circuits, PermitLines, Permits
from tidewheel.ports.audit import Audit
from tidewheel.ports.calls import Call, Caller, CallProgress, Logs, Secrets, SelectiveCaller
from tidewheel.ports.coordination import HealthStore, LayoutStore, LeaseStore, ShardOwnership, SweepStore
from tidewheel.ports.errors import Fenced, NameTaken, PortError, Refused, TallyMoved, Throttled, TooLate
from tidewheel.ports.queue import SEND_BATCH, Queue, Received
from tidewheel.ports.quotas import Counters, Tallies
from tidewheel.ports.records import ExecutionKey, Executions, JobKey, Jobs, Locks, Page
from tidewheel.ports.requests import Requests
from tidewheel.ports.runtime import Clock, ClockWatch, Entropy, Launcher, ScaleInProtection, Telemetry
from tidewheel.ports.wheel import Wheel
from tidewheel.ports.workflows import WorkflowStore

__all__ = [
    "SEND_BATCH",
    "ApiKeys",
    "Audit",
    "Call",
    "CallProgress",
    "Caller",
    "Circuits",
    "Clock",
    "ClockWatch",
    "Counters",
    "Entropy",
    "ExecutionKey",
    "Executions",
    "Fenced",
    "HealthStore",
    "JobKey",
    "Jobs",
    "Launcher",
    "LayoutStore",
    "LeaseStore",
    "Locks",
    "Logs",
    "NameTaken",
    "Page",
    "PermitLines",
    "Permits",
    "PortError",
    "Queue",
    "Received",
    "Refused",
    "Requests",
    "ScaleInProtection",
    "Secrets",
    "SelectiveCaller",
    "ShardOwnership",
    "SweepStore",
    "Tallies",
    "TallyMoved",
    "Telemetry",
    "Tenants",
    "Throttled",
    "TokenVerifier",
    "TooLate",
    "Wheel",
    "WorkflowStore",
]
