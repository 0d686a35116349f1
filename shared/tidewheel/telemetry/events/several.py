"""What several processes log."""

from __future__ import annotations

from tidewheel.telemetry.events.event import ERROR, EXECUTION, INFO, PROBLEM, Event
from tidewheel.telemetry.process import Process

EVENTS = (
    Event(
        "a run ends since its workflow is gone",
        ERROR,
        Process.SEVERAL,
        "The version that the run is of was deleted from the store by hand: nothing more of the run begins.",
        {**EXECUTION, "reason": "which version"},
    ),
    Event(
        "a permit was not given on; the line guard does it",
        INFO,
        Process.SEVERAL,
        "Until then one execution less of that tenant runs.",
        {"tenant": "the tenant", **PROBLEM},
    ),
    Event(
        "who waits in line could not be woken",
        INFO,
        Process.SEVERAL,
        "The line guard sends the message; if its queue refuses it, too, the wheel brings the execution.",
        {"execution": "the execution's id", **PROBLEM},
    ),
    Event(
        "a line was not looked at and will be again",
        INFO,
        Process.SEVERAL,
        "Permits that became free otherwise than by the end of a run are given away later.",
        {"tenant": "the tenant", **PROBLEM},
    ),
    Event(
        "a tenant could not be read; what was known of it holds",
        INFO,
        Process.SEVERAL,
        "Limits and weight that were changed just before may hold late, by five minutes at most.",
        {"tenant": "the tenant", "age_ms": "how long ago it was read (ms)", **PROBLEM},
    ),
    Event(
        "an execution ends as dead",
        ERROR,
        Process.SEVERAL,
        "Its message was given up by the queue, or no queue takes it.",
        {**EXECUTION, "reason": "why"},
    ),
    Event(
        "what no queue takes was set aside",
        ERROR,
        Process.SEVERAL,
        "It is refused for what it says, or the right or the queue was missing for too long. It is a dead letter.",
        {
            **EXECUTION,
            "route": "the queue's pool and priority",
            "partition": "the partition of the Wheel table where it is kept",
            "key": "its sort key there",
            **PROBLEM,
        },
    ),
    Event(
        "the clock is off",
        ERROR,
        Process.SEVERAL,
        "This machine's clock is off by more than a second; at most once a minute.",
        {
            "deviation_ms": "by how much (ms); above zero if it is ahead",
            "takes_work": "false if it is off so far that no work is taken until it is right",
            "problem": "the same for people",
        },
    ),
    Event(
        "not sent at once; the wheel will send it",
        INFO,
        Process.SEVERAL,
        "An execution that was due at once is sent a little later; the metric is `immediate_send_failed`.",
        PROBLEM,
    ),
    Event(
        "the number of shards changes",
        INFO,
        Process.SEVERAL,
        "A deployment has another number of shards, and schedulers announced it.",
        {"before": "the number until then", "after": "the number from then on", "from_ms": "when (ms since the epoch)"},
    ),
)
