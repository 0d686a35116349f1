"""What the scheduler and the watchdog count."""

from __future__ import annotations

from tidewheel.telemetry.metrics.metric import Dimension, Metric
from tidewheel.telemetry.process import Process

_ROUTE = Dimension("route", "the pool and priority of the queue, such as `lambda-normal`")

METRICS = (
    Metric(
        "scheduler_started",
        Process.SCHEDULER,
        "The watchdog started a scheduler.",
        remedy="Usual at a deployment. One each minute: schedulers die; look at the scheduler's log.",
    ),
    Metric(
        "scheduler_reported",
        Process.SCHEDULER,
        "A scheduler has the lease of its instance; counted when it takes it, and each minute.",
    ),
    Metric(
        "scheduler_let_go",
        Process.SCHEDULER,
        "A scheduler could not renew its lease in time, and stopped firing; it goes on when the store answers.",
        remedy="One per scheduler is an outage of the store, which is over when they fire again. Many: look at the "
        "throttling of the control table.",
    ),
    Metric("execution_dispatched", Process.SCHEDULER, "An execution was accepted by its queue.", (_ROUTE,)),
    Metric(
        "execution_promoted",
        Process.SCHEDULER,
        "An execution was so late that it went to a queue of higher priority; the route is that queue's.",
        (_ROUTE,),
        "Look for lateness: the runbook says how.",
    ),
    Metric(
        "send_refused",
        Process.SCHEDULER,
        "A dispatch was not accepted by its queue; it is sent again.",
        (_ROUTE,),
        "A few are harmless. Many: look at the queue's throttling and at AWS's health.",
    ),
    Metric(
        "route_closed",
        Process.SCHEDULER,
        "A whole batch was refused; the route pauses for some seconds before it is tried again.",
        (_ROUTE,),
        "Look whether SQS refuses, and whether the scheduler may send to that queue.",
    ),
    Metric(
        "health_stored",
        Process.SCHEDULER,
        "The deployment's health was stored: each minute while it is normal, else each ten seconds, and when it "
        "changes.",
        (Dimension("state", "the state: `normal`, `busy`, `overloaded` or `read-only`"),),
        "Any but `normal` has its reasons in `tidewheel health` and in the scheduler's log.",
    ),
    Metric(
        "execution_held_back",
        Process.SCHEDULER,
        "What was due at priority `low` waited while the deployment was busy, and goes on now.",
        (_ROUTE,),
    ),
    Metric(
        "route_missing",
        Process.SCHEDULER,
        "A request was refused because the route's queue does not exist, or the right to send to it is missing.",
        (_ROUTE,),
        "Deploy the pool or the right within five minutes; after that what waits is set aside. See the runbook: no "
        "queue takes what is due.",
    ),
    Metric(
        "execution_undeliverable",
        Process.SCHEDULER,
        "An execution that no queue takes was set aside.",
        (_ROUTE,),
        "See the runbook: no queue takes what is due.",
    ),
    Metric("entry_armed", Process.SCHEDULER, "A schedule's next entry was written to the wheel."),
    Metric(
        "entry_dropped",
        Process.SCHEDULER,
        "A schedule entry stands for nothing any more, and was dropped.",
        (Dimension("reason", "`deleted` (the job) or `superseded` (the generation, by an edit or a pause)"),),
    ),
    Metric(
        "late_entry_found",
        Process.SCHEDULER,
        "An entry was found in a slot whose time had passed, and was sent late.",
        remedy="A few are harmless. Many: writes to DynamoDB take longer than seconds.",
    ),
    Metric(
        "entry_given_up",
        Process.SCHEDULER,
        "An entry of the wheel, or a record that it needs, could not be understood or stored. It was set aside, as "
        "`quarantined` says too; or the store refused that as well, and the log line is all that remains.",
        remedy="See the runbook: something is in quarantine.",
    ),
    Metric(
        "load_held_back",
        Process.SCHEDULER,
        "A page of a slot waits to be read, because the scheduler holds too many occurrences in memory.",
        remedy="Look at which queue takes nothing; or more schedulers and shards, see the sizing guide.",
    ),
    Metric("caught_up", Process.SCHEDULER, "An execution is long overdue: it is sent when its route has room."),
    Metric(
        "misfired",
        Process.SCHEDULER,
        "An occurrence was missed, and is on the ledger as such; a row whose instants were too many to count is one.",
        (
            Dimension(
                "reason",
                "`skipped` or `coalesced` (by the job's misfire policy), or `quarantined` (its record cannot be read)",
            ),
        ),
        "Expected after an outage, by each job's misfire policy.",
    ),
    Metric(
        "high_precision_as_normal",
        Process.SCHEDULER,
        "An entry of a job with high precision was planned as a normal one: economy mode has no loop.",
        remedy="Give the job normal precision, or deploy with the loop.",
    ),
    Metric(
        "background_io_refused",
        Process.SCHEDULER,
        "A call was refused by its store for what it says, or for want of a right or a table.",
        (Dimension("operation", "the store's operation"),),
        "Should be zero: the log says what was refused. After five minutes of it the scheduler ends with that error.",
    ),
    Metric(
        "background_io_failed",
        Process.SCHEDULER,
        "A call to a store failed; it is tried again.",
        (Dimension("operation", "the store's operation"),),
        "A few are harmless. Many: look at DynamoDB's throttling.",
    ),
)
