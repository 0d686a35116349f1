"""Conversions between wire and domain: from bodies to definitions, from records to answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.last_run import shown_state
from tidewheel.domain.executions.ledger import MISSING, LedgerEntry
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.timeline import Moment, queue_ms, run_ms, timeline
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs import job as jobs
from tidewheel.domain.jobs.forecast import Forecast
from tidewheel.domain.jobs.masking import masked_fields
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.jobs.shortened import shortened
from tidewheel.domain.permits.line import LinePosition
from tidewheel.domain.pricing import PRICES_AS_OF
from tidewheel.domain.recurrence.schedule import Schedule, schedule_of
from tidewheel.wire.bodies.execution import (
    AttemptAnswer,
    ExecutionAnswer,
    LedgerAnswer,
    LedgerLine,
    MomentAnswer,
    WaitingAnswer,
)
from tidewheel.wire.bodies.job import JobAnswer, JobBody, LastRun, MisfireBody, Occurrence, Preview, RetryBody
from tidewheel.wire.bodies.target import TargetModel
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.reading import merged, read_job
from tidewheel.wire.schedules import body_of
from tidewheel.wire.targets import TargetBody
from tidewheel.wire.values import duration, from_ms, to_ms

DefinitionBuilder = Callable[[str, int, jobs.Definition | None], jobs.Definition]
"""Makes a definition, given the job's id, now (ms), and what is in force."""

_TARGET: TypeAdapter[TargetModel] = TypeAdapter(TargetBody)
_ORIGINS = {Origin.SCHEDULE: "schedule", Origin.RUN: "run", Origin.BACKFILL: "backfill"}


def builder_of(body: JobBody) -> DefinitionBuilder:
    """A builder of the definition that a whole body describes.

    It raises ``Invalid`` for a schedule that can be refused only at the time of the request, such as a past one.
    """

    def builder(job_id: str, now_ms: int, existing: jobs.Definition | None) -> jobs.Definition:
        return _definition(body, job_id, now_ms, existing)

    return builder


def patched(patch: Mapping[str, Any]) -> DefinitionBuilder:
    """A builder of the definition in force with a JSON merge patch applied. It raises ``Refused`` for a bad result."""

    def builder(job_id: str, now_ms: int, existing: jobs.Definition | None) -> jobs.Definition:
        before = {} if existing is None else document_of(existing, job_id)
        return _definition(read_job(merged(before, patch)), job_id, now_ms, existing)

    return builder


def document_of(definition: jobs.Definition, job_id: str) -> dict[str, Any]:
    """The part of a job's document that its owner writes, as JSON without nulls: what a merge patch applies to."""
    body = JobBody.model_validate(_written(definition, job_id))
    return body.model_dump(mode="json", exclude_none=True) | {"target": body.target.model_dump(mode="json")}


def masked_document_of(definition: jobs.Definition, job_id: str) -> dict[str, Any]:
    """The same with a mask for whatever looks like a secret: what logs keep."""
    document = document_of(definition, job_id)
    return masked_fields(document, references=True) | {"target": _target(definition.target, job_id).masked()}


def _definition(body: JobBody, job_id: str, now_ms: int, existing: jobs.Definition | None) -> jobs.Definition:
    return jobs.Definition(
        name=body.name,
        schedule=_schedule(body, job_id, now_ms, existing.schedule if existing else None),
        target=jobs.Target(body.target.kind, _unknown_of(body.target, existing) | body.target.model_dump(mode="json")),
        priority=body.priority,
        precision=Precision(body.precision),
        pool=body.pool,
        jitter_ms=to_ms(body.jitter),
        timeout_ms=to_ms(body.timeout),
        retry=retry_of(body.retry),
        tags=dict(body.tags),
        overlap=Overlap(body.overlap),
        misfire=Misfire(Policy(body.misfire.policy), to_ms(body.misfire.grace), body.misfire.limit),
        window_ms=_window_ms(body),
        deadline_ms=to_ms(body.deadline) if body.deadline else 0,
        heartbeat_ms=to_ms(body.heartbeat) if body.heartbeat else 0,
        unique_name=body.unique_name,
    )


def retry_of(body: RetryBody) -> RetryPolicy:
    """The retry policy that a body describes."""
    return RetryPolicy(
        body.max_attempts, Strategy(body.strategy), to_ms(body.base), to_ms(body.cap), body.jitter, tuple(body.on)
    )


def _unknown_of(target: TargetModel, existing: jobs.Definition | None) -> dict[str, Any]:
    """What a newer release stored of a target that stays of its kind: this one keeps it."""
    if existing is None or existing.target.kind != target.kind:
        return {}
    return {name: value for name, value in existing.target.spec.items() if name not in type(target).model_fields}


def _window_ms(body: JobBody) -> int:
    if body.window and body.schedule is None:
        raise Invalid("window", "a job without a schedule runs now, at no instant", "leave it out, or add a schedule")
    return to_ms(body.window)


def _schedule(body: JobBody, job_id: str, now_ms: int, existing: Schedule | None) -> Schedule | None:
    """The schedule; the existing one if it is the same, even where a new one would be refused as past."""
    if body.schedule is None:
        return None
    start_ms, end_ms = _optional_ms(body.start), _optional_ms(body.end)
    before = existing.timing if existing else None
    timing = body.schedule.timing(job_id, now_ms, start_ms, before)
    if existing == Schedule(timing, start_ms, end_ms):
        return existing
    timing.check_new(now_ms)
    return schedule_of(timing, start_ms, end_ms, from_ms=timing.holds_from(now_ms))


def _optional_ms(value: datetime | None) -> int | None:
    return None if value is None else to_ms(value)


def _optional_time(value_ms: int | None) -> datetime | None:
    return None if value_ms is None else from_ms(value_ms)


def whole_job_answer(job: jobs.Job, now_ms: int, last: Execution | None = None) -> JobAnswer:
    """``job_answer`` with warnings of what its definition says in vain."""
    told = [FieldProblem(field=one.field, problem=one.problem, remedy=one.remedy) for one in shortened(job, now_ms)]
    return job_answer(job, now_ms, last).model_copy(update={"warnings": tuple(told)})


def job_answer(job: jobs.Job, now_ms: int, last: Execution | None = None) -> JobAnswer:
    """A job's answer as of ``now_ms`` (ms since the epoch), with its last run, if that is known.

    Raises:
        Unreadable: Its stored target is of a kind that this release does not know.
    """
    nominal_ms = job.next_due(now_ms)
    return JobAnswer.model_validate(
        _written(job.definition, job.id)
        | {
            "id": job.id,
            "tenant": job.tenant,
            "generation": job.generation,
            "state": shown_state(job, last, now_ms).value,
            "last_run": None if last is None else _last_run(last),
            "next_fire_at": None if nominal_ms is None else from_ms(job.due(nominal_ms)),
            "created_at": from_ms(job.created_ms),
            "updated_at": from_ms(job.updated_ms),
            "created_by": job.created_by or None,
            "updated_by": job.updated_by or None,
        }
    )


def preview_of(foretold: Forecast, job_id: str) -> Preview:
    """What is foretold of a job."""
    return Preview(
        upcoming=tuple(
            Occurrence(
                nominal_at=from_ms(one.nominal_ms),
                due_at=from_ms(one.due_ms),
                execution=str(ExecutionId(job_id, one.nominal_ms)),
                cancelled=False,
            )
            for one in foretold.instants
        ),
        executions_a_month=foretold.runs,
        exact=foretold.exact,
        dollars_a_month=round(foretold.dollars, 6),
        prices_as_of=PRICES_AS_OF.isoformat(),
    )


def _last_run(run: Execution) -> LastRun:
    return LastRun.model_validate(
        {"id": run.id, "state": run.state.value, "finished_at": _optional_time(run.finished_ms)}
    )


def _written(definition: jobs.Definition, job_id: str) -> dict[str, Any]:
    """The fields of a job's body, not yet validated."""
    schedule, retry, misfire = definition.schedule, definition.retry, definition.misfire
    return {
        "name": definition.name,
        "unique_name": definition.unique_name,
        "schedule": body_of(schedule.timing) if schedule else None,
        "target": _target(definition.target, job_id),
        "priority": definition.priority,
        "precision": definition.precision.value,
        "pool": definition.pool,
        "jitter": duration(definition.jitter_ms),
        "window": duration(definition.window_ms),
        "timeout": duration(definition.timeout_ms),
        "deadline": duration(definition.deadline_ms) if definition.deadline_ms else None,
        "heartbeat": duration(definition.heartbeat_ms) if definition.heartbeat_ms else None,
        "retry": RetryBody(
            max_attempts=retry.max_attempts,
            strategy=retry.strategy.value,
            base=duration(retry.base_ms),
            cap=duration(retry.cap_ms),
            jitter=retry.jitter,
            on=list(retry.on),
        ),
        "overlap": definition.overlap.value,
        "misfire": MisfireBody(policy=misfire.policy.value, grace=duration(misfire.grace_ms), limit=misfire.limit),
        "start": _optional_time(schedule.start_ms if schedule else None),
        "end": _optional_time(schedule.end_ms if schedule else None),
        "tags": dict(definition.tags),
    }


def _target(target: jobs.Target, job_id: str) -> TargetModel:
    try:
        return _TARGET.validate_python(dict(target.spec), extra="ignore")  # a newer release may have stored more
    except ValidationError as error:
        raise Unreadable("target of job", job_id, "it is not one that this release knows") from error


def execution_answer(execution: Execution, place: LinePosition | None = None) -> ExecutionAnswer:
    """An execution's answer, with its place in line if it waits for a permit."""
    id = ExecutionId.parse(execution.id)
    return ExecutionAnswer.model_validate(
        {
            "id": execution.id,
            "job": id.job,
            "generation": execution.generation,
            "origin": _ORIGINS[id.origin],
            "state": execution.state.value,
            "nominal_at": from_ms(id.nominal_ms),
            "due_at": from_ms(execution.due_ms),
            "started_at": _optional_time(execution.started_ms),
            "finished_at": _optional_time(execution.finished_ms),
            "lateness_ms": execution.lateness_ms,
            "attempt": execution.attempt,
            "attempts": tuple(_attempt_answer(attempt) for attempt in execution.attempts),
            "output": execution.output,
            "reason": execution.reason,
            "cancel_requested": execution.cancel,
            "queue_ms": queue_ms(execution),
            "run_ms": run_ms(execution),
            "waiting": None if place is None else _waiting_answer(place),
            "timeline": tuple(map(_moment_answer, timeline(execution))),
        }
    )


def _waiting_answer(place: LinePosition) -> WaitingAnswer:
    return WaitingAnswer(
        reason=place.reason,
        position=place.position,
        limit=place.limit,
        limited_by=place.limited_by,
        earliest_start=from_ms(place.start_ms),
    )


def listed_answer(item: Execution | Missed) -> ExecutionAnswer:
    """The answer for an item of a job's history: an execution, or a range of instants that did not run."""
    return execution_answer(item) if isinstance(item, Execution) else _missed_answer(item)


def _missed_answer(row: Missed) -> ExecutionAnswer:
    return ExecutionAnswer.model_validate(
        {
            "id": row.id,
            "job": row.job,
            "generation": row.generation,
            "origin": "schedule",
            "state": "skipped",
            "nominal_at": from_ms(row.from_ms),
            "due_at": from_ms(row.from_ms),
            "started_at": None,
            "finished_at": None,
            "lateness_ms": None,
            "attempt": 0,
            "attempts": (),
            "output": "",
            "reason": row.reason.value,
            "until": from_ms(row.until_ms),
            "count": row.count,
        }
    )


def ledger_line(line: LedgerEntry) -> LedgerLine:
    """The account of one instant."""
    return LedgerLine.model_validate(
        {
            "nominal_at": from_ms(line.instant.nominal_ms),
            "due_at": from_ms(line.instant.due_ms),
            "generation": line.instant.generation,
            "state": str(line.state),
            "execution": line.execution,
            "reason": str(line.reason),
        }
    )


def ledger_answer(items: Sequence[LedgerLine], start_ms: int, end_ms: int, cursor: str | None) -> LedgerAnswer:
    """The accounts of the instants in [start_ms, end_ms), in ms since the epoch, and where the rest begins."""
    missing = sum(line.state == MISSING for line in items)
    return LedgerAnswer.model_validate(
        {
            "start": from_ms(start_ms),
            "end": from_ms(end_ms),
            "missing": missing,
            "items": tuple(items),
            "cursor": cursor,
        }
    )


def _attempt_answer(attempt: Attempt) -> AttemptAnswer:
    return AttemptAnswer.model_validate(
        {
            "number": attempt.number,
            "started_at": from_ms(attempt.started_ms),
            "finished_at": from_ms(attempt.finished_ms),
            "result": attempt.result.value,
            "status": attempt.status,
            "reason": attempt.reason,
            "sent_at": _optional_time(attempt.sent_ms),
            "received_at": _optional_time(attempt.received_ms),
        }
    )


def _moment_answer(moment: Moment) -> MomentAnswer:
    return MomentAnswer.model_validate(
        {
            "at": from_ms(moment.at_ms),
            "event": moment.event.value,
            "attempt": moment.attempt,
            "detail": moment.detail,
        }
    )
