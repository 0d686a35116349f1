"""What several processes count."""

from __future__ import annotations

from tidewheel.telemetry.metrics.metric import Dimension, Metric
from tidewheel.telemetry.process import Process

METRICS = (
    Metric(
        "run_ended",
        Process.SEVERAL,
        "A run of a workflow ended.",
        (Dimension("state", "how: `succeeded`, `failed`, `cancelled` or `timed_out`"),),
    ),
    Metric(
        "permit_not_released",
        Process.SEVERAL,
        "A permit of a tenant's concurrency was not given to the next in line; the line guard does it.",
        remedy="A few are harmless. Many: look at DynamoDB's throttling.",
    ),
    Metric("permit_granted", Process.SEVERAL, "A permit was given to an execution that waited in line."),
    Metric(
        "permit_declined",
        Process.SEVERAL,
        "A permit that was given to an execution in line was not used, since the execution had to wait for something "
        "else; the next in line gets it.",
    ),
    Metric(
        "permit_message_repeated",
        Process.SEVERAL,
        "The line guard woke an execution again that had been given a permit.",
        remedy="A few are harmless. Many: workers die, or may not send to the queues of another pool.",
    ),
    Metric(
        "permit_message_refused",
        Process.SEVERAL,
        "A queue refused the message that wakes an execution in line; the line guard sends it, or the wheel.",
        remedy="Where several pools have workers, they may not send to each other's queues. Else look at the queue.",
    ),
    Metric(
        "line_guard_failed",
        Process.SEVERAL,
        "A tenant's line was not looked at, since a store or queue failed.",
        remedy="A few are harmless. Many: look at DynamoDB's throttling.",
    ),
    Metric(
        "tenant_read_failed",
        Process.SEVERAL,
        "A tenant's record could not be read. What was known of it holds for up to five minutes; then a worker lets "
        "its executions wait.",
        remedy="Look whether the process may read the Access table, and at that table's throttling.",
    ),
    Metric(
        "dead_letter_added",
        Process.SEVERAL,
        "An execution ended as a dead letter, or a message that nobody can understand was set aside.",
        remedy="See the runbook: executions became dead letters.",
    ),
    Metric(
        "clock_skew",
        Process.SEVERAL,
        "A machine's clock is off by more than a second; counted once a minute at most.",
        remedy="See to that machine's NTP service.",
    ),
    Metric(
        "immediate_send_failed",
        Process.SEVERAL,
        "An execution that was due at once could not be sent at once; the wheel sends it a little later.",
        remedy="A few are harmless. Many: look whether SQS refuses.",
    ),
    Metric(
        "quarantined",
        Process.SEVERAL,
        "Something that could not be understood, stored or delivered was set aside.",
        (Dimension("what", "`wheel entry`, `message`, `job`, `generation`, `execution`, `ledger row` or `delivery`"),),
        "See the runbook: something is in quarantine.",
    ),
    Metric(
        "wheel_write_held_up",
        Process.SEVERAL,
        "A write to the wheel took so long that its slot might have been loaded before it landed; its entry was put "
        "elsewhere.",
        (Dimension("step", "`before` (it was not sent any more) or `after` (its answer came too late)"),),
        "A few are harmless. Many: look at DynamoDB's throttling, and whether processes get no CPU.",
    ),
    Metric(
        "record_unreadable",
        Process.SEVERAL,
        "A stored record could not be read, and was passed over.",
        remedy="Look at the log, which names it; bring back the release that could read it, or mend it.",
    ),
)
