"""What the dead-letter handler and the reconciler count."""

from __future__ import annotations

from tidewheel.telemetry.metrics.metric import Dimension, Metric
from tidewheel.telemetry.process import Process

METRICS = (
    Metric(
        "dead_letter_handled",
        Process.RECOVERY,
        "A message that the queue gave up was looked at.",
        (
            Dimension(
                "outcome",
                "what became of it: `marked_dead`, `undeliverable`, `quarantined`, `sent_again`, `over` (it was done "
                "already), or `too_long`, `busy`, `refused`, `contended`, `failed` (it comes back)",
            ),
        ),
        "See the runbook: executions became dead letters.",
    ),
    Metric("job_reconciled", Process.RECOVERY, "The reconciler looked at a job."),
    Metric(
        "repair_deferred",
        Process.RECOVERY,
        "A job seems to lack an occurrence that may be on its way; the next sweep looks again.",
    ),
    Metric(
        "execution_brought_back",
        Process.RECOVERY,
        "An execution that was queued or waited for its retry had been forgotten, and was brought back.",
        remedy="This is a fault of Tidewheel: keep the log line, which names the execution, and report it.",
    ),
    Metric(
        "run_looked_at",
        Process.RECOVERY,
        "A run of a workflow that had gone on for an hour was looked at as a whole.",
    ),
    Metric(
        "schedule_repaired",
        Process.RECOVERY,
        "A schedule had stopped, and its entry was written again.",
        remedy="This is a fault of Tidewheel: keep the log line, which names the job, and report it.",
    ),
)
