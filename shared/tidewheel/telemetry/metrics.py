"""Every metric. A metric is a sum since the last flush, in the namespace ``names.METRICS_NAMESPACE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.telemetry.process import Process

UNIT = "Count"
"""The unit of all metrics."""

DEPLOYMENT = "deployment"
"""The dimension that every metric has besides its own: the name of the deployment."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a metric is divided by.

    Args:
        name: Its name.
        meaning: What its values say.
    """

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: What happened, as ``<thing>_<participle>`` where that reads well.
        process: Who counts it.
        meaning: What one count stands for.
        dimensions: What it is divided by, besides the deployment.
        remedy: What to do when it is above zero; empty if that is as it should be.
    """

    name: str
    process: Process
    meaning: str
    dimensions: tuple[Dimension, ...] = ()
    remedy: str = ""

    @property
    def dimension_names(self) -> frozenset[str]:
        """The names of its dimensions."""
        return frozenset(dimension.name for dimension in self.dimensions)


_ROUTE = Dimension("route", "the pool and priority of the queue, such as `lambda-normal`")
_PRIORITY = Dimension("priority", "the priority of the queue")

_METRICS = (
    # --- api
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
    # --- scheduler
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
    # --- worker
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
    Metric("circuit_closed_by_operator", Process.API, "Somebody had a target called again whose circuit was open."),
    Metric(
        "circuit_not_updated",
        Process.WORKER,
        "A call's outcome was not recorded on its circuit.",
        remedy="A few are harmless. Many: look at DynamoDB's throttling.",
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
    # --- recovery
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
        "schedule_repaired",
        Process.RECOVERY,
        "A schedule had stopped, and its entry was written again.",
        remedy="This is a fault of Tidewheel: keep the log line, which names the job, and report it.",
    ),
    # --- several
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

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
"""By name; a test sees to it that none is there twice."""
