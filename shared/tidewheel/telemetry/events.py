"""Every log line that the functions and workers write themselves, by its message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidewheel.telemetry.process import Process

INFO, WARNING, ERROR = "info", "warning", "error"
"""Levels. An error is something that someone should look at; it comes with its exception, if there is one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line.

    Args:
        message: Its text, always the same.
        level: ``info``, ``warning`` or ``error``.
        process: Who writes it.
        meaning: What happened, and what follows.
        fields: What its fields hold, by name; besides ``problem``, see ``PROBLEM``.
    """

    message: str
    level: str
    process: Process
    meaning: str
    fields: Mapping[str, str] = field(default_factory=dict)


PROBLEM = {"problem": "the error's text"}
_MESSAGE = {"message_id": "the id that SQS gave the message"}
_POOL = {"pool": "the pool's name"}
_TERM = {"owner": "the scheduler's id", "instance": "which instance it is", "epoch": "the number of its term"}
_CIRCUIT = {"tenant": "the tenant", "circuit": "the target that it protects"}
_EXECUTION = {"execution": "the execution's id"}

_EVENTS = (
    # --- signing in
    Event(
        "signing in was refused",
        INFO,
        Process.ACCESS,
        "A request was answered with 401: no key, an unknown, expired or revoked one, or a token that is not accepted.",
        {"address": "the network address that it came from", "problem": "why, without the key or token"},
    ),
    # --- api
    Event(
        "a store or queue failed",
        WARNING,
        Process.API,
        "A request was answered with 503.",
        {"request_id": "the request's id, as in the access log and the answer", **PROBLEM},
    ),
    Event(
        "a request failed",
        ERROR,
        Process.API,
        "A request was answered with 500: a fault of Tidewheel.",
        {"request_id": "the request's id, as in the access log and the answer"},
    ),
    Event(
        "a record cannot be read and was left out of a list",
        ERROR,
        Process.API,
        "A list is not complete; the metric is `record_unreadable`.",
        PROBLEM,
    ),
    Event(
        "the health could not be read",
        INFO,
        Process.API,
        "The API goes by what it knew; after some seconds it makes no changes, as none could be stored.",
        PROBLEM,
    ),
    Event(
        "an operator set the switch",
        INFO,
        Process.API,
        "The deployment is read-only, or not any more.",
        {"read_only": "whether it is", "by": "the principal", "reason": "why, as the operator wrote it"},
    ),
    Event(
        "audit",
        INFO,
        Process.API,
        "A request changed something or tried to, or was refused: a row of the audit log, which is kept there too.",
        {
            "tenant": "the tenant; empty if nobody signed in",
            "at_ms": "when it came (ms since the epoch)",
            "request_id": "the request's id, as in the access log and the answer",
            "principal": "who made it",
            "key": "the id of the API key that it was made with",
            "role": "the role of whoever made it",
            "address": "where it came from",
            "operation": "the id of the operation",
            "path": "the path that was asked for",
            "subjects": "the ids of what it was about",
            "status": "the HTTP status of its answer",
            "problem": "the kind of problem that it was refused for",
            "fields": "the fields that were refused",
            "changes": "what it changed: kind and id, and JSON before and after, without secrets",
            "more": "how many refusals of the same principal were left out in an earlier minute",
        },
    ),
    Event(
        "a row of the audit log could not be added",
        ERROR,
        Process.API,
        "What came of a request is in the line `audit` before this one alone; the metric is `audit_row_lost`.",
        {"request_id": "the request's id", "tenant": "the tenant", **PROBLEM},
    ),
    # --- scheduler
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
        {**_EXECUTION, **PROBLEM},
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
    # --- worker
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
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "unexpected error while handling a message",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; the message comes back, and is a dead letter in the end.",
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "a message comes back late",
        INFO,
        Process.WORKER,
        "A message that should come back at once does so when its visibility time-out is over.",
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "a message may come back early",
        INFO,
        Process.WORKER,
        "A message could not be hidden for longer; whoever gets it sees that its execution runs.",
        {**_MESSAGE, **PROBLEM},
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
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "a lease could not be renewed yet",
        INFO,
        Process.WORKER,
        "It is tried again until the lease ends; the metric is `lease_renewal_failed`.",
        {**_EXECUTION, **PROBLEM},
    ),
    Event(
        "unexpected error while renewing a lease",
        ERROR,
        Process.WORKER,
        "A fault of Tidewheel; the renewal is tried again.",
        {**_EXECUTION, **PROBLEM},
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
        _EXECUTION,
    ),
    Event(
        "another worker took this execution over",
        ERROR,
        Process.WORKER,
        "A call's result was not stored; the metric is `finish_fenced`.",
        {**_EXECUTION, "attempt": "the attempt's number"},
    ),
    Event(
        "a part of a log is lost",
        ERROR,
        Process.WORKER,
        "What a call wrote could not be stored; the metric is `log_lost`.",
        {**_EXECUTION, **PROBLEM},
    ),
    Event(
        "a circuit opened",
        INFO,
        Process.WORKER,
        "A target failed many times in a row, and is left alone for a while.",
        {**_CIRCUIT, "failures": "how many failures in a row"},
    ),
    Event("a circuit closed", INFO, Process.WORKER, "A target works again.", _CIRCUIT),
    Event(
        "an operator closed a circuit",
        INFO,
        Process.API,
        "Its target is called again, and what waits for it goes ahead within two minutes.",
        _CIRCUIT,
    ),
    Event(
        "a circuit cannot be read and counts as closed",
        ERROR,
        Process.WORKER,
        "The target is called as if nothing was wrong with it.",
        {"circuit": _CIRCUIT["circuit"], **PROBLEM},
    ),
    Event(
        "the outcome of a call was not recorded on its circuit",
        INFO,
        Process.WORKER,
        "The circuit opens or closes by the calls that follow.",
        {"circuit": _CIRCUIT["circuit"], **PROBLEM},
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
    # --- recovery
    Event(
        "a forgotten execution was brought back",
        ERROR,
        Process.RECOVERY,
        "It waited and nothing would have brought it: a fault of Tidewheel; the metric is `execution_brought_back`.",
        {
            **_EXECUTION,
            "tenant": "the tenant",
            "state": "the state in which it waited",
            "expected_ms": "when its next attempt was expected (ms since the epoch)",
        },
    ),
    Event(
        "an execution ends as dead",
        ERROR,
        Process.SEVERAL,
        "Its message was given up by the queue, or no queue takes it.",
        {**_EXECUTION, "reason": "why"},
    ),
    Event(
        "what no queue takes was set aside",
        ERROR,
        Process.SEVERAL,
        "It is refused for what it says, or the right or the queue was missing for too long. It is a dead letter.",
        {
            **_EXECUTION,
            "route": "the queue's pool and priority",
            "partition": "the partition of the Wheel table where it is kept",
            "key": "its sort key there",
            **PROBLEM,
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
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "a dead letter could not be handled and comes back",
        ERROR,
        Process.RECOVERY,
        "A store or queue failed; the dead-letter queue gives it again.",
        {**_MESSAGE, **PROBLEM},
    ),
    Event(
        "unexpected error while handling a dead letter",
        ERROR,
        Process.RECOVERY,
        "A fault of Tidewheel; the dead-letter queue gives the message again.",
        {**_MESSAGE, **PROBLEM},
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
    # --- several
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

EVENTS: Mapping[str, Event] = {event.message: event for event in _EVENTS}
"""By message."""
