"""What the API counts."""

from __future__ import annotations

from tidewheel.telemetry.metrics.metric import Dimension, Metric
from tidewheel.telemetry.process import Process

METRICS = (
    Metric(
        "request_limited",
        Process.API,
        "A request was refused, since it went beyond a limit of its tenant.",
        (Dimension("limit", "which, as in `requests_per_second`"),),
    ),
    Metric("job_created", Process.API, "A job was created."),
    Metric(
        "execution_cancelled",
        Process.API,
        "An execution was cancelled by a request.",
        (Dimension("state", "the execution's state before"),),
    ),
    Metric(
        "run_asked",
        Process.API,
        "A user asked something of a run of a workflow.",
        (Dimension("what", "`cancel`, `pause`, `resume` or `clear`"),),
    ),
    Metric("dead_letter_redriven", Process.API, "A dead letter was given to a worker again, by a request."),
    Metric(
        "request_held_off",
        Process.API,
        "A request was answered with 503, as the deployment was overloaded or read-only.",
        (Dimension("state", "the state of its health: `overloaded` or `read-only`"),),
        "`tidewheel health` says why.",
    ),
    Metric(
        "audit_refusal_left_out",
        Process.API,
        "A refused request has no row in the audit log: its principal was refused too often in that minute.",
        remedy="Somebody tries what it may not, or a program errs again and again: see the audit log for who it is.",
    ),
    Metric(
        "audit_row_lost",
        Process.API,
        "What came of a request is in the log alone: the audit log's store failed after the change.",
        remedy="The request's first row is there, as tried; the line `audit` in the log has the rest.",
    ),
    Metric("circuit_closed_by_operator", Process.API, "Somebody had a target called again whose circuit was open."),
)
