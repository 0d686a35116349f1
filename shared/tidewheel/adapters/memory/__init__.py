"""Every port in memory, for tests and simulations; the contract tests cover it as they cover AWS."""

from tidewheel.adapters.memory.access import MemoryApiKeys, MemoryTenants
from tidewheel.adapters.memory.audit import MemoryAudit
from tidewheel.adapters.memory.circuits import MemoryCircuits
from tidewheel.adapters.memory.control import MemoryControl
from tidewheel.adapters.memory.executions import MemoryExecutions
from tidewheel.adapters.memory.jobs import MemoryJobs
from tidewheel.adapters.memory.locks import MemoryLocks
from tidewheel.adapters.memory.logs import MemoryLogs
from tidewheel.adapters.memory.permit_lines import MemoryPermitLines
from tidewheel.adapters.memory.permits import MemoryPermits
from tidewheel.adapters.memory.queue import MemoryQueue, Message
from tidewheel.adapters.memory.quotas.counters import MemoryCounters
from tidewheel.adapters.memory.quotas.tallies import MemoryTallies
from tidewheel.adapters.memory.requests import MemoryRequests
from tidewheel.adapters.memory.secrets import MemorySecrets
from tidewheel.adapters.memory.settable import (
    CountedEntropy,
    InlineExecutor,
    RecordingTelemetry,
    SettableClock,
    SettableWatch,
)
from tidewheel.adapters.memory.wheel import MemoryWheel
from tidewheel.adapters.memory.workflows.definitions import MemoryWorkflows
from tidewheel.adapters.memory.world import World

__all__ = [
    "CountedEntropy",
    "InlineExecutor",
    "MemoryApiKeys",
    "MemoryAudit",
    "MemoryCircuits",
    "MemoryControl",
    "MemoryCounters",
    "MemoryExecutions",
    "MemoryJobs",
    "MemoryLocks",
    "MemoryLogs",
    "MemoryPermitLines",
    "MemoryPermits",
    "MemoryQueue",
    "MemoryRequests",
    "MemorySecrets",
    "MemoryTallies",
    "MemoryTenants",
    "MemoryWheel",
    "MemoryWorkflows",
    "Message",
    "RecordingTelemetry",
    "SettableClock",
    "SettableWatch",
    "World",
]
