"""What workers log."""

from __future__ import annotations

from tidewheel.telemetry.events.event import CIRCUIT, ERROR, EXECUTION, INFO, MESSAGE, PROBLEM, Event
from tidewheel.telemetry.process import Process

_POOL = {"pool": "the pool's name"}

EVENTS = (
    Event(
        "the worker begins",
        INFO,
        Process.WORKER,
        "A pool's worker process has started.",
        {**_POOL, "slots": "how many executions it runs at once", "deployment": "the deployment's name"},
    ),
    Event(
        "the worker drains",
        INFO,
        Process.WORKER,
        "It was told to stop: it takes nothing more, and lets calls end.",
        {**_POOL, "running": "how many executions run"},
    ),
    Event(
        "the worker hands over",
        INFO,
        Process.WORKER,
        "Its time to drain is over: the calls that still run are told to end, and other workers go on with them.",
        {**_POOL, "running": "how many executions run"},
    ),
    Event(
        "not everything was handed over; leases have to end",
        ERROR,
        Process.WORKER,
        "Some calls did not end; other workers take their executions over when the leases have ended.",
        {**_POOL, "left": "how many executions are left"},
    ),
    Event("the worker ends", INFO, Process.WORKER, "A pool's worker process is done.", _POOL),
    Event(
        "receiving from a queue failed",
        INFO,
        Process.WORKER,
        "It is tried again, after a while that grows.",
        {**_POOL, "priority": "the queue's priority", **PROBLEM},
    ),
    Event(
        "unexpected error while receiving messages",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; receiving goes on.",
        {**_POOL, **PROBLEM},
    ),
    Event(
        "a message could not be handled and comes back",
        ERROR,
        Process.WORKER,
        "A store or queue failed, or a record cannot be read; the queue gives the message to a worker again.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "unexpected error while handling a message",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; the message comes back, and is a dead letter in the end.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "a message comes back late",
        INFO,
        Process.WORKER,
        "A message that should come back at once does so when its visibility time-out is over.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "a message may come back early",
        INFO,
        Process.WORKER,
        "A message could not be hidden for longer; whoever gets it sees that its execution runs.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "the visibility of messages was not changed",
        INFO,
        Process.WORKER,
        "Some messages come back earlier or later than they should.",
        PROBLEM,
    ),
    Event(
        "a message could not be deleted",
        INFO,
        Process.WORKER,
        "It comes again, and its worker sees that all is done.",
        {**MESSAGE, **PROBLEM},
    ),
    Event(
        "a lease could not be renewed yet",
        INFO,
        Process.WORKER,
        "It is tried again until the lease ends; the metric is `lease_renewal_failed`.",
        {**EXECUTION, **PROBLEM},
    ),
    Event(
        "unexpected error while renewing a lease",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; the renewal is tried again.",
        {**EXECUTION, **PROBLEM},
    ),
    Event(
        "unexpected error in the lease renewer",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; the lease renewer goes on.",
        PROBLEM,
    ),
    Event(
        "protection from scale-in failed",
        INFO,
        Process.WORKER,
        "The ECS agent did not protect the worker's task, or not end that; it is asked again.",
        PROBLEM,
    ),
    Event(
        "unexpected error while protecting the worker",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; protection is asked for again.",
        PROBLEM,
    ),
    Event(
        "a lease ended before its call did",
        ERROR,
        Process.WORKER,
        "The lease could not be renewed in time; another worker takes the execution over.",
        EXECUTION,
    ),
    Event(
        "another worker took this execution over",
        ERROR,
        Process.WORKER,
        "A call's result was not stored; the metric is `finish_fenced`.",
        {**EXECUTION, "attempt": "the attempt's number"},
    ),
    Event(
        "a part of a log is lost",
        ERROR,
        Process.WORKER,
        "What a call wrote could not be stored; the metric is `log_lost`.",
        {**EXECUTION, **PROBLEM},
    ),
    Event(
        "a circuit opened",
        INFO,
        Process.WORKER,
        "A target failed many times in a row, and is left alone for a while.",
        {**CIRCUIT, "failures": "how many failures in a row"},
    ),
    Event("a circuit closed", INFO, Process.WORKER, "A target works again.", CIRCUIT),
    Event(
        "a circuit cannot be read and counts as closed",
        ERROR,
        Process.WORKER,
        "The target is called as if nothing was wrong with it.",
        {"circuit": CIRCUIT["circuit"], **PROBLEM},
    ),
    Event(
        "the outcome of a call was not recorded on its circuit",
        INFO,
        Process.WORKER,
        "The circuit opens or closes by the calls that follow.",
        {"circuit": CIRCUIT["circuit"], **PROBLEM},
    ),
)
