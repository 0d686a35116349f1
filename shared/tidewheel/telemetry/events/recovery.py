"""What the dead-letter handler and the reconciler log."""

from __future__ import annotations

from tidewheel.telemetry.events.event import ERROR, EXECUTION, INFO, MESSAGE, PROBLEM, Event
from tidewheel.telemetry.process import Process

EVENTS = (
    Event(
        "a forgotten execution was brought back",
        ERROR,
        Process.RECOVERY,
        "It waited and nothing would have brought it: a fault of Tidewheel; the metric is `execution_brought_back`.",
        {
            **EXECUTION,
            "tenant": "the tenant",
            "state": "the state in which it waited",
            "expected_ms": "when its next attempt was expected (ms since the epoch)",
        },
    ),
    Event(
        "a queue could not be counted",
        INFO,
        Process.RECOVERY,
        "It does not exist, or the reconciler may not ask. What may be in it is not repaired for six hours.",
        {"route": "the queue's pool and priority", **PROBLEM},
    ),
    Event(
        "a dead letter cannot be understood",
        ERROR,
        Process.RECOVERY,
        "It goes to quarantine, or stays in the dead-letter queue if it is too long for that.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "a dead letter could not be handled and comes back",
        ERROR,
        Process.RECOVERY,
        "A store or queue failed; the dead-letter queue gives it again.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "unexpected error while handling a dead letter",
        ERROR,
        Process.RECOVERY,
        "A fault of Tidewheel; the dead-letter queue gives the message again.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "a missing schedule entry was written again",
        ERROR,
        Process.RECOVERY,
        "A schedule had stopped: a fault of Tidewheel; the metric is `schedule_repaired`.",
        {
            "tenant": "the tenant",
            "job": "the job's id",
            "nominal_ms": "the last instant (ms since the epoch) that was due",
            "since_ms": "the first instant (ms since the epoch) without an account; the schedule goes on with it",
        },
    ),
    Event(
        "a record cannot be read and was not reconciled",
        ERROR,
        Process.RECOVERY,
        "It is left as it is; the metric is `record_unreadable`.",
        PROBLEM,
    ),
    Event(
        "another run of the reconciler continues the sweep",
        INFO,
        Process.RECOVERY,
        "Two runs met; this one ends.",
    ),
)
