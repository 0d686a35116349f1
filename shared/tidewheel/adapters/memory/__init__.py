"""Every port in memory: complete, held to the same contract suite as the rest; for tests and simulations."""

from tidewheel.adapters.memory.admission import MemoryCircuits, MemoryPermits
from tidewheel.adapters.memory.control import MemoryControl
from tidewheel.adapters.memory.locks import MemoryLocks
from tidewheel.adapters.memory.logs import MemoryLogs
from tidewheel.adapters.memory.queue import MemoryQueue, Message
from tidewheel.adapters.memory.secrets import MemorySecrets
from tidewheel.adapters.memory.settable import (
    CountedEntropy,
    InlineExecutor,
    RecordingTelemetry,
    SettableClock,
    SettableWatch,
)
from tidewheel.adapters.memory.stores import MemoryExecutions, MemoryJobs, MemoryWheel, World

__all__ = [
    "CountedEntropy",
    "InlineExecutor",
    "MemoryCircuits",
    "MemoryControl",
    "MemoryExecutions",
    "MemoryJobs",
    "MemoryLocks",
    "MemoryLogs",
    "MemoryPermits",
    "MemoryQueue",
    "MemorySecrets",
    "MemoryWheel",
    "Message",
    "RecordingTelemetry",
    "SettableClock",
    "SettableWatch",
    "World",
]
