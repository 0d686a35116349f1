"""What stands around a call in tests: the line to its worker, and the keeper."""

from __future__ import annotations

from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import InlineExecutor, MemoryLogs, MemoryQueue
from tidewheel.domain.job import Target
from tidewheel.engine.keeper import Keeper
from tidewheel.engine.progress import OpenProgress
from tidewheel.ports import Call, Clock, Executions, Telemetry

TENANT = "acme"


def a_call(
    target: Target,
    execution: str,
    nominal_ms: int,
    attempt: int,
    timeout_ms: int,
    progress: OpenProgress | None = None,
) -> Call:
    """A call that is due 40 ms after its nominal time, of an attempt that nobody stops unless the test does."""
    line = progress or OpenProgress(SystemClock())
    return Call(target, TENANT, execution, nominal_ms, nominal_ms + 40, attempt, timeout_ms, line)


def a_keeper(executions: Executions, clock: Clock, telemetry: Telemetry) -> Keeper:
    """The keeper of a worker whose calls end at once."""
    return Keeper(executions, MemoryQueue(clock), MemoryLogs(), clock, telemetry, InlineExecutor())
