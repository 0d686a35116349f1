"""What workers count."""

from __future__ import annotations

from tidewheel.telemetry.metrics.metric import Dimension, Metric
from tidewheel.telemetry.process import Process

_PRIORITY = Dimension("priority", "the priority of the queue")

METRICS = (
    Metric("run_opened", Process.WORKER, "A run of a workflow began."),
    Metric(
        "message_handled",
        Process.WORKER,
        "A worker was done with a message.",
        (
            Dimension(
                "outcome",
                "the state that the attempt left its execution in; or why there was none: `waiting` (for a circuit or "
                "a permit), `queued` (for its job's overlap lock), `duplicate` (it was done already), `unwanted` (its "
                "job was deleted or edited); or why the message comes back: `busy` (another worker has it), "
                "`contended` (others wrote at the same time), `fenced` and `lost` (the lease was lost), `clock` (this "
                "machine's is off)",
            ),
        ),
    ),
    Metric(
        "message_failed",
        Process.WORKER,
        "A message could not be handled; it comes back, and is a dead letter in the end.",
        (Dimension("problem", "the type of the error"),),
        "Look at the worker's log.",
    ),
    Metric(
        "message_returned",
        Process.WORKER,
        "A pool's worker had no free slot for a message, or was stopping, and left it to another worker.",
        (_PRIORITY,),
    ),
    Metric(
        "receive_failed",
        Process.WORKER,
        "A pool's worker could not receive from a queue; it tries again.",
        (_PRIORITY,),
        "Look whether the worker may receive from that queue.",
    ),
    Metric(
        "execution_waiting",
        Process.WORKER,
        "An execution was put into its tenant's line, or back on the wheel, to wait. Waiting for a job's overlap lock "
        "is not counted here.",
        (
            Dimension(
                "reason",
                "for what: `permit` (one of its tenant's limit), `circuit`, or `worker` (one that has its task)",
            ),
        ),
        "Reason `worker`, for longer than a deployment takes: name the modules of all tasks for each worker of a pool.",
    ),
    Metric(
        "execution_over_quota",
        Process.WORKER,
        "An execution was blocked, since a limit of its tenant was used up.",
        (Dimension("limit", "which: `executions_per_day`, `executions_per_minute` or `dollars_per_month`"),),
    ),
    Metric(
        "attempt_lost",
        Process.WORKER,
        "A worker found an attempt whose worker had vanished, and took its execution over.",
        remedy="A few are usual. Many: something kills workers; look at memory and time-outs.",
    ),
    Metric(
        "finish_fenced",
        Process.WORKER,
        "A worker ended a call whose execution another worker had taken over; its result was not stored.",
        remedy="Leases end before calls do: look for workers that stand still, and for throttled lease renewals.",
    ),
    Metric(
        "scale_in_protection_failed",
        Process.WORKER,
        "The ECS agent did not protect the worker's task, or not end that; it is asked again.",
        remedy="A few are harmless. Many: look whether the task's role may call ecs:UpdateTaskProtection.",
    ),
    Metric(
        "write_after_call_failed",
        Process.WORKER,
        "What follows a call could not be written yet. It is tried again while the lease is held; the call is not.",
        (Dimension("operation", "what was tried"),),
        remedy="A few are harmless. Many at a time: look for throttles of the table that the operation names.",
    ),
    Metric(
        "lease_renewal_failed",
        Process.WORKER,
        "A lease could not be renewed yet; it is tried again.",
        remedy="A few are harmless. Many: look at DynamoDB's throttling.",
    ),
    Metric(
        "log_lost",
        Process.WORKER,
        "A part of an execution's log could not be stored.",
        remedy="Look whether the worker may write to the logs bucket.",
    ),
    Metric("circuit_opened", Process.WORKER, "A target failed so often that its circuit opened."),
    Metric("circuit_closed", Process.WORKER, "A target worked again, and its circuit closed."),
    Metric(
        "circuit_not_updated",
        Process.WORKER,
        "A call's outcome was not recorded on its circuit.",
        remedy="A few are harmless. Many: look at DynamoDB's throttling.",
    ),
    Metric(
        "overlap_holder_cancelled",
        Process.WORKER,
        "An execution was cancelled to make way for another of its job.",
        (
            Dimension(
                "move",
                "`cancel_holder` (under `replace`, the older run was not being called) or `evict_stale` (it had the "
                "lock for an hour and did not start)",
            ),
        ),
    ),
)
