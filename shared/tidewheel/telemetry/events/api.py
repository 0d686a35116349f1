"""What the API logs."""

from __future__ import annotations

from tidewheel.telemetry.events.event import CIRCUIT, ERROR, INFO, PROBLEM, WARNING, Event
from tidewheel.telemetry.process import Process

EVENTS = (
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
    Event(
        "an operator closed a circuit",
        INFO,
        Process.API,
        "Its target is called again, and what waits for it goes ahead within two minutes.",
        CIRCUIT,
    ),
)
