"""What the scheduler and the watchdog log."""

from __future__ import annotations

from tidewheel.telemetry.events.event import ERROR, EXECUTION, INFO, PROBLEM, Event
from tidewheel.telemetry.process import Process

_TERM = {"owner": "the scheduler's id", "instance": "which instance it is", "epoch": "the number of its term"}

EVENTS = (
    Event("a term begins", INFO, Process.SCHEDULER, "A scheduler has the lease of its instance.", _TERM),
    Event(
        "a term ended",
        INFO,
        Process.SCHEDULER,
        "A scheduler gave its shards up.",
        {**_TERM, "end": "why, in one word"},
    ),
    Event(
        "a lease could not be read or taken",
        INFO,
        Process.SCHEDULER,
        "The store did not answer a scheduler that stands for its instance; it asks again as long as its time lasts.",
        {
            "instance": "which instance it stands for",
            "delay_ms": "in how long (ms) it asks again",
            **PROBLEM,
        },
    ),
    Event(
        "started a scheduler",
        INFO,
        Process.SCHEDULER,
        "The watchdog saw that an instance needs a scheduler.",
        {"instance": "which instance", "reason": "why it is needed"},
    ),
    Event(
        "a batch was not sent",
        INFO,
        Process.SCHEDULER,
        "SQS refused a batch of dispatches; they are sent again.",
        {"route": "the queue's pool and priority", **PROBLEM},
    ),
    Event(
        "whether a route drains is unknown",
        INFO,
        Process.SCHEDULER,
        "Its queue, or the executions that were sent there, could not be looked at: what is overdue goes slowly.",
        {"route": "the queue's pool and priority", **PROBLEM},
    ),
    Event(
        "a weight is unknown",
        INFO,
        Process.SCHEDULER,
        "A tenant could not be read. It has as many turns as before; one that was never read has a weight of 1.",
        {"tenant": "the tenant", **PROBLEM},
    ),
    Event(
        "the health changes",
        INFO,
        Process.SCHEDULER,
        "The deployment holds work back, takes on no more, allows no change, or is well again. The scheduler that "
        "holds shard 0 writes it.",
        {"before": "the state before", "after": "the state by now", "reasons": "why, as text"},
    ),
    Event(
        "a route lacks its queue or the right to it",
        ERROR,
        Process.SCHEDULER,
        "What is due waits for five minutes for whoever mends it; then it is set aside. The metric is `route_missing`.",
        {"route": "the queue's pool and priority", **PROBLEM},
    ),
    Event(
        "what no queue takes could not be set aside",
        ERROR,
        Process.SCHEDULER,
        "The store refused it too, for what it says; it holds up nobody.",
        {**EXECUTION, **PROBLEM},
    ),
    Event(
        "refused for good, and not even set aside",
        ERROR,
        Process.SCHEDULER,
        "The store refused it too, for what it says: this line is all that remains.",
        {"what": "what it is: `wheel entry`, `ledger row`, `job` or `generation`", "text": "its content", **PROBLEM},
    ),
    Event(
        "entries could not be deleted",
        ERROR,
        Process.SCHEDULER,
        "The store refuses their keys; they are passed over.",
        {"slot": "their slot", **PROBLEM},
    ),
    Event(
        "background I/O was refused for good",
        ERROR,
        Process.SCHEDULER,
        "A right or a table is missing, or the store refuses what the call says. The scheduler ends with this error.",
        {"operation": "the store's operation", "for_ms": "for how long (ms) it was tried", **PROBLEM},
    ),
    Event(
        "background I/O failed and will be tried again",
        INFO,
        Process.SCHEDULER,
        "A call to a store failed; the metric is `background_io_failed`.",
        {"operation": "the store's operation", "delay_ms": "in how long (ms) it is tried again", **PROBLEM},
    ),
    Event(
        "high precision needs a loop; treated as normal",
        INFO,
        Process.SCHEDULER,
        "A job asks for what economy mode does not have.",
        {"job": "the job's id"},
    ),
    Event(
        "set aside in quarantine",
        ERROR,
        Process.SCHEDULER,
        "An entry, or the record that it needs, cannot be read; nobody is stopped by it.",
        {
            "what": "what is bad: `wheel entry`, `ledger row`, `job` or `generation`",
            "partition": "the partition of the Wheel table where it is kept",
            "key": "its sort key there",
            "slot": "the slot where it was found",
            "entry_key": "its sort key in that slot",
            **PROBLEM,
        },
    ),
)
